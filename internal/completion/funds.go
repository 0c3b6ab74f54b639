package completion

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"

	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// funds are what a run on the operator's keys takes of the user's allowances, in millionths of a US dollar and in tokens.
type funds struct {
	// estimate is what the first call of the model may cost, minimum what it costs with a short answer.
	estimate, minimum int64
	// tokens are those of the input, as they are guessed before the run has begun.
	tokens int64
	// reserved is what the run may come to. It means nothing where there is no ceiling, or free is set.
	reserved int64
	// free: the counters are at a later day than the run, whose ceiling does not concern it.
	free     bool
	warnings []warning
}

// errCost says that the ceiling leaves no money for another call of the model.
var errCost = errors.New("the day's budget is used up")

const (
	// shortAnswer is how many tokens of output must be paid for before a model is called.
	shortAnswer = 1_000
	// maxEstimate is beyond any ceiling, and leaves room to add.
	maxEstimate = 1_000_000_000_000_000
	// fileTokens is what a model makes of a picture or a page of a document, or less.
	fileTokens = 2_000
	// toolsTokens is what the tools of a run take, before they are known.
	toolsTokens = 2_000
)

// need guesses what the run takes, before its input is known as a whole.
func (r *run) need(rows []tenantdb.MessageHistoryRow) funds {
	f := funds{tokens: r.promptTokens(rows)}
	if r.charged == nil || r.limits.Cost == nil {
		return f
	}
	var size int64
	for _, row := range rows {
		size += int64(len(row.Parts))
	}
	input := min(size, int64(inputWindow(r.model))*charsPerToken)/charsPerToken + int64(len(r.system))/charsPerToken + shortAnswer
	if r.mayHaveTools() {
		input += toolsTokens
	}
	f.estimate, f.minimum = price(r.model, input, int64(r.model.OutputLimit)), price(r.model, input, shortOutput(r.model))
	return f
}

func shortOutput(m catalog.Model) int64 { return int64(min(shortAnswer, m.OutputLimit)) }

// price is Cost of so many tokens, for any prices.
func price(m catalog.Model, input, output int64) int64 {
	if float64(input)*float64(m.Prices.Input)+float64(output)*float64(m.Prices.Output) > maxEstimate {
		return maxEstimate
	}
	return m.Cost(llm.Usage{Input: input, Output: output})
}

func (f *funds) take(admitted publicdb.RunAdmitRow) {
	f.reserved, f.free = admitted.Reserved, admitted.MovedOn
}

// afford makes sure that what is reserved pays for the next call of the model: with more of the ceiling if it leaves that, with a limit on
// the output if not. errCost: it does not pay for a short answer.
func (r *run) afford(ctx context.Context, request *llm.Request, reply *stream.Assembler, used llm.Usage) error {
	if r.charged == nil || r.limits.Cost == nil || r.funds.free {
		return nil
	}
	if used.IsZero() && r.requested { // a provider that does not say
		used = r.estimate(reply)
	}
	spent, input := r.model.Cost(used), requestTokens(request)
	whole := spent + price(r.model, input, int64(r.model.OutputLimit))
	least := spent + price(r.model, input, shortOutput(r.model))
	if whole <= r.funds.reserved {
		return nil
	}
	// Where the first call got less than its estimate, there was no more to be had.
	if r.requested || r.funds.reserved >= r.funds.estimate || r.funds.reserved < least {
		if err := r.extend(ctx, whole-r.funds.reserved, max(least-r.funds.reserved, 1)); err != nil {
			return err
		}
	}
	switch {
	case r.funds.free || whole <= r.funds.reserved || r.model.Prices.Output == 0 && least <= r.funds.reserved:
		return nil
	case least > r.funds.reserved:
		return errCost
	}
	left := r.funds.reserved - spent
	if left > maxEstimate/1000 { // nothing that a limit on tokens would be about
		return nil
	}
	request.MaxOutputTokens = int(max(1, (left*1_000_000-input*r.model.Prices.Input)/r.model.Prices.Output))
	return nil
}

// extend reserves more for the run, between least and more, if the ceiling leaves it.
func (r *run) extend(ctx context.Context, more, least int64) error {
	var extended *tenant.Result[publicdb.RunExtendRow]
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		extended = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.RunExtendRow, error) {
			return r.public.RunExtend(ctx, db, publicdb.RunExtendParams{RunID: r.id, More: more, Minimum: least, CostLimit: *r.limits.Cost})
		}).Public()
		return nil
	})
	if err != nil {
		return fmt.Errorf("reserve more: %w", err)
	}
	r.funds.reserved += extended.Value().Granted
	r.funds.free = !extended.Value().OfToday
	return nil
}

// endForCost ends a reply that has begun, and keeps what there is of it.
func (r *run) endForCost(reply *stream.Assembler, out *outcome) {
	out.status, out.reason = statusInterrupted, llm.FinishLength
	out.code, out.text = problem.CodeQuotaCost, costSentence
	r.notices = append(r.notices, costSentence)
	_ = reply.SetMetadata(encode(map[string][]string{"notices": r.notices}))
	r.log.Info("run ended for its cost", "run", r.id, "model", r.model.ID)
}

const costSentence = "The reply ends here: what is left of today's budget does not pay for going on."

// requestTokens guesses how many tokens a request is, rather too many.
func requestTokens(request *llm.Request) int64 {
	size, files := len(request.System), 0
	for _, m := range request.Messages {
		for _, part := range m.Parts {
			switch p := part.(type) {
			case llm.Text:
				size += len(p.Text)
			case llm.Reasoning:
				size += len(p.Text)
			case llm.ToolCall:
				size += len(p.Name) + len(p.Input)
			case llm.ToolResult:
				size += len(p.Name) + len(p.Output)
			case llm.File:
				if strings.HasPrefix(p.MediaType, "image/") || strings.HasPrefix(p.MediaType, "application/pdf") {
					files += fileTokens + len(p.Data)/100
				} else {
					size += len(p.Data)
				}
			}
		}
		size += 16
	}
	for _, t := range request.Tools {
		size += len(t.Name) + len(t.Description) + len(t.InputSchema)
	}
	return int64(min(size/charsPerToken+files+1, math.MaxInt32))
}
