package byok_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/byok"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

const canary = "sk-canary-0123456789-tail"

type testBundle struct {
	*testdb.Database
	ids  *authtest.Identities
	keys *byok.Keys
	now  time.Time
}

func setup(t *testing.T, options ...testdb.Option) *testBundle {
	t.Helper()
	b := &testBundle{Database: testdb.New(t, options...), ids: authtest.NewIdentities(t), now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	b.keys = b.with(b.Keys)
	return b
}

// with gives the keys as a server with this ring sees them.
func (b *testBundle) with(ring *secret.KeyRing) *byok.Keys {
	return byok.New(byok.Options{DB: b.DB, Ring: ring, Providers: byok.Providers(byok.BaseURLs{}), Clock: func() time.Time { return b.now }})
}

func (b *testBundle) user(t *testing.T) auth.User { return b.ids.User(t, uuid.New()) }

func (b *testBundle) put(t *testing.T, keys *byok.Keys, user auth.User, provider, key string) {
	t.Helper()
	_, err := keys.Put(t.Context(), user, provider, secret.New(key))
	require.NoError(t, err)
}

// rows reads as prepare does.
func (b *testBundle) rows(t *testing.T, user auth.User) []publicdb.KeyListRow {
	t.Helper()
	brain, err := b.DB.Open(t.Context(), user)
	require.NoError(t, err)
	var rows *tenant.Result[[]publicdb.KeyListRow]
	require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.KeyListRow, error) { return publicdb.New().KeyList(t.Context(), db) })
		return nil
	}))
	return rows.Value()
}

func (b *testBundle) reveal(t *testing.T, keys *byok.Keys, user auth.User, provider string) (string, error) {
	t.Helper()
	row, ok := byok.Find(b.rows(t, user), provider)
	require.True(t, ok)
	key, err := keys.Reveal(user, row)
	if err != nil {
		require.True(t, key.IsZero())
		require.NotContains(t, err.Error(), "canary")
	}
	return key.Reveal(), err
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.Superuser(t).Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice, bob := b.user(t), b.user(t)
	b.put(t, b.keys, alice, "openai", canary)
	b.put(t, b.keys, alice, "exa", "short-12")
	list, err := b.keys.List(t.Context(), alice)
	require.NoError(t, err)
	require.Len(t, list, 2)
	require.Equal(t, byok.Key{Provider: "openai", Name: "OpenAI", LastFour: "tail", CreatedAt: list[1].CreatedAt, Readable: true}, list[1])
	require.True(t, list[1].CreatedAt.Equal(b.now))
	require.Equal(t, "12", list[0].LastFour, "no more than a quarter")
	list, err = b.keys.List(t.Context(), bob)
	require.NoError(t, err)
	require.Empty(t, list)
	require.True(t, problem.HasCode(b.keys.Delete(t.Context(), bob, "openai"), problem.CodeNotFound))

	var stored string
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(), "SELECT string_agg(encode(ciphertext, 'escape') || k::text, ' ') FROM public.user_api_keys k").Scan(&stored))
	require.NotContains(t, stored, "canary")

	first := b.rows(t, alice)
	b.put(t, b.keys, alice, "openai", "sk-another-0123456789")
	got, err := b.reveal(t, b.keys, alice, "openai")
	require.NoError(t, err)
	require.Equal(t, "sk-another-0123456789", got)
	old, _ := byok.Find(first, "openai")
	now, _ := byok.Find(b.rows(t, alice), "openai")
	require.NotEqual(t, old.ID, now.ID)
	require.NoError(t, b.keys.Delete(t.Context(), alice, "openai"))
	require.Len(t, b.rows(t, alice), 1)
}

func TestKeysRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.user(t)
	for name, c := range map[string]struct {
		provider, key string
		code          problem.Code
	}{
		"provider": {"nobody", canary, problem.CodeUnknownProvider},
		"mcp":      {secret.MCP, canary, problem.CodeUnknownProvider},
		"empty":    {"openai", "", problem.CodeInvalid},
		"short":    {"openai", "sk-1234", problem.CodeInvalid},
		"long":     {"openai", strings.Repeat("canary", 100), problem.CodeInvalid},
		"space":    {"openai", "sk canary 123", problem.CodeInvalid},
		"newline":  {"openai", canary + "\n", problem.CodeInvalid},
		"umlaut":   {"openai", "sk-canäry-123", problem.CodeInvalid},
		"zero":     {"openai", "sk-canary\x00123", problem.CodeInvalid},
		"delete":   {"openai", "sk-canary\x7f123", problem.CodeInvalid},
	} {
		_, err := b.keys.Put(t.Context(), alice, c.provider, secret.New(c.key))
		require.True(t, problem.HasCode(err, c.code), "%s: %v", name, err)
		if c.key != "" {
			require.NotContains(t, err.Error(), c.key, name)
		}
	}
	require.Empty(t, b.rows(t, alice))
	require.True(t, problem.HasCode(b.keys.Test(t.Context(), alice, "openai", secret.Secret{}), problem.CodeNotFound), "nothing stored")
}

func TestKeysThatDoNotOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice, bob := b.user(t), b.user(t)
	b.put(t, b.keys, alice, "openai", "sk-alices-canary-1")
	b.put(t, b.keys, bob, "openai", "sk-bobs-canary-12")
	b.put(t, b.keys, bob, "exa", "exa-bobs-canary-1")
	unreadable := func(keys *byok.Keys, user auth.User, provider string, cause error) {
		t.Helper()
		_, err := b.reveal(t, keys, user, provider)
		require.ErrorIs(t, err, cause)
		require.Contains(t, problem.From(err).Detail, "enter it again")
		require.True(t, problem.HasCode(keys.Test(t.Context(), user, provider, secret.Secret{}), problem.From(err).Code))
		list, err := keys.List(t.Context(), user)
		require.NoError(t, err, "the others are still listed")
		for _, k := range list {
			require.Equal(t, k.Provider != provider, k.Readable)
		}
	}
	unreadable(b.with(testdb.Keys(t, "another")), alice, "openai", secret.ErrMasterKeyLost)

	// Alice gets Bob's row, whole: id, key id and all.
	b.exec(t, `UPDATE public.user_api_keys a SET id = b.id, ciphertext = b.ciphertext FROM public.user_api_keys b
		WHERE a.user_id = $1 AND b.user_id = $2 AND b.provider = 'openai'`, alice.ID(), bob.ID())
	unreadable(b.keys, alice, "openai", secret.ErrMisplaced)
	// Bob's key of one provider stands as that of another.
	b.exec(t, `UPDATE public.user_api_keys a SET id = b.id, ciphertext = b.ciphertext FROM public.user_api_keys b
		WHERE a.user_id = $1 AND b.user_id = $1 AND a.provider = 'exa' AND b.provider = 'openai'`, bob.ID())
	unreadable(b.keys, bob, "exa", secret.ErrMisplaced)
	b.put(t, b.keys, bob, "exa", "exa-bobs-canary-2")
	b.exec(t, "UPDATE public.user_api_keys SET ciphertext = set_byte(ciphertext, 30, get_byte(ciphertext, 30) # 1) WHERE user_id = $1 AND provider = 'exa'", bob.ID())
	unreadable(b.keys, bob, "exa", secret.ErrTampered)
	b.put(t, b.keys, bob, "exa", "exa-bobs-canary-3")
	got, err := b.reveal(t, b.keys, bob, "exa")
	require.NoError(t, err)
	require.Equal(t, "exa-bobs-canary-3", got)
}

func TestKeyTouch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.user(t)
	b.put(t, b.keys, alice, "openai", canary)
	brain, err := b.DB.Open(t.Context(), alice)
	require.NoError(t, err)
	row := b.rows(t, alice)[0]
	for _, c := range []struct {
		at   time.Duration
		id   uuid.UUID
		want time.Duration
	}{{0, row.ID, 0}, {59 * time.Minute, row.ID, 0}, {time.Hour, uuid.New(), 0}, {time.Hour, row.ID, time.Hour}} {
		at := b.now.Add(c.at)
		require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
			tenant.QueueExec(tx, func(db tenant.DBTX) error {
				return publicdb.New().KeyTouch(t.Context(), db, publicdb.KeyTouchParams{Now: &at, Provider: "openai", ID: c.id})
			})
			return nil
		}))
		require.True(t, b.rows(t, alice)[0].LastUsedAt.Equal(b.now.Add(c.want)), "after %s", c.at)
	}
}

func TestOneRoundTrip(t *testing.T) {
	t.Parallel()
	wire := &testdb.Wire{}
	b := setup(t, testdb.Watch(wire))
	alice := b.user(t)
	for range 2 { // the first time statements are prepared
		for name, do := range map[string]func(){
			"put":    func() { b.put(t, b.keys, alice, "openai", canary) },
			"list":   func() { _, _ = b.keys.List(t.Context(), alice) },
			"delete": func() { _ = b.keys.Delete(t.Context(), alice, "openai") },
		} {
			do()
			if got := wire.During(do); got != 1 {
				t.Errorf("%s took %d round trips", name, got)
			}
		}
	}
}
