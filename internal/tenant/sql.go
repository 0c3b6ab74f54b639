package tenant

// The kernel's SQL that cannot be an sqlc query, each with its reason.

// Transaction control goes through the same pipeline as the statements it encloses.
const sqlBegin = "BEGIN"

// The settings that a bound transaction depends on; sqlc knows no tables here. Key and path are parameters, because
// literals show in pg_stat_activity and in logs. The other two undo what a mistake may have left behind for the session.
const sqlBind = `SELECT set_config('search_path', $1, true), set_config('twobrains.key', $2, true),
  set_config('row_security', 'on', true), set_config('statement_timeout', '30s', true)`

// sqlPath moves a bound transaction between the brains. It is planned where it runs like any other statement, so on the way out
// its text is tagged.
const sqlPath = "SELECT set_config('search_path', $1, true)"

// templatePath is that of a connection which is bound to nobody.
const templatePath = templateSchema + ", pg_temp"

// The version table is tern's, so sqlc does not know it. It lies behind the seal: no row means that nothing is bound or
// that the key does not fit. A login for which no seal holds is refused in the same way.
const sqlProve = `SELECT CASE WHEN v.version >= $1 THEN true
  ELSE public.require(false, CASE WHEN v.version IS NULL THEN 'TB001' ELSE 'TB002' END) END
FROM (SELECT (SELECT version FROM schema_version WHERE row_security_active('schema_version'::regclass)) AS version) v`

// appSettings are the startup parameters of the app's connections.
var appSettings = map[string]string{
	// Unbound statements meet the sealed, empty template.
	"search_path": templatePath,
	// A user's statement is planned once, not five times first.
	"plan_cache_mode": "force_generic_plan",
	"jit":             "off",
	// Fences behind the deadline of a unit of work, milliseconds.
	"statement_timeout":                   "30000",
	"idle_in_transaction_session_timeout": "30000",
	"lock_timeout":                        "10000",
}

// DDL and advisory locks are beyond sqlc. Two processes that want the same schema meet here.
const sqlLockSchema = "SELECT pg_catalog.pg_advisory_xact_lock(hashtextextended($1, 42))"

const sqlSchemaExists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)"

const sqlTableExists = `SELECT EXISTS (SELECT FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relname = $2 AND c.relkind = 'r')`

// By way of pg_depend, since no index of pg_class begins with the schema: a scan would grow with the number of users.
const sqlSchemaTables = `SELECT c.relname, EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'seal'), c.relrowsecurity
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.oid
  AND d.classid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class c ON c.oid = d.objid
WHERE n.nspname = $1 AND c.relkind IN ('r', 'p') ORDER BY c.relname`

// sqlMigrateLock lets one migrate command at a time work on the public brain.
const sqlMigrateLock = "SELECT pg_catalog.pg_advisory_xact_lock(7205759403792794)"

const sqlRoleFacts = `SELECT rolsuper OR rolbypassrls AS bypasses, rolcreaterole OR rolcreatedb AS creates
FROM pg_catalog.pg_roles WHERE rolname = $1`

// sqlConvergeRoles tells converge.sql, which takes no parameters, the names of the roles.
const sqlConvergeRoles = `SELECT set_config('twobrains.app_role', $1, true), set_config('twobrains.analyst_role', $2, true),
  set_config('twobrains.console_role', $3, true)`

// The console proves its binding by a row, not with public.require: its login reaches nothing of the public brain.
const (
	sqlBindConsole = `SELECT set_config('search_path', $1, true), set_config('twobrains.key', $2, true), set_config('row_security', 'on', true)`

	sqlProveConsole = "SELECT version FROM schema_version WHERE row_security_active('schema_version'::regclass)"
)

// sqlTypeNames names the types of a result, in its order.
const sqlTypeNames = `SELECT pg_catalog.format_type(t.id, t.modifier) FROM unnest($1::oid[], $2::int4[]) WITH ORDINALITY AS t (id, modifier, n) ORDER BY n`

// The template, whose columns are those of every private brain, and the functions that attribute notation may reach, read from the
// catalogs as the owner, since hardened servers show them to nobody else.
const (
	sqlDescribeTemplate = `SELECT c.relname, '', a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, ''
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relnamespace = 'brain_template'::regnamespace AND c.relkind IN ('r', 'p') ORDER BY c.relname, a.attnum`

	// As the analyst, who is to be told nothing that it may not read.
	sqlDescribePublic = `SELECT CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || c.relname, coalesce(obj_description(c.oid, 'pg_class'), ''),
  a.attname, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull, coalesce(col_description(c.oid, a.attnum), '')
FROM pg_namespace n JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind IN ('r', 'p', 'v', 'm')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE n.nspname IN ('public', 'analytics') AND has_column_privilege(c.oid, a.attnum, 'SELECT') ORDER BY n.nspname, c.relname, a.attnum`

	// Functions with a comment are meant to be called; the others serve those.
	sqlAnalyticsFunctions = `SELECT DISTINCT n.nspname || '.' || p.proname FROM pg_namespace n JOIN pg_proc p ON p.pronamespace = n.oid
WHERE n.nspname = 'analytics' AND p.proretset AND obj_description(p.oid, 'pg_proc') IS NOT NULL AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1`

	sqlFunctionNames = `SELECT DISTINCT proname FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace`
)
