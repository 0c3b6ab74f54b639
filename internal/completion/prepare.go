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
	"twobrains/internal/memory"
	"twobrains/internal/plan"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/stream"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/tool/mcp"
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
		id: uuid.New(), messageID: newMessageID(), opened: make(chan struct{}), done: make(chan struct{}),
	}
	r.ctx, r.cancel = context.WithCancelCause(context.WithoutCancel(ctx)) // its trace is the request's
	follower, err := s.admit(ctx, r)
	if follower != nil || err != nil {
		return follower, err
	}
	follower, err = r.start(ctx)
	if r.runLog == nil { // nothing is under way
		s.dismiss(r)
	}
	return follower, err
}

// run is one reply under way.
type run struct {
	*Service
	ctx    context.Context
	cancel context.CancelCauseFunc
	// opened is closed once runLog is there, or will not be.
	opened chan struct{}
	runLog stream.Log
	// stored is set once the reply is, done is closed when nothing is left to do.
	stored atomic.Bool
	done   chan struct{}

	user      auth.User
	brain     *tenant.Brain
	req       request
	key       stream.Key
	id        uuid.UUID
	messageID string
	// userMessageID is that of the message to answer.
	userMessageID string
	// unanswered: the message to send is stored already, and only its reply is lacking.
	unanswered bool

	model    catalog.Model
	provider llm.Provider
	keys     *keys
	servers  []mcp.Server
	toolbox  toolbox
	// notices are sentences for the user about what is not available in this run.
	notices []string
	// approval is the user's setting of when to be asked; empty: as each server says.
	approval string
	// historyTool: the user lets models ask for queries over the private brain.
	historyTool bool
	// wantsMemory: the user lets models know and change their notes. recall is what there is for this conversation; nil: it is not wanted.
	wantsMemory bool
	recall      *memory.Recall
	// continues is the stored reply that this run goes on with; nil: it makes a new one.
	continues *continued
	branch    branch
	// sent counts the messages that were appended: none where the conversation is to be temporary and is not. Nil: none was to be.
	sent    *tenant.Result[int64]
	effort  llm.Effort
	system  string
	charged *time.Time
	limits  plan.Limits
	funds   funds
	started time.Time
	// firstToken is how long after that the model said its first, in milliseconds; nil: it has said nothing.
	firstToken *int32
	history    []llm.Message
	// files of the history, and those made in this run.
	files    chat.Files
	userText int64
	// requested: a model was asked; acted: a tool was called. Who stops the run then has used what was charged for.
	requested bool
	acted     atomic.Bool
	// asked counts the messages that the model gets to read.
	asked int
}

// maxPrepares bounds how often a request starts over because something was in its way that is not any more.
const maxPrepares = 4

// start makes the run ready and lets it go, or finds the log of the one that the request repeats.
func (r *run) start(ctx context.Context) (follower stream.Follower, err error) {
	if r.brain, err = r.opts.DB.Open(ctx, r.user); err != nil {
		return nil, err
	}
	for range maxPrepares {
		switch err = r.prepare(ctx); {
		case err == nil:
			return r.begins()
		case errors.Is(err, errRepeated):
			follower, err = r.repeat(ctx)
		case problem.HasCode(err, problem.CodeRunActive):
			follower, err = r.makeWay(ctx, err)
		}
		if follower != nil || err != nil {
			return follower, err
		}
	}
	return nil, errTaken
}

// begins opens the log and starts the pump.
func (r *run) begins() (stream.Follower, error) {
	log, err := r.opts.Logs.Create(r.ctx, r.key, r.id.String())
	if err != nil {
		r.abandon(err)
		return nil, fmt.Errorf("create run log: %w", err)
	}
	r.forgetRequest()
	follower := log.Follow()
	r.open(log)
	go r.pump(log)
	return follower, nil
}

