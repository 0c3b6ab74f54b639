package completion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/usage"
)

// maxHistory bounds the messages given to a model, whatever its window.
const maxHistory = 200

// charsPerToken is how many characters of text a token has at least, on average and in most languages: the history is cut
// by characters, since every provider counts tokens in its own way.
const charsPerToken = 3

// Start begins a reply and returns its log to read, from the first chunk. The reply goes on whether or not anybody reads.
// Errors are *problem.Error where they have a public face; with any error nothing is stored and nothing is counted.
func (s *Service) Start(ctx context.Context, user auth.User, body []byte) (stream.Follower, error) {
	req, err := parse(body, s.opts.MaxMessageChars)
	if err != nil {
		return nil, err
	}
	if req.model != "" {
		if _, err := s.choose(req.model, nil); err != nil {
			return nil, err
		}
	}
	r := &run{
		Service: s, req: req, user: user, key: logKey(user, req.conversation),
		id: uuid.New(), messageID: newMessageID(), done: make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx))
	if err := s.admit(ctx, r); err != nil {
		return nil, err
	}
	follower, err := r.start(ctx)
	if err != nil {
		s.dismiss(r)
		return nil, err
	}
	return follower, nil
}

// run is one reply under way.
type run struct {
	*Service
	ctx    context.Context
	cancel context.CancelCauseFunc
	// stored is set once the reply is, done is closed when nothing is left to do.
	stored atomic.Bool
	done   chan struct{}

	user      auth.User
	brain     *tenant.Brain
	req       request
	key       stream.Key
	id        uuid.UUID
	messageID string

	model    catalog.Model
	effort   llm.Effort
	system   string
	charged  *time.Time
	started  time.Time
	history  []llm.Message
	userText int64
}

func (r *run) start(ctx context.Context) (stream.Follower, error) {
	brain, err := r.opts.DB.Open(ctx, r.user)
	if err != nil {
		return nil, err
	}
	r.brain = brain
	err = r.prepare(ctx)
	if problem.HasCode(err, problem.CodeRunActive) {
		var again bool
		if again, err = r.clearDeadRun(ctx, err); again {
			err = r.prepare(ctx)
		}
	}
	if err != nil {
		return nil, err
	}
	log, err := r.opts.Logs.Create(r.ctx, r.key, r.id.String())
	if err != nil {
		r.abandon(err)
		return nil, fmt.Errorf("create run log: %w", err)
	}
	follower := log.Follow()
	go r.pump(log)
	return follower, nil
}

// prepare makes everything ready in one transaction of two round trips: the first stores and reads, the second takes
// quota, opens the run and commits.
func (r *run) prepare(ctx context.Context) error {
	r.started = r.now().UTC()
	var opened, reserved *tenant.Result[struct{}]
	var history *tenant.Result[[]tenantdb.MessageHistoryRow]
	var userMessageID string
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		settings := tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return r.public.SettingsGet(ctx, db) })
		var err error
		if userMessageID, err = r.write(ctx, tx); err != nil {
			return err
		}
		budget := r.budget()
		history = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageHistoryRow, error) {
			return r.tenants.MessageHistory(ctx, db, tenantdb.MessageHistoryParams{ConversationID: r.req.conversation, RowLimit: maxHistory, Budget: budget})
		})
		if err := tx.Flush(); err != nil {
			return r.writeError(err)
		}
		if err := r.decide(settings.Value()); err != nil {
			return err
		}
		opened = tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return r.tenants.RunStart(ctx, db, tenantdb.RunStartParams{
				ID: r.id, ConversationID: r.req.conversation, UserMessageID: userMessageID, MessageID: r.messageID,
				Model: r.model.ID, Effort: string(r.effort), KeySource: "platform", InstanceID: r.opts.InstanceID,
				ChargedOn: r.charged, Now: r.started,
			})
		})
		reserved = tenant.QueueExec(tx, func(db tenant.DBTX) error {
			_, err := r.public.QuotaReserve(ctx, db, publicdb.QuotaReserveParams{
				Day: usage.Day(r.started), Month: usage.Month(r.started),
				DayLimit: clampInt32(r.opts.Quota.Day), MonthLimit: clampInt32(r.opts.Quota.Month),
			})
			return err
		})
		return nil
	})
	switch {
	case err == nil:
		return r.readHistory(history.Value())
	case opened != nil && tenant.IsUnique(opened.Err()):
		return problem.New(problem.CodeRunActive, "A reply is being produced in this conversation; wait for it or stop it.").Because(err)
	case reserved != nil && tenant.HasState(reserved.Err(), stateQuota):
		return r.quotaError(ctx, r.brain, r.started)
	}
	return err
}

// write stores what the request changes in the conversation and returns the id of the user's message to answer.
func (r *run) write(ctx context.Context, tx *tenant.Tx) (userMessageID string, err error) {
	if r.req.action == actSend {
		r.append(ctx, tx)
		return r.req.message.ID, nil
	}
	return r.rewind(ctx, tx)
}

func (r *run) append(ctx context.Context, tx *tenant.Tx) {
	m := r.req.message
	tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ConversationAdvanceRow, error) {
		return r.tenants.ConversationAdvance(ctx, db, tenantdb.ConversationAdvanceParams{
			ID: r.req.conversation, Title: chat.TitleFrom(m.Text), Now: r.started,
		})
	})
	tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return r.tenants.MessageAppend(ctx, db, tenantdb.MessageAppendParams{
			ID: m.ID, ConversationID: r.req.conversation, Role: "user", Parts: m.Parts, Metadata: json.RawMessage("{}"),
			Status: "complete", Size: clampInt32(len(m.Text)), Now: r.started,
		})
	})
}

