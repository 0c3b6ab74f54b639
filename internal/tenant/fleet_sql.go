package tenant

// SQL of the fleet: it reads catalogs for schemas that are parameters, which sqlc's own catalog does not describe, and
// relation sizes. $1 is always the names of the schemas to look at. Relations are found by way of pg_depend, which, unlike
// pg_class, has an index by schema: looking at one private brain costs the same among 100,000.

const sqlSchemaSizes = `SELECT c.relname, c.reltuples::bigint, pg_catalog.pg_total_relation_size(c.oid)
FROM pg_catalog.pg_namespace n
JOIN pg_catalog.pg_depend d ON d.refclassid = 'pg_catalog.pg_namespace'::regclass AND d.refobjid = n.oid
  AND d.classid = 'pg_catalog.pg_class'::regclass
JOIN pg_catalog.pg_class c ON c.oid = d.objid AND c.relkind IN ('r', 'p', 'm')
WHERE n.nspname = $1 ORDER BY c.relname`

// sqlGrants gives grants to others than the owner as texts "SELECT to role".
const sqlGrants = `ARRAY(SELECT a.privilege_type || CASE WHEN a.is_grantable THEN ' WITH GRANT OPTION' ELSE '' END || ' to ' ||
    CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(a.grantee)) END
  FROM aclexplode(`

// sqlFleetSchemas finds every schema that is, or looks like, a private brain, and the template. A null $1 means all.
const sqlFleetSchemas = `SELECT n.nspname, pg_get_userbyid(n.nspowner), ` + sqlGrants + `n.nspacl) a WHERE a.grantee <> n.nspowner ORDER BY 1)
FROM pg_namespace n
WHERE (n.nspname LIKE 'u\_%' OR n.nspname = 'brain_template') AND ($1::text[] IS NULL OR n.nspname = ANY ($1))`

const sqlFleetTemplate = `SELECT c.relname FROM pg_namespace n
JOIN pg_class c ON c.relnamespace = n.oid AND c.relkind NOT IN ('i', 'I') WHERE n.nspname = 'brain_template'`

const sqlFleetWith = `WITH s AS MATERIALIZED (
  SELECT n.oid, n.nspname FROM unnest($1::text[]) AS u (name) JOIN pg_namespace n ON n.nspname = u.name
), rel AS MATERIALIZED (
  SELECT s.nspname, c.* FROM s
  JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = s.oid AND d.classid = 'pg_class'::regclass
  JOIN (SELECT oid, relname, relkind, relpersistence, relowner, relrowsecurity, relforcerowsecurity, relacl FROM pg_class) c ON c.oid = d.objid
)`

// sqlFleetRelations has one row per table, view or sequence, its seal beside it.
const sqlFleetRelations = sqlFleetWith + `
SELECT r.nspname, r.relname, r.relkind::text, r.relpersistence = 'p', pg_get_userbyid(r.relowner), r.relrowsecurity, r.relforcerowsecurity,
  ` + sqlGrants + `r.relacl) a WHERE a.grantee <> r.relowner ORDER BY 1),
  p.oid IS NOT NULL, coalesce(p.polpermissive AND p.polcmd = '*' AND p.polroles = '{0}' AND p.polwithcheck IS NULL, false),
  coalesce(pg_get_expr(p.polqual, p.polrelid), '')
FROM rel r LEFT JOIN pg_policy p ON p.polrelid = r.oid AND p.polname = 'seal'`

// sqlFleetObjects has what else there is: a private brain needs none of it, or what the template has.
const sqlFleetObjects = sqlFleetWith + `
SELECT r.nspname, 'policy', r.relname, p.polname::text, '{}'::text[] FROM rel r JOIN pg_policy p ON p.polrelid = r.oid AND p.polname <> 'seal'
UNION ALL
SELECT r.nspname, 'column grant', r.relname, a.attname, ` + sqlGrants + `a.attacl) a ORDER BY 1)
FROM rel r JOIN pg_attribute a ON a.attrelid = r.oid AND a.attacl IS NOT NULL AND NOT a.attisdropped
UNION ALL
SELECT r.nspname, 'trigger', r.relname, t.tgname, '{}' FROM rel r JOIN pg_trigger t ON t.tgrelid = r.oid AND NOT t.tgisinternal
UNION ALL
SELECT r.nspname, 'rule', r.relname, w.rulename, '{}' FROM rel r JOIN pg_rewrite w ON w.ev_class = r.oid AND w.rulename <> '_RETURN'
UNION ALL
SELECT r.nspname, 'foreign key', r.relname, k.conname, '{}' FROM rel r JOIN pg_constraint k ON k.conrelid = r.oid AND k.contype = 'f'
UNION ALL
SELECT s.nspname, o.type, '', replace(o.identity, quote_ident(s.nspname) || '.', ''), '{}' FROM s
JOIN pg_depend d ON d.refclassid = 'pg_namespace'::regclass AND d.refobjid = s.oid
  AND d.classid NOT IN ('pg_class'::regclass, 'pg_constraint'::regclass)
CROSS JOIN LATERAL pg_identify_object(d.classid, d.objid, 0) o`

