package faulttest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/localstack"
)

// Kratos is the real Ory Kratos, of a test's own.
type Kratos struct {
	// Public and Admin are the base URLs of its two APIs.
	Public, Admin string

	cmd     func() *exec.Cmd
	dsn     string
	process *Process
}

// NewKratos starts Kratos on a cluster's database for it, which it reaches through the proxy.
func NewKratos(tb testing.TB, pg *Postgres, through *Proxy) *Kratos {
	tb.Helper()
	root := checkout(tb)
	binary, err := localstack.Tool(tb.Context(), root, "kratos", tb.Logf)
	if err != nil {
		tb.Fatalf("build Kratos: %v", err)
	}
	dir := tb.TempDir()
	copyConfig(tb, filepath.Join(root, "tools", "kratos", "config"), dir)
	public, admin := freePort(), freePort()
	k := &Kratos{
		Public: "http://127.0.0.1:" + strconv.Itoa(public), Admin: "http://127.0.0.1:" + strconv.Itoa(admin),
		dsn: pg.URL("kratos", "kratos"),
	}
	environ := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "HASHERS_BCRYPT_COST=4",
		"DSN=" + strings.Replace(k.dsn, pg.Addr, through.Addr, 1) + "&max_conns=8&max_idle_conns=2",
		"SERVE_PUBLIC_HOST=127.0.0.1", "SERVE_PUBLIC_PORT=" + strconv.Itoa(public),
		"SERVE_ADMIN_HOST=127.0.0.1", "SERVE_ADMIN_PORT=" + strconv.Itoa(admin), "SERVE_ADMIN_BASE_URL=" + k.Admin + "/",
	}
	for _, name := range []string{"SECRETS_DEFAULT_0", "SECRETS_COOKIE_0", "SECRETS_CIPHER_0"} {
		environ = append(environ, name+"=0123456789abcdef0123456789abcdef")
	}
	command := func(arguments ...string) *exec.Cmd {
		cmd := exec.Command(binary, append(arguments, "-c", filepath.Join(dir, "kratos.yml"))...)
		cmd.Env, cmd.Dir = environ, dir
		return cmd
	}
	if out, err := command("migrate", "sql", "-e", "--yes").CombinedOutput(); err != nil {
		tb.Fatalf("migrate Kratos: %v: %s", err, out)
	}
	k.cmd = func() *exec.Cmd { return command("serve", "--dev", "--sqa-opt-out") }
	k.Start(tb)
	tb.Cleanup(func() {
		if !k.process.Gone() {
			_ = k.process.Stop(syscall.SIGTERM, 5*time.Second)
		}
	})
	return k
}

// Start starts the process and waits until it is ready.
func (k *Kratos) Start(tb testing.TB) {
	tb.Helper()
	var err error
	if k.process, err = start("kratos", k.cmd(), nil); err != nil {
		tb.Fatal(err)
	}
	if err := k.process.until(60*time.Second, func() error { return k.ready() }); err != nil {
		tb.Fatal(err)
	}
}

func (k *Kratos) ready() error {
	for _, url := range []string{k.Public + "/health/ready", k.Admin + "/admin/health/ready"} {
		a := (&Client{Base: url}).Get("")
		if a.Err != nil {
			return a.Err
		}
		if a.Status != http.StatusOK {
			return fmt.Errorf("%s answers %d", url, a.Status)
		}
	}
	return nil
}

// Kill is kill -9.
func (k *Kratos) Kill() { k.process.Kill() }

// Login makes an identity with a session and returns the session's token.
func (k *Kratos) Login(tb testing.TB) (token string) {
	tb.Helper()
	// There is no admin call that makes a session, but Kratos takes rows that look like its own.
	email := NewID() + "@example.test"
	body, err := json.Marshal(map[string]any{"schema_id": "user_v1", "traits": map[string]any{"email": email}})
	if err != nil {
		tb.Fatalf("write request: %v", err)
	}
	resp, err := httpClient.Post(k.Admin+"/admin/identities", "application/json", bytes.NewReader(body))
	if err != nil {
		tb.Fatalf("make identity: %v", err)
	}
	defer resp.Body.Close()
	var made struct{ ID string }
	if err := json.NewDecoder(resp.Body).Decode(&made); err != nil || resp.StatusCode != http.StatusCreated {
		tb.Fatalf("make identity: status %d, %v", resp.StatusCode, err)
	}
	token = "canary_" + NewID() // what the column holds
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, k.dsn)
	if err != nil {
		tb.Fatalf("connect to the database of Kratos: %v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.Exec(ctx, `INSERT INTO sessions (id, issued_at, expires_at, authenticated_at, created_at, updated_at, token, identity_id, nid, active,
			logout_token, aal, authentication_methods)
		SELECT gen_random_uuid(), now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC' + interval '1 day', now() AT TIME ZONE 'UTC',
			now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC', $1, i.id, i.nid, true, $2, 'aal1', '[]'
		FROM identities i WHERE i.id = $3`, token, NewID(), made.ID)
	if err != nil {
		tb.Fatalf("make session: %v", err)
	}
	return token
}

func copyConfig(tb testing.TB, from, to string) {
	tb.Helper()
	files, err := os.ReadDir(from)
	if err != nil {
		tb.Fatalf("read configuration of Kratos: %v", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(filepath.Join(from, file.Name()))
		if err == nil {
			text = bytes.ReplaceAll(text, []byte("file:///etc/config/kratos/"), []byte("file://"+to+"/"))
			err = os.WriteFile(filepath.Join(to, file.Name()), text, 0o600)
		}
		if err != nil {
			tb.Fatalf("copy configuration of Kratos: %v", err)
		}
	}
}

// checkout is the root of the repository.
func checkout(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find checkout: %v", err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "tools", "kratos", "go.mod")); err == nil {
			return dir
		}
	}
	tb.Fatal("find checkout: not below one")
	return ""
}
