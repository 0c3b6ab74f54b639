package search

import (
	"context"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// conversationsAtOnce bounds what one transaction locks.
	conversationsAtOnce = 20
	// atOnce is how many brains a process indexes in the background at the same time.
	atOnce = 2
)

// catchUp indexes what is new, until all is or the time is up. whole: there is nothing left that could be indexed now.
func (s *Service) catchUp(ctx context.Context, brain *tenant.Brain, patience time.Duration) (whole bool, err error) {
	for begin := time.Now(); ; {
		if whole, err = s.index(ctx, brain); whole || err != nil || time.Since(begin) > patience {
			return whole, err
		}
	}
}

// catchUpLater does so in the background, one user's brain once. It works half of the time, since the connection of this
// brain is that of others, too.
func (s *Service) catchUpLater(user auth.User) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil || s.indexing[user.ID()] {
		return
	}
	s.indexing[user.ID()] = true
	s.background.Go(func() {
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.indexing, user.ID())
		}()
		select {
		case s.working <- struct{}{}:
			defer func() { <-s.working }()
		case <-s.ctx.Done():
			return
		}
		if err := s.catchUpCalmly(user); err != nil && s.ctx.Err() == nil {
			s.o.Logger.Warn("indexing messages", "error", err)
		}
	})
}

func (s *Service) catchUpCalmly(user auth.User) error {
	brain, err := s.o.DB.Open(s.ctx, user)
	if err != nil {
		return err
	}
	for {
		begin := time.Now()
		if whole, err := s.index(s.ctx, brain); whole || err != nil {
			return err
		}
		select {
		case <-time.After(time.Since(begin)):
		case <-s.ctx.Done():
			return s.ctx.Err()
		}
	}
}

// index does one transaction's work. Conversations are locked first and their messages read after that: what a writer has changed before
// is seen, and what one changes later is not taken for indexed.
func (s *Service) index(ctx context.Context, brain *tenant.Brain) (whole bool, err error) {
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		configured := tenant.Queue(tx, func(db tenant.DBTX) (bool, error) { return s.q.SearchConfigured(ctx, db, s.config) })
		behind := tenant.Queue(tx, func(db tenant.DBTX) ([]tenantdb.SearchBehindRow, error) {
			return s.q.SearchBehind(ctx, db, conversationsAtOnce)
		}).Proves()
		if err := tx.Flush(); err != nil {
			return err
		}
		if whole = false; !configured.Value() {
			s.queueReset(ctx, tx)
			return nil
		}
		work, rest := s.share(behind.Value())
		whole = !rest
		if len(work.ids) > 0 {
			s.queueIndex(ctx, tx, work)
		}
		return nil
	})
	return whole, err
}

// portion is the part of some conversations that a transaction indexes: messages after first up to last.
type portion struct {
	ids           []string
	firsts, lasts []int64
}

// share takes as much as a transaction may; rest: there is, or may be, more.
func (s *Service) share(behind []tenantdb.SearchBehindRow) (work portion, rest bool) {
	left := int64(s.o.Batch)
	for _, c := range behind {
		if left <= 0 {
			return work, true
		}
		last := min(c.LastSeq, c.IndexedSeq+left)
		left -= last - c.IndexedSeq
		rest = rest || last < c.LastSeq
		work.ids, work.firsts, work.lasts = append(work.ids, c.ID), append(work.firsts, c.IndexedSeq), append(work.lasts, last)
	}
	return work, rest || len(behind) == conversationsAtOnce
}

func (s *Service) queueIndex(ctx context.Context, tx *tenant.Tx, work portion) {
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return s.q.SearchIndexMessages(ctx, db, tenantdb.SearchIndexMessagesParams{
			Config: s.config, ConversationIds: work.ids, Firsts: work.firsts, Lasts: work.lasts,
		})
	})
	tenant.QueueExec(tx, func(db tenant.DBTX) error {
		return s.q.SearchIndexTitles(ctx, db, tenantdb.SearchIndexTitlesParams{Config: s.config, ConversationIds: work.ids})
	})
	tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
		return s.q.SearchIndexed(ctx, db, tenantdb.SearchIndexedParams{ConversationIds: work.ids, Lasts: work.lasts})
	}).Proves()
}

// queueReset begins anew: nothing is indexed yet, or all of it was so in another language.
func (s *Service) queueReset(ctx context.Context, tx *tenant.Tx) {
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.SearchForget(ctx, db) })
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.SearchForgetConversations(ctx, db) })
	tenant.QueueExec(tx, func(db tenant.DBTX) error { return s.q.SearchConfigure(ctx, db, s.config) })
}
