package byok_test

import (
	"context"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/byok"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

// rotated gives a kernel, and the keys of a server, whose primary key is a new one.
func (b *testBundle) rotated(t *testing.T) (*tenant.DB, *byok.Keys) {
	t.Helper()
	ring := testdb.Keys(t, "new", "test")
	return b.Kernel(t, func(o *tenant.Options) { o.Keys = ring }), b.with(ring)
}

func rotate(t *testing.T, db *tenant.DB, o tenant.RotateOptions) map[tenant.RotateOutcome][]tenant.Rotated {
	t.Helper()
	o.Vaults = byok.Vaults()
	by := map[tenant.RotateOutcome][]tenant.Rotated{}
	for r, err := range db.Fleet().Rotate(t.Context(), o) {
		require.NoError(t, err)
		by[r.Outcome] = append(by[r.Outcome], r)
	}
	return by
}

func (b *testBundle) left(t *testing.T) (n int) {
	t.Helper()
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(), `SELECT (SELECT count(*) FROM public.user_api_keys WHERE key_id <> 'new') +
		(SELECT count(*) FROM public.user_mcp_servers WHERE key_id <> 'new')`).Scan(&n))
	return n
}

// headers stores sealed header values of an MCP server.
func (b *testBundle) headers(t *testing.T, user auth.User, text string) uuid.UUID {
	t.Helper()
	id := uuid.New()
	sealed, err := b.Keys.Seal(secret.Place{User: user.ID(), Provider: secret.MCP, Record: id}, secret.New(text))
	require.NoError(t, err)
	b.exec(t, "INSERT INTO public.user_mcp_servers (user_id, id, slot, name, url, transport, header_names, headers_ciphertext, key_id) VALUES ($1, $2, 1, 'n', 'https://x.test', 'sse', '{Authorization}', $3, $4)",
		user.ID(), id, sealed.Ciphertext, sealed.KeyID)
	return id
}

func TestRotate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var users []auth.User
	for range 12 {
		u := b.user(t)
		users = append(users, u)
		b.put(t, b.keys, u, "openai", "sk-"+u.ID().String())
		b.put(t, b.keys, u, "exa", "exa-"+u.ID().String())
	}
	server := b.headers(t, users[0], `{"Authorization":"canary"}`)
	b.exec(t, "INSERT INTO public.user_mcp_servers (user_id, id, slot, name, url, transport) VALUES ($1, gen_random_uuid(), 1, 'n', 'https://x.test', 'sse')", users[1].ID())
	next, keys := b.rotated(t)

	by := rotate(t, next, tenant.RotateOptions{DryRun: true, Batch: 5})
	require.Len(t, by[tenant.RotateDone], 25)
	require.Equal(t, 25, b.left(t))

	// Left in the middle, and cut off in the middle: whole batches are done, the rest is found by the next one.
	seen := 0
	for _, err := range next.Fleet().Rotate(t.Context(), tenant.RotateOptions{Vaults: byok.Vaults(), Batch: 5}) {
		require.NoError(t, err)
		if seen++; seen == 7 {
			break
		}
	}
	require.Equal(t, 15, b.left(t))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var ended error
	for _, err := range next.Fleet().Rotate(ctx, tenant.RotateOptions{Vaults: byok.Vaults(), Batch: 5}) {
		cancel()
		ended = err
	}
	require.ErrorIs(t, ended, context.Canceled)
	require.Equal(t, 10, b.left(t))

	by = rotate(t, next, tenant.RotateOptions{Batch: 4})
	require.Len(t, by[tenant.RotateDone], 10)
	require.Empty(t, rotate(t, next, tenant.RotateOptions{}), "nothing left to do")
	require.Zero(t, b.left(t))
	onlyNew := testdb.Keys(t, "new")
	for _, u := range users {
		for _, c := range []struct {
			keys *byok.Keys
			ok   bool
		}{{keys, true}, {b.with(onlyNew), true}, {b.keys, false}} {
			got, err := b.reveal(t, c.keys, u, "openai")
			require.Equal(t, c.ok, err == nil)
			require.Equal(t, c.ok, got == "sk-"+u.ID().String())
		}
	}
	var sealed secret.Sealed
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(), "SELECT key_id, headers_ciphertext FROM public.user_mcp_servers WHERE id = $1", server).Scan(&sealed.KeyID, &sealed.Ciphertext))
	headers, err := onlyNew.Open(secret.Place{User: users[0].ID(), Provider: secret.MCP, Record: server}, sealed)
	require.NoError(t, err)
	require.JSONEq(t, `{"Authorization":"canary"}`, headers.Reveal())
}

