package tenant

// SQL of deletions that cannot be an sqlc query: it is about the catalogs, or about tables that are found there.

// sqlTombstone says whether an account has a tombstone, in the batch that takes the lock of its schema.
const sqlTombstone = "SELECT EXISTS (SELECT FROM public.deletions WHERE digest = $1)"

// sqlBindCondemned names the schema and the key of a condemned brain until the transaction ends, for queries that need either.
const sqlBindCondemned = "SELECT set_config('search_path', $1, true), set_config('twobrains.key', $2, true)"

// sqlSchemaGrants lists who has been granted anything on what is in a schema, the owners left out. Roles are written as in SQL. By way of
// pg_depend, as sqlSchemaTables. The schema itself stays visible: a statement that is planned now has to fail for want of a privilege, not
// for want of a table.
const sqlSchemaGrants = `SELECT DISTINCT c.relname, CASE WHEN a.grantee = 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.oid
  AND d.classid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class c ON c.oid = d.objid, pg_catalog.aclexplode(c.relacl) a
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND a.grantee <> c.relowner
ORDER BY 1, 2`

// sqlUserTables lists the public tables whose rows belong to users. Partitions go with their table.
const sqlUserTables = `SELECT c.relname FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY c.relname`

const sqlPublicTables = `SELECT relname FROM pg_catalog.pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'm') AND NOT relispartition ORDER BY relname`

// Traces of an account in the catalogs, and among tickets that say whose they are only to who has the key.
const (
	sqlTraceSchema = "SELECT count(*) FROM pg_catalog.pg_namespace WHERE nspname = $1"

	sqlTraceObjects = `SELECT (SELECT count(*) FROM pg_catalog.pg_roles WHERE strpos(rolname, $1) > 0)
  + (SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 OR strpos(c.relname, $1) > 0)
  + (SELECT count(*) FROM pg_catalog.pg_proc p JOIN pg_catalog.pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname = $1 OR strpos(p.proname, $1) > 0)
  + (SELECT count(*) FROM pg_catalog.pg_type t JOIN pg_catalog.pg_namespace n ON n.oid = t.typnamespace WHERE n.nspname = $1 OR strpos(t.typname, $1) > 0)
  + (SELECT count(*) FROM pg_catalog.pg_stats WHERE schemaname = $1)
  + (SELECT count(*) FROM pg_catalog.pg_description WHERE strpos(description, $1) > 0)`

	sqlTraceTickets = "SELECT count(*) FROM public.run_tickets WHERE lock = sha256(convert_to($1 || run_id::text, 'UTF8'))"
)
