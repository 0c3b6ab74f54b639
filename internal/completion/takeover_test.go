package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/tool/mcp"
)

// A process dies in the middle of a reply. Another one stores what there was of it, its readers get a proper end, and the
// conversation goes on.
func TestDeadRunIsSettledWithItsText(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one, two := b.process(shared), b.process(shared)
	b.provider.say(held(nil))
	defer b.begin(one.Service, "c1", "m1").Close()
	require.NoError(t, one.store.Flush(t.Context()))
	reader, err := two.Follow(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.NotNil(t, reader)

	require.NoError(t, two.Sweep(t.Context()))
	require.Len(t, b.messages("c1"), 1, "its process lives")
	one.dies()
	require.NoError(t, two.Sweep(t.Context()))
	stored := b.messages("c1")
	require.Len(t, stored, 2)
	require.Equal(t, "interrupted", stored[1].Status)
	require.Contains(t, stored[1].Parts, "so far")
	require.Contains(t, stored[1].Metadata, `"estimated": true`)
	require.Contains(t, stored[1].Metadata, `"status": "interrupted"`)
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted' AND usage_estimated AND output_tokens > 0 AND settled_by = $1", two.id))
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"), "there is something for it")
	b.balanced()

	text, end := all(t, reader)
	require.ErrorIs(t, end, io.EOF)
	require.Contains(t, text, `"type":"finish"`)
	require.Contains(t, text, "so far")
	b.provider.say(says("next"))
	next, err := two.Start(t.Context(), b.user, userText("c1", "m2", "go on"))
	require.NoError(t, err)
	read(t, next)
	require.Len(t, b.messages("c1"), 4)
	b.balanced()
}

// Whoever comes first settles a dead run, not only the sweeper.
func TestFirstAccessSettlesADeadRun(t *testing.T) {
	t.Parallel()
	for name, access := range map[string]func(t *testing.T, b *testBundle, two *process){
		"message": func(t *testing.T, b *testBundle, two *process) {
			b.provider.say(says("next"))
			f, err := two.Start(t.Context(), b.user, userText("c1", "m2", "x"))
			require.NoError(t, err)
			read(t, f)
			require.Len(t, b.messages("c1"), 4)
		},
		"the same message": func(t *testing.T, b *testBundle, two *process) {
			f, err := two.Start(t.Context(), b.user, userText("c1", "m1", "go on"))
			require.NoError(t, err)
			text, end := all(t, f)
			require.ErrorIs(t, end, io.EOF)
			require.Contains(t, text, "so far")
			require.Len(t, b.messages("c1"), 2)
		},
		"stop": func(t *testing.T, b *testBundle, two *process) {
			stopped, err := two.Stop(t.Context(), b.user, "c1")
			require.NoError(t, err)
			require.True(t, stopped)
			require.Equal(t, "aborted", b.messages("c1")[1].Status)
		},
		"resume": func(t *testing.T, b *testBundle, two *process) {
			f, err := two.Follow(t.Context(), b.user, "c1")
			require.NoError(t, err)
			require.NotNil(t, f)
			text, end := all(t, f)
			require.ErrorIs(t, end, io.EOF)
			require.Contains(t, text, "so far")
			f, err = two.Follow(t.Context(), b.user, "c1")
			require.NoError(t, err)
			require.Nil(t, f)
		},
		"delete": func(t *testing.T, b *testBundle, two *process) {
			chats := chat.NewService(chat.Options{DB: b.DB, Stop: two.Stop})
			require.NoError(t, chats.Delete(t.Context(), b.user, "c1"))
			require.Zero(t, b.count("SELECT (SELECT count(*) FROM BRAIN.runs) + (SELECT count(*) FROM BRAIN.messages) + (SELECT count(*) FROM BRAIN.conversations)"))
			require.Equal(t, 1, b.count("SELECT messages FROM public.usage_daily"), "what was used is counted")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			shared := prefix()
			one, two := b.process(shared), b.process(shared)
			b.provider.say(held(nil))
			defer b.begin(one.Service, "c1", "m1").Close()
			one.dies()
			access(t, b, two)
			require.Zero(t, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'running'"))
			if name != "delete" {
				b.balanced()
			}
		})
	}
}

// Many processes find the same dead one: each run is settled once.
func TestSweepersTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one := b.process(shared)
	sweepers := []*process{b.process(shared), b.process(shared), b.process(shared)}
	b.provider.say(held(nil))
	const runs = 12
	for i := range runs {
		defer b.begin(one.Service, fmt.Sprint("c", i), fmt.Sprint("m", i)).Close()
	}
	one.dies()
	var work sync.WaitGroup
	for _, p := range sweepers {
		work.Go(func() {
			if err := p.Sweep(t.Context()); err != nil {
				t.Errorf("sweep: %v", err)
			}
		})
	}
	work.Wait()
	require.Equal(t, runs, b.count("SELECT count(*) FROM BRAIN.messages WHERE status = 'interrupted' AND parts::text LIKE '%so far%'"))
	require.Equal(t, runs, b.count("SELECT messages FROM public.usage_daily"))
	b.balanced()
}

