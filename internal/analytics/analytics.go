// Package analytics keeps the roll-ups up to date that operators ask in SQL. A run that settles leaves a row in a journal and waits for
// nobody; every replica looks at the journal now and then, and one of them folds what is there.
package analytics

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

const (
	// every is how far the roll-ups may be behind.
	every = 15 * time.Second
	// batch is how many rows of the journal are folded at once: about 0.3 s of work.
	batch = 10_000
)

// Options of a Folder. DB is required.
type Options struct {
	DB *tenant.DB
	// Every is how long to wait between looks at the journal. Default 15 s.
	Every time.Duration
	// Logger defaults to slog.Default.
	Logger *slog.Logger
}

// Folder folds the journal of usage into the roll-ups. It is safe for concurrent use, by any number of replicas.
type Folder struct {
	db     *tenant.DB
	every  time.Duration
	log    *slog.Logger
	public *publicdb.Queries
}

// NewFolder makes a Folder.
func NewFolder(o Options) *Folder {
	if o.Every <= 0 {
		o.Every = every
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Folder{db: o.DB, every: o.Every, log: o.Logger, public: publicdb.New()}
}

// Fold folds what is in the journal now and returns how many rows that were; none also where another replica is at it.
func (f *Folder) Fold(ctx context.Context) (rows int, err error) {
	for {
		var folded int32
		err := f.db.Public(ctx, func(tx *tenant.Tx) (err error) {
			folded, err = f.public.UsageFold(ctx, tx, batch)
			return err
		})
		if err != nil {
			return rows, fmt.Errorf("fold journal: %w", err)
		}
		rows += int(folded)
		if folded < batch {
			return rows, nil
		}
	}
}

// Run folds again and again until ctx ends. A failure is tried again next time.
func (f *Folder) Run(ctx context.Context) error {
	ticker := time.NewTicker(f.every)
	defer ticker.Stop()
	for {
		if _, err := f.Fold(ctx); err != nil && ctx.Err() == nil {
			f.log.Warn("folding the journal of usage", "error", err)
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return nil
		}
	}
}
