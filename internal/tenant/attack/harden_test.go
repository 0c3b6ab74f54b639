package attack

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/tenant"
)

// closed are the residual channels that a superuser can close, by what they try. The others (plans and their estimates,
// locks) remain.
var closed = map[string]bool{
	"schema names, and so user ids, from the catalog": true,
	"row counts from the catalog":                     true,
	"row counts from activity statistics":             true,
	"sizes on disk":                                   true,
	"hashes of keys, from the policies":               true,
	"peers' statements without their parameters":      true,
	"names of roles and databases":                    true,
	"cancelling peers":                                true,
	"holding a name among the advisory locks":         true,
}

func TestHardening(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range 2 {
		_, err := w.super.PgConn().Exec(t.Context(), w.DB.HardenSQL()).ReadAll()
		require.NoError(t, err)
	}
	found := 0
	for _, a := range statements["residual channels"] {
		if closed[a.tries] {
			found++
			a.want = denied
		}
		w.run(t, a)
	}
	require.Len(t, closed, found)

	// The product does not miss what was taken: everything still works, for newcomers, old users and migrations.
	w.own(t)
	fresh := w.Kernel(t)
	ids := authtest.NewIdentities(t)
	for _, id := range []uuid.UUID{w.alice.UserID(), uuid.New()} {
		brain, err := fresh.Open(t.Context(), ids.User(t, id))
		require.NoError(t, err)
		require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO conversations (id) VALUES ('after hardening')")
			return err
		}))
	}
	require.NoError(t, w.DB.Migrate(t.Context(), false, nil))
	require.NoError(t, w.DB.Check(t.Context()))
}
