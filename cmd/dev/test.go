package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"twobrains/internal/localstack"
)

// The variables by which tests find their services. Whoever has services already (CI with containers) sets those of
// Postgres, Redis and Kratos, all of them.
const (
	testPostgres     = "TWOBRAINS_TEST_POSTGRES"      // superuser URL of the database postgres
	testRedis        = "TWOBRAINS_TEST_REDIS"         // URL
	testKratosPublic = "TWOBRAINS_TEST_KRATOS_PUBLIC" // base URL
	testKratosAdmin  = "TWOBRAINS_TEST_KRATOS_ADMIN"  // base URL
	testKratosDSN    = "TWOBRAINS_TEST_KRATOS_DSN"    // connection string of Kratos's own database
	testKratosMails  = "TWOBRAINS_TEST_KRATOS_MAILS"  // connection string of who may remove mails from it
	testServerURL    = "TWOBRAINS_TEST_SERVER_URL"    // where Kratos believes the server: the hook relay
	testHookKey      = "TWOBRAINS_TEST_HOOK_KEY"      // what Kratos sends in X-Hook-Key
)

// test runs a command, all tests by default, with services that nobody else uses and that keep nothing.
func test(ctx context.Context, c *checkout, arguments []string) error {
	command := []string{"go", "test", "-race", "-timeout", "20m", "./..."}
	switch {
	case len(arguments) > 1 && arguments[0] == "--":
		command = arguments[1:]
	case len(arguments) > 0 && arguments[0] != "--":
		// Flags and packages of go test: dev test -run Seal ./internal/tenant
		command = append(slices.Clip(command[:5]), arguments...)
	}
	environment, stop, err := testServices(ctx, c)
	if err != nil {
		return err
	}
	defer stop()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Dir = c.root
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), environment...)
	return runGroup(ctx, cmd)
}

// testServices starts services, unless the environment names them, and the relay for Kratos's hooks, and returns the
// variables that name them all.
func testServices(ctx context.Context, c *checkout) (environment []string, stop func(), err error) {
	names := []string{testPostgres, testRedis, testKratosPublic, testKratosAdmin, testKratosDSN, testKratosMails}
	unset := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return os.Getenv(name) != "" })
	if len(unset) > 0 && len(unset) < len(names) {
		return nil, nil, fmt.Errorf("%s not set, but others of their kind are: set all of them or none", strings.Join(unset, ", "))
	}

	hookKey := cmp.Or(os.Getenv(testHookKey), localstack.Password())
	relay, err := startHookRelay(ctx, hookKey)
	if err != nil {
		return nil, nil, err
	}
	environment = []string{testServerURL + "=" + relay.url, testHookKey + "=" + hookKey}
	if len(unset) == 0 {
		if err := localstack.InstallForTests(ctx, say); err != nil {
			relay.stop()
			return nil, nil, err
		}
		return environment, relay.stop, nil
	}

	dir, remove, err := testDir()
	if err != nil {
		relay.stop()
		return nil, nil, err
	}
	begin := time.Now()
	stack, err := localstack.Start(ctx, localstack.Options{
		Mode:      localstack.Test,
		Checkout:  c.root,
		Dir:       dir,
		ServerURL: relay.url,
		HookKey:   hookKey,
		MailKey:   localstack.Password(),
		Getenv:    testLoginMethods,
		Say:       say,
	})
	if err != nil {
		relay.stop()
		remove()
		return nil, nil, err
	}
	say("Services for the tests are ready (%s)", took(begin))
	environment = append(environment,
		testPostgres+"="+stack.Postgres.SuperuserURL("postgres"),
		testRedis+"="+stack.Redis.URL,
		testKratosPublic+"="+stack.Kratos.PublicURL,
		testKratosAdmin+"="+stack.Kratos.AdminURL,
		testKratosDSN+"="+stack.Kratos.DSN,
		testKratosMails+"="+stack.Postgres.MailsURL(),
	)
	return environment, func() {
		stack.Stop()
		relay.stop()
		remove()
	}, nil
}

// testDir makes a directory for the services of one run, and removes those that killed runs have left.
func testDir() (dir string, remove func(), err error) {
	const prefix = "twobrains-test-"
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), prefix+"*", "lock"))
	for _, lock := range left {
		// Every run holds the lock of its directory, and the system drops it with the process.
		if unlock, err := localstack.TryLock(lock); err == nil {
			_ = localstack.Remove(filepath.Dir(lock))
			unlock()
		}
	}
	if dir, err = os.MkdirTemp("", prefix); err != nil {
		return "", nil, fmt.Errorf("create directory for services: %w", err)
	}
	// PostgreSQL may have to run as another user, who must get to its own directory below.
	if err := os.Chmod(dir, 0o711); err != nil {
		return "", nil, fmt.Errorf("open directory for services: %w", err)
	}
	unlock, err := localstack.TryLock(filepath.Join(dir, "lock"))
	if err != nil {
		return "", nil, err
	}
	return dir, func() {
		if err := localstack.Remove(dir); err != nil {
			say("dev: %v", err)
		}
		unlock()
	}, nil
}

// testLoginMethods switches passwords on for tests, whatever the developer's environment says.
func testLoginMethods(name string) string {
	if name == "PASSWORD_LOGIN" {
		return "true"
	}
	return ""
}
