package completion

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"unicode/utf8"

	"github.com/google/uuid"

	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/settings"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// maxReason bounds what a user may say to a decision, in characters.
const maxReason = 1000

// continued is a stored reply that a run goes on with, after the user has answered its requests for approval.
type continued struct {
	parts, metadata json.RawMessage
	// usage and cost of the runs before, and the characters of text.
	usage llm.Usage
	cost  int64
	size  int
	model string
	// status of the message as it is stored.
	status string
	// answered counts the messages that took the user's answers: one, or none if another run was faster.
	answered *tenant.Result[int64]
	// bound are the tools that the user was asked about, by call.
	bound map[string]string
	// resumed: what the run has of it is whole, and may be stored in its place.
	resumed bool
}

// asks says whether the user is asked before a call.
func (r *run) asks(call llm.ToolCall) bool {
	t, ok := r.tool(call.Name)
	switch {
	case !ok:
		return false
	case t.Dynamic && r.approval == settings.ApprovalAlways:
		return true
	case t.Dynamic && r.approval == settings.ApprovalNever:
		return false
	}
	return t.NeedsApproval
}

// ask requests approval of the calls that need it, and returns the others. A call that the user cannot be asked about is not
// made.
func (r *run) ask(reply *stream.Assembler, calls []llm.ToolCall) (rest []llm.ToolCall, asked bool) {
	for _, call := range calls {
		if !r.asks(call) {
			rest = append(rest, call)
			continue
		}
		t, _ := r.tool(call.Name)
		if err := reply.RequestApproval(call.ID, newApprovalID(), r.fingerprint(t)); err != nil {
			r.log.Error("requesting approval", "run", r.id, "error", err)
			_ = reply.ToolError(call.ID, "You could not be asked about this call; it was not made.")
			continue
		}
		asked = true
	}
	return rest, asked
}

func newApprovalID() string { return "apr_" + uuid.Must(uuid.NewV7()).String() }

// parseDecisions reads the user's answers from an assistant message as clients send it. All else in it is ignored: the
// calls are in the database.
func (in *body) parseDecisions(raw json.RawMessage, path string, req *request, invalid *problem.Error) {
	var message struct {
		ID    string            `json:"id"`
		Parts []json.RawMessage `json:"parts"`
	}
	if json.Unmarshal(raw, &message) != nil {
		invalid.Field(path, "must be a message object with id, role and parts")
		return
	}
	if message.ID != req.target {
		invalid.Field(path+".id", "must be the id in messageId")
	}
	for i, part := range message.Parts {
		where := fmt.Sprintf("%s.parts[%d]", path, i)
		var p struct {
			State      string `json:"state"`
			ToolCallID string `json:"toolCallId"`
			Approval   struct {
				ID       string `json:"id"`
				Approved *bool  `json:"approved"`
				Reason   string `json:"reason"`
			} `json:"approval"`
		}
		if json.Unmarshal(part, &p) != nil {
			invalid.Field(where, "must be a part object")
			continue
		}
		if p.State != "approval-responded" {
			continue
		}
		switch {
		case p.Approval.ID == "" || p.ToolCallID == "" || p.Approval.Approved == nil:
			invalid.Field(where+".approval", "must have id and approved, and its part a toolCallId")
		case utf8.RuneCountInString(p.Approval.Reason) > maxReason:
			invalid.Field(where+".approval.reason", fmt.Sprintf("must not exceed %d characters", maxReason))
		default:
			req.decisions = append(req.decisions, decision{
				Decision: stream.Decision{ApprovalID: p.Approval.ID, CallID: p.ToolCallID, Approved: *p.Approval.Approved, Reason: p.Approval.Reason},
				path:     where + ".approval",
			})
		}
	}
	if len(req.decisions) == 0 && len(invalid.Fields) == 0 {
		invalid.Field(path+".parts", "must hold an answer to a request for approval")
	}
}

// decision is one answer, and where in the request it stands.
type decision struct {
	stream.Decision
	path string
}

// resume finds the stored reply that the user's decisions are about and checks them against it. It must be the last message
// of the path.
func (r *run) resume(ctx context.Context, tx *tenant.Tx) (userMessageID string, err error) {
	locked := tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return r.tenants.ConversationLock(ctx, db, r.req.conversation) }).Proves()
	found := tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.MessageGetRow, error) {
		return r.tenants.MessageGet(ctx, db, r.req.target)
	}).Proves()
	end := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageListRow, error) {
		return r.tenants.MessageList(ctx, db, tenantdb.MessageListParams{ConversationID: r.req.conversation, BeforeSeq: math.MaxInt64, RowLimit: 2})
	}).Proves()
	if err := tx.Flush(); err != nil {
		return "", err
	}
	target, last := found.Value(), end.Value()
	switch {
	case isNoRows(locked.Err()):
		return "", problem.New(problem.CodeNotFound, "There is no such conversation.")
	case isNoRows(found.Err()) || target.ConversationID != r.req.conversation || target.Role != "assistant":
		return "", problem.New(problem.CodeNotFound, "There is no such reply in this conversation.")
	case len(last) == 0 || last[0].ID != target.ID:
		return "", problem.New(problem.CodeConflict, "The conversation has gone on; this reply waits for no answer any more.")
	case len(last) == 1 || last[1].Role != "user":
		return "", problem.New(problem.CodeConflict, "There is no message of yours to answer there.")
	}
	if err := r.checkDecisions(target.Parts); err != nil {
		return "", err
	}
	if r.continues, err = readContinued(&target); err != nil {
		return "", err
	}
	r.messageID = target.ID
	return last[1].ID, r.queueAnswer(ctx, tx, &target)
}

