package stream_test

import (
	"errors"
	"fmt"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/llm/demo"
	"twobrains/internal/stream"
)

// TestDemoReplies plays whole replies of the demo model, tools included, into an assembler: what every part of the
// product above this package does.
func TestDemoReplies(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"Hello", "Think hard", "calculate 2*(3+4)", "think about 1+1 with a tool", "demo:parallel", "demo:badcall", "demo:source",
		"demo:long 2000", "demo:error", "demo:cut think", "demo:refuse", "demo:length", "demo:filter", "demo:empty",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			a, log := newAssembler(stream.Options{CompactBytes: 4000})
			req := llm.Request{Model: demo.Model, Messages: []llm.Message{{Role: llm.RoleUser, Parts: []llm.Part{llm.Text{Text: text}}}}}
			for _, tool := range demo.Tools() {
				req.Tools = append(req.Tools, tool.Tool)
			}
			must(t, a.Start(), pump(t, a, req))
			m := agree(t, a, log)
			if m.Finished == m.Failed || a.Produced() == (text == "demo:empty" || text == "demo:refuse") {
				t.Errorf("finished %v, failed %v, produced %v: %s", m.Finished, m.Failed, a.Produced(), a.Parts())
			}
		})
	}
}

func pump(t *testing.T, a *stream.Assembler, req llm.Request) error {
	t.Helper()
	provider := demo.New(demo.Options{})
	for range 3 {
		must(t, a.StartStep())
		var finish llm.Finish
		reply := llm.Message{Role: llm.RoleAssistant}
		for event, err := range provider.Stream(t.Context(), req) {
			if err != nil {
				var failure *llm.Error
				if !errors.As(err, &failure) {
					return fmt.Errorf("not a provider's error: %w", err)
				}
				return a.Fail(failure.Problem().Detail, nil)
			}
			must(t, a.Apply(event))
			switch ev := event.(type) {
			case llm.ToolCall:
				reply.Parts = append(reply.Parts, ev)
			case llm.Finish:
				finish = ev
			}
		}
		results := llm.Message{Role: llm.RoleTool}
		for _, call := range a.Calls() {
			output, err := demo.Tools()[0].Run(t.Context(), call.Input)
			if err != nil {
				must(t, a.ToolError(call.ID, err.Error()))
				results.Parts = append(results.Parts, llm.ToolResult{CallID: call.ID, Name: call.Name, Output: []byte(`"failed"`), IsError: true})
				continue
			}
			must(t, a.ToolOutput(call.ID, output))
			results.Parts = append(results.Parts, llm.ToolResult{CallID: call.ID, Name: call.Name, Output: output})
		}
		must(t, a.FinishStep())
		if len(results.Parts) == 0 {
			return a.Finish(finish.Reason, nil)
		}
		req.Messages = append(req.Messages, reply, results)
	}
	return errors.New("the model does not come to an end")
}
