package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"twobrains/internal/broadcast"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
)

const (
	// watchEvery is how old settings of models may be where a broadcast was lost.
	watchEvery = 5 * time.Second
	// watchPatience bounds how long the database is waited for.
	watchPatience = 5 * time.Second
)

// ModelWatchOptions configure a ModelWatch. DB and Catalog are required.
type ModelWatchOptions struct {
	DB *tenant.DB
	// Catalog is the list of models of this process.
	Catalog *catalog.Catalog
	// Channel tells other processes of a change; nil: they learn of it by looking.
	Channel *broadcast.Channel
	// Every is how long to wait between looks. Default 5 s.
	Every  time.Duration
	Logger *slog.Logger
}

// ModelWatch puts what admins set about models in force in this process: at once where a process says that there is something new, else
// at the next look. While the database cannot be read, those settings count that were known last, or none. It is safe for concurrent use.
type ModelWatch struct {
	o ModelWatchOptions
	q *publicdb.Queries

	// reading keeps what was read earlier from being put in force later.
	reading sync.Mutex
	// blind is whether the last look failed, which is logged once.
	blind bool
}

// NewModelWatch makes a ModelWatch.
func NewModelWatch(o ModelWatchOptions) (*ModelWatch, error) {
	if o.DB == nil || o.Catalog == nil {
		return nil, errors.New("watch models: a database and a catalog are required")
	}
	if o.Channel == nil {
		o.Channel = broadcast.New(nil, "")
	}
	if o.Every <= 0 {
		o.Every = watchEvery
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &ModelWatch{o: o, q: publicdb.New()}, nil
}

// Read looks once. What it fails with is logged, if the look before did not fail too.
func (w *ModelWatch) Read(ctx context.Context) error {
	w.reading.Lock()
	defer w.reading.Unlock()
	ctx, cancel := context.WithTimeout(ctx, watchPatience)
	defer cancel()
	var rows []publicdb.ModelSettingListRow
	err := w.o.DB.Public(ctx, func(tx *tenant.Tx) (err error) {
		rows, err = w.q.ModelSettingList(ctx, tx)
		return err
	})
	if err != nil {
		if !w.blind && !errors.Is(err, context.Canceled) {
			w.blind = true
			w.o.Logger.WarnContext(ctx, "settings of models cannot be read: those known last count", "error", err)
		}
		return fmt.Errorf("read settings of models: %w", err)
	}
	if w.blind {
		w.blind = false
		w.o.Logger.InfoContext(ctx, "settings of models are read again")
	}
	settings := make([]catalog.Setting, len(rows))
	for i, r := range rows {
		settings[i] = catalog.Setting{
			Model: r.Model, Enabled: r.Enabled, Default: r.IsDefault, Input: r.InputMicrousd, CachedInput: r.CachedInputMicrousd, Output: r.OutputMicrousd,
		}
	}
	w.o.Catalog.Apply(settings)
	return nil
}

// Run looks again and again until ctx ends.
func (w *ModelWatch) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	told := make(chan struct{}, 1)
	group.Go(func() error {
		return w.o.Channel.Run(ctx, func(string) {
			select {
			case told <- struct{}{}:
			default: // one look sees all changes
			}
		})
	})
	group.Go(func() error {
		ticker := time.NewTicker(w.o.Every)
		defer ticker.Stop()
		for {
			_ = w.Read(ctx) // logged there
			select {
			case <-told:
			case <-ticker.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return group.Wait()
}

// changed puts a change in force here and tells the other processes.
func (w *ModelWatch) changed(ctx context.Context) {
	ctx = context.WithoutCancel(ctx) // it is done already
	_ = w.Read(ctx)                  // logged there
	if err := w.o.Channel.Publish(ctx, "changed"); err != nil {
		w.o.Logger.WarnContext(ctx, "other replicas were not told of a change of models", "error", err)
	}
}
