package completion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"

	"go.opentelemetry.io/otel/attribute"

	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/tracing"
)

var (
	errTimeout  = errors.New("run took too long")
	errDraining = errors.New("server stops")
)

// Statuses of messages and runs. Only runs are under way.
const (
	statusRunning     = "running"
	statusComplete    = "complete"
	statusInterrupted = "interrupted"
	statusAborted     = "aborted"
	statusFailed      = "failed"
)

// outcome is how a run ended.
type outcome struct {
	status string
	reason llm.FinishReason
	// code and text are set where the user is to see an error.
	code  problem.Code
	text  string
	usage llm.Usage
	// estimated: the provider gave no usage, so it was guessed from the lengths of the texts.
	estimated bool

	produced bool
	// spent: what was charged for is not given back.
	spent    bool
	parts    json.RawMessage
	metadata json.RawMessage
	textSize int
	files    []stream.File
}

// replies says whether there is a reply to store: also one without a word, which clients have shown.
func (o outcome) replies() bool { return o.produced || o.status == statusComplete }

// pump makes the reply: it reads the model, runs tools and in the end stores everything. It is the only goroutine of a
// run and outlives the request.
func (r *run) pump(log stream.Log) {
	defer r.dismiss(r)
	defer r.guard("making a reply", r.id)
	defer r.cancel(nil)
	defer r.closeTools()
	r.metrics.started.Inc()
	ctx, stopTimer := context.WithTimeoutCause(r.ctx, r.opts.RunTimeout, errTimeout)
	defer stopTimer()
	ctx, span := tracing.Begin(ctx, "reply")
	defer tracing.End(span, nil)

	// What is as long-lived as the reply is kept off the stack, and what takes a large one stands in functions of its own: there
	// are as many of these goroutines as replies, and each spends its time in the wait for the next word.
	reply, out := r.newReply(log), new(outcome)
	r.generate(ctx, reply, out)
	r.conclude(reply, out)
}

// newReply holds the end back: the reply is stored before its readers learn that it has ended, so who reads the conversation
// then finds it.
//
//go:noinline
func (r *run) newReply(log stream.Log) *stream.Assembler {
	return stream.NewAssembler(log, stream.Options{MessageID: r.messageID, Metadata: r.startMetadata(), Dynamic: r.isDynamic, HoldEnd: true})
}

// conclude ends the stream and stores the reply.
func (r *run) conclude(reply *stream.Assembler, out *outcome) {
	out.produced = reply.Produced()
	out.spent = out.produced || out.status == statusAborted && (r.requested || r.acted.Load())
	if out.usage == (llm.Usage{}) && (out.produced || out.spent && r.requested) {
		out.usage, out.estimated = r.estimate(reply), true
	}
	r.finish(reply, out)
	out.parts, out.metadata, out.textSize = reply.Parts(), reply.Metadata(), len(reply.Text())
	out.files = reply.Files()
	if r.continues != nil {
		out.textSize += r.continues.size
	}
	err := r.settle(*out)
	if errors.Is(err, errHandedOver) { // and the log with it: who settles the run ends it
		return
	}
	r.stored.Store(true)
	if err != nil {
		reply.Release("The reply could not be stored.")
	} else {
		reply.Release("")
		r.nameLater(*out, reply.Text())
	}
	r.metrics.ended.WithLabelValues(out.status).Inc()
}

// generate drives the model through its steps.
func (r *run) generate(ctx context.Context, reply *stream.Assembler, out *outcome) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("run panicked", "run", r.id, "panic", p, "stack", string(debug.Stack()))
			out.status, out.code = statusFailed, problem.CodeInternal
			out.text = problem.New(problem.CodeInternal, "Something went wrong on our side.").Detail
		}
	}()
	if err := r.begin(ctx, reply); err != nil {
		r.classify(ctx, err, out)
		return
	}
	for step := 1; ; step++ {
		reason, err := r.step(ctx, reply, &out.usage)
		if errors.Is(err, errCost) && reply.Produced() {
			r.endForCost(reply, out)
			return
		}
		if err != nil {
			r.classify(ctx, err, out)
			return
		}
		calls := reply.Calls()
		rest, asked := r.ask(reply, calls)
		r.runTools(ctx, reply, rest)
		_ = reply.FinishStep()
		if ctx.Err() != nil {
			r.classify(ctx, context.Cause(ctx), out)
			return
		}
		if asked {
			out.status, out.reason = statusComplete, llm.FinishToolCalls
			return
		}
		answered := len(calls) > 0 || reply.Unreadable() > 0
		if !answered || step >= r.opts.MaxSteps {
			out.status, out.reason = statusComplete, reason
			return
		}
	}
}

// call makes the sequence of one call of the model.
func (r *run) call(ctx context.Context, reply *stream.Assembler, used llm.Usage) (iter.Seq2[llm.Event, error], error) {
	messages := r.history
	if reply.Produced() || r.continues != nil {
		for _, f := range reply.Files() {
			r.files[f.ID] = llm.File{MediaType: f.MediaType, Data: f.Data}
		}
		made, err := r.files.Messages("assistant", reply.Parts())
		if err != nil {
			return nil, err
		}
		messages = append(messages[:len(messages):len(messages)], made...)
	}
	// No limit on the output is sent unless money is short: the catalog's is an assumption for models that only configuration names, and
	// a server with a smaller window would refuse the request.
	request := llm.Request{
		Model: r.model.ProviderModel(), System: r.system, Messages: messages, Effort: r.effort, User: r.pseudonym(),
	}
	for _, t := range r.toolbox.tools {
		request.Tools = append(request.Tools, t.Tool)
	}
	if err := r.afford(ctx, &request, reply, used); err != nil {
		return nil, err
	}
	r.requested = r.requested || ctx.Err() == nil
	return r.provider.Stream(ctx, request), nil
}

