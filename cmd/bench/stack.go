package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/localstack"
	"twobrains/internal/secret"
)

// bench is one run: services, identities and what was measured.
type bench struct {
	settings
	report *report
	root   string
	keys   *secret.KeyRing
	// keyText is the ring as configuration spells it.
	keyText string
	ids     *authtest.Identities
	stacks  map[localstack.Mode]*services
	stops   []func()
}

func newBench(s settings) (*bench, error) {
	root, err := findCheckout()
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	b := &bench{
		settings: s, report: newReport(), root: root, stacks: map[localstack.Mode]*services{},
		keyText: "bench:" + base64.StdEncoding.EncodeToString(key),
	}
	if b.keys, err = secret.ParseKeyRing(secret.New(b.keyText)); err != nil {
		return nil, fmt.Errorf("make key ring: %w", err)
	}
	ids, stop, err := authtest.Start(auth.Options{CacheSize: 1_000})
	if err != nil {
		return nil, fmt.Errorf("start identities: %w", err)
	}
	b.ids = ids
	b.stops = append(b.stops, stop)
	return b, nil
}

func (b *bench) close() {
	for i := len(b.stops) - 1; i >= 0; i-- {
		b.stops[i]()
	}
}

// services are a local stack and what is known of its Postgres.
type services struct {
	*localstack.Stack
	// super is a connection of the superuser to look around with.
	super      *pgx.Conn
	postmaster int
}

// fast is a stack without fsync, where processor time shows undiluted; durable one that waits for its disk.
func (b *bench) fast(ctx context.Context) (*services, error) { return b.stack(ctx, localstack.Test) }
func (b *bench) durable(ctx context.Context) (*services, error) {
	return b.stack(ctx, localstack.Development)
}

func (b *bench) stack(ctx context.Context, mode localstack.Mode) (*services, error) {
	if s, ok := b.stacks[mode]; ok {
		return s, nil
	}
	dir, err := os.MkdirTemp("", "twobrains-bench-")
	if err != nil {
		return nil, fmt.Errorf("create directory for services: %w", err)
	}
	// PostgreSQL may have to run as another user, who must get to its own directory below.
	if err := os.Chmod(dir, 0o711); err != nil {
		return nil, fmt.Errorf("open directory for services: %w", err)
	}
	remove := func() {
		if err := localstack.Remove(dir); err != nil {
			say("bench: %v", err)
		}
	}
	options := localstack.Options{
		Mode: mode, Checkout: b.root, Dir: dir, ServerURL: "http://127.0.0.1:1",
		HookKey: localstack.Password(), MailKey: localstack.Password(),
		Getenv: func(name string) string {
			if name == "PASSWORD_LOGIN" {
				return "true"
			}
			return ""
		},
		Say: say,
	}
	stack, err := configured(ctx, options)
	if err != nil {
		remove()
		return nil, fmt.Errorf("start services: %w", err)
	}
	s := &services{Stack: stack}
	b.stops = append(b.stops, func() {
		if s.super != nil {
			_ = s.super.Close(context.WithoutCancel(ctx))
		}
		stack.Stop()
		remove()
	})
	if s.super, err = pgx.Connect(ctx, stack.Postgres.SuperuserURL("postgres")); err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	if s.postmaster, err = parent(int(s.super.PgConn().PID())); err != nil {
		return nil, err
	}
	b.report.Postgres = stack.Postgres.Version
	b.stacks[mode] = s
	return s, nil
}

// postgresSettings are the server's, for both sides alike. A dedicated server has more than 128 MB of buffers. Autovacuum
// would analyse thousands of fresh tables while the clock runs; the tables that matter are analysed before.
var postgresSettings = []string{"shared_buffers = '1GB'", "autovacuum = off"}

// configured starts a stack, sets what only counts from a start on, and starts it again.
func configured(ctx context.Context, o localstack.Options) (*localstack.Stack, error) {
	stack, err := localstack.Start(ctx, o)
	if err != nil {
		return nil, err
	}
	defer stack.Stop()
	conn, err := pgx.Connect(ctx, stack.Postgres.SuperuserURL("postgres"))
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for _, setting := range postgresSettings {
		if _, err := conn.Exec(ctx, "ALTER SYSTEM SET "+setting); err != nil {
			return nil, fmt.Errorf("configure Postgres: %w", err)
		}
	}
	stack.Stop()
	return localstack.Start(ctx, o)
}

// all lists the processes of the server, its background workers included.
func (s *services) all() ([]int, error) {
	pids, err := children(s.postmaster)
	return append(pids, s.postmaster), err
}

// cpu is the processor time that all processes of the server have used, those that have ended included.
func (s *services) cpu() (time.Duration, error) {
	pids, err := s.all()
	if err != nil {
		return 0, err
	}
	ended, err := endedCPU(s.postmaster)
	if err != nil {
		return 0, err
	}
	living, err := processCPU(pids)
	return ended + living, err
}

func parent(pid int) (int, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, fmt.Errorf("find Postgres (the bench needs Linux): %w", err)
	}
	var state string
	var ppid int
	if _, err := fmt.Sscan(string(text[bytes.LastIndexByte(text, ')')+1:]), &state, &ppid); err != nil {
		return 0, fmt.Errorf("find Postgres: %w", err)
	}
	return ppid, nil
}

// inDatabase replaces the database of a connection string.
func inDatabase(base, database string) string {
	u, err := url.Parse(base)
	if err != nil {
		panic(err) // of the stack's own making
	}
	u.Path = "/" + database
	return u.String()
}

func findCheckout() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find working directory: %w", err)
	}
	for {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(text), "module twobrains\n") {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("run it inside a clone of twobrains")
		}
		dir = filepath.Dir(dir)
	}
}
