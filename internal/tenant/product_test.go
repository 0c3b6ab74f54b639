package tenant_test

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
	"twobrains/tern"
)

// The product of this package's README: notes in the private brain, a plan with a limit in the public one. It shares
// nothing with chat but the kernel.
type notes struct{ db *tenant.DB }

const (
	notesPrivate = `CREATE TABLE notes (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, text text NOT NULL);`
	notesPublic  = `
		CREATE TABLE public.plans (user_id uuid PRIMARY KEY, notes_left integer NOT NULL CHECK (notes_left >= 0));
		ALTER TABLE public.plans ENABLE ROW LEVEL SECURITY;
		CREATE POLICY seal ON public.plans USING (user_id = (SELECT o.user_id FROM public.tenants o
			WHERE o.lock = (SELECT sha256(convert_to(current_setting('twobrains.key', true), 'UTF8')))));`
)

func (n *notes) add(ctx context.Context, user auth.User, text string) error {
	brain, err := n.db.Open(ctx, user)
	if err != nil {
		return err
	}
	return brain.Tx(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := db.Exec(ctx, `INSERT INTO public.plans AS p SELECT user_id, 1 FROM public.tenants
				ON CONFLICT (user_id) DO UPDATE SET notes_left = p.notes_left - 1`)
			return err
		})
		tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := db.Exec(ctx, "INSERT INTO notes (text) VALUES ($1)", text)
			return err
		})
		return nil
	})
}

func (n *notes) list(ctx context.Context, user auth.User) (texts []string, err error) {
	brain, err := n.db.Open(ctx, user)
	if err != nil {
		return nil, err
	}
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		rows, err := tx.Query(ctx, "SELECT text FROM notes ORDER BY id")
		if err != nil {
			return err
		}
		texts, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return err
	})
	return texts, err
}

func TestAnotherProduct(t *testing.T) {
	t.Parallel()
	kernel, err := fs.ReadFile(tern.Public(), "001_brain.sql")
	require.NoError(t, err)
	deletions, err := fs.ReadFile(tern.Public(), "010_deletions.sql")
	require.NoError(t, err)
	ids := authtest.NewIdentities(t)
	b := testdb.NewEmpty(t, func(o *tenant.Options) {
		o.PublicMigrations = fstest.MapFS{
			"001_brain.sql": {Data: kernel}, "002_deletions.sql": {Data: deletions}, "003_notes.sql": {Data: []byte(notesPublic)},
		}
		o.TenantMigrations = fstest.MapFS{"001_notes.sql": {Data: []byte(notesPrivate)}}
	})
	require.NoError(t, b.DB.Migrate(t.Context(), false, nil))
	product := &notes{b.DB}
	ctx, alice, bob := t.Context(), ids.User(t, uuid.New()), ids.User(t, uuid.New())

	require.NoError(t, product.add(ctx, alice, "a secret"))
	require.NoError(t, product.add(ctx, alice, "another"))
	err = product.add(ctx, alice, "one too many")
	require.True(t, tenant.HasState(err, "23514"), "the plan's limit undoes the note with it: %v", err)
	texts, err := product.list(ctx, alice)
	require.NoError(t, err)
	require.Equal(t, []string{"a secret", "another"}, texts)
	texts, err = product.list(ctx, bob)
	require.NoError(t, err)
	require.Empty(t, texts)
}
