package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"twobrains/internal/localstack"
)

// keys are made once per checkout and kept in .dev/secret.
type keys struct {
	hook, mail string
	// master is the key ring of the private brains: without it their data cannot be opened.
	master string
}

func (c *checkout) keepKeys() (k keys, err error) {
	for _, key := range []struct {
		name   string
		value  *string
		create func() string
	}{
		{"hook.key", &k.hook, localstack.Password},
		{"mail.key", &k.mail, localstack.Password},
		{"master.keys", &k.master, masterKeys},
	} {
		if *key.value, err = localstack.Keep(c.dev, key.name, key.create); err != nil {
			return keys{}, err
		}
	}
	return k, nil
}

func masterKeys() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "dev:" + base64.StdEncoding.EncodeToString(key)
}

// server is the twobrains binary with the environment of this stack.
type server struct {
	c           *checkout
	binary, url string
	environment []string
	process     *localstack.Process
	failed      chan error
}

// buildServer builds the twobrains binary.
func (c *checkout) buildServer(ctx context.Context) (string, error) {
	begin := time.Now()
	binary := filepath.Join(c.dev, "bin", "twobrains")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", binary, "./cmd/twobrains")
	cmd.Dir = c.root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the server: %w\n%s", err, out)
	}
	say("Built the server (%s)", took(begin))
	return binary, nil
}

func newServer(c *checkout, binary, url string, port int, stack *localstack.Stack, k keys) (*server, error) {
	internal, err := localstack.FreePort()
	if err != nil {
		return nil, err
	}
	// Whoever tries things out signs in more often than people do. What is set by hand comes later and wins.
	environment := append([]string{"LOGIN_LIMIT_ADDRESS=100/10m", "LOGIN_LIMIT_IP=600/10m"}, os.Environ()...)
	return &server{c: c, binary: binary, url: url, failed: make(chan error, 1), environment: append(environment,
		"SERVER_ENV=development",
		"HOST=127.0.0.1",
		"PORT="+strconv.Itoa(port),
		"INTERNAL_LISTEN=127.0.0.1:"+strconv.Itoa(internal),
		"PUBLIC_URL="+url,
		"DATABASE_URL="+stack.Postgres.AppURL(),
		"DATABASE_OWNER_URL="+stack.Postgres.OwnerURL(),
		"DATABASE_CONSOLE_URL="+stack.Postgres.ConsoleURL(),
		"DATABASE_ANALYST_URL="+stack.Postgres.AnalystURL(),
		"REDIS_URL="+stack.Redis.URL,
		"KRATOS_PUBLIC_URL="+stack.Kratos.PublicURL,
		"KRATOS_ADMIN_URL="+stack.Kratos.AdminURL,
		"KRATOS_DATABASE_URL="+stack.Postgres.MailsURL(),
		"KRATOS_HOOK_KEY="+k.hook,
		"DEV_MAIL_KEY="+k.mail,
		"MASTER_KEYS="+k.master,
	)}, nil
}

// migrate brings the public brain up to date.
func (s *server) migrate(ctx context.Context) error {
	begin := time.Now()
	cmd := exec.CommandContext(ctx, s.binary, "migrate", "up")
	cmd.Dir = s.c.root
	cmd.Env = s.environment
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("twobrains migrate up: %w\n%s", err, out)
	}
	say("Migrated the public brain (%s)", took(begin))
	return nil
}

// start starts the server and waits until it says that it is ready.
func (s *server) start(ctx context.Context) (err error) {
	begin := time.Now()
	cmd := exec.Command(s.binary, "serve")
	cmd.Dir = s.c.root
	cmd.Env = s.environment
	s.process, err = localstack.StartChild(localstack.Child{
		Name: "server", Dir: s.c.dev, Cmd: cmd, Quit: syscall.SIGTERM, Grace: 30 * time.Second, Watch: showTrouble,
	}, s.failed)
	if err != nil {
		return err
	}
	client := &http.Client{Timeout: 5 * time.Second}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for last := ""; ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/readyz", nil)
		if err != nil {
			return fmt.Errorf("ask the server: %w", err)
		}
		if response, err := client.Do(request); err == nil {
			last = response.Status
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				say("The server is ready (%s)", took(begin))
				return nil
			}
		}
		select {
		case err := <-s.failed:
			return err
		case <-ctx.Done():
			s.stop()
			return fmt.Errorf("the server did not become ready (%s); see .dev/server.log", last)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func (s *server) stop() { s.process.Stop() }

// showTrouble shows the server's warnings and errors on the terminal; everything is in its log.
func showTrouble(line string) {
	for _, sign := range []string{`"level":"WARN"`, `"level":"ERROR"`, "level=WARN", "level=ERROR", "panic:", "fatal error:"} {
		if strings.Contains(line, sign) {
			say("server: %s", line)
			return
		}
	}
}

func took(begin time.Time) string { return time.Since(begin).Round(100 * time.Millisecond).String() }
