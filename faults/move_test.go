package faults

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
	"twobrains/internal/localstack"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/tern"
)

// place is a Postgres server with a server of ours on it.
type place struct {
	db     faulttest.Database
	server *faulttest.Server
	kernel *tenant.DB
}

// places are two that share nothing but the master keys, the identities and the provider of models.
func places(w *world) (here, there *place) {
	w.t.Helper()
	// Links are told with the address that browsers see, which is the same wherever a user's rows are.
	w.env["PUBLIC_URL"] = "http://127.0.0.1:8080"
	standing := func(db faulttest.Database, redis string) *place {
		keys, err := secret.ParseKeyRing(secret.New(faulttest.MasterKeys))
		require.NoError(w.t, err)
		kernel, err := tenant.New(tenant.Options{
			URL: secret.New(db.AppURL), OwnerURL: secret.New(db.OwnerURL), Keys: keys, PublicMigrations: tern.Public(), TenantMigrations: tern.Tenant(),
		})
		require.NoError(w.t, err)
		w.t.Cleanup(kernel.Close)
		return &place{db: db, kernel: kernel, server: faulttest.NewServer(w.t, faulttest.ServerOptions{
			Database: db, Redis: redis, Kratos: w.kratos, Provider: w.provider, Env: w.env,
		})}
	}
	here = standing(w.db, w.redis.URL(w.toRedis))
	return here, standing(faulttest.NewPostgres(w.t).Database(nil), faulttest.NewRedis(w.t).URL(nil))
}

// move runs the script of operators.
func move(t *testing.T, id uuid.UUID, from, to *place, more ...string) (output string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	programs, err := localstack.PostgresDir(ctx)
	require.NoError(t, err)
	cmd := exec.CommandContext(ctx, "../tools/postgres/move-user.sh", append([]string{id.String(), from.db.OwnerURL, to.db.OwnerURL}, more...)...)
	cmd.Env = []string{"PATH=" + programs + string(filepath.ListSeparator) + os.Getenv("PATH")}
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func (p *place) moveTo(t *testing.T, id uuid.UUID, to *place) {
	t.Helper()
	// What a run leaves in the journal is folded first: it is counted where it happened.
	faulttest.Until(t, 30*time.Second, "all is accounted for", func() bool {
		return p.db.Count(t, "SELECT count(*) FROM public.usage_events WHERE user_id = $1", id) == 0
	})
	output, err := move(t, id, p, to)
	require.NoError(t, err, output)
	require.Contains(t, output, "moved")
}

// rowsOf are the rows of a user, as text, by table: what stands in the private brain and in every public table that has a user_id.
func (p *place) rowsOf(t *testing.T, id uuid.UUID) map[string]string {
	t.Helper()
	schema := schemaOf(id)
	conn, err := pgx.Connect(t.Context(), p.db.SuperuserURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()
	_, err = conn.Exec(t.Context(), "SET timezone = 'UTC'")
	require.NoError(t, err)
	rows, err := conn.Query(t.Context(), `SELECT format('%I.%I', n.nspname, c.relname), CASE WHEN n.nspname = 'public' THEN format('WHERE user_id = %L', $2::uuid) ELSE '' END
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE c.relkind = 'r' AND (n.nspname = $1 OR n.nspname = 'public' AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id'))`, schema, id)
	require.NoError(t, err)
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t [2]string, err error) { return t, row.Scan(&t[0], &t[1]) })
	require.NoError(t, err)
	contents := map[string]string{}
	for _, table := range found {
		var text *string
		require.NoError(t, conn.QueryRow(t.Context(), fmt.Sprintf("SELECT string_agg(t::text, chr(10) ORDER BY t::text) FROM %s t %s", table[0], table[1])).Scan(&text))
		if text != nil {
			sum := sha256.Sum256([]byte(*text))
			contents[table[0]] = fmt.Sprint(strings.Count(*text, "\n")+1, " rows ", hex.EncodeToString(sum[:]))
		}
	}
	return contents
}

func schemaOf(id uuid.UUID) string { return "u_" + strings.ReplaceAll(id.String(), "-", "") }

// settler is somebody who has something of everything that a user can have.
type settler struct {
	id    uuid.UUID
	token string
	// paths of what they can look at; whatever an answer is made of, it is the same at every place.
	paths []string
}

