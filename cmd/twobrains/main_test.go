package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/testdb"
)

// binary is the program, built once: what is tested is what an operator runs.
var binary = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "twobrains-cli-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "twobrains")
	cmd := exec.Command("go", "build", "-o", path, "-ldflags", "-X main.release=1.2.3", ".")
	if out, err := cmd.CombinedOutput(); err != nil {
		return string(out), err
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := binary(); err == nil {
		_ = os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

func command(t *testing.T, env []string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatalf("build: %v: %s", err, path)
	}
	cmd := exec.Command(path, args...)
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}, env...)
	return cmd
}

// twobrains runs the program and returns what it printed and its exit code.
func twobrains(t *testing.T, env []string, args ...string) (out, errOut string, code int) {
	t.Helper()
	cmd := command(t, env, args...)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("run: %v", err)
	}
	return stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()
}

func want(t *testing.T, what, got string, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if !strings.Contains(got, text) {
			t.Errorf("%s lacks %q: %s", what, text, got)
		}
	}
}

func TestVerbsThatNeedNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		args string
		has  string
	}{
		{"", "COMMANDS:"},
		{"--help", "COMMANDS:"},
		{"migrate", "status"},
		{"migrate up --help", "--dry-run"},
		{"version", "1.2.3\n"},
		{"config", "PORT=8080\n"},
		{"config --markdown", "| `PORT` | `8080` |"},
		{"openapi", `"openapi": "3.1.0"`},
	} {
		out, errOut, code := twobrains(t, nil, strings.Fields(c.args)...)
		if code != 0 || errOut != "" {
			t.Errorf("%s: code %d, %s", c.args, code, errOut)
		}
		want(t, c.args, out, c.has)
	}
}

func TestRefusedCommandLines(t *testing.T) {
	t.Parallel()
	for _, args := range []string{"nonsense", "migrate nonsense", "migrate up now", "serve here", "config --json", "migrate status --yaml", "--nonsense", "version 2"} {
		out, errOut, code := twobrains(t, nil, strings.Fields(args)...)
		if code != 2 || out != "" || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, out %q, err %q", args, code, out, errOut)
		}
		want(t, args, errOut, "twobrains: ", "--help")
	}
}

func TestRefusedConfiguration(t *testing.T) {
	t.Parallel()
	for _, verb := range []string{"serve", "migrate up", "migrate status"} {
		_, errOut, code := twobrains(t, []string{"PORT=x", "DATABASE_URL=canary"}, strings.Fields(verb)...)
		if code != 1 || strings.Contains(errOut, "canary") {
			t.Errorf("%s: code %d, %s", verb, code, errOut)
		}
		want(t, verb, errOut, "the configuration has problems:\n", "PORT is invalid", "DATABASE_URL must be", "MASTER_KEYS is not set")
	}
	if _, errOut, code := twobrains(t, []string{"LOG_FORMAT=x"}, "config"); code != 1 {
		t.Errorf("config: code %d, %s", code, errOut)
	}
}

