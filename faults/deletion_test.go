package faults

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth/authtest"
	"twobrains/internal/faulttest"
)

// realKratos has sign-in done by the Kratos of the test run, so that identities, sessions and mails are what they are.
func realKratos(w *world) {
	k := authtest.Kratos(w.t)
	w.kratos = k.Public
	w.env["KRATOS_ADMIN_URL"], w.env["KRATOS_DATABASE_URL"] = k.Admin, os.Getenv(authtest.MailsVariable)
	w.env["JOB_WORKERS"] = "8"
}

// leaver is somebody who deletes their account.
type leaver struct {
	id           uuid.UUID
	email, token string
	receipt      string
}

func (w *world) leaver(s *faulttest.Server) *leaver {
	w.t.Helper()
	k := authtest.Kratos(w.t)
	l := &leaver{email: authtest.NewEmail()}
	l.token = k.Login(w.t, l.email)
	l.id = k.Identity(w.t, l.email)
	s.As(l.token).Send("c1", faulttest.NewID(), "and now?").End(w.t, 20*time.Second).Whole(w.t)
	s.As(l.token).Do(http.MethodPatch, "/api/settings", `{"customInstructions":"be kind"}`).Want(w.t, http.StatusOK, "")
	return l
}

// ask asks for the deletion; it may get no answer.
func (l *leaver) ask(s *faulttest.Server) faulttest.Answer {
	a := s.As(l.token).Do(http.MethodPost, "/api/account/delete", fmt.Sprintf(`{"confirm":%q}`, l.email))
	var r struct{ ReceiptID string }
	if a.Status == http.StatusAccepted && json.Unmarshal([]byte(a.Body), &r) == nil {
		l.receipt = r.ReceiptID
	}
	return a
}

func (w *world) gone(s *faulttest.Server, l *leaver) {
	w.t.Helper()
	faulttest.Until(w.t, 60*time.Second, "the deletion is finished", func() bool {
		return w.db.Count(w.t, "SELECT count(*) FROM public.deletions WHERE digest = $1 AND finished_at IS NOT NULL", l.digest()) == 1
	})
	if l.receipt != "" {
		require.Contains(w.t, (&faulttest.Client{Base: s.URL}).Get("/api/deletions/"+l.receipt).Want(w.t, http.StatusOK, "").Body, `"mails":"purged"`)
	}
	hex := strings.ReplaceAll(l.id.String(), "-", "")
	require.Zero(w.t, w.db.Count(w.t, "SELECT count(*) FROM pg_namespace WHERE nspname = $1", "u_"+hex))
	require.Zero(w.t, w.db.Count(w.t, `SELECT coalesce(sum((xpath('/row/n/text()', query_to_xml(
		format('SELECT count(*) AS n FROM public.%I t WHERE t::text LIKE %L OR t::text LIKE %L', relname, '%'||$1||'%', '%'||$2||'%'), false, true, '')))[1]::text::int), 0)
		FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'`, l.id.String(), hex))
	k := authtest.Kratos(w.t)
	require.Equal(w.t, http.StatusNotFound, (&faulttest.Client{Base: k.Admin}).Get("/admin/identities/"+l.id.String()).Status)
	require.Zero(w.t, k.Mails(w.t, l.email))
	faulttest.Until(w.t, 20*time.Second, "the session is forgotten", func() bool {
		return s.As(l.token).Get("/api/session").Status == http.StatusUnauthorized
	})
}

func (l *leaver) digest() []byte {
	sum := sha256.Sum256(append([]byte("twobrains/deleted-account/v1 "), l.id[:]...))
	return sum[:]
}

