-- Brings roles' privileges on the database and the public brain to what they have to be, whatever they were. Runs as the
-- owner at every migrate, in its transaction; takes the roles' names from twobrains.app_role, twobrains.analyst_role and
-- twobrains.console_role.
DO $$
DECLARE
  app     text := current_setting('twobrains.app_role');
  analyst text := current_setting('twobrains.analyst_role');
  console text := current_setting('twobrains.console_role');
  setting text;
  -- What analysts do not read besides locks and ciphertexts: words of users, what opens or recognises something, and texts of errors and
  -- of operators, which may quote either.
  hidden  text[] := ARRAY['user_settings.custom_instructions', 'user_settings.preferences', 'user_api_keys.last_four',
    'user_mcp_servers.name', 'user_mcp_servers.url', 'user_mcp_servers.header_names', 'account_jobs.arguments', 'account_jobs.checkpoint',
    'account_jobs.result', 'audit_log.detail', 'audit_log.change', 'saved_queries.query', 'deletions.digest', 'tenants.failure', 'shares.id', 'shares.title', 'shares.snapshot'];
  tbl     record;
  cols    text;
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I, %I', current_database(), app, analyst);
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I, %I', current_database(), app, analyst);
  EXECUTE format('REVOKE ALL ON SCHEMA public FROM PUBLIC, %I, %I', app, analyst);
  -- The console reads private brains and nothing here.
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM %I', current_database(), console);
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), console);
  EXECUTE format('REVOKE ALL ON SCHEMA public FROM %I', console);
  EXECUTE format('GRANT USAGE ON SCHEMA public TO %I, %I', app, analyst);
  REVOKE ALL ON FUNCTION public.require(boolean, text) FROM PUBLIC;
  EXECUTE format('GRANT EXECUTE ON FUNCTION public.require(boolean, text) TO %I', app);
  -- Doors of the product: functions that pass a seal for whom it opens.
  FOR tbl IN SELECT p.oid::regprocedure AS door FROM pg_proc p WHERE p.pronamespace = 'public'::regnamespace AND p.prosecdef
    AND p.proname IN ('search_messages', 'read_share', 'fold_usage', 'acting_admin', 'note_admin', 'assign_plan', 'read_account', 'list_accounts', 'count_plans') LOOP
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC, %I, %I', tbl.door, analyst, console);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', tbl.door, app);
  END LOOP;

  FOR tbl IN
    SELECT c.oid, c.relname, c.relrowsecurity,
      EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped) AS per_user,
      EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'seal') AS has_seal
    FROM pg_class c
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
  LOOP
    IF tbl.per_user AND NOT (tbl.relrowsecurity AND tbl.has_seal) THEN
      RAISE EXCEPTION 'table public.% has a user_id but no seal: enable row level security and create its policy "seal"', tbl.relname;
    END IF;

    EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC, %I, %I, %I', tbl.relname, app, analyst, console);
    EXECUTE format('GRANT %s ON public.%I TO %I',
      CASE WHEN tbl.relname IN ('tenants', 'schema_version', 'models', 'user_days', 'user_quarters', 'usage_quarters', 'latency_quarters',
          'departed_signups', 'usage_fold', 'admins', 'user_plans', 'audit_log') THEN 'SELECT'
        WHEN tbl.relname = 'usage_events' THEN 'INSERT'
        ELSE 'SELECT, INSERT, UPDATE, DELETE' END, tbl.relname, app);

    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO cols
    FROM pg_attribute a
    WHERE a.attrelid = tbl.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attname <> 'lock' AND a.attname !~ 'ciphertext$'
      AND tbl.relname || '.' || a.attname <> ALL (hidden);
    EXECUTE format('GRANT SELECT (%s) ON public.%I TO %I', cols, tbl.relname, analyst);
    IF tbl.relrowsecurity THEN
      EXECUTE format('DROP POLICY IF EXISTS analyst ON public.%I', tbl.relname);
      EXECUTE format('CREATE POLICY analyst ON public.%I FOR SELECT TO %I USING (true)', tbl.relname, analyst);
    END IF;
  END LOOP;

  -- A view that runs with the rights of who asks shows no more than the tables below it.
  IF to_regclass('public.limits') IS NOT NULL THEN
    EXECUTE format('REVOKE ALL ON public.limits FROM PUBLIC, %I, %I, %I', app, analyst, console);
    EXECUTE format('GRANT SELECT ON public.limits TO %I, %I', app, analyst);
  END IF;

  -- Questions about all users are the analyst's alone. They run with the rights of who asks.
  IF to_regnamespace('analytics') IS NOT NULL THEN
    EXECUTE format('REVOKE ALL ON SCHEMA analytics FROM PUBLIC, %I, %I, %I', app, analyst, console);
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA analytics FROM PUBLIC, %I, %I, %I', app, analyst, console);
    EXECUTE format('GRANT USAGE ON SCHEMA analytics TO %I', analyst);
    EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO %I', analyst);
  END IF;

  -- What a lane also sends when it connects (appSettings in sql.go), for connections that a pooler makes.
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET search_path = brain_template, pg_temp', app, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET plan_cache_mode = force_generic_plan', app, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET jit = off', app, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = ''30s''', app, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET idle_in_transaction_session_timeout = ''30s''', app, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET lock_timeout = ''10s''', app, current_database());
  -- What the console also sends when it connects (consoleSettings in console.go); a query may take one process, not several.
  FOREACH setting IN ARRAY ARRAY['search_path = brain_template, pg_temp', 'default_transaction_read_only = on', 'jit = off',
    'statement_timeout = ''60s''', 'idle_in_transaction_session_timeout = ''30s''', 'lock_timeout = ''1s''', 'max_parallel_workers_per_gather = 0']
  LOOP
    EXECUTE format('ALTER ROLE %I IN DATABASE %I SET ', console, current_database()) || setting;
  END LOOP;
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET default_transaction_read_only = on', analyst, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET statement_timeout = ''30s''', analyst, current_database());
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET jit = off', analyst, current_database());
END
$$;