// environment is that of an installation on an own empty database of the test run's services.
func environment(t *testing.T) (env []string, port int) {
	t.Helper()
	super := os.Getenv(testdb.EnvPostgres)
	if super == "" {
		t.Fatalf("%s is not set; run: make test", testdb.EnvPostgres)
	}
	ready := testdb.New(t) // makes the roles, and tells how they log in
	name := "tb_cli_" + strings.ReplaceAll(ready.Name, "tb_test_", "")
	conn := ready.Superuser(t)
	exec := func(sql string) {
		t.Helper()
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	exec("CREATE DATABASE " + name + " OWNER twobrains_owner")
	t.Cleanup(func() {
		conn, err := pgx.Connect(context.Background(), super)
		if err != nil {
			return
		}
		defer func() { _ = conn.Close(context.Background()) }()
		_, _ = conn.Exec(context.Background(), "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)")
	})
	at := func(raw string) string { return strings.Replace(raw, "/"+ready.Name, "/"+name, 1) }
	key := sha256.Sum256([]byte(name))
	port = freePort(t)
	return []string{
		"SERVER_ENV=development", "PORT=" + strconv.Itoa(port), "INTERNAL_LISTEN=off", "LOG_LEVEL=warn",
		"DATABASE_URL=" + at(ready.URL.Reveal()), "DATABASE_OWNER_URL=" + at(ready.OwnerURL.Reveal()),
		"MASTER_KEYS=k1:" + base64.StdEncoding.EncodeToString(key[:]), "REDIS_URL=" + os.Getenv("TWOBRAINS_TEST_REDIS"),
		"KRATOS_PUBLIC_URL=" + os.Getenv("TWOBRAINS_TEST_KRATOS_PUBLIC"), "KRATOS_ADMIN_URL=" + os.Getenv("TWOBRAINS_TEST_KRATOS_ADMIN"),
		"KRATOS_HOOK_KEY=hook-key-of-the-tests", "DRAIN_TIMEOUT=2s",
	}, port
}

func freePort(t *testing.T) int {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	return ln.Addr().(*net.TCPAddr).Port
}

// From an empty database to a server that stops when told to.
func TestInstallation(t *testing.T) {
	t.Parallel()
	env, port := environment(t)
	good := func(args ...string) string {
		t.Helper()
		out, errOut, code := twobrains(t, env, args...)
		if code != 0 {
			t.Fatalf("%v: code %d, %s", args, code, errOut)
		}
		return out
	}
	type status struct {
		Ready            bool
		Public, Template struct{ Version, Target int }
		Tenants          []struct{ Version, Count int }
	}
	read := func() (s status) {
		t.Helper()
		if err := json.Unmarshal([]byte(good("migrate", "status", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return s
	}

	if s := read(); s.Ready || s.Public.Version != 0 || s.Public.Target == 0 || s.Tenants == nil {
		t.Fatalf("empty: %+v", s)
	}
	want(t, "status", good("migrate", "status"), "not ready: run twobrains migrate up")
	_, errOut, code := twobrains(t, env, "serve")
	if code != 1 || strings.Count(errOut, "\n") != 1 {
		t.Errorf("serve: code %d, %s", code, errOut)
	}
	want(t, "serve", errOut, "twobrains: the database is not migrated: run `twobrains migrate up`")

	want(t, "dry run", good("migrate", "up", "--dry-run"), "public 1 ", "nothing was changed")
	if s := read(); s.Public.Version != 0 {
		t.Fatalf("after the dry run: %+v", s)
	}
	want(t, "up", good("migrate", "up"), "public 1 ", "template 1 ", "migrations applied", "the list of models")
	want(t, "up again", good("migrate", "up"), "0 migrations applied")
	absent := append(slices.Clone(env), "MODELS_FILE="+filepath.Join(t.TempDir(), "absent.json"))
	if _, errOut, code := twobrains(t, absent, "migrate", "up"); code != 1 || !strings.Contains(errOut, "nothing was changed: sync: load catalog: read models") {
		t.Errorf("up with a list that is not there: code %d, %s", code, errOut)
	}
	if s := read(); !s.Ready || s.Public.Version != s.Public.Target || s.Template.Version != s.Template.Target {
		t.Fatalf("migrated: %+v", s)
	}
	want(t, "status", good("migrate", "status"), "ready: ")

	_, errOut, code = twobrains(t, env, "healthcheck")
	if code != 1 {
		t.Errorf("healthcheck without a server: code %d", code)
	}
	want(t, "healthcheck", errOut, "ask the server")
	serveAndStop(t, env, port)
}

func serveAndStop(t *testing.T, env []string, port int) {
	t.Helper()
	cmd := command(t, env, "serve")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	url := "http://127.0.0.1:" + strconv.Itoa(port)
	deadline := time.Now().Add(30 * time.Second)
	for {
		resp, err := http.Get(url + "/readyz")
		if err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				break
			}
		}
		select {
		case err := <-ended:
			t.Fatalf("serve ended: %v: %s", err, stderr.String())
		case <-time.After(50 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			t.Fatalf("not ready in 30 s: %s", stderr.String())
		}
	}
	if out, errOut, code := twobrains(t, env, "healthcheck"); code != 0 || out != "ready\n" {
		t.Errorf("healthcheck: code %d, %s", code, errOut)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if err != nil {
			t.Errorf("serve ended with %v: %s", err, stderr.String())
		}
	case <-time.After(20 * time.Second):
		_ = cmd.Process.Kill()
		t.Error("serve did not end in 20 s")
	}
	if stderr.Len() > 0 {
		t.Errorf("it warned of: %s", stderr.String())
	}
}

func TestPostgresIsAway(t *testing.T) {
	t.Parallel()
	nowhere := "postgres://twobrains_app:canary@127.0.0.1:" + strconv.Itoa(freePort(t)) + "/x"
	env := []string{
		"DATABASE_URL=" + nowhere, "DATABASE_OWNER_URL=" + nowhere, "MASTER_KEYS=k1:" + base64.StdEncoding.EncodeToString(make([]byte, 32)),
	}
	for _, verb := range []string{"migrate up", "migrate status"} {
		_, errOut, code := twobrains(t, env, strings.Fields(verb)...)
		if code != 1 || strings.Contains(errOut, "canary") || strings.Count(errOut, "\n") != 1 {
			t.Errorf("%s: code %d, %s", verb, code, errOut)
		}
	}
}