// A process is killed when each step of a deletion is done and not yet noted, and when the tombstone is set and not yet committed: all of
// it is gone in the end, and nothing is counted twice.
func TestKilledBetweenStepsOfDeletion(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(3, 0), realKratos)
	s := w.server()
	// Whoever comes to a place where somebody is to be held waits for a lock that the test has.
	w.db.Exec(t, `CREATE TABLE public.hold (digest bytea, step text);
		GRANT SELECT ON public.hold TO PUBLIC;
		CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF EXISTS (SELECT FROM public.hold h WHERE h.digest = NEW.digest AND h.step = NEW.step) THEN PERFORM pg_advisory_xact_lock(4711); END IF;
			RETURN NEW; END $$;
		CREATE TRIGGER hold BEFORE INSERT OR UPDATE ON public.deletions FOR EACH ROW EXECUTE FUNCTION public.hold()`)
	holder, err := pgx.Connect(t.Context(), w.db.SuperuserURL)
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), "SELECT pg_advisory_lock(4711)")
	require.NoError(t, err)
	steps := []string{"runs", "identity", "schema", "rows", "mails", "receipt", "done"}
	people := make([]*leaver, len(steps))
	answers := make(chan faulttest.Answer, 1)
	for i, step := range steps {
		people[i] = w.leaver(s)
		w.db.Exec(t, "INSERT INTO public.hold VALUES ($1, $2)", people[i].digest(), step)
	}
	for i, l := range people {
		if i == 0 { // its tombstone is held: there will be no answer
			go func() {
				answers <- s.As(l.token).Do(http.MethodPost, "/api/account/delete", fmt.Sprintf(`{"confirm":%q}`, l.email))
			}()
			continue
		}
		l.ask(s).Want(t, http.StatusAccepted, "")
	}
	faulttest.Until(t, 14*time.Second, "everybody is held", func() bool {
		return w.db.Count(t, "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND objid = 4711") == len(steps)
	})
	s.Kill()
	require.NotEqual(t, http.StatusAccepted, (<-answers).Status)
	require.NoError(t, holder.Close(t.Context()))
	w.db.Exec(t, "DROP TRIGGER hold ON public.deletions; DROP TABLE public.hold")
	s.Start(t)
	for i, l := range people {
		if i == 0 {
			s.As(l.token).Get("/api/conversations").Want(t, http.StatusOK, "")
			l.ask(s).Want(t, http.StatusAccepted, "")
		}
		w.gone(s, l)
	}
	require.Equal(t, len(people), w.db.Count(t, "SELECT coalesce(sum(messages), 0) FROM public.usage_daily"), "usage stays, each once")
	require.Zero(t, w.db.Count(t, "SELECT count(*) FROM public.usage_daily WHERE user_id <> $1", uuid.Nil))
}

// Two replicas, one of which is killed at a random moment after deletions were asked for, again and again.
func TestKilledAtRandomDuringDeletion(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(3, 0), realKratos)
	servers := []*faulttest.Server{w.server(), w.server()}
	const rounds, each = 5, 3
	var all []*leaver
	for round := range rounds {
		victim, other := servers[round%2], servers[1-round%2]
		var batch []*leaver
		for range each {
			batch = append(batch, w.leaver(other))
		}
		killed := make(chan struct{})
		time.AfterFunc(rand.N(400*time.Millisecond), func() {
			victim.Kill()
			close(killed)
		})
		for _, l := range batch {
			l.ask(victim)
		}
		<-killed
		for _, l := range batch {
			faulttest.Until(t, 20*time.Second, "an answer", func() bool {
				a := l.ask(other)
				return a.Status == http.StatusAccepted || a.Status == http.StatusUnauthorized || a.Status == http.StatusGone
			})
		}
		victim.Start(t)
		all = append(all, batch...)
	}
	for _, l := range all {
		w.gone(servers[0], l)
	}
	require.Equal(t, len(all), w.db.Count(t, "SELECT coalesce(sum(messages), 0) FROM public.usage_daily"))
}

// Redis is away, so that nobody is told of anything, and Postgres is restarted in the middle: everybody refuses at once all the same,
// and the deletion comes to its end.
func TestDeletionWithoutRedisAcrossRestart(t *testing.T) {
	t.Parallel()
	w := setup(t, faulttest.Words(3, 0), ownPostgres, realKratos)
	a, b := w.server(), w.server()
	l := w.leaver(a)
	b.As(l.token).Get("/api/conversations").Want(t, http.StatusOK, "")
	w.toRedis.Down()
	l.ask(a).Want(t, http.StatusAccepted, "")
	for _, s := range []*faulttest.Server{b, a} {
		answer := s.As(l.token).Get("/api/conversations")
		require.Contains(t, []int{http.StatusGone, http.StatusUnauthorized}, answer.Status, answer)
	}
	w.postgres.Restart(t)
	w.toRedis.Pass()
	w.gone(b, l)
}
