#!/bin/sh
# Lists the accounts of a restored database that were deleted after the moment to which it was restored, by the tombstones of the database
# that was left behind: run `twobrains tenant delete` for each of them before anybody is served.
#
#   deleted-since.sh LEFT_URL RESTORED_URL
#
# The URLs are those of the owners. Where the old database cannot be read any more, LEFT_URL may be a file with its digests, one a line:
#
#   psql "$DATABASE_OWNER_URL" -Atc 'SELECT digest FROM public.deletions' > deletions
#
# A digest recognises an account and names nobody, so such a file may be kept beside the backups.
set -eu
[ $# = 2 ] || {
	echo 'usage: deleted-since.sh LEFT_URL_OR_FILE RESTORED_URL' >&2
	exit 1
}
if [ -f "$1" ]; then
	digests=$(cat "$1")
else
	digests=$(PGOPTIONS='-c bytea_output=hex' psql -X -q -v ON_ERROR_STOP=1 -d "$1" -Atc 'SELECT digest FROM public.deletions')
fi
psql -X -q -v ON_ERROR_STOP=1 -v digests="$(printf %s "$digests" | tr '\n' ,)" -d "$2" -At <<'SQL'
SELECT t.user_id FROM public.tenants t
WHERE sha256('twobrains/deleted-account/v1 '::bytea || uuid_send(t.user_id)) = ANY (string_to_array(:'digests', ',')::bytea[])
ORDER BY 1;
SQL
