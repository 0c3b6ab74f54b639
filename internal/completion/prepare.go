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
	"twobrains/internal/tool/mcp"
	"twobrains/internal/tool/servers"
	"twobrains/internal/usage"
)

// Start begins a reply and returns its log to read, from the first chunk. The reply goes on whether or not anybody reads.
// Errors are *problem.Error where they have a public face; with any error nothing is stored and nothing is counted.
func (s *Service) Start(ctx context.Context, user auth.User, body []byte) (stream.Follower, error) {
	req, err := parse(body, s.opts.MaxMessageChars)
	if err != nil {
		return nil, err
	}
	if req.model != "" {
		if _, err := s.known(req.model); err != nil {
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
	provider llm.Provider
	keys     *keys
	servers  []mcp.Server
	toolbox  toolbox
	// notices are sentences for the user about what is not available in this run.
	notices []string
	// approval is the user's setting of when to be asked; empty: as each server says.
	approval string
	// continues is the stored reply that this run goes on with; nil: it makes a new one.
	continues *continued
	effort    llm.Effort
	system    string
	charged   *time.Time
	started   time.Time
	history   []llm.Message
	// files of the history, and those made in this run.
	files    chat.Files
	userText int64
	// requested: a model was asked; acted: a tool was called. Who stops the run then has used what was charged for.
	requested bool
	acted     atomic.Bool
	// asked counts the messages that the model gets to read.
	asked int
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
	var files *chat.FileLoad
	var userMessageID string
	err := r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		opened, reserved = nil, nil
		own, theirs := r.queueKeys(ctx, tx), r.queueServers(ctx, tx)
		settings := tenant.Queue(tx, func(db tenant.DBTX) (publicdb.SettingsGetRow, error) { return r.public.SettingsGet(ctx, db) })
		var err error
		if userMessageID, err = r.write(ctx, tx); err != nil {
			return err
		}
		var claim *chat.Claim
		if r.req.action == actSend || r.req.action == actEdit {
			claim = chat.QueueClaim(ctx, tx, r.req.conversation, r.req.message)
		}
		budget := r.budget()
		history = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageHistoryRow, error) {
			return r.tenants.MessageHistory(ctx, db, tenantdb.MessageHistoryParams{ConversationID: r.req.conversation, RowLimit: maxHistory, Budget: budget})
		})
		if err := tx.Flush(); err != nil {
			return r.writeError(err)
		}
		if err := claim.Check(); err != nil {
			return err
		}
		if err := r.continues.checkAnswered(); err != nil {
			return err
		}
		r.notices, r.servers = nil, nil
		if theirs != nil {
			r.servers, r.notices = theirs.Enabled(ctx, r.user)
		}
		if err := r.decide(settings.Value(), own.Value()); err != nil {
			return err
		}
		if files, err = chat.QueueFiles(ctx, tx, history.Value(), r.model); err != nil {
			return err
		}
		opened = tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return r.tenants.RunStart(ctx, db, tenantdb.RunStartParams{
				ID: r.id, ConversationID: r.req.conversation, UserMessageID: userMessageID, MessageID: r.messageID,
				Model: r.model.ID, Effort: string(r.effort), KeySource: string(r.keys.source), InstanceID: r.opts.InstanceID,
				ChargedOn: r.charged, Now: r.started,
			})
		})
		if r.charged == nil {
			return nil
		}
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
		r.files = files.Files()
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
	switch r.req.action {
	case actSend:
		r.append(ctx, tx)
		return r.req.message.ID, nil
	case actContinue:
		return r.resume(ctx, tx)
	}
	return r.rewind(ctx, tx)
}

func (r *run) append(ctx context.Context, tx *tenant.Tx) {
	m := r.req.message
	tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return r.tenants.MessageSend(ctx, db, tenantdb.MessageSendParams{
			ConversationID: r.req.conversation, Title: chat.TitleFrom(m.Text), ID: m.ID, Role: "user", Parts: m.Parts,
			Metadata: json.RawMessage("{}"), Status: "complete", Size: clampInt32(len(m.Text)), Now: r.started,
		})
	}).Proves()
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

// decide fixes model, key, effort, instructions and charge, from the request and what is the user's.
func (r *run) decide(settings publicdb.SettingsGetRow, own ownKeys) error {
	preferred := settings.DefaultModel
	if r.continues != nil {
		preferred = &r.continues.model
	}
	model, err := r.choose(r.req.model, preferred, own)
	if err != nil {
		return err
	}
	r.model = model
	if err := r.unlock(own); err != nil {
		return err
	}
	want := r.req.effort
	if want == "" {
		want = llm.Effort(value(settings.ReasoningEffort))
	}
	r.effort = model.Effort(want, r.mayHaveTools())
	r.system = settings.CustomInstructions
	r.approval = value(settings.ToolApproval)
	r.charged = nil
	if r.keys.source == KeyPlatform {
		day := usage.Day(r.started)
		r.charged = &day
	}
	return nil
}

// queueServers reads the user's MCP servers; nil where there are none here.
func (r *run) queueServers(ctx context.Context, tx *tenant.Tx) *servers.Query {
	if r.opts.Servers == nil {
		return nil
	}
	return r.opts.Servers.Queue(ctx, tx)
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