func (w *world) settler(p *place) *settler {
	t := w.t
	t.Helper()
	s := &settler{id: uuid.New()}
	s.token = w.ids.Token(s.id)
	c := p.server.As(s.token)
	field := func(a faulttest.Answer, name string) string {
		var fields map[string]any
		require.NoError(t, json.Unmarshal([]byte(a.Body), &fields))
		value, _ := fields[name].(string)
		require.NotEmpty(t, value, a.Body)
		return value
	}
	c.Do(http.MethodPatch, "/api/settings", `{"customInstructions":"be kind","preferences":{"theme":"dark"},"memory":true}`).Want(t, http.StatusOK, "")
	c.Do(http.MethodPost, "/api/memories", `{"content":"Prefers metric units."}`).Want(t, http.StatusCreated, "")
	c.Do(http.MethodPost, "/api/mcp/servers", `{"name":"mine","url":"https://mcp.example.com/mcp","headers":{"X-Token":"t"},"enabled":false}`).Want(t, http.StatusCreated, "")
	c.Do(http.MethodPatch, "/api/mcp/servers/context7", `{"enabled":false}`).Want(t, http.StatusOK, "")
	file := field(c.Upload("/api/attachments?filename=notes.md", "text/markdown", []byte("# Notes")).Want(t, http.StatusCreated, ""), "url")
	c.Follow(http.MethodPost, "/api/ai", fmt.Sprintf(`{"id":"c1","message":{"id":"m1","role":"user","parts":[{"type":"text","text":"a teapot"},{"type":"file","mediaType":"text/markdown","url":%q}]}}`, file)).
		End(t, 20*time.Second).Whole(t)
	w.says(c, "c1")
	// An edit makes a branch.
	c.Follow(http.MethodPost, "/api/ai", `{"id":"c1","messageId":"m1","message":{"id":"m1","role":"user","parts":[{"type":"text","text":"another teapot"}]}}`).
		End(t, 20*time.Second).Whole(t)
	edited := c.Messages(t, "c1")[0].ID
	// From here on a key of their own pays.
	c.Do(http.MethodPut, "/api/settings/keys/openai", `{"key":"own-key-in-tests-1234"}`).Want(t, http.StatusOK, "")
	w.says(c, "c2")
	share := field(c.Do(http.MethodPost, "/api/conversations/c1/share", `{}`).Want(t, http.StatusCreated, ""), "id")
	c.Do(http.MethodPost, exportPath, "").Want(t, http.StatusAccepted, "")
	moved(t, c, exportPath)
	s.paths = []string{
		"/api/conversations", "/api/conversations/c1", "/api/conversations/c1/messages", "/api/conversations/c1/messages/" + edited + "/siblings",
		"/api/conversations/c2/messages", "/api/search?q=teapot", file, "/api/settings", "/api/settings/keys", "/api/memories", "/api/mcp/servers",
		"/api/shares", "/api/shared/" + share, "/api/usage", "/api/account/storage", "/api/models", exportPath, exportPath + "/file",
	}
	return s
}

// sees is what the settler gets at a place.
func (s *settler) sees(t *testing.T, p *place) map[string]string {
	t.Helper()
	seen := map[string]string{}
	for _, path := range s.paths {
		a := p.server.As(s.token).Get(path)
		require.Equal(t, http.StatusOK, a.Status, path, a.Body)
		seen[path] = a.Body
	}
	return seen
}

// healthy says that a place's private brains are what the registry says, and have their seals.
func (p *place) healthy(t *testing.T) {
	t.Helper()
	for finding, err := range p.kernel.Fleet().Doctor(t.Context()) {
		require.NoError(t, err)
		t.Errorf("the doctor finds %+v", finding)
	}
}

// left says that nothing of a user is at a place but the record of what was done to them.
func (p *place) left(t *testing.T, id uuid.UUID) {
	t.Helper()
	traces, err := p.kernel.Fleet().Traces(t.Context(), id)
	require.NoError(t, err)
	for _, trace := range traces {
		require.True(t, trace.Found == 0 || trace.Kept != "", "%+v", trace)
	}
}

