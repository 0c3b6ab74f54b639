package tenant_test

import (
	"context"
	"encoding/binary"
	"maps"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// What has to stay so that users can be spread over several Postgres servers (docs/scale-out.md).

// elsewhere says of each public table whose rows belong to nobody what it would be on several servers.
var elsewhere = map[string]string{
	"schema_version":   "per server: its own migrations",
	"models":           "replicated: migrate writes it on each",
	"plans":            "replicated: admins write it on each",
	"model_settings":   "replicated: admins write it on each",
	"announcements":    "replicated: admins write it on each",
	"saved_queries":    "per server: an admin's queries are about one",
	"instances":        "per server: a process gives its signs of life to each",
	"run_tickets":      "per server: that of the brain in which the run is",
	"job_tickets":      "per server: that of the account_jobs row",
	"deletions":        "replicated: an account is deleted wherever it comes up again",
	"audit_log":        "per server: what was done there",
	"usage_quarters":   "per server, summed by whoever reads it",
	"latency_quarters": "per server, summed by whoever reads it",
	"departed_signups": "per server, summed by whoever reads it",
	"usage_fold":       "per server: each folds its own journal",
}

// Every public table belongs to users, by a user_id, or it is known what it would be.
func TestTablesCanBeSpread(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, err := b.Superuser(t).Query(t.Context(), `SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'user_id')
		FROM pg_class c WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p', 'm')`)
	require.NoError(t, err)
	left := maps.Clone(elsewhere)
	var table string
	var ofUsers bool
	_, err = pgx.ForEachRow(rows, []any{&table, &ofUsers}, func() error {
		if _, known := left[table]; known == ofUsers {
			t.Errorf("public.%s has a user_id: %t, and is said to have none: %t", table, ofUsers, known)
		}
		delete(left, table)
		return nil
	})
	require.NoError(t, err)
	require.Empty(t, left, "tables that are gone")
}

// Order and identity come from no sequence, which two servers would not share; and no key of one table refers to a row of another user's.
func TestNoSequences(t *testing.T) {
	t.Parallel()
	b := setup(t)
	alice := b.newUser(t)
	b.open(t, b.DB, alice.UserID())
	const query = `SELECT c.relname FROM pg_class c WHERE c.relkind = 'S' ORDER BY 1`
	rows, err := b.Superuser(t).Query(t.Context(), query)
	require.NoError(t, err)
	sequences, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"audit_log_id_seq"}, sequences, "the audit is each server's own; all else is moved between servers")

	rows, err = b.Superuser(t).Query(t.Context(), `SELECT conrelid::regclass || ' to ' || confrelid::regclass FROM pg_constraint WHERE contype = 'f' ORDER BY 1`)
	require.NoError(t, err)
	references, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.Equal(t, []string{"user_plans to plans"}, references, "plans are the same everywhere")
}

// sources are the texts of what runs in the product, Go and SQL, by path.
func sources(t *testing.T) map[string]string {
	t.Helper()
	texts := map[string]string{}
	for _, root := range []string{"../../internal", "../../sql", "../../tern", "../../cmd/twobrains"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
			if err != nil || entry.IsDir() || strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".sql" {
				return err
			}
			text, err := os.ReadFile(path)
			texts[strings.TrimPrefix(path, "../../")] = string(text)
			return err
		}))
	}
	require.Greater(t, len(texts), 100)
	return texts
}

var (
	notices = regexp.MustCompile(`\bpg_notify\b|\bWaitForNotification\b|\b(LISTEN|NOTIFY) [a-z_"]`)
	locking = regexp.MustCompile(`pg_(try_)?advisory_[a-z_]*lock`)
	comment = regexp.MustCompile(`(?m)(--|//).*$`)
	tables  = regexp.MustCompile(`\bpublic\.([a-z_]+)\b\(?`)
)

// Nothing rests on NOTIFY, nor on a lock that two servers would not share.
func TestNoNoticesAndNoSharedLocks(t *testing.T) {
	t.Parallel()
	// Where advisory locks are taken, and why another server need not know.
	allowed := map[string]string{
		"internal/tenant/sql.go":       "of one private brain, on its server; and of the command that migrates one database",
		"internal/testdb/testdb.go":    "of tests",
		"internal/tenant/harden.sql":   "takes them away from the app",
		"internal/localstack/postgres": "of tests",
	}
	for path, text := range sources(t) {
		text = comment.ReplaceAllString(text, "")
		if notices.MatchString(text) && path != "internal/tenant/harden.sql" {
			t.Errorf("%s: %s", path, notices.FindString(text))
		}
		if locking.MatchString(text) && allowed[path] == "" {
			t.Errorf("%s: %s", path, locking.FindString(text))
		}
	}
}

