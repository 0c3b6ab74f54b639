// Package chat is what a private brain holds for its user: conversations and their messages, in the shape that clients of
// the AI SDK know (UIMessage). It lists, renames, archives and deletes; what makes a reply is package completion.
package chat

import (
	"context"
	"log/slog"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// Options of a Service. DB is required.
type Options struct {
	DB *tenant.DB
	// Stop ends a reply under way in a conversation, if there is one, so that deleting does not leave it running. Nil:
	// nothing ever runs.
	Stop func(ctx context.Context, user auth.User, conversationID string) (bool, error)
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Service answers for conversations and messages. It holds no state and is safe for concurrent use. Errors are
// *problem.Error where they have a public face.
type Service struct {
	db   *tenant.DB
	q    *tenantdb.Queries
	stop func(context.Context, auth.User, string) (bool, error)
	now  func() time.Time
	log  *slog.Logger
}

// NewService makes a Service.
func NewService(o Options) *Service {
	s := &Service{db: o.DB, q: tenantdb.New(), stop: o.Stop, now: o.Clock, log: o.Logger}
	if s.stop == nil {
		s.stop = func(context.Context, auth.User, string) (bool, error) { return false, nil }
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.Default()
	}
	return s
}
