package attack

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
)

// bobsShare is the id of what Bob shares, which the attacker does not know: the cases that use {Share} look for it.
const bobsShare = "left(md5('" + canary + "'), 22)"

// shares are attacks on what others share, by a connection that is bound to Alice and by one that nobody's key binds.
var shares = []struct {
	attack
	unbound outcome
}{
	{attack{"list them", "SELECT * FROM public.shares WHERE user_id = '{Bid}'", empty}, empty},
	{attack{"list all", "SELECT id FROM public.shares WHERE user_id <> '{Aid}'", empty}, empty},
	{attack{"count them by id", "SELECT 1 FROM public.shares WHERE id = {Share}", empty}, empty},
	{attack{"list them by the door", "SELECT s.* FROM public.shares x, public.read_share(x.id) s WHERE x.user_id <> '{Aid}'", empty}, empty},
	{attack{"an id that is none", "SELECT * FROM public.read_share('')", empty}, empty},
	{attack{"no id", "SELECT * FROM public.read_share(NULL)", empty}, empty},
	{attack{"a pattern for an id", "SELECT * FROM public.read_share('%')", empty}, empty},
	{attack{"many patterns", "SELECT s.* FROM generate_series(0, 255) c, public.read_share(lpad('', 21, '_') || to_hex(c)) s", empty}, empty},
	{attack{"the beginning of an id", "SELECT s.* FROM generate_series(1, 21) n, public.read_share(left({Share}, n)) s", empty}, empty},
	{attack{"an id and more", "SELECT * FROM public.read_share({Share} || ' ')", empty}, empty},
	{attack{"an id in other letters", "SELECT * FROM public.read_share(upper({Share}))", empty}, empty},
	{attack{"SQL for an id", "SELECT * FROM public.read_share(''' OR true --')", empty}, empty},
	{attack{"somebody for an id", "SELECT * FROM public.read_share('{Bid}')", empty}, empty},
	{attack{"a conversation for an id", "SELECT * FROM public.read_share('{C}')", empty}, empty},
	{attack{"with the victim's hash as key", "SELECT set_config('twobrains.key', '{Bhash}', true) || (SELECT string_agg(id, '') FROM public.shares)", empty}, empty},
	{attack{"without row security", "SET LOCAL row_security = off; SELECT id FROM public.shares", denied}, denied},
	{attack{"as the owner", "SET LOCAL ROLE twobrains_owner; SELECT id FROM public.shares", denied}, denied},
	{attack{"through COPY", "COPY (SELECT id FROM public.shares WHERE user_id = '{Bid}') TO STDOUT", empty}, empty},
	{attack{"through statistics", "SELECT most_common_vals, histogram_bounds FROM pg_stats WHERE tablename = 'shares'", empty}, empty},
	{attack{"revoke them", "DELETE FROM public.shares WHERE user_id = '{Bid}'", unchanged}, unchanged},
	{attack{"revoke all", "DELETE FROM public.shares WHERE user_id <> '{Aid}'", unchanged}, unchanged},
	{attack{"let them expire", "UPDATE public.shares SET expires_at = now() WHERE user_id = '{Bid}'", unchanged}, unchanged},
	{attack{"make them last", "UPDATE public.shares SET expires_at = 'infinity' WHERE user_id <> '{Aid}'", unchanged}, unchanged},
	{attack{"share in the victim's name", "INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at) VALUES (repeat('x', 22), '{Bid}', 'c', 2, '', '[]', 1, 'infinity')", denied}, denied},
	{attack{"take their id", "INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at) SELECT {Share}, user_id, 'c', 9, '', '[]', 1, 'infinity' FROM public.tenants ON CONFLICT (id) DO UPDATE SET user_id = excluded.user_id RETURNING title", denied}, unchanged},
	{attack{"hand a share over", "UPDATE public.shares SET user_id = '{Bid}', slot = 9", denied}, unchanged},
	{attack{"lock them", "SELECT id FROM public.shares WHERE user_id = '{Bid}' FOR UPDATE", empty}, empty},
	{attack{"another door in its place", "CREATE OR REPLACE FUNCTION public.read_share(wanted text) RETURNS TABLE (title text, snapshot jsonb, created_at timestamptz, expires_at timestamptz) LANGUAGE sql SECURITY DEFINER AS 'SELECT title, snapshot, created_at, expires_at FROM public.shares'", denied}, denied},
	{attack{"another path for the door", "ALTER FUNCTION public.read_share(text) SET search_path = {B}", denied}, denied},
	{attack{"a table in its place, of the session", "CREATE TEMP TABLE shares (id text)", denied}, denied},
	{attack{"a function in its place", "CREATE FUNCTION pg_temp.now() RETURNS timestamptz LANGUAGE sql AS 'SELECT ''-infinity''::timestamptz'", denied}, denied},
}

func TestSharesOfOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.replace = strings.NewReplacer("{A}", schema(w.alice), "{B}", schema(w.bob), "{Aid}", w.alice.UserID().String(), "{Bid}", w.bob.UserID().String(),
		"{Bhash}", w.replace.Replace("{Bhash}"), "{C}", "conversation-"+canary, "{Share}", bobsShare)
	for _, a := range shares {
		w.run(t, a.attack)
		before := w.state(t)
		conn := w.App(t).PgConn()
		_, err := conn.Exec(t.Context(), "BEGIN; SET LOCAL search_path = brain_template, pg_temp").ReadAll()
		require.NoError(t, err)
		values, err := strike(t.Context(), conn, w.replace.Replace(a.sql))
		returned := strings.ReplaceAll(strings.Join(values, "\n"), "conversation-"+canary, "")
		require.NotContains(t, returned, canary, a.tries)
		require.Equal(t, before, w.state(t), a.tries)
		switch a.unbound {
		case denied:
			require.Error(t, err, a.tries)
		case empty:
			require.NoError(t, err, a.tries)
			require.Empty(t, values, a.tries)
		default:
			require.NoError(t, err, a.tries)
		}
	}
	w.own(t)

	// Who knows the id gets what the page shows, whoever they are, and nothing that names anybody: so the cases above met a working door.
	for _, key := range []string{"", w.key} {
		conn := w.App(t)
		_, err := conn.Exec(t.Context(), "SELECT set_config('twobrains.key', $1, false)", key)
		require.NoError(t, err)
		var whole string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT s::text FROM public.read_share("+bobsShare+") s").Scan(&whole))
		require.Contains(t, whole, "shared "+canary)
		require.NotContains(t, whole, w.bob.UserID().String())
		require.NotContains(t, whole, "conversation-")
	}
}

// An expired share is there for nobody, and can be removed while no key is bound, without being seen.
func TestExpiredShares(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	_, err := w.super.Exec(t.Context(), "UPDATE public.shares SET created_at = '2026-01-01', expires_at = '2026-01-02' WHERE user_id = $1", w.bob.UserID())
	require.NoError(t, err)
	for _, sql := range []string{
		"SELECT * FROM public.read_share(" + bobsShare + ")", "SELECT id FROM public.shares WHERE user_id <> '" + w.alice.UserID().String() + "'",
		"DELETE FROM public.shares WHERE expires_at < now() RETURNING id",
	} {
		values, err := strike(t.Context(), w.App(t).PgConn(), sql)
		require.NoError(t, err, sql)
		require.Empty(t, values, sql)
		values, err = strike(t.Context(), w.bound(t), sql)
		require.NoError(t, err, sql)
		require.Empty(t, values, sql)
	}
	tag, err := w.App(t).Exec(t.Context(), "DELETE FROM public.shares")
	require.NoError(t, err)
	require.EqualValues(t, 1, tag.RowsAffected())
	w.own(t)
}

// Neither an analyst nor the login for users' own SQL gets at what is shared, nor at the ids that open it.
func TestOtherLoginsSeeNoShares(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, role := range []string{"twobrains_analyst", "twobrains_console"} {
		for _, sql := range []string{
			"SELECT id FROM public.shares", "SELECT title FROM public.shares", "SELECT snapshot FROM public.shares", "SELECT s FROM public.shares s",
			"SELECT count(*) FROM public.shares WHERE id LIKE 'a%'", "SELECT * FROM public.read_share(" + bobsShare + ")", "TABLE public.shares",
			"SELECT count(*) FROM public.shares GROUP BY id", "SELECT 1 FROM public.shares ORDER BY snapshot",
		} {
			_, err := w.super.Exec(t.Context(), "SET ROLE "+role)
			require.NoError(t, err)
			_, err = w.super.Exec(t.Context(), sql)
			var pgErr *pgconn.PgError
			require.ErrorAs(t, err, &pgErr, "%s: %s", role, sql)
			require.Equal(t, "42501", pgErr.Code, "%s: %s", role, sql)
			_, err = w.super.Exec(t.Context(), "RESET ROLE")
			require.NoError(t, err)
		}
	}
	// What an analyst may know: how many there are, since when and until when.
	_, err := w.super.Exec(t.Context(), "SET ROLE twobrains_analyst")
	require.NoError(t, err)
	var n int
	require.NoError(t, w.super.QueryRow(t.Context(), "SELECT count(user_id) FROM public.shares WHERE expires_at > created_at").Scan(&n))
	require.Equal(t, 2, n)
}
