package servers_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
	"twobrains/internal/tool/guard"
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tool/servers"
)

type testBundle struct {
	database *testdb.Database
	service  *servers.Service
	wire     *testdb.Wire
	keys     *secret.KeyRing
	alice    auth.User
	bob      auth.User
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{wire: &testdb.Wire{}, keys: testdb.Keys(t, "a")}
	b.database = testdb.New(t, testdb.Watch(b.wire))
	ids := authtest.NewIdentities(t)
	b.alice, b.bob = ids.User(t, uuid.New()), ids.User(t, uuid.New())
	b.service = b.with(t, b.keys)
	for _, user := range []auth.User{b.alice, b.bob} {
		_, err := b.service.List(t.Context(), user)
		require.NoError(t, err)
	}
	return b
}

func (b *testBundle) with(t *testing.T, keys *secret.KeyRing) *servers.Service {
	t.Helper()
	builtin, err := mcp.LoadCatalog("", guard.Options{})
	require.NoError(t, err)
	return servers.NewService(servers.Options{DB: b.database.DB, Keys: keys, Catalog: builtin, Client: mcp.New(mcp.Options{})})
}

// enabled is what a run of the user gets, by the statement that runs read it with.
func (b *testBundle) enabled(t *testing.T, service *servers.Service, user auth.User) ([]mcp.Server, []string) {
	t.Helper()
	brain, err := b.database.DB.Open(t.Context(), user)
	require.NoError(t, err)
	q := publicdb.New()
	var about *tenant.Result[publicdb.RunContextRow]
	var listed *tenant.Result[[]publicdb.MCPServerListRow]
	require.NoError(t, brain.Tx(t.Context(), func(tx *tenant.Tx) error {
		about = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.RunContextRow, error) { return q.RunContext(t.Context(), db) })
		listed = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.MCPServerListRow, error) { return q.MCPServerList(t.Context(), db) })
		return nil
	}))
	own, builtins := []publicdb.MCPServerListRow{}, []publicdb.MCPBuiltinListRow{}
	require.NoError(t, json.Unmarshal(about.Value().Servers, &own))
	require.NoError(t, json.Unmarshal(about.Value().Builtins, &builtins))
	require.Equal(t, utc(listed.Value()), utc(own), "JSON and rows")
	return service.Enabled(t.Context(), user, own, builtins)
}

// utc makes rows comparable: whose times are read from rows have the local zone.
func utc(rows []publicdb.MCPServerListRow) (same []publicdb.MCPServerListRow) {
	for _, row := range rows {
		row.CreatedAt, row.UpdatedAt = row.CreatedAt.UTC(), row.UpdatedAt.UTC()
		same = append(same, row)
	}
	return same
}

func draft(name string, headers map[string]secret.Secret) servers.Draft {
	return servers.Draft{Name: &name, URL: new("https://mcp.example.com/"), Headers: headers}
}

func TestEnabled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	one, err := b.service.Create(ctx, b.alice, draft("one", map[string]secret.Secret{"authorization": secret.New("Bearer canary")}))
	require.NoError(t, err)
	two, err := b.service.Create(ctx, b.alice, draft("two", nil))
	require.NoError(t, err)
	_, err = b.service.Update(ctx, b.alice, two.ID, servers.Draft{Enabled: new(false)})
	require.NoError(t, err)
	_, err = b.service.Update(ctx, b.alice, "svelte", servers.Draft{Enabled: new(true)})
	require.NoError(t, err)

	got, notices := b.enabled(t, b.service, b.alice)
	require.Empty(t, notices)
	require.Len(t, got, 2)
	require.Equal(t, "svelte", got[0].ID)
	require.Equal(t, mcp.ApprovalNever, got[0].Approval)
	require.Equal(t, one.ID, got[1].ID)
	require.Equal(t, "Bearer canary", got[1].Headers["Authorization"].Reveal())
	require.NotContains(t, fmt.Sprintf("%+v", got), "canary")
	got, _ = b.enabled(t, b.service, b.bob)
	require.Empty(t, got)

	// Every change makes another version, however fast it follows.
	versions := map[string]bool{}
	for range 5 {
		_, err = b.service.Update(ctx, b.alice, one.ID, servers.Draft{Name: new("renamed")})
		require.NoError(t, err)
		got, _ = b.enabled(t, b.service, b.alice)
		versions[got[1].Version] = true
	}
	require.Len(t, versions, 5)

	// Without its master key a server costs its tools only.
	got, notices = b.enabled(t, b.with(t, testdb.Keys(t, "other")), b.alice)
	require.Len(t, got, 1)
	require.Equal(t, []string{`The tools of "renamed" are not available: it has headers that cannot be read any more: they have to be entered again.`}, notices)
}

func TestOneRoundTrip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	s, err := b.service.Create(ctx, b.alice, draft("n", nil))
	require.NoError(t, err)
	for name, act := range map[string]func() error{
		"list":   func() error { _, err := b.service.List(ctx, b.alice); return err },
		"create": func() error { _, err := b.service.Create(ctx, b.alice, draft("n", nil)); return err },
		"update": func() error {
			_, err := b.service.Update(ctx, b.alice, s.ID, servers.Draft{Name: new("m")})
			return err
		},
		"builtin": func() error {
			_, err := b.service.Update(ctx, b.alice, "svelte", servers.Draft{Enabled: new(false)})
			return err
		},
	} {
		require.NoError(t, act()) // prepares the statements, which takes a trip of its own once
		require.EqualValues(t, 1, b.wire.During(func() { require.NoError(t, act()) }), name)
	}
}