// prepare makes everything ready in one transaction of two round trips: the first stores and reads, the second takes
// quota, opens the run and commits.
func (r *run) prepare(ctx context.Context) error {
	r.started = r.now().UTC()
	var opened *tenant.Result[struct{}]
	var admitted *tenant.Result[publicdb.RunAdmitRow]
	var history *tenant.Result[[]tenantdb.MessageHistoryRow]
	var files *chat.FileLoad
	var attempted bool
	ticket, err := r.opts.Tickets.Issue(r.user, r.id)
	if err != nil {
		return err
	}
	err = r.brain.Tx(ctx, func(tx *tenant.Tx) error {
		opened, admitted, attempted, r.recall = nil, nil, false, nil
		about := tenant.Queue(tx, func(db tenant.DBTX) (publicdb.RunContextRow, error) { return r.public.RunContext(ctx, db) }).Public()
		var err error
		if r.unanswered {
			r.userMessageID, err = r.answer(ctx, tx)
		} else {
			r.userMessageID, err = r.write(ctx, tx)
		}
		if err != nil {
			return err
		}
		var claim *chat.Claim
		if !r.unanswered && (r.req.action == actSend || r.req.action == actEdit) {
			claim = chat.QueueClaim(ctx, tx, r.req.conversation, r.req.message)
		}
		budget := r.budget()
		history = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.MessageHistoryRow, error) {
			return r.tenants.MessageHistory(ctx, db, tenantdb.MessageHistoryParams{ConversationID: r.req.conversation, RowLimit: maxHistory, Budget: budget})
		})
		if err := tx.Flush(); err != nil {
			if r.req.action == actSend && !r.unanswered && tenant.IsUnique(err) {
				return errRepeated
			}
			return r.writeError(err)
		}
		if !r.unanswered && r.sent != nil && r.sent.Value() == 0 {
			return problem.New(problem.CodeConflict, "This conversation is there already, and is not temporary; begin another one.")
		}
		if err := claim.Check(); err != nil {
			return err
		}
		if err := r.continues.checkAnswered(); err != nil {
			return err
		}
		if err := r.decide(ctx, about.Value()); err != nil {
			return err
		}
		r.funds = r.need(history.Value())
		if files, err = chat.QueueFiles(ctx, tx, history.Value(), r.model); err != nil {
			return err
		}
		if r.wantsMemory {
			r.recall = memory.QueueRecall(ctx, tx, r.req.conversation)
		}
		attempted = true
		opened = tenant.QueueExec(tx, func(db tenant.DBTX) error {
			return r.tenants.RunStart(ctx, db, tenantdb.RunStartParams{
				ID: r.id, ConversationID: r.req.conversation, UserMessageID: r.userMessageID, MessageID: r.messageID,
				Model: r.model.ID, Effort: string(r.effort), KeySource: string(r.keys.source), InstanceID: r.opts.InstanceID,
				ChargedOn: r.charged, ReturnSeq: r.branch.returnSeq, InputTokens: r.funds.tokens, Now: r.started,
			})
		})
		admitted = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.RunAdmitRow, error) {
			return r.public.RunAdmit(ctx, db, r.admitParams(ticket))
		}).Public()
		return nil
	})
	switch {
	case err == nil:
		r.files = files.Files()
		r.funds.take(admitted.Value())
		r.warn(admitted.Value())
		r.remember()
		if err = r.readHistory(history.Value()); err != nil {
			r.abandon(err)
		}
		return err
	case opened != nil && tenant.IsUnique(opened.Err()):
		return errActive("").Because(err)
	case admitted != nil && tenant.HasState(admitted.Err(), stateQuota):
		return r.quotaError(ctx, r.brain, r.started)
	case attempted:
		r.makeSure()
	}
	return err
}

// promptTokens guesses what the model gets to read, before the run has begun: for the account of a run that dies.
func (r *run) promptTokens(rows []tenantdb.MessageHistoryRow) int64 {
	var size int64
	for _, row := range rows {
		size += int64(len(row.Parts))
	}
	return min(size, int64(inputWindow(r.model))*charsPerToken)/charsPerGuess + 1
}

