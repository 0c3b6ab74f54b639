package localstack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// Kratos is a running Ory Kratos.
type Kratos struct {
	// PublicURL and AdminURL are its two doors, on loopback ports, without a trailing slash. The admin door asks for no
	// password.
	PublicURL, AdminURL string
	// DSN is the connection string of its database.
	DSN string

	process *Process
}

func startKratos(ctx context.Context, opts Options, binary string, pg *Postgres, failed chan<- error) (*Kratos, error) {
	begin := time.Now()
	public, err := FreePort()
	if err != nil {
		return nil, err
	}
	admin, err := FreePort()
	if err != nil {
		return nil, err
	}
	k := &Kratos{
		PublicURL: "http://127.0.0.1:" + strconv.Itoa(public),
		AdminURL:  "http://127.0.0.1:" + strconv.Itoa(admin),
		DSN:       pg.KratosURL() + "&max_conns=20&max_idle_conns=4",
	}
	config, err := renderKratosConfig(opts)
	if err != nil {
		return nil, err
	}
	environment, err := kratosEnvironment(opts)
	if err != nil {
		return nil, err
	}
	environment = append(environment, "DSN="+k.DSN,
		"SERVE_PUBLIC_HOST=127.0.0.1", "SERVE_PUBLIC_PORT="+strconv.Itoa(public),
		"SERVE_ADMIN_HOST=127.0.0.1", "SERVE_ADMIN_PORT="+strconv.Itoa(admin), "SERVE_ADMIN_BASE_URL="+k.AdminURL+"/")

	migrate := exec.CommandContext(ctx, binary, "migrate", "sql", "-e", "--yes", "-c", config)
	migrate.Env = environment
	migrate.Dir = filepath.Dir(config)
	if out, err := migrate.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("migrate the database of Kratos: %w\n%s", err, out)
	}
	if err := pg.script(ctx, opts.Checkout, mailsScript); err != nil {
		return nil, err
	}

	arguments := []string{"serve", "-c", config, "--dev", "--sqa-opt-out"}
	if opts.Mode == Development {
		arguments = append(arguments, "--watch-courier")
	}
	cmd := exec.Command(binary, arguments...)
	cmd.Env = environment
	cmd.Dir = filepath.Dir(config)
	k.process, err = StartChild(Child{Name: "kratos", Dir: opts.Dir, Cmd: cmd, Quit: syscall.SIGTERM, Grace: 5 * time.Second}, failed)
	if err != nil {
		return nil, err
	}
	if err := k.wait(ctx); err != nil {
		k.stop()
		return nil, err
	}
	opts.Say("Kratos runs on %s (%s)", k.PublicURL, since(begin))
	return k, nil
}

func (k *Kratos) stop() { k.process.Stop() }

// wait waits until both doors answer that Kratos is ready.
func (k *Kratos) wait(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	client := &http.Client{Timeout: 5 * time.Second}
	for _, url := range []string{k.PublicURL + "/health/ready", k.AdminURL + "/admin/health/ready"} {
		for !ready(ctx, client, url) {
			select {
			case <-k.process.Ended():
				return k.process.notStarted()
			case <-ctx.Done():
				return fmt.Errorf("wait for Kratos: %w", ctx.Err())
			case <-time.After(50 * time.Millisecond):
			}
		}
	}
	return nil
}

func ready(ctx context.Context, client *http.Client, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := client.Do(request)
	if err != nil {
		return false
	}
	response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// kratosEnvironment returns what overrides the configuration file: secrets, which stay out of files that others may
// read, and the login methods that are switched on.
func kratosEnvironment(opts Options) ([]string, error) {
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + opts.Dir,
		// The cheapest hash there is: nothing of value is kept here.
		"HASHERS_BCRYPT_COST=4",
	}
	for variable, name := range map[string]string{
		"SECRETS_DEFAULT_0": "kratos.default", "SECRETS_COOKIE_0": "kratos.cookie", "SECRETS_CIPHER_0": "kratos.cipher",
	} {
		secret, err := Keep(opts.Dir, name, func() string { return (Password() + Password())[:32] })
		if err != nil {
			return nil, err
		}
		environment = append(environment, variable+"="+secret)
	}
	methods, err := kratosMethods(opts.Getenv, filepath.Join(opts.Dir, "kratos"))
	if err != nil {
		return nil, err
	}
	return append(environment, methods...), nil
}
