package main

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"testing/fstest"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/tenant"
	"twobrains/tern"
)

// withOneMore are the product's migrations of a private brain and an additive one of the kind that releases bring.
func withOneMore() (fs.FS, error) {
	migrations, files := fstest.MapFS{}, 0
	err := fs.WalkDir(tern.Tenant(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(tern.Tenant(), path)
		migrations[path] = &fstest.MapFile{Data: text}
		files++
		return err
	})
	migrations[fmt.Sprintf("%03d_more.sql", files+1)] = &fstest.MapFile{Data: []byte(`
ALTER TABLE messages ADD COLUMN rating smallint;
CREATE TABLE notes (id text PRIMARY KEY, body text NOT NULL, updated_at timestamptz NOT NULL DEFAULT now());
CREATE INDEX notes_recent ON notes (updated_at, id);
---- create above / drop below ----
DROP TABLE notes;
ALTER TABLE messages DROP COLUMN rating;
`)}
	return migrations, err
}

// serving is the load of some readers, to see whether something else disturbs them.
type serving struct {
	stop  context.CancelFunc
	group sync.WaitGroup
	mu    sync.Mutex
	took  []time.Duration
	err   error
}

// serve lets readers work until the load is ended. A reader pauses between units, as people do: the load leaves
// the processors room.
func (k *kernel) serve(ctx context.Context, readers, users int, pause time.Duration) *serving {
	ctx, stop := context.WithCancel(ctx)
	s := &serving{stop: stop}
	for i := range readers {
		s.group.Go(func() {
			r := rand.New(rand.NewPCG(1, uint64(i)))
			tick := time.NewTicker(pause)
			defer tick.Stop()
			for ctx.Err() == nil {
				begin := time.Now()
				err := k.read(context.WithoutCancel(ctx), r.IntN(users))
				took := time.Since(begin)
				s.mu.Lock()
				s.took = append(s.took, took)
				if err != nil && s.err == nil {
					s.err = err
				}
				s.mu.Unlock()
				select {
				case <-tick.C:
				case <-ctx.Done():
				}
			}
		})
	}
	return s
}

// end returns how long the units took, and the first error of any.
func (s *serving) end() ([]time.Duration, error) {
	s.stop()
	s.group.Wait()
	return s.took, s.err
}

// fleet is a database of which some users have data and are served.
func (b *bench) fleet(ctx context.Context, name string, size, active int) (*database, []auth.User, error) {
	s, err := b.fast(ctx)
	if err != nil {
		return nil, nil, err
	}
	d, err := b.newDatabase(ctx, s, name)
	if err != nil {
		return nil, nil, err
	}
	if err := d.fill(ctx, userIDs(name, size), func(i int) bool { return i < active }); err != nil {
		return nil, nil, err
	}
	users, err := d.verify(ctx, userIDs(name, active))
	return d, users, err
}

// runDeploy releases a migration of the private brains while the service serves: what is there goes on, the new binary
// serves from its first moment, and every user pays at the first access.
func runDeploy(ctx context.Context, b *bench) error {
	active := 600
	if b.quick {
		active = 200
	}
	d, users, err := b.fleet(ctx, "bench_deploy", active, active)
	if err != nil {
		return err
	}
	old, err := d.kernel(tenant.Options{Lanes: lanes}, users...)
	if err != nil {
		return err
	}
	defer old.close()
	if err := old.warm(ctx); err != nil {
		return err
	}
	migrations, err := withOneMore()
	if err != nil {
		return fmt.Errorf("prepare migrations: %w", err)
	}
	released, err := d.kernel(tenant.Options{Lanes: lanes, TenantMigrations: migrations}, users...)
	if err != nil {
		return err
	}
	defer released.close()

	load := old.serve(ctx, 4, active, 5*time.Millisecond)
	begin := time.Now()
	err = released.db.Migrate(ctx, false, nil)
	migrated := time.Since(begin)
	begin = time.Now()
	if err == nil {
		// Ready is what a start checks before it listens; no private brain is looked at.
		err = released.db.Check(ctx)
	}
	ready := time.Since(begin)
	took, lost := load.end()
	if err != nil {
		return fmt.Errorf("release: %w", err)
	}
	longest := quantile(took, 1)
	b.report.add(line{
		Figure:   fmt.Sprintf("deploy of a new tenant migration, %d users served meanwhile: time without service", active),
		Baseline: "–", Ours: fmt.Sprintf("%d of %d reads failed, longest %s ms (migrate %s ms, start check %s ms)", count(lost), len(took), milli(longest), milli(migrated), milli(ready)),
		Must: "0 s", Pass: lost == nil && longest < 250*time.Millisecond,
		Details: map[string]float64{"longestReadMicros": float64(longest.Microseconds()), "migrateMicros": float64(migrated.Microseconds()), "startCheckMicros": float64(ready.Microseconds())},
	})
	first, err := released.openEach(ctx, 1, users)
	if err != nil {
		return err
	}
	p50, p99 := quantile(first, .5), quantile(first, .99)
	b.report.add(line{
		Figure: "catch-up on first access, p50 / p99", Baseline: "–", Ours: fmt.Sprintf("%s / %s ms", milli(p50), milli(p99)), Must: "p99 <= 100 ms",
		Pass: p99 <= 100*time.Millisecond, Details: map[string]float64{"p50Micros": float64(p50.Microseconds()), "p99Micros": float64(p99.Microseconds())},
	})
	if err := released.read(ctx, 0); err != nil {
		return err
	}
	return b.dropDatabase(ctx, d)
}

func count(err error) int {
	if err != nil {
		return 1
	}
	return 0
}