// What nobody has a log of is settled too: nothing was produced, as far as anybody knows, and what was charged is given back.
func TestDeadRunWithoutLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one, two := b.process(""), b.process("")
	b.provider.say(held(nil))
	defer b.begin(one.Service, "c1", "m1").Close()
	one.dies()
	f, err := two.Follow(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.Nil(t, f)
	require.Len(t, b.messages("c1"), 1)
	require.Equal(t, 0, b.count("SELECT day_used + month_used FROM public.quota_counters"))
	b.balanced()
}

// A process was taken for dead and comes back with its reply.
func TestReturningProcess(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		shared bool
		before func(t *testing.T, b *testBundle, two *process)
		after  func(t *testing.T, b *testBundle)
		lost   bool
	}{
		"the reply is still there": {shared: true, after: func(t *testing.T, b *testBundle) {
			stored := b.messages("c1")
			require.Len(t, stored, 2)
			require.Equal(t, "complete", stored[1].Status)
			require.NotContains(t, stored[1].Metadata, "estimated")
			require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'complete' AND input_tokens = 10 AND output_tokens = 1 AND NOT usage_estimated"))
		}},
		"nothing was there": {after: func(t *testing.T, b *testBundle) {
			require.Equal(t, "complete", b.messages("c1")[1].Status)
			require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"), "charged again")
		}},
		"the conversation went on with it": {shared: true, before: func(t *testing.T, b *testBundle, two *process) {
			b.provider.say(says("next"))
			f, err := two.Start(t.Context(), b.user, userText("c1", "m2", "x"))
			require.NoError(t, err)
			read(t, f)
		}, after: func(t *testing.T, b *testBundle) {
			require.Equal(t, "complete", b.messages("c1")[1].Status)
			require.Len(t, b.messages("c1"), 4)
		}},
		"the conversation went on without it": {before: func(t *testing.T, b *testBundle, two *process) {
			b.provider.say(says("next"))
			f, err := two.Start(t.Context(), b.user, userText("c1", "m2", "x"))
			require.NoError(t, err)
			read(t, f)
		}, lost: true, after: func(t *testing.T, b *testBundle) {
			require.Len(t, b.messages("c1"), 3)
			require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted' AND input_tokens = 10"), "it was used all the same")
		}},
		"the conversation is gone": {shared: true, before: func(t *testing.T, b *testBundle, two *process) {
			chats := chat.NewService(chat.Options{DB: b.DB, Stop: two.Stop})
			require.NoError(t, chats.Delete(t.Context(), b.user, "c1"))
		}, after: func(t *testing.T, b *testBundle) {
			require.Zero(t, b.count("SELECT count(*) FROM BRAIN.messages"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			shared := ""
			if tc.shared {
				shared = prefix()
			}
			one, two := b.process(shared), b.process(shared)
			release := make(chan struct{})
			b.provider.say(held(release))
			f := b.begin(one.Service, "c1", "m1")
			one.dies()
			require.NoError(t, two.Sweep(t.Context()))
			if tc.before != nil {
				tc.before(t, b, two)
			}
			close(release)
			text, end := all(t, f)
			switch {
			case errors.Is(end, stream.ErrLost): // its log was taken over: readers are sent there
				require.True(t, tc.shared)
			case tc.lost:
				require.Contains(t, text, "could not be stored")
			default:
				require.Contains(t, text, `"type":"finish"`)
			}
			require.Eventually(t, func() bool { return one.Active() == 0 }, 10*time.Second, 10*time.Millisecond)
			tc.after(t, b)
			if name != "the conversation is gone" {
				b.balanced()
			}
		})
	}
}

// A process that was cut off itself cannot tell who is dead: after an outage of the database everybody looks so.
func TestUnsteadyProcessJudgesNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one, two := b.process(shared), b.process(shared)
	b.provider.say(held(nil))
	defer b.begin(one.Service, "c1", "m1").Close()
	one.dies()
	b.exec("UPDATE public.instances SET steady_since = now() - interval '14 seconds' WHERE id = $1", two.id)
	require.NoError(t, two.Sweep(t.Context()))
	_, err := two.Start(t.Context(), b.user, userText("c1", "m2", "x"))
	require.True(t, problem.HasCode(err, problem.CodeRunActive), "%v", err)
	require.NotEmpty(t, problem.From(err).RunID)

	b.exec("UPDATE public.instances SET heartbeat_at = now() - interval '8 seconds', steady_since = now() - interval '1 minute' WHERE id = $1", two.id)
	require.NoError(t, two.Announce(t.Context()))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.instances WHERE id = $1 AND steady_since > now() - interval '5 seconds'", two.id), "a gap")
	require.NoError(t, two.Sweep(t.Context()))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'running'"))

	b.exec("DELETE FROM public.instances WHERE id = $1", one.id) // it has said good-bye
	require.NoError(t, two.Sweep(t.Context()))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted'"))
	b.balanced()
}

