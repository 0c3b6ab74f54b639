// Package faults breaks what the server stands on, and the server itself, while replies are under way, and looks at what the
// user sees, what is stored and what is counted. docs/reliability.md has the table.
package faults

import (
	"flag"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/goleak"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/faulttest"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) {
	// Tests wait more than they work: more of them than processors may be under way. The command line wins.
	_ = flag.Set("test.parallel", "8")
	faulttest.Prepare()
	goleak.VerifyTestMain(m, goleak.IgnoreCurrent(), goleak.IgnoreAnyFunction("github.com/valyala/fasthttp.updateServerDate.func1"), goleak.Cleanup(func(code int) {
		faulttest.CleanUp()
		os.Exit(code)
	}))
}

// timeout is INSTANCE_TIMEOUT of the servers here: short, so that the tests are.
const timeout = 3 * time.Second

// world is what a test breaks: links to Postgres and Redis, servers, a provider.
type world struct {
	t        *testing.T
	db       faulttest.Database
	redis    *faulttest.Redis
	toRedis  *faulttest.Proxy
	provider *faulttest.Provider
	ids      *authtest.Identities
	kratos   string
	env      map[string]string
	// Only without ownPostgres, and only with it.
	shared     *testdb.Database
	postgres   *faulttest.Postgres
	toPostgres *faulttest.Proxy
}

type option func(*world)

// ownPostgres gives the world a cluster that may be broken.
func ownPostgres(w *world) {
	w.postgres = faulttest.NewPostgres(w.t)
	w.toPostgres = faulttest.NewProxy(w.t, w.postgres.Addr)
	w.db = w.postgres.Database(w.toPostgres)
}

func env(key, value string) option { return func(w *world) { w.env[key] = value } }

func setup(t *testing.T, script faulttest.Script, options ...option) *world {
	t.Helper()
	w := &world{t: t, provider: faulttest.NewProvider(t, script), ids: authtest.NewIdentities(t), redis: faulttest.NewRedis(t)}
	w.provider.On("and now?", faulttest.Words(3, 0))
	w.toRedis = faulttest.NewProxy(t, w.redis.Addr)
	w.kratos = w.ids.URL
	w.env = map[string]string{"INSTANCE_TIMEOUT": timeout.String()}
	for _, o := range options {
		o(w)
	}
	if w.postgres == nil {
		w.shared = testdb.New(t)
		w.db = faulttest.NewDatabase(w.shared)
	}
	return w
}

// server starts a replica.
func (w *world) server() *faulttest.Server {
	w.t.Helper()
	return faulttest.NewServer(w.t, faulttest.ServerOptions{
		Database: w.db, Redis: w.redis.URL(w.toRedis), Kratos: w.kratos, Provider: w.provider, Env: w.env,
	})
}

// inProcess is the configuration of a replica that a test starts within its own process.
func (w *world) inProcess() map[string]string {
	return map[string]string{
		"REDIS_URL": w.redis.URL(w.toRedis), "OPENAI_BASE_URL": w.provider.URL, "OPENAI_MODELS": faulttest.Model, "DEMO_MODEL": "off", "TITLES": "false",
		"MASTER_KEYS": faulttest.MasterKeys, "INSTANCE_TIMEOUT": timeout.String(), "RATE_LIMIT_AI_USER": "off",
	}
}

// person makes somebody new, who may use every replica.
func (w *world) person() (as func(*faulttest.Server) *faulttest.Client) {
	token := w.ids.Token(uuid.New())
	return func(s *faulttest.Server) *faulttest.Client { return s.As(token) }
}

// warm has somebody's brain made, so that a fault does not meet that.
func (w *world) warm(c *faulttest.Client) {
	w.t.Helper()
	c.Get("/api/conversations").Want(w.t, http.StatusOK, "")
}

// complete says that a reply is stored whole, once, in its conversation, after the user's message, and told so to who reads it.
func (w *world) complete(c *faulttest.Client, conversation string, text string) {
	w.t.Helper()
	w.last(c, conversation, "complete", text)
}

// last says how the last message of a conversation is stored, and that it is a reply.
func (w *world) last(c *faulttest.Client, conversation, status, text string) {
	w.t.Helper()
	messages := c.Messages(w.t, conversation)
	if len(messages) < 2 {
		w.t.Fatalf("the conversation has %d messages", len(messages))
	}
	if m := messages[len(messages)-1]; m.Role != "assistant" || m.Status() != status || m.Text() != text {
		w.t.Fatalf("the last message is %+v, want %s %q", m, status, text)
	}
}

// balanced waits until every run has ended, and checks the books.
func (w *world) balanced() {
	w.t.Helper()
	w.db.Settled(w.t, 20*time.Second)
	w.db.Balanced(w.t)
}

// says sends one more message, which must be answered as if nothing had happened.
func (w *world) says(c *faulttest.Client, conversation string) {
	w.t.Helper()
	c.Send(conversation, faulttest.NewID(), "and now?").End(w.t, 20*time.Second).Whole(w.t)
	w.complete(c, conversation, faulttest.WordsText(3))
}

// brain reads what is stored of a client's user.
func (w *world) brain(c *faulttest.Client) faulttest.Brain {
	w.t.Helper()
	_, id, _ := strings.Cut(c.Token, "_")
	schema := "u_" + strings.ReplaceAll(id, "-", "")
	for _, b := range w.db.Brains(w.t) {
		if b.Schema == schema {
			return b
		}
	}
	w.t.Fatal("the user has no brain")
	return faulttest.Brain{}
}