// Statements of the private brain touch no table of the public one; those of the public brain join what belongs to users with nothing
// but tables that are the same on every server, or that stand where the user's rows do.
func TestStatementsStayWithOneUser(t *testing.T) {
	t.Parallel()
	// Queries over all users of a server, or beside them: none of these runs for a user, and each server answers for its own.
	beside := map[string]string{"RunTicketsDead": "whose process died: both are signs of life on this server"}
	for path, text := range sources(t) {
		private, public := strings.HasPrefix(path, "sql/tenant/"), strings.HasPrefix(path, "sql/public/")
		if !private && !public {
			continue
		}
		for query := range strings.SplitSeq(text, "-- name: ") {
			name, _, _ := strings.Cut(query, " ")
			var apart, ofUsers []string
			for _, found := range tables.FindAllStringSubmatch(comment.ReplaceAllString(query, ""), -1) {
				if strings.HasSuffix(found[0], "(") {
					continue
				}
				table := found[1]
				switch fate := elsewhere[table]; {
				case fate == "" || strings.HasSuffix(table, "_tickets"):
					ofUsers = append(ofUsers, table)
				case !strings.HasPrefix(fate, "replicated"):
					apart = append(apart, table)
				}
			}
			if private && len(apart)+len(ofUsers) > 0 {
				t.Errorf("%s: %s reads %v and %v", path, name, apart, ofUsers)
			}
			if _, known := beside[name]; !known && len(apart) > 0 && len(ofUsers) > 0 {
				t.Errorf("%s: %s joins %v of users with %v", path, name, ofUsers, apart)
			}
		}
	}
}

// statements records the statements that are executed on a connection, in order; an empty one is the end of a transaction's message.
type statements struct {
	mu   sync.Mutex
	seen []string
}

func (s *statements) configure(cfg *pgx.ConnConfig) {
	dial := cfg.DialFunc
	cfg.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		conn, err := dial(ctx, network, addr)
		return &recordedConn{Conn: conn, to: s, prepared: map[string]string{}}, err
	}
}

// recordedConn reads what the client says: Parse, Bind, Sync and Query. Each message is a type, a length and a body, but for the first ones.
type recordedConn struct {
	net.Conn
	to       *statements
	pending  []byte
	greeted  bool
	prepared map[string]string
}

func (c *recordedConn) Write(p []byte) (int, error) {
	c.pending = append(c.pending, p...)
	for len(c.pending) >= 5 {
		if !c.greeted { // the startup message has no type
			length := int(binary.BigEndian.Uint32(c.pending))
			if len(c.pending) < length {
				break
			}
			c.pending, c.greeted = c.pending[length:], true
			continue
		}
		length := 1 + int(binary.BigEndian.Uint32(c.pending[1:]))
		if len(c.pending) < length {
			break
		}
		c.message(c.pending[0], c.pending[5:length])
		c.pending = c.pending[length:]
	}
	return c.Conn.Write(p)
}

func (c *recordedConn) message(kind byte, body []byte) {
	parts := strings.SplitN(string(body), "\x00", 3)
	c.to.mu.Lock()
	defer c.to.mu.Unlock()
	switch kind {
	case 'P':
		c.prepared[parts[0]] = parts[1]
	case 'B':
		c.to.seen = append(c.to.seen, c.prepared[parts[1]])
	case 'Q':
		c.to.seen = append(c.to.seen, parts[0])
	case 'S':
		c.to.seen = append(c.to.seen, "")
	}
}

// Every unit of work opens with the statement that binds it, after BEGIN where it takes more than one round trip: there a key by which to
// find a server could be said.
func TestUnitsOpenWithTheBinding(t *testing.T) {
	t.Parallel()
	var wire statements
	b := setup(t, func(o *tenant.Options) { o.ConfigureConn, o.Lanes = wire.configure, 1 })
	ctx := t.Context()
	alice := b.newUser(t)
	b.addConversation(t, alice, "c", "t")
	get := func(tx *tenant.Tx) {
		tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationGetRow, error) {
			return b.tenant.ConversationGet(ctx, db, "c")
		})
	}
	for name, unit := range map[string]func(*tenant.Tx) error{
		"queued": func(tx *tenant.Tx) error { get(tx); return nil },
		"direct": func(tx *tenant.Tx) error { return b.tenant.ConversationsDeleteMessages(ctx, tx, []string{"c"}) },
		"both": func(tx *tenant.Tx) error {
			get(tx)
			if err := tx.Flush(); err != nil {
				return err
			}
			get(tx)
			return nil
		},
		"public": func(tx *tenant.Tx) error {
			tenant.QueueExec(tx, func(db tenant.DBTX) error {
				_, err := db.Exec(ctx, "UPDATE public.user_settings SET updated_at = updated_at")
				return err
			})
			return nil
		},
	} {
		for range 2 { // the second time, everything is prepared
			wire.mu.Lock()
			wire.seen = nil
			wire.mu.Unlock()
			require.NoError(t, alice.Tx(ctx, unit), name)
			wire.mu.Lock()
			seen := slices.DeleteFunc(slices.Clone(wire.seen), func(s string) bool { return s == "" })
			wire.mu.Unlock()
			require.NotEmpty(t, seen, name)
			if seen[0] == "begin" || seen[0] == "BEGIN" {
				seen = seen[1:]
			}
			require.Contains(t, seen[0], "set_config('twobrains.key', $2, true)", "%s: %v", name, seen)
			require.Contains(t, seen[0], "set_config('search_path', $1, true)", name)
		}
	}
}
