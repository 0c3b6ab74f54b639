package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/gofiber/fiber/v2"

	"twobrains/internal/auth"
	"twobrains/internal/retention"
	"twobrains/internal/search"
	"twobrains/internal/storage"
)

// Storage is the wire form of storage.Usage.
type Storage struct {
	Messages    int64  `json:"messages" doc:"Bytes of messages and notes, as they are stored."`
	Attachments int64  `json:"attachments" doc:"Bytes of files; a small one counts as 4 KiB."`
	Search      int64  `json:"search" doc:"Bytes of what is kept to find messages by their words."`
	Total       int64  `json:"total"`
	Limit       *int64 `json:"limit" doc:"What the total may be; null: no limit."`
}

func (s *Server) storageRoutes() {
	register(s, operation{
		id: "getStorage", method: http.MethodGet, path: "/api/account/storage", tag: "Account",
		summary: "How much room the caller's data take, in bytes",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body Storage }, error) {
		u, err := s.storage.Measure(ctx, user)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Storage }{Storage{Messages: u.Messages, Attachments: u.Attachments, Search: u.Search, Total: u.Total(), Limit: u.Limit}}, nil
	})
}

// messageRoom is what a message and its reply are reckoned to need.
const messageRoom = 16 << 10

// admitStored refuses a message for whose reply there is no room.
func (s *Server) admitStored(c *fiber.Ctx) error {
	if err := s.storage.Admit(c.UserContext(), exchangeOf(c).user, messageRoom); err != nil {
		return err
	}
	return c.Next()
}

// wireData makes what looks after stored data: finding, measuring and expiring them.
func (a *App) wireData(d *Deps, o AppOptions) (err error) {
	d.Search = search.New(search.Options{DB: a.DB, Language: a.Config.Storage.SearchLanguage, Logger: a.Log})
	a.closers = append(a.closers, d.Search.Close)
	if d.Storage, err = storage.New(storage.Options{DB: a.DB, LimitBytes: a.Config.Limits.StorageBytes, Clock: o.Clock}); err != nil {
		return fmt.Errorf("make storage: %w", err)
	}
	if d.Retention, err = retention.New(retention.Options{DB: a.DB, Clock: o.Clock, Logger: a.Log}); err != nil {
		return fmt.Errorf("make retention: %w", err)
	}
	a.closers = append(a.closers, d.Retention.Close)
	return nil
}