func TestRotateLeavesWhatDoesNotOpen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good, tampered, lost, one, other := b.user(t), b.user(t), b.user(t), b.user(t), b.user(t)
	for _, u := range []auth.User{good, tampered, lost, one, other} {
		b.put(t, b.keys, u, "openai", canary)
	}
	b.exec(t, "UPDATE public.user_api_keys SET ciphertext = set_byte(ciphertext, 40, get_byte(ciphertext, 40) # 1) WHERE user_id = $1", tampered.ID())
	b.exec(t, "UPDATE public.user_api_keys SET key_id = 'gone' WHERE user_id = $1", lost.ID())
	b.exec(t, `UPDATE public.user_api_keys a SET id = b.id, ciphertext = b.ciphertext FROM public.user_api_keys b
		WHERE a.user_id IN ($1, $2) AND b.user_id IN ($1, $2) AND a.user_id <> b.user_id`, one.ID(), other.ID())
	var before string
	state := func() (s string) {
		require.NoError(t, b.Superuser(t).QueryRow(t.Context(), "SELECT string_agg(k::text, ' ' ORDER BY user_id) FROM public.user_api_keys k WHERE user_id <> $1", good.ID()).Scan(&s))
		return s
	}
	before = state()
	next, keys := b.rotated(t)
	by := rotate(t, next, tenant.RotateOptions{Batch: 2})
	require.Len(t, by[tenant.RotateDone], 1)
	require.Len(t, by[tenant.RotateUnreadable], 4)
	causes := map[uuid.UUID]error{tampered.ID(): secret.ErrTampered, lost.ID(): secret.ErrMasterKeyLost, one.ID(): secret.ErrMisplaced, other.ID(): secret.ErrMisplaced}
	for _, r := range by[tenant.RotateUnreadable] {
		require.ErrorIs(t, r.Err, causes[r.Place.User])
		require.NotContains(t, r.Err.Error(), "canary")
	}
	require.Equal(t, before, state(), "untouched")
	_, err := b.reveal(t, keys, good, "openai")
	require.NoError(t, err)

	uses, err := next.Fleet().KeyUse(t.Context())
	require.NoError(t, err)
	require.Equal(t, []tenant.KeyUse{
		{KeyID: "new", Known: true, Primary: true, OwnKeys: 1},
		{KeyID: "test", Known: true, OwnKeys: 3, Brains: 5},
		{KeyID: "gone", OwnKeys: 1},
	}, uses)
}

// A user who changes a key between its being read and replaced keeps the new one.
func TestRotateYieldsToTheUser(t *testing.T) {
	t.Parallel()
	b := setup(t)
	changing, deleting := b.user(t), b.user(t)
	b.put(t, b.keys, changing, "openai", canary)
	b.put(t, b.keys, deleting, "openai", canary)
	next, keys := b.rotated(t)
	vault := byok.Vaults()[0]
	page := vault.Page
	var once sync.Once
	vault.Page = func(ctx context.Context, db tenant.DBTX, primary string, after secret.Place, limit int) ([]tenant.VaultRow, error) {
		rows, err := page(ctx, db, primary, after, limit)
		once.Do(func() {
			b.put(t, b.keys, changing, "openai", "sk-newer-0123456789") // by a server that has the old ring still
			require.NoError(t, b.keys.Delete(ctx, deleting, "openai"))
		})
		return rows, err
	}
	var outcomes []tenant.RotateOutcome
	for r, err := range next.Fleet().Rotate(t.Context(), tenant.RotateOptions{Vaults: []tenant.Vault{vault}}) {
		require.NoError(t, err)
		outcomes = append(outcomes, r.Outcome)
	}
	require.Equal(t, []tenant.RotateOutcome{tenant.RotateChanged, tenant.RotateChanged}, outcomes)
	require.Empty(t, b.rows(t, deleting))
	require.Len(t, rotate(t, next, tenant.RotateOptions{})[tenant.RotateDone], 1)
	got, err := b.reveal(t, keys, changing, "openai")
	require.NoError(t, err)
	require.Equal(t, "sk-newer-0123456789", got)
}

// Two rotations, and users who write all the time: nobody is refused, and each finds the last key stored.
func TestRotateWhileServing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	next, keys := b.rotated(t)
	const size = 8
	var users [size]auth.User
	var last [size]string
	for i := range users {
		users[i] = b.user(t)
		b.put(t, b.keys, users[i], "openai", canary)
	}
	var wg sync.WaitGroup
	for i, u := range users {
		wg.Go(func() {
			for range 10 {
				key := "sk-" + uuid.NewString()
				if _, err := b.keys.Put(t.Context(), u, "openai", secret.New(key)); err != nil {
					t.Errorf("put: %v", err)
					return
				}
				last[i] = key
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for range 10 {
				for r, err := range next.Fleet().Rotate(t.Context(), tenant.RotateOptions{Vaults: byok.Vaults(), Batch: 3}) {
					if err != nil || r.Err != nil {
						t.Errorf("rotate: %v %v", err, r.Err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
	rotate(t, next, tenant.RotateOptions{})
	require.Zero(t, b.left(t))
	for i, u := range users {
		got, err := b.reveal(t, keys, u, "openai")
		require.NoError(t, err)
		require.Equal(t, last[i], got)
	}
}

// Rows that somebody holds for long are left for the next time.
func TestRotateLeavesTheBusy(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.user(t)
	b.put(t, b.keys, alice, "openai", canary)
	next, _ := b.rotated(t)
	tx, err := b.Superuser(t).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), "SELECT FROM public.user_api_keys FOR UPDATE")
	require.NoError(t, err)
	require.Len(t, rotate(t, next, tenant.RotateOptions{})[tenant.RotateBusy], 1)
	require.NoError(t, tx.Rollback(t.Context()))
	require.Len(t, rotate(t, next, tenant.RotateOptions{})[tenant.RotateDone], 1)
}
