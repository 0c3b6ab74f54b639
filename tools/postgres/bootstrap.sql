-- What must exist before `twobrains migrate` can run, made by a superuser. For psql, and for cmd/dev, which understands
-- the few psql features used here: :'variable', \gexec (run every value of the result) and \connect. Safe to run again.
--
--   psql -v owner_password=… -v kratos_password=… -f bootstrap.sql

-- twobrains_owner is no superuser: it makes the roles twobrains_app and twobrains_analyst and owns one database.
SELECT 'CREATE ROLE twobrains_owner' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'twobrains_owner')
\gexec
SELECT format('ALTER ROLE twobrains_owner LOGIN CREATEROLE NOSUPERUSER NOCREATEDB PASSWORD %L', :'owner_password')
\gexec
SELECT 'CREATE ROLE kratos' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'kratos')
\gexec
SELECT format('ALTER ROLE kratos LOGIN NOCREATEROLE NOSUPERUSER NOCREATEDB PASSWORD %L', :'kratos_password')
\gexec

SELECT 'CREATE DATABASE twobrains OWNER twobrains_owner' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'twobrains')
\gexec
SELECT 'CREATE DATABASE kratos OWNER kratos' WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = 'kratos')
\gexec

-- Kratos keeps session tokens in plain text: nobody else may enter its database, nor Kratos ours.
REVOKE CONNECT, TEMPORARY ON DATABASE kratos FROM PUBLIC;
REVOKE CONNECT, TEMPORARY ON DATABASE twobrains FROM PUBLIC;
REVOKE CONNECT ON DATABASE postgres FROM PUBLIC;

\connect twobrains
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
\connect kratos
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
