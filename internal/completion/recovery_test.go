package completion_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/tool/mcp"
)

// replica is another process beside the bundle's service: with pools and logs of its own.
func (b *testBundle) replica() *completion.Service {
	b.t.Helper()
	logs := stream.NewMemory(stream.MemoryOptions{})
	b.t.Cleanup(logs.Close)
	before := b.options
	b.options.DB, b.options.InstanceID, b.options.Logs = b.Kernel(b.t), uuid.New(), logs
	s := b.newService()
	b.options = before
	return s
}

func (p *scripted) say(script func(context.Context, llm.Request, func(llm.Event, error) bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = script
}

// A process dies after an approved tool has run and before anything of it is stored: the tool does not run again, the denial
// is not lost, and a process that was only taken for dead stores its reply all the same.
func TestApprovalOutlivesItsProcess(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	b.provider.say(calls(
		llm.ToolCall{ID: "yes", Name: "files__delete", Input: json.RawMessage(`{"path":"a"}`)},
		llm.ToolCall{ID: "no", Name: "files__delete", Input: json.RawMessage(`{"path":"b"}`)},
	))
	asked := b.send("c1", "m1", "delete")
	body := respond("c1", asked.ID, answer{approvalOf(t, asked, "yes"), "yes", true, ""}, answer{approvalOf(t, asked, "no"), "no", false, "too risky"})
	release := make(chan struct{})
	b.provider.say(func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		yield(llm.TextDelta{Block: "0", Text: "so far"}, nil)
		select {
		case <-release:
			says("and on")(ctx, req, yield)
		case <-ctx.Done():
		}
	})
	replica := b.replica()
	f, err := b.Start(t.Context(), b.user, body)
	require.NoError(t, err)
	defer f.Close()
	for seen := ""; !strings.Contains(seen, "so far"); {
		frames, err := f.Next(t.Context(), 10*time.Second)
		require.NoError(t, err)
		require.NotEmpty(t, frames)
		seen += string(frames)
	}
	require.Equal(t, int64(1), ran.Load())
	stored := b.messages("c1")[1].Parts
	require.Contains(t, stored, "approval-responded")
	require.Contains(t, stored, "output-denied")
	require.Contains(t, stored, "too risky")

	b.exec("DELETE FROM public.instances WHERE id = $1", b.options.InstanceID)
	_, err = replica.Start(t.Context(), b.user, body)
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	b.provider.say(says("Fine."))
	next, err := replica.Start(t.Context(), b.user, userText("c1", "m2", "go on"))
	require.NoError(t, err)
	read(t, next)
	require.Equal(t, int64(1), ran.Load())
	results := map[string]string{}
	for _, m := range b.provider.last(t).Messages {
		for _, p := range m.Parts {
			if r, ok := p.(llm.ToolResult); ok {
				results[r.CallID] = string(r.Output)
			}
		}
	}
	require.Contains(t, results["yes"], "whether it took effect is not known")
	require.Contains(t, results["no"], "too risky")

	close(release)
	var rest string
	for {
		frames, err := f.Next(t.Context(), 10*time.Second)
		rest += string(frames)
		if err != nil {
			break
		}
	}
	require.NotContains(t, rest, "could not be stored")
	require.Len(t, b.messages("c1"), 4)
	require.Contains(t, b.messages("c1")[1].Parts, "and on")
	require.Zero(t, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'interrupted'"))
	_, err = replica.Start(t.Context(), b.user, body)
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	require.Equal(t, int64(1), ran.Load())
}

// Two processes get the same answers at once: the tool runs once, and its result stays.
func TestApprovalAnsweredAtTwoReplicas(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	services := []*completion.Service{b.Service, b.replica()}
	for round := range 5 {
		conversation := fmt.Sprint("c", round)
		b.provider.say(calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{}`)}))
		asked := b.send(conversation, fmt.Sprint("m", round), "delete")
		body := respond(conversation, asked.ID, answer{approvalOf(t, asked, "a"), "a", true, ""})
		var all sync.WaitGroup
		outcomes := make(chan error, 6)
		for i := range cap(outcomes) {
			all.Go(func() {
				f, err := services[i%2].Start(t.Context(), b.user, body)
				if err == nil {
					drain(t, f)
				}
				outcomes <- err
			})
		}
		all.Wait()
		close(outcomes)
		started := 0
		for err := range outcomes {
			if err == nil {
				started++
				continue
			}
			require.True(t, problem.HasCode(err, problem.CodeRunActive) || problem.HasCode(err, problem.CodeConflict), "%v", err)
		}
		require.Equal(t, 1, started)
		require.Equal(t, int64(round+1), ran.Load())
		require.Contains(t, b.messages(conversation)[1].Parts, "1 results")
	}
}

// What the user approved is that tool on that server, whatever has its name now.
func TestApprovalIsBoundToTheTool(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, ran := deleter(t)
	other, ranThere := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	b.provider.say(calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{}`)}))
	asked := b.send("c1", "m1", "delete")
	require.NotContains(t, fmt.Sprint(asked.Parts), "twobrains", "it is not the client's")
	_, err := b.Superuser(t).Exec(t.Context(), "DELETE FROM public.user_mcp_servers")
	require.NoError(t, err)
	b.addServer("Files", other, mcp.ApprovalAlways)
	done, _ := b.goOn(asked, answer{approvalOf(t, asked, "a"), "a", true, ""})
	require.Equal(t, "The tool has changed; it was not called.", part(done, "a")["errorText"])
	require.Zero(t, ran.Load()+ranThere.Load())
	require.NotContains(t, b.messages("c1")[1].Parts, "twobrains")
	for _, m := range b.provider.last(t).Messages {
		for _, p := range m.Parts {
			if call, ok := p.(llm.ToolCall); ok {
				require.NotContains(t, string(call.Meta), "twobrains", "nor the provider's")
			}
		}
	}
}

// Who stops a reply before its first word has made the model work.
func TestStopBeforeTheFirstWordIsCharged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begun := make(chan struct{})
	b.provider.say(func(ctx context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		close(begun)
		<-ctx.Done()
		yield(nil, context.Cause(ctx))
	})
	f, err := b.Start(t.Context(), b.user, userText("c1", "m1", strings.Repeat("x", 400)))
	require.NoError(t, err)
	<-begun
	_, err = b.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	drain(t, f)
	require.Equal(t, 1, b.count("SELECT day_used FROM public.quota_counters"))
	require.Equal(t, 1, b.count("SELECT count(*) FROM public.usage_daily WHERE input_tokens >= 100 AND output_tokens = 0"))
	require.Len(t, b.messages("c1"), 1)
}

// A continuation whose reply alone fills the window still answers the question.
func TestContinuationKeepsTheQuestion(t *testing.T) {
	t.Parallel()
	b := withServers(t)
	url, _ := deleter(t)
	b.addServer("Files", url, mcp.ApprovalAlways)
	ask := calls(llm.ToolCall{ID: "a", Name: "files__delete", Input: json.RawMessage(`{}`)})
	b.provider.say(func(ctx context.Context, req llm.Request, yield func(llm.Event, error) bool) {
		if req.Messages[len(req.Messages)-1].Role == llm.RoleUser {
			yield(llm.TextDelta{Block: "0", Text: strings.Repeat("long ", 4000)}, nil)
		}
		ask(ctx, req, yield)
	})
	asked := b.send("c1", "m1", "the question")
	b.goOn(asked, answer{approvalOf(t, asked, "a"), "a", true, ""})
	require.Equal(t, []llm.Part{llm.Text{Text: "the question"}}, b.provider.last(t).Messages[0].Parts)
}