// step calls the model once.
func (r *run) step(ctx context.Context, reply *stream.Assembler, usage *llm.Usage) (_ llm.FinishReason, err error) {
	ctx, span := tracing.Call(ctx, "chat", attribute.String("gen_ai.operation.name", "chat"), attribute.String("gen_ai.request.model", r.model.ID))
	defer func() { tracing.End(span, err) }()
	events, err := r.call(ctx, reply, *usage)
	if err != nil {
		return "", err
	}
	reason := llm.FinishOther
	// Clients get to know of a step, and so of the reply, with its first event: of a model that refuses they show nothing.
	begun := false
	for event, err := range events {
		if err != nil {
			return "", err
		}
		if !begun {
			begun = true
			span.AddEvent("first event")
			if !reply.Produced() {
				r.metrics.firstEvent.WithLabelValues(r.model.Provider).Observe(r.now().Sub(r.started).Seconds())
			}
			_ = reply.StartStep()
		}
		switch e := event.(type) {
		case llm.Usage:
			*usage = usage.Plus(e)
		case llm.Finish:
			reason = e.Reason
		default:
			if r.firstToken == nil {
				r.firstToken = new(clampInt32(int(max(0, r.now().Sub(r.started)).Milliseconds())))
			}
			if err := reply.Apply(event); err != nil {
				return "", fmt.Errorf("apply event: %w", err)
			}
		}
	}
	if !begun {
		_ = reply.StartStep()
	}
	return reason, nil
}

// classify says how a run ended that did not end by itself.
func (r *run) classify(ctx context.Context, err error, out *outcome) {
	cause := context.Cause(ctx)
	switch {
	case errors.Is(cause, errStopped):
		out.status, out.reason = statusAborted, llm.FinishOther
		return
	case errors.Is(cause, errDraining), errors.Is(cause, errTimeout):
		out.status, out.reason = statusInterrupted, llm.FinishOther
		out.code = problem.CodeProviderInterrupted
		out.text = "The reply was interrupted."
	case errors.Is(err, stream.ErrTooLarge):
		out.status, out.reason = statusInterrupted, llm.FinishLength
		out.code, out.text = problem.CodeTooLarge, "The reply is too large."
	case llm.KindOf(err) == llm.Interrupted:
		out.status, out.reason = statusInterrupted, llm.FinishOther
		out.code, out.text = problem.CodeProviderInterrupted, problem.From(err).Detail
	default:
		public := r.blame(err)
		out.status, out.reason = statusFailed, llm.FinishError
		out.code, out.text = public.Code, public.Detail
	}
	r.log.Warn("run ended early", "run", r.id, "model", r.model.ID, "status", out.status, "code", out.code, "error", err)
}

// finish ends the stream in the way that fits the outcome. A reply that broke off ends like a whole one, its state in the
// metadata: an error chunk would make clients drop what follows it, and there is text worth keeping.
func (r *run) finish(reply *stream.Assembler, out *outcome) {
	metadata := r.endMetadata(*out)
	switch {
	case out.status == statusAborted:
		_ = reply.Abort(metadata)
	case out.status == statusComplete, out.status == statusInterrupted && out.produced:
		_ = reply.Finish(out.reason, metadata)
	default:
		_ = reply.Fail(out.text, metadata)
	}
}

// startMetadata is what clients know of a reply from its first chunk on.
func (r *run) startMetadata() json.RawMessage {
	created := r.started.Format(timeFormat)
	if r.continues != nil {
		created = ""
	}
	return encode(struct {
		CreatedAt string    `json:"createdAt,omitempty"`
		Model     string    `json:"model"`
		Effort    string    `json:"reasoningEffort,omitempty"`
		Key       string    `json:"keySource"`
		Run       string    `json:"runId"`
		Warnings  []warning `json:"warnings,omitempty"`
	}{created, r.model.ID, string(r.effort), string(r.keys.source), r.id.String(), r.funds.warnings})
}

func (r *run) endMetadata(out outcome) json.RawMessage {
	type usage struct {
		Input     int64 `json:"inputTokens"`
		Cached    int64 `json:"cachedInputTokens"`
		Output    int64 `json:"outputTokens"`
		Reasoning int64 `json:"reasoningTokens"`
		Estimated bool  `json:"estimated,omitempty"`
	}
	total, cost := out.usage, r.model.Cost(out.usage)
	if r.continues != nil {
		total, cost = total.Plus(r.continues.usage), cost+r.continues.cost
	}
	return encode(struct {
		Status string       `json:"status"`
		Reason string       `json:"finishReason,omitempty"`
		Code   problem.Code `json:"errorCode,omitempty"`
		Usage  usage        `json:"usage"`
		Cost   int64        `json:"costMicroUsd"`
	}{
		out.status, string(out.reason), out.code,
		usage{total.Input, total.CachedInput, total.Output, total.Reasoning, out.estimated},
		cost,
	})
}

// timeFormat is RFC 3339 with milliseconds, UTC.
const timeFormat = "2006-01-02T15:04:05.000Z"

func encode(v any) json.RawMessage {
	out, err := json.Marshal(v)
	if err != nil {
		panic(err) // unreachable: structs of strings and numbers
	}
	return out
}

// charsPerGuess is how many bytes of text are taken for a token where the provider does not say.
const charsPerGuess = 4

// estimate guesses the usage of a reply whose provider gave none.
func (r *run) estimate(reply *stream.Assembler) llm.Usage {
	guess := llm.Usage{Input: r.userText/charsPerGuess + 1}
	if reply.Produced() {
		guess.Output = int64(len(reply.Text()))/charsPerGuess + 1
	}
	return guess
}