// What follows compares private brains of the template's version with the template. Cheap comparisons of stored trees come
// first; only where those differ are definitions written out and compared, which the materialized steps make sure of.

const sqlFleetMissingTables = `WITH s AS MATERIALIZED (
  SELECT n.oid, n.nspname FROM unnest($1::text[]) AS u (name) JOIN pg_namespace n ON n.nspname = u.name
)
SELECT s.nspname, t.relname
FROM s CROSS JOIN (SELECT c.relname, c.relkind FROM pg_class c
  WHERE c.relnamespace = 'brain_template'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'schema_version') t
WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.relname = t.relname AND c.relnamespace = s.oid AND c.relkind = t.relkind)`

const sqlFleetColumns = sqlFleetWith + `, known AS (
  SELECT c.oid, c.relname, c.relkind FROM pg_class c WHERE c.relnamespace = 'brain_template'::regnamespace AND c.relkind IN ('r', 'p')
), want AS MATERIALIZED (
  SELECT k.relname, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attidentity, a.attgenerated, d.adbin, k.oid AS relid
  FROM known k JOIN pg_attribute a ON a.attrelid = k.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
), must AS (
  SELECT r.nspname, r.oid, w.* FROM rel r JOIN known k ON k.relname = r.relname AND k.relkind = r.relkind JOIN want w ON w.relname = r.relname
), have AS (
  SELECT r.nspname, r.oid, r.relname, a.attname, a.atttypid, a.atttypmod, a.attcollation, a.attnotnull, a.attidentity, a.attgenerated, d.adbin
  FROM rel r JOIN known k ON k.relname = r.relname AND k.relkind = r.relkind
  JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
), differing AS MATERIALIZED (
  SELECT coalesce(h.nspname, m.nspname) AS nspname, coalesce(h.relname, m.relname) AS relname, coalesce(h.attname, m.attname) AS attname,
    m.attname IS NULL AS extra, h.attname IS NULL AS missing,
    (m.atttypid, m.atttypmod, m.attcollation, m.attidentity, m.attgenerated) = (h.atttypid, h.atttypmod, h.attcollation, h.attidentity, h.attgenerated) AS same_type,
    m.attnotnull, h.attnotnull AS has_notnull,
    m.attgenerated <> '' OR h.attgenerated <> '' AS generated,
    m.adbin::text IS NOT DISTINCT FROM h.adbin::text AS same_tree,
    format_type(m.atttypid, m.atttypmod) AS want_type, format_type(h.atttypid, h.atttypmod) AS has_type,
    m.adbin AS want_bin, m.relid AS want_rel, h.adbin AS has_bin, h.oid AS has_rel
  FROM must m FULL JOIN have h ON h.oid = m.oid AND h.attname = m.attname
  WHERE m.attname IS NULL OR h.attname IS NULL OR m.attnotnull <> h.attnotnull OR m.adbin::text IS DISTINCT FROM h.adbin::text
    OR (m.atttypid, m.atttypmod, m.attcollation, m.attidentity, m.attgenerated) <> (h.atttypid, h.atttypmod, h.attcollation, h.attidentity, h.attgenerated)
), written AS (
  SELECT *, replace(pg_get_expr(want_bin, want_rel), 'brain_template.', '') AS want_default,
    replace(pg_get_expr(has_bin, has_rel), quote_ident(nspname) || '.', '') AS has_default
  FROM differing
)
SELECT nspname, relname, attname, extra, missing, coalesce(same_type, false), coalesce(generated, false), coalesce(attnotnull, false), coalesce(has_notnull, false),
  coalesce(want_type, ''), coalesce(has_type, ''), coalesce(want_default, ''), coalesce(has_default, '')
FROM written
WHERE extra OR missing OR NOT same_type OR attnotnull <> has_notnull OR want_default IS DISTINCT FROM has_default`

