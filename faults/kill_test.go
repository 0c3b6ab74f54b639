package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// TestKilledAtRandomPoints kills a process at 200 points of a stream: so many pairs of replicas, each so many times, with so many
// streams under way.
const (
	killPairs   = 4
	killTimes   = 10
	killStreams = 5
	killWords   = 30
	killPause   = 20 * time.Millisecond
	killPeople  = 3
)

// sent is one message that the test has sent, and what came of it.
type sent struct {
	person       int
	conversation string
	id, text     string
	reply        *faulttest.Reply
}

// Two replicas, one of which is always about to die by kill -9, at a random moment from before a request's arrival until after the storing
// of its reply. Whatever a client was told is there afterwards, every run is settled by the other replica, and the books agree.
func TestKilledAtRandomPoints(t *testing.T) {
	t.Parallel()
	for pair := range killPairs {
		t.Run(fmt.Sprint("pair ", pair), func(t *testing.T) {
			t.Parallel()
			killAndLook(t)
		})
	}
}

func killAndLook(t *testing.T) {
	w := setup(t, faulttest.Words(killWords, killPause), env("OPENAI_MODELS", faulttest.Model+";input=1000000;cached=500000;price_output=2000000"))
	// A ceiling, so that every reply holds money: what a process held when it died is released once.
	_, err := w.shared.Superuser(t).Exec(t.Context(), "INSERT INTO public.plans (id, name, is_default, cost_per_day_microusd) VALUES ('p', 'P', true, 1000000000000)")
	require.NoError(t, err)
	servers := []*faulttest.Server{w.server(), w.server()}
	people := make([]func(*faulttest.Server) *faulttest.Client, killPeople)
	for i := range people {
		people[i] = w.person()
		w.warm(people[i](servers[0]))
	}
	const span = killWords*killPause + 300*time.Millisecond
	var all []*sent
	longest := time.Duration(0)
	for k := range killTimes {
		victim, other := servers[k%2], servers[1-k%2]
		batch := make([]*sent, killStreams)
		var posting sync.WaitGroup
		for i := range batch {
			b := &sent{person: i % killPeople, conversation: fmt.Sprint("c", i), id: faulttest.NewID(), text: fmt.Sprintf("kill %d, message %d", k, i)}
			batch[i] = b
			at := rand.N(span)
			posting.Go(func() {
				<-time.After(at)
				b.reply = people[b.person](victim).Send(b.conversation, b.id, b.text)
			})
		}
		<-time.After(span)
		victim.Kill()
		killed := time.Now()
		posting.Wait()
		all = append(all, batch...)
		for _, b := range batch {
			if b.reply.Status == http.StatusOK {
				b.reply.End(t, 10*time.Second)
			}
		}
		for _, b := range batch {
			again := &sent{person: b.person, conversation: b.conversation, id: faulttest.NewID(), text: "again, " + b.text}
			faulttest.Until(t, 4*timeout, "the conversation takes a message", func() bool {
				again.reply = people[b.person](other).Send(again.conversation, again.id, again.text)
				if again.reply.Status == http.StatusOK {
					return true
				}
				again.reply.Answer.Want(t, http.StatusConflict, "run_active")
				return false
			})
			longest = max(longest, time.Since(killed))
			all = append(all, again)
		}
		victim.Start(t)
		for _, again := range all[len(all)-len(batch):] {
			require.Equal(t, "complete", again.reply.End(t, 20*time.Second).Whole(t).Status)
		}
	}
	w.balanced()

	most := time.Duration(0)
	var lost, shorter, gone, told, whole, parts, never int
	for person := range people {
		c := people[person](servers[0])
		brain := w.brain(c)
		require.Empty(t, slices.DeleteFunc(slices.Clone(brain.Runs), func(r faulttest.Run) bool { return r.Status == "complete" || r.Status == "interrupted" }))
		stored, byUser := map[string]faulttest.Message{}, map[string]faulttest.Run{}
		for _, m := range brain.Messages {
			stored[m.ID] = m
		}
		for _, r := range brain.Runs {
			_, twice := byUser[r.UserMessage]
			require.False(t, twice, "a message with two runs")
			byUser[r.UserMessage] = r
		}
		for _, s := range all {
			if s.person != person {
				continue
			}
			message, ok := stored[s.id]
			if s.reply.Status != http.StatusOK {
				never++
				continue // nobody promised anything; it may be there or not
			}
			told++
			end := s.reply.End(t, time.Second)
			if !ok || message.Text != s.text {
				lost++
				t.Errorf("message %q was taken and is not stored", s.text)
				continue
			}
			run, ok := byUser[s.id]
			require.True(t, ok, "a message without a run")
			reply, ok := stored[run.Message]
			if end.Done {
				whole++
				if !ok || reply.Text != end.Text || reply.Status != "complete" {
					lost++
					t.Errorf("the reply to %q was told whole and is stored as %+v", s.text, reply)
				}
				continue
			}
			require.True(t, strings.HasPrefix(faulttest.WordsText(killWords), reply.Text), "%q", reply.Text)
			switch {
			case len(reply.Text) >= len(end.Text):
				parts++
			default:
				if reply.Text == "" {
					gone++
				} else {
					shorter++
				}
				most = max(most, time.Duration(strings.Count(end.Text, " ")-strings.Count(reply.Text, " "))*killPause)
			}
		}
	}
	require.Zero(t, lost)
	t.Logf("%d kills with %d streams each, %d messages taken, %d requests that got no answer; of the replies %d were told whole and are, %d broke off and have all that was seen, "+
		"%d lack the words of their last %s or less, %d lack everything; a conversation was free at most %s after the kill",
		killTimes, killStreams, told, never, whole, parts, shorter, most, gone, longest.Round(time.Millisecond))
}