// Tickets that are left behind, damaged, or of another's making do no harm; a run without one is settled by whoever meets it.
func TestOddTickets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one, two := b.process(shared), b.process(shared)
	b.send("c0", "m0", "x")
	ended := b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'complete'")
	require.Equal(t, 1, ended)
	var run uuid.UUID
	require.NoError(t, b.Superuser(t).QueryRow(t.Context(), "SELECT id FROM "+b.schema()+".runs").Scan(&run))
	ticket, err := auth.NewTickets(b.Keys).Issue(b.user, run)
	require.NoError(t, err)
	const insert = "INSERT INTO public.run_tickets (run_id, instance_id, lock, ciphertext, key_id) VALUES ($1, $2, sha256('another'), $3, $4)"
	b.exec(insert, run, one.id, ticket.Ciphertext, ticket.KeyID)         // not removable with the user's key: the lock is another's
	b.exec(insert, uuid.New(), one.id, ticket.Ciphertext, ticket.KeyID)  // for another run
	b.exec(insert, uuid.New(), one.id, []byte("rubbish"), "test")        // damaged
	b.exec(insert, uuid.New(), one.id, ticket.Ciphertext, "no such key") // sealed under a key that is lost
	b.provider.say(held(nil))
	defer b.begin(one.Service, "c1", "m1").Close()
	one.dies()
	for range 3 {
		require.NoError(t, two.Sweep(t.Context()))
	}
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted'"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'complete'"))
	require.Equal(t, 4, b.count("SELECT count(*) FROM public.run_tickets"))
	b.exec("UPDATE public.run_tickets SET created_at = now() - interval '25 hours'")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- two.Run(ctx) }()
	require.Eventually(t, func() bool { return b.count("SELECT count(*) FROM public.run_tickets") == 0 }, 10*time.Second, 10*time.Millisecond)
	cancel()
	require.NoError(t, <-done)
	b.balanced()
}

// A ticket whose run has ended is taken away.
func TestTicketLeftBehind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	shared := prefix()
	one, two := b.process(shared), b.process(shared)
	b.provider.say(held(nil))
	defer b.begin(one.Service, "c1", "m1").Close()
	b.exec("UPDATE BRAIN.runs SET status = 'failed', charged_on = NULL, input_tokens = 0, ended_at = now()")
	b.exec("INSERT INTO public.usage_events (user_id, quarter, model, key_source, outcome) SELECT user_id, 0, 'openai:test', 'platform', 'failed' FROM public.tenants")
	b.exec("DELETE FROM public.quota_counters")
	one.dies()
	require.NoError(t, two.Sweep(t.Context()))
	require.Zero(t, b.count("SELECT count(*) FROM public.run_tickets"))
	b.balanced()
}

