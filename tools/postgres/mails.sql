-- The login by which the server removes the mails of deleted accounts from Kratos's database, and can do nothing else there. Run it as a
-- superuser after `kratos migrate`, also after one that brought a newer Kratos. For psql, and for cmd/dev, as bootstrap.sql. Safe to run again.
--
--   psql -v mails_password=… -f mails.sql

SELECT 'CREATE ROLE twobrains_mails' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'twobrains_mails')
\gexec
SELECT format('ALTER ROLE twobrains_mails LOGIN NOCREATEROLE NOSUPERUSER NOCREATEDB PASSWORD %L', :'mails_password')
\gexec
GRANT CONNECT ON DATABASE kratos TO twobrains_mails;
\connect kratos
GRANT USAGE ON SCHEMA public TO twobrains_mails;
GRANT SELECT (id) ON networks TO twobrains_mails;
GRANT SELECT (nid, recipient), DELETE ON courier_messages TO twobrains_mails;