// queueAnswer stores the decisions with the run: whatever becomes of it, what was answered is not asked, and not done, again.
func (r *run) queueAnswer(ctx context.Context, tx *tenant.Tx, target *tenantdb.MessageGetRow) error {
	answered, err := stream.Answer(target.Parts, r.decided())
	if err != nil {
		return fmt.Errorf("answer reply: %w", err)
	}
	r.continues.answered = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return r.tenants.RunReplyAnswer(ctx, db, tenantdb.RunReplyAnswerParams{
			Parts: answered, ID: target.ID, ConversationID: r.req.conversation, ApprovalID: r.req.decisions[0].ApprovalID,
		})
	}).Proves()
	return nil
}

// checkAnswered says, after the round trip, whether the answers were the first.
func (c *continued) checkAnswered() error {
	if c != nil && c.answered.Value() == 0 {
		return problem.New(problem.CodeConflict, noAnswerAwaited)
	}
	return nil
}

const noAnswerAwaited = "This reply waits for no answer any more."

func (r *run) decided() []stream.Decision {
	decisions := make([]stream.Decision, len(r.req.decisions))
	for i, d := range r.req.decisions {
		decisions[i] = d.Decision
	}
	return decisions
}

// checkDecisions compares the answers with the questions: each must be to a stored one, and all must be answered.
func (r *run) checkDecisions(parts json.RawMessage) error {
	approvals, err := stream.Approvals(parts)
	if err != nil {
		return err
	}
	stored, pending := map[string]stream.Approval{}, 0
	for _, a := range approvals {
		stored[a.ID] = a
		if a.Pending {
			pending++
		}
	}
	if pending == 0 {
		return problem.New(problem.CodeConflict, noAnswerAwaited)
	}
	invalid := problem.New(problem.CodeInvalid, "These answers do not fit what was asked.")
	answered := map[string]bool{}
	for _, d := range r.req.decisions {
		a, ok := stored[d.ApprovalID]
		switch {
		case !ok || a.CallID != d.CallID:
			invalid.Field(d.path, "nobody asked for this approval")
		case answered[d.ApprovalID]:
			invalid.Field(d.path, "answers twice")
		case a.Pending:
			answered[d.ApprovalID] = true
		}
	}
	if len(invalid.Fields) == 0 && len(answered) < pending {
		invalid.Field("messages", "must answer all requests for approval at once")
	}
	if len(invalid.Fields) > 0 {
		return invalid
	}
	return nil
}

func readContinued(target *tenantdb.MessageGetRow) (*continued, error) {
	var metadata struct {
		Model string `json:"model"`
		Usage struct {
			Input     int64 `json:"inputTokens"`
			Cached    int64 `json:"cachedInputTokens"`
			Output    int64 `json:"outputTokens"`
			Reasoning int64 `json:"reasoningTokens"`
		} `json:"usage"`
		Cost int64 `json:"costMicroUsd"`
	}
	var texts []struct{ Type, Text string }
	if err := json.Unmarshal(target.Metadata, &metadata); err != nil {
		return nil, fmt.Errorf("read metadata: %w", err)
	}
	if err := json.Unmarshal(target.Parts, &texts); err != nil {
		return nil, fmt.Errorf("read parts: %w", err)
	}
	c := &continued{parts: target.Parts, metadata: target.Metadata, cost: metadata.Cost, model: metadata.Model, status: target.Status}
	c.usage = llm.Usage{Input: metadata.Usage.Input, CachedInput: metadata.Usage.Cached, Output: metadata.Usage.Output, Reasoning: metadata.Usage.Reasoning}
	for _, p := range texts {
		if p.Type == "text" {
			c.size += len(p.Text)
		}
	}
	approvals, err := stream.Approvals(target.Parts)
	if err != nil {
		return nil, err
	}
	c.bound = map[string]string{}
	for _, a := range approvals {
		c.bound[a.CallID] = a.Tool
	}
	return c, nil
}

// begin starts the reply, or takes up the stored one and runs what the user has approved.
func (r *run) begin(ctx context.Context, reply *stream.Assembler) error {
	if r.continues == nil {
		r.openTools(ctx, reply)
		return nil
	}
	if err := reply.Resume(r.continues.parts, r.continues.metadata, r.decided()); err != nil {
		return fmt.Errorf("resume reply: %w", err)
	}
	r.continues.resumed = true
	r.openTools(ctx, reply)
	r.runTools(ctx, reply, reply.Calls())
	return nil
}