// rewind edits a user message or drops a reply, together with what followed.
func (r *run) rewind(ctx context.Context, tx *tenant.Tx) (userMessageID string, err error) {
	notFound := problem.New(problem.CodeNotFound, "There is no such message in this conversation.")
	if _, err := r.tenants.ConversationLock(ctx, tx, r.req.conversation); err != nil {
		if isNoRows(err) {
			return "", problem.New(problem.CodeNotFound, "There is no such conversation.")
		}
		return "", err
	}
	target, err := r.target(ctx, tx)
	if err != nil {
		return "", err
	}
	if target == nil || target.ConversationID != r.req.conversation {
		return "", notFound
	}
	keep := target.Seq
	if r.req.action == actEdit {
		if target.Role != "user" {
			return "", problem.New(problem.CodeInvalid, "Only your own messages can be edited.").Field("messageId", "must name a message of role user")
		}
		m := r.req.message
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return r.tenants.MessageReplace(ctx, db, tenantdb.MessageReplaceParams{
				ID: m.ID, ConversationID: r.req.conversation, Parts: m.Parts, Size: clampInt32(len(m.Text)),
			})
		})
	} else if target.Role == "assistant" {
		keep--
	}
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return r.tenants.MessageDeleteAfter(ctx, db, tenantdb.MessageDeleteAfterParams{ConversationID: r.req.conversation, Seq: keep})
	})
	asked, err := r.tenants.MessageList(ctx, tx, tenantdb.MessageListParams{ConversationID: r.req.conversation, BeforeSeq: keep + 1, RowLimit: 1})
	if err != nil {
		return "", err
	}
	if len(asked) == 0 || asked[0].Role != "user" {
		return "", problem.New(problem.CodeConflict, "There is no message of yours to answer there.")
	}
	return asked[0].ID, nil
}

// target finds the message that an edit or a regeneration is about; nil if there is none.
func (r *run) target(ctx context.Context, tx *tenant.Tx) (*tenantdb.MessageGetRow, error) {
	if r.req.target != "" {
		row, err := r.tenants.MessageGet(ctx, tx, r.req.target)
		if isNoRows(err) {
			return nil, nil
		}
		return &row, err
	}
	rows, err := r.tenants.MessageList(ctx, tx, tenantdb.MessageListParams{ConversationID: r.req.conversation, BeforeSeq: math.MaxInt64, RowLimit: 1})
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return &tenantdb.MessageGetRow{ID: rows[0].ID, ConversationID: r.req.conversation, Seq: rows[0].Seq, Role: rows[0].Role}, nil
}

func (r *run) writeError(err error) error {
	if tenant.IsUnique(err) {
		return problem.New(problem.CodeConflict, "There is a message with this id already.").Because(err)
	}
	return err
}

// decide fixes model, effort, instructions and charge, from the request and the user's settings.
func (r *run) decide(settings publicdb.SettingsGetRow) error {
	model, err := r.choose(r.req.model, settings.DefaultModel)
	if err != nil {
		return err
	}
	want := r.req.effort
	if want == "" {
		want = llm.Effort(value(settings.ReasoningEffort))
	}
	r.model = model
	r.effort = model.Effort(want, len(r.tools()) > 0)
	r.system = settings.CustomInstructions
	day := usage.Day(r.started)
	r.charged = &day
	return nil
}

// budget is how many characters of history may be read: what the model's window leaves beside its reply. Where the
// model is still to be chosen the largest window counts, and readHistory cuts.
func (r *run) budget() int64 {
	window := 0
	for _, m := range r.opts.Catalog.Models() {
		if r.req.model == "" || r.req.model == m.ID {
			window = max(window, inputWindow(m))
		}
	}
	return int64(window) * charsPerToken
}

func inputWindow(m catalog.Model) int {
	return max(m.ContextWindow-min(m.OutputLimit, m.ContextWindow/2), m.ContextWindow/4)
}

// readHistory keeps the newest messages that fit the model, and begins with one of the user's.
func (r *run) readHistory(rows []tenantdb.MessageHistoryRow) error {
	left := int64(inputWindow(r.model)) * charsPerToken
	first := len(rows)
	for first > 0 {
		size := int64(len(rows[first-1].Parts))
		if first < len(rows) && size > left {
			break
		}
		left -= size
		first--
	}
	for first < len(rows)-1 && rows[first].Role != "user" {
		first++
	}
	r.history, r.userText = nil, 0
	for _, row := range rows[first:] {
		messages, err := chat.ModelMessages(row.Role, row.Parts)
		if err != nil {
			return fmt.Errorf("message %s: %w", row.ID, err)
		}
		r.history = append(r.history, messages...)
		r.userText += int64(len(row.Parts))
	}
	return nil
}

// tools are what the run's model may call.
func (r *run) tools() []RunnableTool {
	if !r.model.Capabilities.Tools {
		return nil
	}
	return r.opts.Tools[r.model.Provider]
}

// abandon takes back a run that was prepared but cannot be pumped.
func (r *run) abandon(cause error) {
	r.log.Error("run abandoned", "run", r.id, "error", cause)
	if err := r.settle(outcome{status: statusFailed, code: problem.CodeInternal}); err != nil {
		r.log.Error("settling an abandoned run", "run", r.id, "error", err)
	}
}

// newMessageID makes the id of an assistant message, of the form that clients make.
func newMessageID() string {
	id := uuid.Must(uuid.NewV7())
	return "msg_" + fmt.Sprintf("%x", id[:])
}

func clampInt32(n int) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }

var errStopped = errors.New("stopped by the user")
