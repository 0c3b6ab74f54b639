// Package share shows conversations to whoever has a link: as frozen copies in the public brain, so that no private brain is ever
// opened for a visitor.
//
// What a copy holds is decided by an allow-list (snapshot.go): texts, when they were written and by which model. Its id, 128 random bits,
// is all that a visitor needs and has; public.read_share, which takes a whole id, is the only way to a share that is not one's own.
package share

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// Limits of shares.
const (
	// MaxShares is how many a user has at a time; slots of the table bound it.
	MaxShares = 100
	// MaxMessages and MaxBytes bound a snapshot: it is read, sent and drawn as a whole. Bytes are those of its JSON.
	MaxMessages = 1000
	MaxBytes    = 1 << 20
	// MaxDays is how long one lasts at most, DefaultDays unasked.
	MaxDays     = 365
	DefaultDays = 30
)

// Options of a Service. DB is required.
type Options struct {
	DB *tenant.DB
	// ModelName gives the name that visitors see of a model by its id; nil, or an empty name: the id is shown.
	ModelName func(id string) string
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Service makes, lists, revokes and shows shares. It holds no state and is safe for concurrent use. Errors are *problem.Error where they
// have a public face. How long shares last is the database's clock's to say.
type Service struct {
	o       Options
	public  *publicdb.Queries
	private *tenantdb.Queries
}

// New makes a Service.
func New(o Options) *Service {
	if o.ModelName == nil {
		o.ModelName = func(string) string { return "" }
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Service{o: o, public: publicdb.New(), private: tenantdb.New()}
}

// Share is one as its owner sees it.
type Share struct {
	// ID is 22 characters of base64url; whoever knows it may look.
	ID             string
	ConversationID string
	Title          string
	// Messages counts those of the copy.
	Messages             int
	CreatedAt, ExpiresAt time.Time
}

// CreateParams of a share.
type CreateParams struct {
	ConversationID string
	// MessageID is the last message to be shared, on whatever branch; empty: the newest one of those that are shown.
	MessageID string
	// Days until it expires: 1 to MaxDays; 0 means DefaultDays.
	Days int
}

// idPattern is what ids look like: others are not asked for.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)

// Create copies a conversation, as it is stored now, for whoever has the link. CodeNotFound: there is no such conversation or message.
// CodeTemporaryConversation, CodeShareTooLarge, CodeShareLimit: it may not be shared, is too long, or there are too many shares.
// CodeConflict: there is nothing to be shared in it.
func (s *Service) Create(ctx context.Context, user auth.User, p CreateParams) (Share, error) {
	switch {
	case !chat.ValidID(p.ConversationID):
		return Share{}, errNoConversation()
	case p.MessageID != "" && !chat.ValidID(p.MessageID):
		return Share{}, errNoMessage()
	case p.Days < 0 || p.Days > MaxDays:
		return Share{}, problem.New(problem.CodeInvalid, "The conversation cannot be shared like this.").
			Field("expiresInDays", fmt.Sprintf("must be between 1 and %d", MaxDays))
	case p.Days == 0:
		p.Days = DefaultDays
	}
	made := Share{ID: newID(), ConversationID: p.ConversationID}
	var added *tenant.Result[publicdb.ShareAddRow]
	var err error
	// Somebody who shares several at the same time, at several replicas, may find a slot taken in between.
	for range MaxShares {
		err = s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
			added = nil
			snapshot, err := s.copy(ctx, tx, p, &made)
			if err != nil {
				return err
			}
			tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.public.ShareForgetExpired(ctx, db) }).Public()
			added = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.ShareAddRow, error) {
				return s.public.ShareAdd(ctx, db, publicdb.ShareAddParams{
					ID: made.ID, ConversationID: p.ConversationID, Title: made.Title, Snapshot: string(snapshot),
					Messages: int32(made.Messages), Days: int32(p.Days),
				})
			}).Public()
			return nil
		})
		if !tenant.IsUnique(err) {
			break
		}
	}
	switch {
	case err != nil:
		return Share{}, fmt.Errorf("share conversation: %w", err)
	case errors.Is(added.Err(), pgx.ErrNoRows):
		return Share{}, problem.Newf(problem.CodeShareLimit, "You have shared %d conversations; revoke a link first.", MaxShares)
	}
	made.CreatedAt, made.ExpiresAt = added.Value().CreatedAt.UTC(), added.Value().ExpiresAt.UTC()
	return made, nil
}

