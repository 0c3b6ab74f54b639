#!/bin/sh
# Run by the PostgreSQL image the first time it starts: the roles and databases that the other containers log in to.
set -eu
psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
	-v owner_password="$TWOBRAINS_OWNER_PASSWORD" -v kratos_password="$KRATOS_PASSWORD" \
	-f /etc/twobrains/bootstrap.sql
