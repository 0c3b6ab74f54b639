-- What provisioning put on the tables of one private brain, from which others are made alike.
SELECT c.relname AS name, p.polname IS NOT NULL AS sealed, pg_get_expr(p.polqual, p.polrelid) AS condition,
  (SELECT string_agg(a.privilege_type, ', ') FROM aclexplode(c.relacl) a WHERE a.grantee = 'twobrains_app'::regrole) AS privileges
FROM pg_class c LEFT JOIN pg_policy p ON p.polrelid = c.oid
WHERE c.relnamespace = $1::regnamespace AND c.relkind IN ('r', 'p')
ORDER BY c.relname