// copy reads what is to be shared and makes the snapshot of it.
func (s *Service) copy(ctx context.Context, tx *tenant.Tx, p CreateParams, made *Share) (json.RawMessage, error) {
	conversation := tenant.Queue(tx, func(db tenant.DBTX) (tenantdb.ShareConversationRow, error) {
		return s.private.ShareConversation(ctx, db, p.ConversationID)
	}).Proves()
	messages := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.ShareMessagesRow, error) {
		return s.private.ShareMessages(ctx, db, tenantdb.ShareMessagesParams{
			ConversationID: p.ConversationID, Leaf: p.MessageID, RowLimit: MaxMessages + 1, MaxSize: MaxBytes,
		})
	}).Proves()
	if err := tx.Flush(); err != nil {
		return nil, err
	}
	switch {
	case errors.Is(conversation.Err(), pgx.ErrNoRows):
		return nil, errNoConversation()
	case conversation.Value().Temporary:
		return nil, problem.New(problem.CodeTemporaryConversation, "A temporary conversation cannot be shared: it leaves no trace.")
	case p.MessageID != "" && len(messages.Value()) == 0:
		return nil, errNoMessage()
	}
	snapshot, n, err := s.snapshot(messages.Value())
	made.Title, made.Messages = conversation.Value().Title, n
	return snapshot, err
}

// List returns the user's shares that have not expired, newest first: MaxShares at most.
func (s *Service) List(ctx context.Context, user auth.User) ([]Share, error) {
	var rows *tenant.Result[[]publicdb.ShareListRow]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.ShareListRow, error) { return s.public.ShareList(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list shares: %w", err)
	}
	shares := make([]Share, len(rows.Value()))
	for i, r := range rows.Value() {
		shares[i] = Share{
			ID: r.ID, ConversationID: r.ConversationID, Title: r.Title, Messages: int(r.Messages), CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC(),
		}
	}
	return shares, nil
}

// Revoke ends a share of the user's: from when it returns nobody gets it any more. CodeNotFound: the user has no such share.
func (s *Service) Revoke(ctx context.Context, user auth.User, id string) error {
	if !idPattern.MatchString(id) {
		return errNoShare()
	}
	var gone *tenant.Result[int64]
	err := s.o.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		gone = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return s.public.ShareDelete(ctx, db, id) }).Public()
		return nil
	})
	if err != nil {
		return fmt.Errorf("revoke share: %w", err)
	}
	if gone.Value() == 0 {
		return errNoShare()
	}
	return nil
}

// Shared is a share as a visitor sees it.
type Shared struct {
	Title                string
	CreatedAt, ExpiresAt time.Time
	Messages             []Message
}

// Read returns what was shared under an id. It is of nobody: no private brain is opened for it, nor anybody's key bound. CodeNotFound:
// there is no such share, or no longer; the two cannot be told apart.
func (s *Service) Read(ctx context.Context, id string) (Shared, error) {
	if !idPattern.MatchString(id) {
		return Shared{}, errNoShare()
	}
	var row *tenant.Result[publicdb.ShareReadRow]
	err := s.o.DB.Public(ctx, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.ShareReadRow, error) { return s.public.ShareRead(ctx, db, id) })
		return nil
	})
	if err != nil {
		return Shared{}, fmt.Errorf("read share: %w", err)
	}
	if errors.Is(row.Err(), pgx.ErrNoRows) {
		return Shared{}, errNoShare()
	}
	r := row.Value()
	shared := Shared{Title: r.Title, CreatedAt: r.CreatedAt.UTC(), ExpiresAt: r.ExpiresAt.UTC()}
	if err := json.Unmarshal(r.Snapshot, &shared.Messages); err != nil {
		return Shared{}, fmt.Errorf("read snapshot: %w", err)
	}
	return shared, nil
}

// tidyEvery is how often expired shares are looked for. Nobody gets them meanwhile.
const tidyEvery = 30 * time.Minute

// Run removes expired shares, everybody's, until ctx ends.
func (s *Service) Run(ctx context.Context) error {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		if err := s.Tidy(ctx); err != nil && ctx.Err() == nil {
			s.o.Logger.WarnContext(ctx, "expired shares stay for now", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// Tidy removes everybody's shares that have expired.
func (s *Service) Tidy(ctx context.Context) error {
	err := s.o.DB.Public(ctx, func(tx *tenant.Tx) error {
		tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.public.ShareTidy(ctx, db) })
		return nil
	})
	if err != nil {
		return fmt.Errorf("remove expired shares: %w", err)
	}
	return nil
}

func newID() string {
	random := make([]byte, 16)
	_, _ = rand.Read(random) // never fails
	return base64.RawURLEncoding.EncodeToString(random)
}

func errNoShare() error {
	return problem.New(problem.CodeNotFound, "There is nothing shared under this link, or no longer.")
}

func errNoConversation() error {
	return problem.New(problem.CodeNotFound, "There is no such conversation.")
}

func errNoMessage() error {
	return problem.New(problem.CodeNotFound, "There is no such message in this conversation.")
}
