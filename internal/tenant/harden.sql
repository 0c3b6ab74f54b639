-- What only a superuser can take away, on a server of one's own: functions and catalogs that let a login that runs whole
-- statements count, name and disturb what it cannot read. The server needs none of them. The seals hold without this.
-- Applies to the database it runs in; safe to run again. Takes the roles' names from twobrains.app_role and
-- twobrains.console_role.
DO $$
DECLARE
  app   text := current_setting('twobrains.app_role');
  console text := current_setting('twobrains.console_role');
  owner text := (SELECT pg_catalog.pg_get_userbyid(datdba) FROM pg_catalog.pg_database WHERE datname = current_database());
  obj   record;
BEGIN
  FOR obj IN
    SELECT p.oid::regprocedure AS signature
    FROM pg_catalog.pg_proc p
    WHERE p.pronamespace = 'pg_catalog'::regnamespace AND (
      -- disturbing peers
      p.proname IN ('pg_cancel_backend', 'pg_terminate_backend') OR p.proname LIKE 'pg\_advisory%' OR p.proname LIKE 'pg\_try\_advisory%'
      -- running SQL from inside an expression
      OR p.proname ~ '^(query|table|schema|database|cursor)_to_xml' OR p.proname = 'ts_stat'
      -- counting and measuring
      OR p.proname ~ '^pg_stat_get_(activity|backend|live|dead|tuples|numscans|blocks|xact|ins|mod|last)'
      OR p.proname IN ('pg_relation_size', 'pg_total_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_relation_filenode',
        'pg_relation_filepath', 'pg_database_size', 'pg_lock_status', 'pg_get_expr')
      -- storing and passing on
      OR p.proname IN ('lo_create', 'lo_creat', 'lo_from_bytea', 'lowrite', 'lo_open', 'lo_get', 'lo_put', 'pg_notify', 'pg_export_snapshot'))
  LOOP
    EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', obj.signature);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO %I', obj.signature, owner);
  END LOOP;
  FOR obj IN
    SELECT c.relname FROM pg_catalog.pg_class c
    WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname IN (
      'pg_namespace', 'pg_class', 'pg_policy', 'pg_policies', 'pg_tables', 'pg_indexes', 'pg_index', 'pg_constraint', 'pg_attribute',
      'pg_attrdef', 'pg_stats', 'pg_stat_activity', 'pg_locks', 'pg_roles', 'pg_user', 'pg_auth_members', 'pg_database',
      'pg_db_role_setting', 'pg_depend', 'pg_shdepend', 'pg_description', 'pg_statio_all_tables', 'pg_stat_all_tables',
      'pg_stat_user_tables', 'pg_statio_user_tables', 'pg_stat_all_indexes', 'pg_stat_user_indexes', 'pg_prepared_statements')
  LOOP
    EXECUTE format('REVOKE SELECT ON pg_catalog.%I FROM PUBLIC', obj.relname);
    EXECUTE format('GRANT SELECT ON pg_catalog.%I TO %I', obj.relname, owner);
    IF EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'twobrains_analyst') THEN
      EXECUTE format('GRANT SELECT ON pg_catalog.%I TO twobrains_analyst', obj.relname);
    END IF;
  END LOOP;
  REVOKE SELECT ON ALL TABLES IN SCHEMA information_schema FROM PUBLIC;
  EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA information_schema TO %I', owner);
  EXECUTE format('REVOKE SELECT ON ALL TABLES IN SCHEMA pg_catalog FROM %I, %I', app, console);
  -- What one of users' own queries may write to disk for sorts and hashes.
  EXECUTE format('ALTER ROLE %I IN DATABASE %I SET temp_file_limit = ''1GB''', console, current_database());
END
$$;