const sqlFleetIndexes = sqlFleetWith + `, known AS (
  SELECT c.oid, c.relname, c.relkind FROM pg_class c WHERE c.relnamespace = 'brain_template'::regnamespace AND c.relkind IN ('r', 'p')
), want AS MATERIALIZED (
  SELECT k.relname, c.relname AS name, i.* FROM known k JOIN pg_index i ON i.indrelid = k.oid JOIN pg_class c ON c.oid = i.indexrelid
  WHERE NOT EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = k.oid)
), must AS (
  SELECT r.nspname, r.oid, w.* FROM rel r JOIN known k ON k.relname = r.relname AND k.relkind = r.relkind JOIN want w ON w.relname = r.relname
), have AS (
  SELECT r.nspname, r.oid, r.relname, c.relname AS name, i.*,
    EXISTS (SELECT FROM pg_constraint o WHERE o.conindid = i.indexrelid AND o.conrelid = r.oid) AS of_constraint
  FROM rel r JOIN known k ON k.relname = r.relname AND k.relkind = r.relkind
  JOIN pg_index i ON i.indrelid = r.oid JOIN pg_class c ON c.oid = i.indexrelid
), differing AS MATERIALIZED (
  SELECT coalesce(h.nspname, m.nspname) AS nspname, coalesce(h.relname, m.relname) AS relname, coalesce(h.name, m.name) AS name,
    m.name IS NULL AND NOT h.of_constraint AS extra, h.name IS NULL AS missing, h.indisvalid AND h.indisready AND h.indislive AS valid,
    m.indexrelid AS want_id, h.indexrelid AS has_id, coalesce(h.of_constraint, false) AS of_constraint,
    m.name IS NOT NULL AND h.name IS NOT NULL AND (m.indkey::text, m.indclass::text, m.indoption::text, m.indcollation::text, m.indisunique, m.indnkeyatts, m.indpred::text, m.indexprs::text)
      IS DISTINCT FROM (h.indkey::text, h.indclass::text, h.indoption::text, h.indcollation::text, h.indisunique, h.indnkeyatts, h.indpred::text, h.indexprs::text) AS other
  FROM must m FULL JOIN have h ON h.oid = m.oid AND h.name = m.name
), suspect AS MATERIALIZED (
  SELECT * FROM differing WHERE extra OR missing OR NOT valid OR other
), written AS (
  SELECT *, coalesce(replace(pg_get_indexdef(want_id), ' ON brain_template.', ' ON ' || quote_ident(nspname) || '.'), '') AS want_def,
    coalesce(pg_get_indexdef(has_id), '') AS has_def
  FROM suspect
)
SELECT nspname, relname, name, extra, missing, coalesce(NOT valid, false), of_constraint, want_def, has_def
FROM written WHERE extra OR missing OR NOT valid OR want_def <> has_def`

const sqlFleetConstraints = sqlFleetWith + `, known AS (
  SELECT c.oid, c.relname, c.relkind FROM pg_class c WHERE c.relnamespace = 'brain_template'::regnamespace AND c.relkind IN ('r', 'p')
), want AS MATERIALIZED (
  SELECT k.relname, o.* FROM known k JOIN pg_constraint o ON o.conrelid = k.oid AND o.contype IN ('c', 'p', 'u', 'x')
), must AS (
  SELECT r.nspname, r.oid AS rel, w.* FROM rel r JOIN known k ON k.relname = r.relname AND k.relkind = r.relkind JOIN want w ON w.relname = r.relname
), have AS (
  SELECT r.nspname, r.oid AS rel, r.relname, o.* FROM rel r JOIN known k ON k.relname = r.relname AND k.relkind = r.relkind
  JOIN pg_constraint o ON o.conrelid = r.oid AND o.contype IN ('c', 'p', 'u', 'x')
), differing AS MATERIALIZED (
  SELECT coalesce(h.nspname, m.nspname) AS nspname, coalesce(h.relname, m.relname) AS relname, coalesce(h.conname, m.conname) AS name,
    m.conname IS NULL AS extra, h.conname IS NULL AS missing, m.oid AS want_id, h.oid AS has_id
  FROM must m FULL JOIN have h ON h.rel = m.rel AND h.conname = m.conname
  WHERE m.conname IS NULL OR h.conname IS NULL OR (m.contype, m.convalidated, m.conkey, m.conbin::text) IS DISTINCT FROM (h.contype, h.convalidated, h.conkey, h.conbin::text)
), written AS (
  SELECT *, coalesce(replace(pg_get_constraintdef(want_id), 'brain_template.', ''), '') AS want_def,
    coalesce(replace(pg_get_constraintdef(has_id), quote_ident(nspname) || '.', ''), '') AS has_def
  FROM differing
)
SELECT nspname, relname, name, extra, missing, want_def, has_def FROM written WHERE want_def <> has_def`
