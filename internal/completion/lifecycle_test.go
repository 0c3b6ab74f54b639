package completion_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
)

// begin starts a reply and waits for its first word.
func (b *testBundle) begin(s *completion.Service, conversation, id string) stream.Follower {
	b.t.Helper()
	f, err := s.Start(b.t.Context(), b.user, userText(conversation, id, "go on"))
	require.NoError(b.t, err)
	var seen string
	for !strings.Contains(seen, "so far") {
		frames, err := f.Next(b.t.Context(), 10*time.Second)
		require.NoError(b.t, err)
		require.NotEmpty(b.t, frames)
		seen += string(frames)
	}
	return f
}

// drain reads a reply to its end.
func drain(t *testing.T, f stream.Follower) {
	t.Helper()
	defer f.Close()
	for {
		if _, err := f.Next(t.Context(), 10*time.Second); err != nil {
			require.ErrorIs(t, err, io.EOF)
			return
		}
	}
}

func TestStopKeepsWhatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = waits
	f := b.begin(b.Service, "c1", "m1")
	defer f.Close()
	stopped, err := b.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.True(t, stopped)
	var rest string
	for {
		frames, err := f.Next(t.Context(), 10*time.Second)
		rest += string(frames)
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
	}
	require.Contains(t, rest, `"type":"abort"`)
	stored := b.messages("c1")
	require.Equal(t, "aborted", stored[1].Status)
	require.Contains(t, stored[1].Parts, "so far")
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'aborted' AND output_tokens > 0"))
	stopped, err = b.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.False(t, stopped)
	other := b.ids.User(t, uuid.New())
	stopped, err = b.Stop(t.Context(), other, "c1")
	require.NoError(t, err)
	require.False(t, stopped, "another user's conversation of the same id is another conversation")
}

func TestReaderLeavesReplyGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	b.provider.script = func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		yield(llm.TextDelta{Block: "0", Text: "so far"}, nil)
		<-release
		says(" and to the end")(ctx, req, yield)
	}
	b.begin(b.Service, "c1", "m1").Close()
	again, err := b.Follow(t.Context(), b.user, "c1")
	require.NoError(t, err)
	close(release)
	require.Equal(t, "so far and to the end", read(t, again).Text())
	require.Contains(t, b.messages("c1")[1].Parts, "so far and to the end")
	none, err := b.Follow(t.Context(), b.user, "c1")
	require.NoError(t, err)
	require.Nil(t, none, "an ended reply is read from the messages")
}

func TestOneReplyAtATime(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = waits
	defer b.begin(b.Service, "c1", "m1").Close()
	defer b.begin(b.Service, "c2", "n1").Close()
	b.options.DB, b.options.InstanceID = b.Kernel(t), uuid.New()
	replica := b.newService()
	for i, s := range []*completion.Service{b.Service, replica} {
		_, err := s.Start(t.Context(), b.user, userText("c1", fmt.Sprint("x", i), "me too"))
		require.True(t, problem.HasCode(err, problem.CodeRunActive), "%v", err)
		require.NoError(t, uuid.Validate(problem.From(err).RunID))
	}
	require.Len(t, b.messages("c1"), 1, "the refused messages are not stored")
	require.Equal(t, 2, b.count("SELECT day_used FROM public.quota_counters"))
	_, err := b.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	b.provider.script = says("now")
	f, err := replica.Start(t.Context(), b.user, userText("c1", "x", "me too"))
	require.NoError(t, err)
	read(t, f)
}

// The run of a process that died is settled by the next message: nothing is blocked, the charge is given back.
func TestDeadProcessDoesNotBlock(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send("c1", "m1", "x")
	dead := uuid.New()
	super := b.Superuser(t)
	for _, sql := range []string{
		"INSERT INTO public.instances (id, version, heartbeat_at) VALUES ('" + dead.String() + "', 'test', now())",
		"INSERT INTO " + b.schema() + ".runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status, charged_on, started_at) VALUES (gen_random_uuid(), 'c1', 'm1', 'r', 'm', '', 'platform', '" + dead.String() + "', 'running', (now() AT TIME ZONE 'UTC')::date, now() - interval '1 minute')",
	} {
		_, err := super.Exec(t.Context(), sql)
		require.NoError(t, err)
	}
	_, err := b.Start(t.Context(), b.user, userText("c1", "m2", "x"))
	require.True(t, problem.HasCode(err, problem.CodeRunActive), "its process lives: %v", err)
	_, err = super.Exec(t.Context(), "UPDATE public.instances SET heartbeat_at = now() - interval '16 seconds' WHERE id = $1", dead)
	require.NoError(t, err)
	b.steady(b.options.InstanceID)
	b.send("c1", "m3", "x")
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted'"))
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"), "two charged, one given back")
}

func TestDeletedConversationStaysDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	b.provider.script = func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		yield(llm.TextDelta{Block: "0", Text: "so far"}, nil)
		<-release
		says("more")(ctx, req, yield)
	}
	f := b.begin(b.Service, "c1", "m1")
	for _, table := range []string{"messages WHERE conversation_id = 'c1'", "conversations WHERE id = 'c1'"} {
		_, err := b.Superuser(t).Exec(t.Context(), "DELETE FROM "+b.schema()+"."+table)
		require.NoError(t, err)
	}
	close(release)
	drain(t, f)
	require.Zero(t, b.count("SELECT (SELECT count(*) FROM BRAIN.conversations) + (SELECT count(*) FROM BRAIN.messages) + (SELECT count(*) FROM BRAIN.runs)"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.usage_daily WHERE output_tokens > 0"), "what it used is counted")
}

// Postgres goes away between the first and the last word: the reply is stored when it is back, once.
func TestSettleSurvivesLostConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	b.provider.script = func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		yield(llm.TextDelta{Block: "0", Text: "so far"}, nil)
		<-release
		says(" and on")(ctx, req, yield)
	}
	f := b.begin(b.Service, "c1", "m1")
	super := b.Superuser(t)
	_, err := super.Exec(t.Context(), "ALTER ROLE twobrains_app IN DATABASE "+b.Name+" SET default_transaction_read_only = on")
	require.NoError(t, err)
	_, err = super.Exec(t.Context(), "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'twobrains_app' AND datname = $1", b.Name)
	require.NoError(t, err)
	close(release)
	require.Eventually(t, func() bool {
		return b.count("SELECT count(*) FROM pg_stat_activity WHERE usename = 'twobrains_app' AND datname = $1", b.Name) == 0 &&
			b.metric("twobrains_completion_settle_retries_total") > 0
	}, 10*time.Second, 10*time.Millisecond, "settling meets a read-only server and drops the connection")
	require.Len(t, b.messages("c1"), 1)
	_, err = super.Exec(t.Context(), "ALTER ROLE twobrains_app IN DATABASE "+b.Name+" RESET default_transaction_read_only")
	require.NoError(t, err)
	drain(t, f)
	require.Contains(t, b.messages("c1")[1].Parts, "so far and on")
	require.Equal(t, 1, b.count("SELECT messages FROM public.usage_daily"))
}

func TestDrainInterruptsAndStores(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.provider.script = waits
	f := b.begin(b.Service, "c1", "m1")
	defer f.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, b.Drain(ctx), context.DeadlineExceeded)
	require.Equal(t, "interrupted", b.messages("c1")[1].Status)
	_, err := b.Start(t.Context(), b.user, userText("c1", "m2", "x"))
	require.True(t, problem.HasCode(err, problem.CodeUnavailable), "%v", err)
}

func TestAdmission(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.MaxRuns = 1 })
	b.provider.script = waits
	defer b.begin(b.Service, "c1", "m1").Close()
	_, err := b.Start(t.Context(), b.user, userText("c2", "m2", "x"))
	require.True(t, problem.HasCode(err, problem.CodeBusy), "%v", err)
	require.Positive(t, problem.From(err).RetryAfter)
}

func TestPanicsAndTimeoutsEndTheRunOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.RunTimeout = 300 * time.Millisecond })
	b.provider.script = func(context.Context, llm.Request, func(llm.Event, error) bool) { panic("in an adapter") }
	require.True(t, b.send("c1", "m1", "x").Failed)
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'failed' AND error_code = 'internal'"))
	b.provider.script = waits
	b.send("c1", "m2", "x")
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.messages WHERE status = 'interrupted'"))
}

func TestHistoryFitsTheWindow(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 4 {
		b.send("c1", fmt.Sprint("m", i), strings.Repeat(fmt.Sprint(i), 2000))
	}
	b.send("c1", "last", strings.Repeat("z", 20_000))
	require.Len(t, b.provider.last(t).Messages, 1, "the newest message in any case")
	b.send("c2", "a", strings.Repeat("a", 3000))
	b.send("c2", "b", strings.Repeat("b", 3000))
	messages := b.provider.last(t).Messages
	require.Equal(t, llm.RoleUser, messages[0].Role, "a history begins with the user")
	require.Len(t, messages, 1)
}
