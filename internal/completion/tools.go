package completion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
)

// maxToolOutput bounds what a tool may answer, in bytes of JSON.
const maxToolOutput = 256 << 10

// runTools runs the calls of a step in parallel; outputs reach the stream in the order they are ready. A call that fails
// is answered too, with a text that is safe for the model and the user.
func (r *run) runTools(ctx context.Context, reply *stream.Assembler, calls []llm.ToolCall) {
	var wg sync.WaitGroup
	for _, call := range calls {
		wg.Go(func() {
			output, err := r.runTool(ctx, call)
			if err == nil {
				err = reply.ToolOutput(call.ID, output)
			}
			if err != nil && !errors.Is(err, stream.ErrEnded) {
				_ = reply.ToolError(call.ID, toolErrorText(err))
			}
		})
	}
	wg.Wait()
}

// safeError is a text of ours that the model and the user may read.
type safeError string

func (e safeError) Error() string { return string(e) }

func toolErrorText(err error) string {
	var safe safeError
	if errors.As(err, &safe) {
		return string(safe)
	}
	return "The tool failed."
}

func (r *run) runTool(ctx context.Context, call llm.ToolCall) (output json.RawMessage, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("tool panicked", "run", r.id, "tool", call.Name, "panic", p, "stack", string(debug.Stack()))
			output, err = nil, safeError("The tool failed.")
		}
	}()
	var runner llm.ToolRunner
	for _, t := range r.tools() {
		if t.Name == call.Name {
			runner = t.Run
		}
	}
	switch {
	case runner == nil:
		return nil, safeError("There is no such tool.")
	case len(call.Input) > 0 && call.Input[0] != '{':
		return nil, safeError("The arguments are not a JSON object.")
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.ToolTimeout)
	defer cancel()
	output, err = runner(ctx, call.Input)
	switch {
	case ctx.Err() != nil:
		return nil, safeError("The tool took too long.")
	case err != nil:
		return nil, safeError(err.Error())
	case len(output) > maxToolOutput:
		return nil, safeError(fmt.Sprintf("The tool answered more than %d KiB.", maxToolOutput>>10))
	}
	return output, nil
}
