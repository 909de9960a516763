#!/bin/sh
# The role that Grafana reads as: the views of the schema boards, and nothing else. As `sanihub dashboards publish` makes
# it; that refuses to touch a role without this comment.
set -eu
secrets=${1:-/run/secrets}
PGPASSWORD=$(cat "$secrets/postgres_password") BOARDS_PASSWORD=$(cat "$secrets/boards_password")
export PGPASSWORD BOARDS_PASSWORD
psql -v ON_ERROR_STOP=1 --quiet --no-psqlrc <<'SQL'
\getenv password BOARDS_PASSWORD
SET log_statement = none;
SET client_min_messages = warning;
BEGIN;
SELECT 'CREATE ROLE sanihub_boards' WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sanihub_boards') \gexec
ALTER ROLE sanihub_boards LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE CONNECTION LIMIT 20 PASSWORD :'password';
COMMENT ON ROLE sanihub_boards IS 'sanihub: reads the schema boards';
ALTER ROLE sanihub_boards SET default_transaction_read_only = on;
ALTER ROLE sanihub_boards SET statement_timeout = '30s';
ALTER ROLE sanihub_boards SET idle_in_transaction_session_timeout = '60s';
ALTER ROLE sanihub_boards SET search_path = boards;
SELECT format('GRANT CONNECT ON DATABASE %I TO sanihub_boards', current_database()) \gexec
SELECT format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database()) \gexec
GRANT USAGE ON SCHEMA boards TO sanihub_boards;
GRANT SELECT ON ALL TABLES IN SCHEMA boards TO sanihub_boards;
ALTER DEFAULT PRIVILEGES IN SCHEMA boards GRANT SELECT ON TABLES TO sanihub_boards;
COMMIT;
SQL
echo "the role sanihub_boards may read the schema boards"
