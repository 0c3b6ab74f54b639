// Package search finds words in what a user has said and been told: full text over the messages and titles of one private brain.
//
// Messages are indexed when somebody searches, not when they are stored, since that would make an append many times dearer. A search
// that finds little new indexes it and answers; one that finds much leaves the rest to the background and says so. The index is asked
// through public.search_messages, because a condition on words does not reach an index before a seal (docs/search.md).
package search

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// MaxQuery bounds a query, in characters.
	MaxQuery = 200
	// MaxPage bounds what one call returns; DefaultPage is what it returns unasked.
	MaxPage     = 50
	DefaultPage = 20
)

// Options of a Service. DB is required.
type Options struct {
	DB *tenant.DB
	// Language is a text search configuration of Postgres's own, such as english. Default simple: words as they are.
	Language string
	// Batch is how many messages are indexed in one transaction. Default 100, which take 40 ms.
	Batch int
	// Patience is how long a search indexes what is new before it answers with what there is. Default 300 ms.
	Patience time.Duration
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Service searches. It is safe for concurrent use; Close it to end what it does in the background.
type Service struct {
	o      Options
	q      *tenantdb.Queries
	config string

	ctx    context.Context
	cancel context.CancelFunc
	mu     sync.Mutex
	// indexing are the users whose brains are being indexed in the background, working bounds how many at once.
	indexing   map[uuid.UUID]bool
	working    chan struct{}
	background sync.WaitGroup
}

// New makes a Service.
func New(o Options) *Service {
	if o.Language == "" {
		o.Language = "simple"
	}
	if o.Batch == 0 {
		o.Batch = 100
	}
	if o.Patience == 0 {
		o.Patience = 300 * time.Millisecond
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Service{
		o: o, q: tenantdb.New(), config: "pg_catalog." + o.Language,
		indexing: map[uuid.UUID]bool{}, working: make(chan struct{}, atOnce),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Close ends the background work and waits for it. What is not indexed then, a later search does.
func (s *Service) Close() {
	s.mu.Lock()
	s.cancel()
	s.mu.Unlock()
	s.background.Wait()
}

// Params of a search.
type Params struct {
	// Query is what the user typed: words, "phrases in quotes", or, -not. Its last word may be unfinished.
	Query string
	// Cursor is NextCursor of the page before; empty for the first page.
	Cursor string
	// Limit is 1 to MaxPage; 0 means DefaultPage.
	Limit int
}

// Hit is a place that was found: a message, or a conversation by its title.
type Hit struct {
	ConversationID string
	// Title of the conversation.
	Title string
	// MessageID and Role ("user" or "assistant") of the message; both empty: the title was found.
	MessageID, Role string
	// Shown: the message is on the path that its conversation shows. Another version of something is brought into view by selecting it.
	Shown bool
	// Snippet is the title, or the surroundings of what was found in the message.
	Snippet []Piece
	// CreatedAt is that of the message, or of the conversation.
	CreatedAt time.Time
}

// Piece of a snippet. Match: it is what was searched for.
type Piece struct {
	Text  string
	Match bool
}

// Page of hits: conversations by their titles first, those with the newest message before the others, then messages, newest first.
type Page struct {
	Items []Hit
	// NextCursor is empty on the last page.
	NextCursor string
	// Indexing: not all of the user's messages could be looked at yet; the same search finds more in a while.
	Indexing bool
}

// Search finds messages and titles. Errors: CodeInvalid for a query or limit that is not acceptable, CodeBadRequest for a cursor that
// is none.
func (s *Service) Search(ctx context.Context, user auth.User, p Params) (Page, error) {
	words, err := parse(p.Query)
	if err != nil {
		return Page{}, err
	}
	from, err := parsePlace(p.Cursor)
	if err != nil {
		return Page{}, err
	}
	switch {
	case p.Limit == 0:
		p.Limit = DefaultPage
	case p.Limit < 1 || p.Limit > MaxPage:
		return Page{}, problem.New(problem.CodeInvalid, "Nothing can be searched like this.").
			Field("limit", fmt.Sprintf("must be between 1 and %d", MaxPage))
	}
	brain, err := s.o.DB.Open(ctx, user)
	if err != nil {
		return Page{}, err
	}
	f := &finding{Service: s, brain: brain, words: words, from: from, limit: p.Limit}
	current, err := f.run(ctx, p.Cursor == "")
	if err != nil {
		return Page{}, err
	}
	if current {
		return f.page(false), nil
	}
	whole, err := s.catchUp(ctx, brain, s.o.Patience)
	if err != nil {
		return Page{}, fmt.Errorf("index messages: %w", err)
	}
	if !whole {
		s.catchUpLater(user)
	}
	if _, err = f.run(ctx, false); err != nil {
		return Page{}, err
	}
	return f.page(!whole), nil
}

// finding is one page on its way.
type finding struct {
	*Service
	brain *tenant.Brain
	words words
	from  place
	limit int

	titles   *tenant.Result[[]tenantdb.SearchTitlesRow]
	messages *tenant.Result[[]tenantdb.SearchMessagesRow]
}

// run reads the page, in one round trip, and says whether all is indexed, if asked to look.
func (f *finding) run(ctx context.Context, look bool) (current bool, err error) {
	var looked *tenant.Result[bool]
	err = f.brain.Tx(ctx, func(tx *tenant.Tx) error {
		f.titles, looked = nil, nil
		if f.from.titles {
			f.titles = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.SearchTitlesRow, error) {
				return f.q.SearchTitles(ctx, db, tenantdb.SearchTitlesParams{
					Config: f.config, Options: markAll, Words: f.words.whole, Last: f.words.last,
					BeforeUpdatedAt: f.from.at, BeforeID: f.from.conversation, RowLimit: int32(f.limit) + 1,
				})
			}).Proves()
		}
		before := f.from
		if f.from.titles {
			before = newest
		}
		f.messages = tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.SearchMessagesRow, error) {
			return f.q.SearchMessages(ctx, db, tenantdb.SearchMessagesParams{
				Config: f.config, Options: markSome, Words: f.words.whole, Last: f.words.last, Needle: f.words.needle,
				BeforeCreatedAt: before.at, BeforeConversationID: before.conversation, BeforeSeq: before.seq, RowLimit: int32(f.limit) + 1,
			})
		}).Proves()
		if look {
			looked = tenant.Queue(tx, func(db tenant.DBTX) (bool, error) { return f.q.SearchCurrent(ctx, db, f.config) })
		}
		return nil
	})
	if err != nil {
		return false, fmt.Errorf("search messages: %w", err)
	}
	return !look || looked.Value(), nil
}

// page makes the answer of what was read.
func (f *finding) page(indexing bool) Page {
	items, places := []Hit{}, []place{}
	if f.titles != nil {
		for _, row := range f.titles.Value() {
			items = append(items, Hit{ConversationID: row.ID, Title: row.Title, Snippet: pieces(row.Snippet), CreatedAt: row.CreatedAt.UTC()})
			places = append(places, place{titles: true, at: row.UpdatedAt, conversation: row.ID})
		}
	}
	for _, row := range f.messages.Value() {
		items = append(items, Hit{
			ConversationID: row.ConversationID, Title: row.Title, MessageID: row.ID, Role: row.Role, Shown: row.OnPath,
			Snippet: pieces(row.Snippet), CreatedAt: row.CreatedAt.UTC(),
		})
		places = append(places, place{at: row.CreatedAt, conversation: row.ConversationID, seq: row.Seq})
	}
	page := Page{Items: items, Indexing: indexing}
	if len(items) > f.limit {
		page.Items, page.NextCursor = items[:f.limit], places[f.limit-1].cursor()
	}
	return page
}
