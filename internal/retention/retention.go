// Package retention deletes what its owner does not want kept: conversations without a message for as many days as the user's settings
// say, and temporary ones that nobody ended.
//
// It looks when a user comes, in the background: nothing walks through the private brains of all. What belongs to somebody who does not
// come back stays until they do, or until the account is deleted.
package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/maypok86/otter/v2"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

const (
	// Idle is how long a temporary conversation is kept after its last message.
	Idle = 24 * time.Hour
	// every is how often a process looks at what a user has, at most.
	every = time.Hour
	// users is for how many a process remembers when it has looked.
	users = 200_000
	// waiting bounds the users to be looked at; others are when they come again.
	waiting = 1024
	// atOnce is how many conversations a transaction deletes.
	atOnce = 100
	// patience bounds the work for one user's visit.
	patience = 5 * time.Minute
)

// Options of a Keeper. DB is required.
type Options struct {
	DB *tenant.DB
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Keeper deletes. It is safe for concurrent use; Close it to end what it does in the background.
type Keeper struct {
	o       Options
	public  *publicdb.Queries
	private *tenantdb.Queries
	visited *otter.Cache[uuid.UUID, time.Time]
	queue   chan auth.User
	cancel  context.CancelFunc
	worker  sync.WaitGroup
}

// New makes a Keeper and lets it wait for visits.
func New(o Options) (*Keeper, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	visited, err := otter.New(&otter.Options[uuid.UUID, time.Time]{MaximumSize: users})
	if err != nil {
		return nil, fmt.Errorf("make cache: %w", err)
	}
	k := &Keeper{o: o, public: publicdb.New(), private: tenantdb.New(), visited: visited, queue: make(chan auth.User, waiting)}
	ctx, cancel := context.WithCancel(context.Background())
	k.cancel = cancel
	k.worker.Go(func() { k.work(ctx) })
	return k, nil
}

// Close ends the background work and waits for it.
func (k *Keeper) Close() {
	k.cancel()
	k.worker.Wait()
}

// Visit says that a user has come. It returns at once; mostly it does nothing else.
func (k *Keeper) Visit(user auth.User) {
	now := k.o.Clock()
	if last, ok := k.visited.GetIfPresent(user.ID()); ok && now.Sub(last) < every {
		return
	}
	select {
	case k.queue <- user:
		k.visited.Set(user.ID(), now)
	default:
	}
}

func (k *Keeper) work(ctx context.Context) {
	for {
		select {
		case user := <-k.queue:
			k.attend(ctx, user)
		case <-ctx.Done():
			return
		}
	}
}

func (k *Keeper) attend(ctx context.Context, user auth.User) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	deleted, err := k.Sweep(ctx, user)
	switch {
	case err != nil && !errors.Is(err, context.Canceled):
		k.o.Logger.Warn("deleting expired conversations", "error", err)
	case deleted > 0:
		k.o.Logger.Info("deleted expired conversations", "count", deleted)
	}
}

// Sweep deletes what of a user's has expired, and says how many conversations that were.
func (k *Keeper) Sweep(ctx context.Context, user auth.User) (deleted int64, err error) {
	brain, err := k.o.DB.Open(ctx, user)
	if err != nil {
		return 0, fmt.Errorf("delete expired conversations: %w", err)
	}
	for {
		n, more, err := k.sweepSome(ctx, brain)
		deleted += n
		if err != nil {
			return deleted, fmt.Errorf("delete expired conversations: %w", err)
		}
		if !more {
			return deleted, nil
		}
	}
}

func (k *Keeper) sweepSome(ctx context.Context, brain *tenant.Brain) (deleted int64, more bool, err error) {
	now := k.o.Clock().UTC()
	var gone *tenant.Result[int64]
	err = brain.Tx(ctx, func(tx *tenant.Tx) error {
		gone, more = nil, false
		days := tenant.Queue(tx, func(db tenant.DBTX) (*int32, error) { return k.public.RetentionDays(ctx, db) })
		if _, err := days.Get(); err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return err
		}
		keptSince := time.Time{}
		if d := days.Value(); d != nil {
			keptSince = now.AddDate(0, 0, -int(*d))
		}
		expired := tenant.Queue(tx, func(db tenant.DBTX) ([]string, error) {
			return k.private.RetentionExpired(ctx, db, tenantdb.RetentionExpiredParams{KeptSince: keptSince, IdleSince: now.Add(-Idle), RowLimit: atOnce})
		}).Proves()
		ids, err := expired.Get()
		if err != nil || len(ids) == 0 {
			return err
		}
		more = len(ids) == atOnce
		gone = chat.QueueDelete(ctx, tx, ids)
		return nil
	})
	if err != nil || gone == nil {
		return 0, false, err
	}
	return gone.Value(), more, nil
}
