package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"twobrains/internal/localstack"
)

// up starts everything, serves until interrupted and stops everything.
func up(ctx context.Context, c *checkout, arguments []string) error {
	if len(arguments) > 0 {
		return fmt.Errorf("up takes no arguments, got %q", arguments)
	}
	if err := c.loadEnv(); err != nil {
		return err
	}
	port, err := listenPort()
	if err != nil {
		return err
	}
	unlock, err := localstack.TryLock(filepath.Join(c.dev, "lock"))
	if errors.Is(err, localstack.ErrLocked) {
		if s, err := c.readState(); err == nil {
			return fmt.Errorf("it already runs in this checkout: %s (process %d); stop that one first with Ctrl-C", s.URL, s.PID)
		}
		return errors.New("it is already being started in this checkout; wait for that one, or stop it with Ctrl-C")
	}
	if err != nil {
		return err
	}
	defer unlock()
	_ = os.Remove(c.statePath()) // of a run that was killed

	url := "http://" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	if err := portFree(port); err != nil {
		return err
	}
	begin := time.Now()
	keys, err := c.keepKeys()
	if err != nil {
		return err
	}
	say("Starting twobrains in %s; data, logs and passwords are in .dev/", c.root)

	// The services and the programs do not need each other until both are there.
	var stack *localstack.Stack
	var binary string
	group, groupCtx := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		stack, err = localstack.Start(groupCtx, localstack.Options{
			Mode: localstack.Development, Checkout: c.root, Dir: c.dev, ServerURL: url,
			HookKey: keys.hook, MailKey: keys.mail, Getenv: os.Getenv, Say: say,
		})
		return err
	})
	group.Go(func() (err error) {
		if err := c.buildWeb(groupCtx); err != nil {
			return err
		}
		binary, err = c.buildServer(groupCtx)
		return err
	})
	err = group.Wait()
	if stack != nil {
		defer func() {
			say("Stopping everything …")
			stack.Stop()
			say("Stopped. The data stays in .dev/")
		}()
	}
	if ctx.Err() != nil {
		return nil // interrupted while starting
	}
	if err != nil {
		return err
	}

	srv, err := newServer(c, binary, url, port, stack, keys)
	if err != nil {
		return err
	}
	if err := srv.migrate(ctx); err != nil {
		return err
	}
	if err := srv.start(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return err
	}
	defer srv.stop()
	if err := c.writeState(state{
		PID: os.Getpid(), URL: url, OwnerURL: stack.Postgres.OwnerURL(), MailKey: keys.mail, KratosAdminURL: stack.Kratos.AdminURL,
	}); err != nil {
		return err
	}
	defer func() { _ = os.Remove(c.statePath()) }()
	welcome(url, time.Since(begin))

	select {
	case <-ctx.Done():
		return nil
	case err := <-stack.Failed():
		return err
	case err := <-srv.failed:
		return err
	}
}

// welcome says how to go on. Its last line is what scripts wait for.
func welcome(url string, took time.Duration) {
	say("")
	say("Everything runs (%s). Ctrl-C stops it.", took.Round(100*time.Millisecond))
	say("  a session for curl    TOKEN=$(go run ./cmd/dev user alice@example.test)")
	say("  the mail it sends     %s/dev/mail", url)
	say("  the API               %s/openapi.json", url)
	say("  the database          go run ./cmd/dev psql")
	say("  the server's log      .dev/server.log")
	say("")
	fmt.Printf("ready: %s\n", url)
}

// listenPort reads PORT.
func listenPort() (int, error) {
	text := cmp.Or(os.Getenv("PORT"), "8080")
	port, err := strconv.Atoi(text)
	if err != nil || port < 1 || port > 65535 {
		return 0, fmt.Errorf("PORT is %q; it must be a number from 1 to 65535", text)
	}
	return port, nil
}

// portFree finds out before anything is started whether the server will be able to listen.
func portFree(port int) error {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return fmt.Errorf("port %d cannot be used (%w); stop what listens there or choose another port: PORT=%d make dev", port, err, port+1)
	}
	return l.Close()
}
