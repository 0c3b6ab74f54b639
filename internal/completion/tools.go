package completion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"

	"twobrains/internal/llm"
	"twobrains/internal/stream"
	"twobrains/internal/tool"
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tracing"
)

// toolbox is what a run's model may call.
type toolbox struct {
	tools   []tool.Tool
	session *mcp.Session
}

// openTools gathers the run's tools: our own, the search with the user's key, and those of the user's MCP servers, which
// are asked in parallel within a few seconds. What is not available costs its tools, and a notice says so.
func (r *run) openTools(ctx context.Context, reply *stream.Assembler) {
	if !r.model.Capabilities.Tools {
		return
	}
	r.toolbox.tools = slices.Clone(r.opts.Tools[r.model.Provider])
	if !r.keys.search.IsZero() {
		r.toolbox.tools = append(r.toolbox.tools, r.searchTool())
	}
	if r.historyTool && r.opts.History != nil {
		if t, ok := r.opts.History(ctx, r.user); ok {
			r.toolbox.tools = append(r.toolbox.tools, t)
		}
	}
	if r.recall.Applies() {
		r.toolbox.tools = append(r.toolbox.tools, r.opts.Memory.Tool(r.user, r.req.conversation))
	}
	if len(r.servers) > 0 {
		r.toolbox.session = r.opts.MCP.Open(ctx, r.user, r.servers)
		r.notices = append(r.notices, r.toolbox.session.Notices()...)
		for _, t := range r.toolbox.session.Tools() {
			if _, taken := r.tool(t.Name); !taken {
				r.toolbox.tools = append(r.toolbox.tools, t)
			}
		}
	}
	if len(r.notices) > 0 {
		_ = reply.SetMetadata(encode(map[string][]string{"notices": r.notices}))
	}
}

// closeTools takes leave of servers, without making anybody wait for it.
func (r *run) closeTools() {
	if session := r.toolbox.session; session != nil {
		r.background.Go(func() {
			defer r.guard("taking leave of servers", r.id)
			session.Close()
		})
	}
}

// mayHaveTools says, before the tools are known, whether there will be any.
func (r *run) mayHaveTools() bool {
	return r.model.Capabilities.Tools && (len(r.opts.Tools[r.model.Provider]) > 0 || !r.keys.search.IsZero() || len(r.servers) > 0 ||
		r.historyTool && r.opts.History != nil || r.wantsMemory)
}

func (r *run) tool(name string) (tool.Tool, bool) {
	for _, t := range r.toolbox.tools {
		if t.Name == name {
			return t, true
		}
	}
	return tool.Tool{}, false
}

func (r *run) isDynamic(name string) bool {
	t, _ := r.tool(name)
	return t.Dynamic
}

// searchTool is the web search; using it is noted.
func (r *run) searchTool() tool.Tool {
	t := r.opts.Search.Tool(r.keys.search)
	search := t.Run
	t.Run = func(ctx context.Context, input json.RawMessage) (tool.Result, error) {
		r.keys.searched.Store(true)
		return search(ctx, input)
	}
	return t
}

// runTools runs calls in parallel; outputs reach the stream in the order they are ready. A call that fails is answered too,
// with a text that is safe for the model and the user.
func (r *run) runTools(ctx context.Context, reply *stream.Assembler, calls []llm.ToolCall) {
	var wg sync.WaitGroup
	for _, call := range calls {
		wg.Go(func() {
			result, err := r.runTool(ctx, call)
			if err == nil {
				err = reply.ToolOutput(call.ID, result.Output)
			}
			if err != nil && !errors.Is(err, stream.ErrEnded) {
				_ = reply.ToolError(call.ID, toolErrorText(err))
				return
			}
			for _, source := range result.Sources {
				source.ID = "" // unique within the result only
				_ = reply.Apply(source)
			}
		})
	}
	wg.Wait()
}

func toolErrorText(err error) string {
	var safe tool.Error
	switch {
	case errors.As(err, &safe):
		return string(safe)
	case errors.Is(err, stream.ErrTooLarge):
		return "The reply has no room for what the tool answered."
	}
	return "The tool failed."
}

func (r *run) runTool(ctx context.Context, call llm.ToolCall) (result tool.Result, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("tool panicked", "run", r.id, "tool", call.Name, "panic", p, "stack", string(debug.Stack()))
			result, err = tool.Result{}, tool.Error("The tool failed.")
		}
	}()
	t, ok := r.tool(call.Name)
	switch {
	case !ok:
		return result, tool.Error("There is no such tool.")
	case !r.isBound(call.ID, t):
		return result, tool.Error("The tool has changed; it was not called.")
	case len(call.Input) > 0 && call.Input[0] != '{':
		return result, tool.Error("The arguments are not a JSON object.")
	}
	ctx, cancel := context.WithTimeout(ctx, r.opts.ToolTimeout)
	defer cancel()
	r.acted.Store(true)
	within, span := tracing.Begin(ctx, "execute_tool")
	result, err = t.Run(within, call.Input)
	tracing.End(span, err)
	switch {
	case err != nil && ctx.Err() != nil:
		return tool.Result{}, tool.Error("The tool took too long.")
	case err != nil:
		return tool.Result{}, err
	case len(result.Output) > tool.MaxOutput:
		return tool.Result{}, tool.Error(fmt.Sprintf("The tool answered more than %d KiB.", tool.MaxOutput>>10))
	}
	return result, nil
}
