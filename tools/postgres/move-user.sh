#!/usr/bin/env bash
# Moves one user from a database to another one, usually on another server: the private brain, and the user's rows in every public table
# that has a user_id, which are found in the catalog. docs/scale-out.md says what has to be so before, and what to do after.
#
#   move-user.sh USER SOURCE_URL TARGET_URL [--anew]
#
# USER is an id; the URLs are those of the owners (DATABASE_OWNER_URL), with a password or without it where ~/.pgpass has it. Both databases must have had the same migrations, and their servers
# the same MASTER_KEYS. It needs psql and pg_dump, not older than the servers.
#
# The source is locked for writes of this one user while rows are copied. They are written to the target in one transaction, compared with
# what is locked, and only then removed from the source, in one transaction as well. So whatever interrupts it, it can be run again. If the
# user has changed something at the source since an interrupted move had copied everything, --anew replaces that copy.
set -euo pipefail
umask 077

fail() {
	echo "move-user: $*" >&2
	exit 1
}

# Values as text must not depend on how a server is set up.
export PGOPTIONS='-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c bytea_output=hex -c extra_float_digits=3 -c jit=off'

[ $# -ge 3 ] && [[ ${4-} =~ ^(--anew)?$ ]] || fail 'usage: move-user.sh USER SOURCE_URL TARGET_URL [--anew]'
anew=${4-}
user=$(printf %s "$1" | tr A-F a-f) source=$2 target=$3
[[ $user =~ ^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$ ]] || fail "\"$1\" is not a user's id"
schema=u_${user//-/}

# Asks a database one thing.
ask() { psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$1" --command="$2"; }

tables="SELECT relname FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attname = 'user_id' AND NOT a.attisdropped
	WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY relname"

# Statements, for \gexec, that tell number and digest of a user's rows table by table.
digests="SELECT format('SELECT %L, count(*), md5(string_agg(md5(t::text), '''' ORDER BY md5(t::text))) FROM %s t %s', n.place, n.place, n.only)
	FROM (
		SELECT format('public.%I', relname) AS place, 'WHERE user_id = ''$user''' AS only FROM ($tables) p
		UNION ALL
		SELECT format('$schema.%I', c.relname), '' FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = '$schema' AND c.relkind IN ('r', 'p')
	) n ORDER BY n.place"

# What of the user is under way, and would be cut in two.
busy="SELECT (SELECT count(*) FROM $schema.runs WHERE status = 'running')
	+ (SELECT count(*) FROM public.account_jobs j JOIN public.job_tickets k ON k.job_id = j.id WHERE j.user_id = '$user')
	+ (SELECT count(*) FROM public.usage_events WHERE user_id = '$user')"

# The user's rows as statements, in the order of no table: none refers to another one of these.
rows() {
	local all table columns
	all=$(ask "$source" "SELECT quote_ident(relname) FROM ($tables) t") || return
	while read -r table; do
		columns=$(ask "$source" "SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_catalog.pg_attribute
			WHERE attrelid = 'public.$table'::regclass AND attnum > 0 AND NOT attisdropped AND attgenerated = ''") || return
		echo "COPY public.$table ($columns) FROM stdin;"
		ask "$source" "COPY (SELECT $columns FROM public.$table WHERE user_id = '$user') TO STDOUT" || return
		echo '\.'
	done <<<"$all"
}

# An earlier copy, if there is one, goes.
forget() {
	echo "DROP SCHEMA IF EXISTS $schema CASCADE;"
	ask "$target" "SELECT format('DELETE FROM public.%I WHERE user_id = ''$user'';', relname) FROM ($tables) t"
}

# Writes the copy unless it is there, and prints its digest. Without the COMMIT at the end nothing of it stays.
copy() {
	if [ "$anew" ] || [ "$(ask "$target" "SELECT EXISTS (SELECT FROM public.tenants WHERE user_id = '$user')")" = f ]; then
		{
			echo 'BEGIN;' && forget && pg_dump --schema="$schema" --dbname="$source" && rows && echo 'COMMIT;'
		} | psql --no-psqlrc --quiet --set=ON_ERROR_STOP=1 --dbname="$target" >/dev/null
	fi
	psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$target" <<<"$digests \\gexec" | sha256sum
}

if [ "${MOVE_COPY-}" ]; then # called by what holds the lock
	copy
	exit
fi

version='SELECT version FROM public.schema_version'
[ "$(ask "$source" "$version")" = "$(ask "$target" "$version")" ] || fail 'the databases have not had the same migrations'
deleted="SELECT EXISTS (SELECT FROM public.deletions WHERE digest = sha256('twobrains/deleted-account/v1 '::bytea || uuid_send('$user'::uuid)))"
for url in "$source" "$target"; do
	[ "$(ask "$url" "$deleted")" = f ] || fail 'the account was deleted'
done
known="SELECT version > 0 FROM public.tenants WHERE user_id = '$user'"
if [ "$(ask "$source" "$known")" != t ]; then
	[ "$(ask "$target" "$known")" = t ] || fail 'neither database knows the user'
	echo 'the user is at the target already'
	exit
fi
[ "$(ask "$source" "$busy")" = 0 ] || fail 'a reply or a job of the user is under way, or not accounted for yet: try again'

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export MOVE_SELF=$0 MOVE_USER=$user MOVE_SOURCE=$source MOVE_TARGET=$target MOVE_ANEW=$anew MOVE_WORK=$work
psql --no-psqlrc --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 --dbname="$source" <<SQL
SET lock_timeout = '10s';
SET idle_in_transaction_session_timeout = 0;
SET statement_timeout = 0;
BEGIN;
-- As whoever migrates or re-seals a private brain does.
SELECT pg_catalog.pg_advisory_xact_lock(hashtextextended('$schema', 42)) \g /dev/null
SELECT format('LOCK TABLE $schema.%I IN EXCLUSIVE MODE', relname) FROM pg_catalog.pg_class
WHERE relnamespace = '$schema'::regnamespace AND relkind IN ('r', 'p') \gexec
\set there \`MOVE_COPY=1 "\$MOVE_SELF" "\$MOVE_USER" "\$MOVE_SOURCE" "\$MOVE_TARGET" "\$MOVE_ANEW"\`
-- Every unit of work reads a private table before it ends: from here on none of this user's does.
SELECT format('LOCK TABLE $schema.%I IN ACCESS EXCLUSIVE MODE', relname) FROM pg_catalog.pg_class
WHERE relnamespace = '$schema'::regnamespace AND relkind IN ('r', 'p') \gexec
\o $work/here
$digests \gexec
\o
\set here \`sha256sum < "\$MOVE_WORK/here"\`
SELECT :'here' = :'there' AND ($busy) = 0 AS same \gset
\if :same
DROP SCHEMA $schema CASCADE;
SELECT format('DELETE FROM public.%I WHERE user_id = %L', relname, '$user') FROM ($tables) t \gexec
COMMIT;
\echo moved
\else
ROLLBACK;
\warn 'move-user: what is at the target is not what is at the source; nothing was removed'
\q 4
\endif
SQL
[ "$(ask "$source" "SELECT EXISTS (SELECT FROM public.tenants WHERE user_id = '$user')")" = f ] || exit 1
