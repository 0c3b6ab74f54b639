// Package localstack runs the services twobrains stands on (PostgreSQL, Redis, Ory Kratos) as child processes on free
// loopback ports, so that a clean clone needs no containers, no configuration and no accounts: one command starts the
// real thing, for development and for the tests alike. It is never linked into the server.
//
// What is missing on the machine is found or fetched: PostgreSQL and Redis from the operating system's packages, Kratos
// built from tools/kratos. Children die with the process that started them, also when that one is killed; what survives
// all the same is found by its pid file at the next start.
package localstack

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Mode says what the stack is for.
type Mode int

const (
	// Development keeps its data between runs, sends mail to the server's own page and makes do with replacements
	// (a downloaded PostgreSQL, an in-process Redis) where the real thing cannot be had.
	Development Mode = iota
	// Test starts from nothing, trades durability for speed, delivers no mail (codes are read from Kratos's admin API)
	// and insists on the real services.
	Test
)

// Options says what to start and where.
type Options struct {
	Mode Mode
	// Checkout is the repository's root: configuration files and tool modules are read from there.
	Checkout string
	// Dir holds data, logs, pid files and passwords. It is created if missing.
	Dir string
	// ServerURL is where browsers and Kratos reach the twobrains server, without a trailing slash.
	ServerURL string
	// HookKey and MailKey are what Kratos sends along to prove itself at the server's hooks and its mail sink.
	HookKey, MailKey string
	// Getenv reads the settings of the login methods (PASSWORD_LOGIN, GOOGLE_CLIENT_ID, …).
	Getenv func(string) string
	// Say reports progress, one plain sentence a call.
	Say func(format string, args ...any)
}

// Stack is a set of running services.
type Stack struct {
	Postgres *Postgres
	Redis    *Redis
	Kratos   *Kratos

	failed chan error
	stops  []func()
}

// Start starts every service and returns when all of them answer. On an error, or when ctx ends, whatever had started
// is stopped again.
func Start(ctx context.Context, opts Options) (_ *Stack, err error) {
	if err := os.MkdirAll(opts.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("create data directory: %w", err)
	}
	s := &Stack{failed: make(chan error, 4)}
	defer func() {
		if err != nil {
			s.Stop()
		}
	}()

	var mu sync.Mutex
	started := func(stop func()) {
		mu.Lock()
		defer mu.Unlock()
		s.stops = append(s.stops, stop)
	}

	// Kratos takes a minute or two to build the first time: the rest goes on meanwhile.
	group, ctx := errgroup.WithContext(ctx)
	postgresUp := make(chan struct{})
	group.Go(func() (err error) {
		if err := installMissing(ctx, opts); err != nil {
			return err
		}
		group.Go(func() (err error) {
			if s.Redis, err = startRedis(ctx, opts, s.failed); err != nil {
				return err
			}
			started(s.Redis.stop)
			return nil
		})
		begin := time.Now()
		if s.Postgres, err = startPostgres(ctx, opts, s.failed); err != nil {
			return err
		}
		started(s.Postgres.stop)
		if err := s.Postgres.script(ctx, opts.Checkout, bootstrapScript); err != nil {
			return err
		}
		opts.Say("PostgreSQL %s runs on %s (%s)", s.Postgres.Version, s.Postgres.Addr, since(begin))
		close(postgresUp)
		return nil
	})
	group.Go(func() (err error) {
		binary, err := kratosBinary(ctx, opts)
		if err != nil {
			return err
		}
		select {
		case <-postgresUp:
		case <-ctx.Done():
			return ctx.Err()
		}
		if s.Kratos, err = startKratos(ctx, opts, binary, s.Postgres, s.failed); err != nil {
			return err
		}
		started(s.Kratos.stop)
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return s, nil
}

// Failed delivers the error of a service that ended by itself.
func (s *Stack) Failed() <-chan error { return s.failed }

// Stop stops every service, the last started first, and waits for them. It may be called twice.
func (s *Stack) Stop() {
	for i := len(s.stops) - 1; i >= 0; i-- {
		s.stops[i]()
	}
	s.stops = nil
}

func since(begin time.Time) string {
	return time.Since(begin).Round(100 * time.Millisecond).String()
}

func logFile(dir, name string) string { return filepath.Join(dir, name+".log") }