// The refund of a message that was charged yesterday does not touch today.
func TestDeadRunOfYesterday(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clock := &testClock{now: time.Now().UTC().Truncate(24 * time.Hour).Add(12 * time.Hour)}
	one := b.process("", func(o *completion.Options) { o.Clock = clock.Now })
	two := b.process("", func(o *completion.Options) { o.Clock = clock.Now })
	b.provider.say(held(nil))
	defer b.begin(one.Service, "c1", "m1").Close()
	clock.advance(24 * time.Hour)
	b.provider.say(says("today"))
	f, err := two.Start(t.Context(), b.user, userText("c2", "m2", "x"))
	require.NoError(t, err)
	read(t, f)
	one.dies()
	require.NoError(t, two.Sweep(t.Context()))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.quota_counters WHERE day_used = 1 AND month_used = 1"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE charged_on IS NULL AND status = 'interrupted'"))
}

// The connection is lost after the run was stored and before its process knew: the run is there and nobody makes its reply.
func TestRunThatNobodyMakes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	one := b.process(prefix())
	b.send("c0", "m0", "warm")
	b.exec(`INSERT INTO BRAIN.runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status, charged_on, started_at)
		VALUES (gen_random_uuid(), 'c1', 'm1', 'r', 'openai:test', '', 'platform', $1, 'running', (now() AT TIME ZONE 'UTC')::date, now())`, one.id)
	b.exec("INSERT INTO BRAIN.conversations (id, last_seq) VALUES ('c1', 1)")
	b.exec(`INSERT INTO BRAIN.messages (id, conversation_id, seq, role, parts, status, size) VALUES ('m1', 'c1', 1, 'user', '[{"type":"text","text":"go on"}]', 'complete', 5)`)
	b.exec("UPDATE public.quota_counters SET day_used = 2, month_used = 2")
	f, err := one.Start(t.Context(), b.user, userText("c1", "m1", "go on"))
	require.NoError(t, err)
	require.Equal(t, "Hello there.", textOf(read(t, f)))
	require.Len(t, b.messages("c1"), 2)
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted' AND charged_on IS NULL"))
	b.balanced()
}

// A reply goes on after an approval, and its process dies: who resumes before gets the whole message, and the tool's result and the
// words that came after are stored with what was there.
func TestDeadContinuation(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	b.provider.say(calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{"path":"a"}`)}))
	asked := b.send("c1", "m1", "delete")
	shared := prefix()
	one, two := b.process(shared), b.process(shared)
	b.provider.say(held(nil))
	f, err := one.Start(t.Context(), b.user, respond("c1", asked.ID, answer{approvalOf(t, asked, "a"), "a", true, ""}))
	require.NoError(t, err)
	defer f.Close()
	for seen := ""; !strings.Contains(seen, "so far"); {
		frames, err := f.Next(t.Context(), 10*time.Second)
		require.NoError(t, err)
		require.NotEmpty(t, frames)
		seen += string(frames)
	}
	require.NoError(t, one.store.Flush(t.Context()))
	for _, p := range []*process{one, two} {
		resumed, err := p.Follow(t.Context(), b.user, "c1")
		require.NoError(t, err)
		require.NotNil(t, resumed)
		var seen string
		for !strings.Contains(seen, "so far") {
			frames, err := resumed.Next(t.Context(), 10*time.Second)
			require.NoError(t, err)
			require.NotEmpty(t, frames)
			seen += string(frames)
		}
		resumed.Close()
		require.Contains(t, seen, `"tool-input-available"`, "what was there before")
		require.Contains(t, seen, `"tool-output-available"`)
		require.Equal(t, 1, strings.Count(seen, `"type":"start"`))
	}
	one.dies()
	require.NoError(t, two.Sweep(t.Context()))
	stored := b.messages("c1")
	require.Len(t, stored, 2)
	require.Equal(t, "interrupted", stored[1].Status)
	require.Contains(t, stored[1].Parts, "so far")
	require.Contains(t, stored[1].Parts, "output-available")
	require.Equal(t, int64(1), ran.Load())
	b.balanced()
	resumed, err := two.Follow(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.Nil(t, resumed)
}
