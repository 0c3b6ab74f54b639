-- Who runs the platform, what they did, and what they set for everybody.

CREATE TABLE public.admins (
  user_id    uuid PRIMARY KEY,
  granted_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.admins IS 'Accounts that administer the platform; granted and revoked from the command line.';

-- Only the owner writes. Bound, everybody sees their own row, which is how a statement knows an admin.
ALTER TABLE public.admins ENABLE ROW LEVEL SECURITY;
CREATE POLICY seal ON public.admins FOR SELECT
  USING (user_id = (SELECT o.user_id FROM public.tenants o
    WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));

-- One record of what operators and admins did. It keeps the trigger that refuses every change of a row.
ALTER TABLE public.account_audit RENAME TO audit_log;
ALTER INDEX public.account_audit_pkey RENAME TO audit_log_pkey;
ALTER SEQUENCE public.account_audit_id_seq RENAME TO audit_log_id_seq;
ALTER TABLE public.audit_log
  ALTER COLUMN subject DROP NOT NULL,
  ADD COLUMN actor_id uuid,
  ADD COLUMN target text CHECK (char_length(target) <= 300),
  ADD COLUMN change jsonb CHECK (octet_length(change::text) <= 1048576),
  ADD COLUMN request_id text CHECK (char_length(request_id) <= 100),
  DROP CONSTRAINT account_audit_detail_check,
  ADD CONSTRAINT audit_log_detail_check CHECK (char_length(detail) <= 100000);
COMMENT ON TABLE public.audit_log IS 'What operators and admins did; rows are only ever added.';
COMMENT ON COLUMN public.audit_log.actor IS 'admin, or who ran a command (as the command says), or the login of a statement.';
COMMENT ON COLUMN public.audit_log.actor_id IS 'The admin''s account; null: it was a command or a statement of the owner.';
COMMENT ON COLUMN public.audit_log.subject IS 'The account that it was done to or about, if any.';
COMMENT ON COLUMN public.audit_log.object IS 'The account whose private brain was written by copying another''s, if any.';
COMMENT ON COLUMN public.audit_log.target IS 'What else it was done to: the id of a plan, a model, a query, an announcement.';
COMMENT ON COLUMN public.audit_log.change IS 'The columns that changed: {"before": {…}, "after": {…}}.';
COMMENT ON COLUMN public.audit_log.detail IS 'In words: the consent given for a clone, the text of a query.';
CREATE INDEX audit_log_by_subject ON public.audit_log (subject, id);
CREATE INDEX audit_log_by_actor ON public.audit_log (actor_id, id);

-- The bound user, if that is an admin; raises TB403 for everybody else. As the owner, so that a door can ask whatever the caller may read.
CREATE FUNCTION public.acting_admin() RETURNS uuid
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  acting uuid;
BEGIN
  SELECT a.user_id INTO acting FROM public.admins a JOIN public.tenants t ON t.user_id = a.user_id
  WHERE t.lock = sha256(convert_to(current_setting('twobrains.key', true), 'UTF8'));
  IF acting IS NULL THEN
    RAISE EXCEPTION 'not an admin' USING ERRCODE = 'TB403';
  END IF;
  RETURN acting;
END
$$;

-- What the models' list says otherwise than the servers' files; a column that is null says nothing.
CREATE TABLE public.model_settings (
  model                 text PRIMARY KEY CHECK (char_length(model) BETWEEN 1 AND 200),
  enabled               boolean NOT NULL DEFAULT true,
  is_default            boolean NOT NULL DEFAULT false,
  input_microusd        bigint CHECK (input_microusd BETWEEN 0 AND 1000000000000),
  cached_input_microusd bigint CHECK (cached_input_microusd BETWEEN 0 AND 1000000000000),
  output_microusd       bigint CHECK (output_microusd BETWEEN 0 AND 1000000000000),
  updated_at            timestamptz NOT NULL DEFAULT now(),
  CHECK (enabled OR NOT is_default)
);
COMMENT ON TABLE public.model_settings IS 'What admins set about models: whether they are offered, which one is for who has chosen none, prices. Prices as in public.models.';
CREATE UNIQUE INDEX model_settings_default ON public.model_settings (is_default) WHERE is_default;

CREATE TABLE public.announcements (
  id         uuid PRIMARY KEY,
  level      text NOT NULL CHECK (level IN ('info', 'warning', 'critical')),
  text       text NOT NULL CHECK (char_length(text) BETWEEN 1 AND 1000),
  starts_at  timestamptz NOT NULL DEFAULT now(),
  ends_at    timestamptz CHECK (ends_at > starts_at),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.announcements IS 'What everybody is told in a banner, from starts_at until ends_at; null: until it is removed.';

CREATE TABLE public.saved_queries (
  id         uuid PRIMARY KEY,
  name       text NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 100),
  query      text NOT NULL CHECK (char_length(query) BETWEEN 1 AND 100000),
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE public.saved_queries IS 'Queries that admins keep for the console over the public brain; all admins share them.';

-- Everybody may read what is for everybody; admins alone write it, and see what is theirs alone.
DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['model_settings', 'announcements', 'saved_queries'] LOOP
    EXECUTE format('ALTER TABLE public.%I ENABLE ROW LEVEL SECURITY', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['model_settings', 'announcements'] LOOP
    EXECUTE format('CREATE POLICY known ON public.%I FOR SELECT USING (true)', t);
  END LOOP;
  EXECUTE 'CREATE POLICY known ON public.saved_queries FOR SELECT USING (EXISTS (SELECT FROM public.admins))';
  EXECUTE 'CREATE POLICY known ON public.audit_log FOR SELECT USING (EXISTS (SELECT FROM public.admins))';
  FOREACH t IN ARRAY ARRAY['plans', 'model_settings', 'announcements', 'saved_queries'] LOOP
    EXECUTE format('CREATE POLICY admins_add ON public.%I FOR INSERT WITH CHECK (EXISTS (SELECT FROM public.admins))', t);
    EXECUTE format('CREATE POLICY admins_change ON public.%I FOR UPDATE USING (EXISTS (SELECT FROM public.admins))', t);
    EXECUTE format('CREATE POLICY admins_remove ON public.%I FOR DELETE USING (EXISTS (SELECT FROM public.admins))', t);
  END LOOP;
END
$$;

-- What an admin does beside changing rows of these tables: noted in words of the caller's, under the admin's own name.
CREATE FUNCTION public.note_admin(action text, subject uuid, target text, detail text, request_id text) RETURNS void
LANGUAGE sql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
  INSERT INTO public.audit_log (actor, actor_id, action, subject, target, detail, request_id)
  VALUES ('admin', public.acting_admin(), note_admin.action, note_admin.subject, note_admin.target, left(note_admin.detail, 100000), note_admin.request_id)
$$;

-- Every change of what admins set is on record, whoever makes it and however: with the statement, or not at all. twobrains.actor is what a
-- command of the owner calls itself; nobody else gets this far without the key of an admin, whose name counts then.
CREATE FUNCTION public.audit_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  was     jsonb := CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) ELSE '{}' END - ARRAY['created_at', 'updated_at', 'granted_at'];
  becomes jsonb := CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) ELSE '{}' END - ARRAY['created_at', 'updated_at', 'granted_at'];
  entry   jsonb := was || becomes;
  who     uuid;
BEGIN
  IF was = becomes THEN
    RETURN NULL;
  END IF;
  SELECT t.user_id INTO who FROM public.tenants t WHERE t.lock = sha256(convert_to(current_setting('twobrains.key', true), 'UTF8'));
  INSERT INTO public.audit_log (actor, actor_id, action, subject, target, change, request_id)
  VALUES (CASE WHEN who IS NULL THEN coalesce(nullif(left(current_setting('twobrains.actor', true), 200), ''), session_user) ELSE 'admin' END, who, TG_TABLE_NAME || '.' || lower(TG_OP),
    (entry ->> 'user_id')::uuid, coalesce(entry ->> 'id', entry ->> 'model'),
    jsonb_build_object(
      'before', (SELECT jsonb_object_agg(e.key, left(e.value #>> '{}', 10000)) FROM jsonb_each(was) e WHERE e.key <> 'user_id' AND e.value IS DISTINCT FROM becomes -> e.key),
      'after', (SELECT jsonb_object_agg(e.key, left(e.value #>> '{}', 10000)) FROM jsonb_each(becomes) e WHERE e.key <> 'user_id' AND e.value IS DISTINCT FROM was -> e.key)),
    nullif(current_setting('twobrains.request', true), ''));
  RETURN NULL;
END
$$;
REVOKE ALL ON FUNCTION public.acting_admin(), public.note_admin(text, uuid, text, text, text), public.audit_change() FROM PUBLIC;

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['admins', 'plans', 'user_plans', 'model_settings', 'announcements', 'saved_queries'] LOOP
    EXECUTE format('CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON public.%I FOR EACH ROW EXECUTE FUNCTION public.audit_change()', t);
  END LOOP;
END
$$;

-- Doors: what admins read and set of an account, which its seal hides from everybody else. None of them opens a private brain.

-- The plan and the exceptions of an account. A limit that is null is the plan's, a plan that is null the default one.
CREATE FUNCTION public.assign_plan(subject uuid, plan text, day integer, month integer, cost bigint, tokens bigint, storage bigint, models text[])
RETURNS void
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM public.acting_admin();
  IF NOT EXISTS (SELECT FROM public.tenants t WHERE t.user_id = subject) THEN
    RAISE EXCEPTION 'no such account' USING ERRCODE = 'TB404';
  END IF;
  INSERT INTO public.user_plans AS u (user_id, plan_id, messages_per_day, messages_per_month, cost_per_day_microusd, tokens_per_minute, storage_bytes, models)
  VALUES (subject, plan, day, month, cost, tokens, storage, assign_plan.models)
  ON CONFLICT (user_id) DO UPDATE SET
    plan_id = excluded.plan_id, messages_per_day = excluded.messages_per_day, messages_per_month = excluded.messages_per_month,
    cost_per_day_microusd = excluded.cost_per_day_microusd, tokens_per_minute = excluded.tokens_per_minute,
    storage_bytes = excluded.storage_bytes, models = excluded.models, updated_at = now();
END
$$;
REVOKE ALL ON FUNCTION public.assign_plan(uuid, text, integer, integer, bigint, bigint, bigint, text[]) FROM PUBLIC;

-- What there is of an account: how its private brain is, what it may and what it has used. Not why a migration failed, which may quote rows,
-- and nothing out of the private brain but how much room that takes on disk.
CREATE FUNCTION public.read_account(subject uuid) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  today date := (now() AT TIME ZONE 'UTC')::date;
BEGIN
  PERFORM public.acting_admin();
  RETURN jsonb_build_object(
    'admin', EXISTS (SELECT FROM public.admins a WHERE a.user_id = subject),
    'brain', (
      SELECT jsonb_build_object('schema', t.schema_name, 'version', t.version, 'keyId', t.key_id, 'createdAt', t.created_at, 'migratedAt', t.migrated_at,
        'failures', t.failures, 'failedAt', t.failed_at, 'diskBytes', (
          SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)
          FROM pg_namespace n
          JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = n.oid AND d.classid = 'pg_class'::regclass
          JOIN pg_class c ON c.oid = d.objid AND c.relkind = 'r'
          WHERE n.nspname = t.schema_name))
      FROM public.tenants t WHERE t.user_id = subject),
    'assigned', (SELECT to_jsonb(u) - ARRAY['user_id', 'updated_at'] FROM public.user_plans u WHERE u.user_id = subject),
    'plan', (
      SELECT to_jsonb(p) - ARRAY['created_at', 'updated_at'] FROM public.plans p
      WHERE p.id = coalesce((SELECT u.plan_id FROM public.user_plans u WHERE u.user_id = subject), (SELECT d.id FROM public.plans d WHERE d.is_default))),
    'counters', (
      SELECT jsonb_build_object(
        'dayMessages', CASE WHEN q.day = today THEN q.day_used ELSE 0 END,
        'dayMicroUsd', CASE WHEN q.day = today THEN q.day_microusd ELSE 0 END,
        'dayReservedMicroUsd', CASE WHEN q.day = today THEN q.day_reserved_microusd ELSE 0 END,
        'monthMessages', CASE WHEN q.month = date_trunc('month', today)::date THEN q.month_used ELSE 0 END)
      FROM public.quota_counters q WHERE q.user_id = subject),
    'last30Days', (
      SELECT jsonb_build_object('messages', coalesce(sum(u.messages), 0), 'tokens', coalesce(sum(u.input_tokens + u.output_tokens), 0),
        'microUsd', coalesce(sum(u.cost_microusd) FILTER (WHERE u.key_source = 'platform'), 0),
        'ownKeyMicroUsd', coalesce(sum(u.cost_microusd) FILTER (WHERE u.key_source = 'own'), 0))
      FROM public.usage_daily u WHERE u.user_id = subject AND u.day > today - 30),
    'lastActiveAt', (
      SELECT to_timestamp(max(a.quarter)::double precision * 900)
      FROM (SELECT max(d.last_quarter) FROM public.user_days d WHERE d.user_id = subject
        UNION ALL SELECT max(e.quarter) FROM public.usage_events e WHERE e.user_id = subject AND e.outcome NOT LIKE 'quota%') a (quarter)));
END
$$;

-- Of many accounts, for a list: by the id of each that is registered, the plan that it has.
CREATE FUNCTION public.list_accounts(subjects uuid[]) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM public.acting_admin();
  RETURN (
    SELECT coalesce(jsonb_object_agg(t.user_id, (SELECT jsonb_build_object('id', p.id, 'name', p.name) FROM public.plans p
      WHERE p.id = coalesce(u.plan_id, (SELECT d.id FROM public.plans d WHERE d.is_default)))), '{}')
    FROM public.tenants t LEFT JOIN public.user_plans u ON u.user_id = t.user_id
    WHERE t.user_id = ANY (subjects));
END
$$;

-- How many accounts have been given which plan.
CREATE FUNCTION public.count_plans() RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM public.acting_admin();
  RETURN (
    SELECT coalesce(jsonb_object_agg(c.plan_id, c.users), '{}')
    FROM (SELECT u.plan_id, count(*) AS users FROM public.user_plans u WHERE u.plan_id IS NOT NULL GROUP BY u.plan_id) c);
END
$$;
REVOKE ALL ON FUNCTION public.read_account(uuid), public.list_accounts(uuid[]), public.count_plans() FROM PUBLIC;

---- create above / drop below ----

DROP FUNCTION public.read_account(uuid), public.list_accounts(uuid[]), public.count_plans();
DROP FUNCTION public.assign_plan(uuid, text, integer, integer, bigint, bigint, bigint, text[]);
DROP TRIGGER audit ON public.plans;
DROP TRIGGER audit ON public.user_plans;
DROP POLICY admins_add ON public.plans;
DROP POLICY admins_change ON public.plans;
DROP POLICY admins_remove ON public.plans;
DROP POLICY known ON public.audit_log;
DROP TABLE public.saved_queries, public.announcements, public.model_settings, public.admins;
DROP FUNCTION public.audit_change(), public.note_admin(text, uuid, text, text, text), public.acting_admin();
DROP INDEX public.audit_log_by_subject, public.audit_log_by_actor;
ALTER TABLE public.audit_log DISABLE TRIGGER fixed;
DELETE FROM public.audit_log WHERE subject IS NULL;
ALTER TABLE public.audit_log ENABLE TRIGGER fixed;
ALTER TABLE public.audit_log DROP COLUMN actor_id, DROP COLUMN target, DROP COLUMN change, DROP COLUMN request_id, ALTER COLUMN subject SET NOT NULL,
  DROP CONSTRAINT audit_log_detail_check, ADD CONSTRAINT account_audit_detail_check CHECK (char_length(detail) <= 2000) NOT VALID;
ALTER SEQUENCE public.audit_log_id_seq RENAME TO account_audit_id_seq;
ALTER INDEX public.audit_log_pkey RENAME TO account_audit_pkey;
ALTER TABLE public.audit_log RENAME TO account_audit;