// A user moves from one Postgres server to another one, and back. Whatever they look at is the same to the byte, the next reply and the
// books follow what was there before, nobody else is touched at either place, and nothing stays behind.
func TestMovedToAnotherServer(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(5, 0), ownPostgres)
	here, there := places(w)
	s := w.settler(here)
	neighbours := map[*place]*settler{here: w.settler(here), there: w.settler(there)}
	w.db.Exec(t, "INSERT INTO public.user_plans (user_id, messages_per_day) VALUES ($1, 100)", s.id)

	rounds := []struct{ from, to *place }{{here, there}, {there, here}}
	for round, r := range rounds {
		seen := s.sees(t, r.from)
		next := map[*place]map[string]string{}
		for p, n := range neighbours {
			// All that is said so far is folded, so that the neighbours' rows do not change under our eyes.
			faulttest.Until(t, 30*time.Second, "all is accounted for", func() bool { return p.db.Count(t, "SELECT count(*) FROM public.usage_events") == 0 })
			next[p] = p.rowsOf(t, n.id)
		}
		rows := r.from.rowsOf(t, s.id)
		require.Subset(t, keys(rows), []string{
			"public.tenants", "public.user_settings", "public.user_api_keys", "public.user_mcp_servers", "public.user_mcp_builtins", "public.quota_counters",
			"public.usage_daily", "public.user_plans", "public.user_days", "public.user_quarters", "public.shares", "public.account_jobs", "public.account_files",
			"public.account_file_chunks", schemaOf(s.id) + ".messages", schemaOf(s.id) + ".attachments", schemaOf(s.id) + ".memories", schemaOf(s.id) + ".message_search",
		})

		r.from.moveTo(t, s.id, r.to)

		require.Equal(t, rows, r.to.rowsOf(t, s.id))
		r.from.left(t, s.id)
		for _, p := range []*place{here, there} {
			p.healthy(t)
			require.Equal(t, next[p], p.rowsOf(t, neighbours[p].id), "a neighbour")
		}
		require.Equal(t, seen, s.sees(t, r.to))
		c := r.to.server.As(s.token)
		before := len(c.Messages(t, "c1"))
		w.says(c, "c1")
		require.Len(t, c.Messages(t, "c1"), before+2)
		w.says(c, fmt.Sprint("new", round))
		r.to.db.Settled(t, 20*time.Second)
		r.to.db.Balanced(t)
	}
	require.Equal(t, 1, there.db.Count(t, "SELECT count(*) FROM public.tenants"))
	require.Equal(t, 2, here.db.Count(t, "SELECT count(*) FROM public.tenants"))
}

// A move is cut off while rows are written, and when all are there but none is removed; refused while a reply is under way; and done again
// when it is done. At each time the user is whole at one place.
func TestMoveInterrupted(t *testing.T) {
	t.Parallel()
	gate := faulttest.NewGate()
	w := setup(t, faulttest.Words(5, 0), ownPostgres)
	w.provider.On("slowly", gate.Then(2, 3))
	here, there := places(w)
	s := w.settler(here)
	c := here.server.As(s.token)
	reply := c.Send("c3", "m3", "slowly").Saw(t, 1)
	output, err := move(t, s.id, here, there)
	require.Error(t, err)
	require.Contains(t, output, "under way")
	gate.Open()
	reply.End(t, 20*time.Second).Whole(t)
	faulttest.Until(t, 30*time.Second, "all is accounted for", func() bool { return here.db.Count(t, "SELECT count(*) FROM public.usage_events") == 0 })
	seen, rows := s.sees(t, here), here.rowsOf(t, s.id)

	const stop = `CREATE FUNCTION public.stop() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'stopped'; END $$;
		CREATE TRIGGER stop BEFORE INSERT OR DELETE ON public.%s FOR EACH STATEMENT EXECUTE FUNCTION public.stop()`
	const letGo = "DROP FUNCTION public.stop() CASCADE"
	there.db.Exec(t, fmt.Sprintf(stop, "user_settings"))
	_, err = move(t, s.id, here, there)
	require.Error(t, err)
	there.left(t, s.id)
	there.db.Exec(t, letGo)
	require.Equal(t, rows, here.rowsOf(t, s.id))
	require.Equal(t, seen, s.sees(t, here))

	here.db.Exec(t, fmt.Sprintf(stop, "user_settings"))
	_, err = move(t, s.id, here, there)
	require.Error(t, err)
	here.db.Exec(t, letGo)
	require.Equal(t, rows, here.rowsOf(t, s.id), "nothing is removed")
	require.Equal(t, rows, there.rowsOf(t, s.id), "and all is there")

	// What the user does meanwhile is not lost: the copy is no longer what is here, so it is not taken for it.
	c.Do(http.MethodPatch, "/api/settings", `{"customInstructions":"be brief"}`).Want(t, http.StatusOK, "")
	output, err = move(t, s.id, here, there)
	require.Error(t, err)
	require.Contains(t, output, "nothing was removed")
	seen, rows = s.sees(t, here), here.rowsOf(t, s.id)
	output, err = move(t, s.id, here, there, "--anew")
	require.NoError(t, err, output)
	require.Equal(t, rows, there.rowsOf(t, s.id))
	require.Equal(t, seen, s.sees(t, there))
	here.left(t, s.id)
	output, err = move(t, s.id, here, there)
	require.NoError(t, err)
	require.Contains(t, output, "already")
	output, err = move(t, uuid.New(), here, there)
	require.Error(t, err)
	require.Contains(t, output, "neither database knows")
}

func keys(m map[string]string) (all []string) {
	for key := range m {
		all = append(all, key)
	}
	slices.Sort(all)
	return all
}