// decide fixes model, key, tools' servers, effort, instructions and charge, from the request and what is the user's.
func (r *run) decide(ctx context.Context, about publicdb.RunContextRow) error {
	own, err := rowsOf[publicdb.KeyListRow](about.Keys)
	if err != nil {
		return fmt.Errorf("own keys: %w", err)
	}
	if err := r.decideServers(ctx, about); err != nil {
		return err
	}
	preferred := about.DefaultModel
	if r.continues != nil {
		preferred = &r.continues.model
	}
	if r.limits, err = r.readLimits(about.Limits); err != nil {
		return err
	}
	model, err := r.choose(r.req.model, preferred, own, r.limits)
	if err != nil {
		return err
	}
	r.model = model
	if err := r.unlock(own); err != nil {
		return err
	}
	want := r.req.effort
	if want == "" {
		want = llm.Effort(value(about.ReasoningEffort))
	}
	r.historyTool = about.HistoryTool
	r.wantsMemory = about.Memory && r.opts.Memory != nil && !r.req.temporary
	r.effort = model.Effort(want, r.mayHaveTools())
	r.system = value(about.CustomInstructions)
	r.approval = value(about.ToolApproval)
	r.charged = nil
	if r.keys.source == KeyPlatform {
		day := usage.Day(r.started)
		r.charged = &day
	}
	return nil
}

// decideServers fixes the MCP servers that are asked for tools; none where there are none here.
func (r *run) decideServers(ctx context.Context, about publicdb.RunContextRow) error {
	r.notices, r.servers = nil, nil
	if r.opts.Servers == nil {
		return nil
	}
	own, err := rowsOf[publicdb.MCPServerListRow](about.Servers)
	if err != nil {
		return fmt.Errorf("own servers: %w", err)
	}
	builtins, err := rowsOf[publicdb.MCPBuiltinListRow](about.Builtins)
	if err != nil {
		return fmt.Errorf("built-in servers: %w", err)
	}
	r.servers, r.notices = r.opts.Servers.Enabled(ctx, r.user, own, builtins)
	return nil
}

// rowsOf reads rows that RunContext gives as JSON.
func rowsOf[T any](list json.RawMessage) (rows []T, err error) {
	if err := json.Unmarshal(list, &rows); err != nil {
		return nil, fmt.Errorf("read rows: %w", err)
	}
	return rows, nil
}

// abandon takes back a run that was prepared but cannot be pumped.
func (r *run) abandon(cause error) {
	r.log.Error("run abandoned", "run", r.id, "error", cause)
	if err := r.settle(outcome{status: statusFailed, code: problem.CodeInternal}); err != nil {
		r.log.Error("settling an abandoned run", "run", r.id, "error", err)
	}
}

// makeSure looks in the background whether a run that could not be prepared, as it seems, is there all the same: the connection may
// have been lost after it was stored. Nobody would make its reply.
func (r *run) makeSure() {
	user, id := r.user, r.id
	r.background.Go(func() {
		defer r.guard("making sure of a run", id)
		ctx, cancel := context.WithTimeout(r.late, r.opts.SettleTimeout)
		defer cancel()
		for wait := time.Second; ; wait = min(2*wait, 30*time.Second) {
			err := r.takeOver(ctx, user, id, takeOver{})
			if err == nil {
				return
			}
			select {
			case <-time.After(wait):
			case <-ctx.Done():
				r.log.Warn("making sure of a run", "run", id, "error", err)
				return
			}
		}
	})
}

// newMessageID makes the id of an assistant message, of the form that clients make.
func newMessageID() string {
	id := uuid.Must(uuid.NewV7())
	return "msg_" + fmt.Sprintf("%x", id[:])
}

func clampInt32(n int) int32 { return int32(min(max(n, math.MinInt32), math.MaxInt32)) }

var errStopped = errors.New("stopped by the user")
