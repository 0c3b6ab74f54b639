// Package journeys_test goes through the web app as people do: a real browser, on a whole server with the real Kratos,
// PostgreSQL and Redis. What a page calls things is part of what is tested, so the scripts find them by role and name.
package journeys_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/localstack"
	"twobrains/web"
)

// TestJourneys runs the scripts beside this file with Node.js. Screenshots go to SCREENSHOTS, a directory, if that is
// set; JOURNEYS, a pattern, picks some by their names.
func TestJourneys(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test needs Node.js 20 or newer: %v", err)
	}
	browser, err := localstack.Chromium()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join("node_modules", "playwright-core")); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the npm packages of these tests are not installed; run: make node")
	}
	if _, err := fs.Stat(web.Dist(), "index.html"); err != nil {
		t.Fatal("the web app is not built; run: make node")
	}
	var output []byte
	// Registered first, so printed last: below the log of the server, of which a reader may see the end only.
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", failures(output))
		}
	})
	kratos := authtest.Kratos(t)
	provider := newProvider(t)
	server := apitest.Start(t, apitest.Options{
		RealKratos: true,
		Web:        web.Dist(),
		Env: map[string]string{
			"KRATOS_ADMIN_URL":       kratos.Admin,
			"OPENAI_BASE_URL":        provider.URL + "/v1",
			"EXA_BASE_URL":           provider.URL,
			"OPENAI_MODELS":          "writer;tools;reasoning;name=Writer",
			"DEMO_MODEL":             "on",
			"DEFAULT_MODEL":          "demo:demo",
			"TITLES":                 "false", // what was asked names a conversation
			"QUOTA_DAY":              "8",
			"DEMO_DELAY":             "20ms",
			"RATE_LIMIT_AI_USER":     "off",
			"LOGIN_LIMIT_IP":         "10000/1m", // everybody comes from one address
			"LOGIN_LIMIT_IDENTIFIER": "1000/1m",
		},
	})

	ctx, cancel := context.WithTimeout(t.Context(), 8*time.Minute)
	defer cancel()
	args := []string{"--test", "--test-reporter=spec", "--test-concurrency=2"}
	if only := os.Getenv("JOURNEYS"); only != "" {
		args = append(args, "--test-name-pattern="+only)
	}
	cmd := exec.CommandContext(ctx, node, args...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(withoutProxies(os.Environ()),
		"TWOBRAINS_URL="+server.URL, "KRATOS_ADMIN_URL="+kratos.Admin, "CHROMIUM="+browser, "OWN_KEY="+ownKey, "NO_COLOR=1")
	output, err = cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("node --test: %v\n%s", err, output)
	case os.Getenv("JOURNEYS") == "" && !strings.Contains(string(output), "skipped 0"):
		t.Fatalf("not every test was run:\n%s", output)
	}
	t.Logf("%s", output)
}

// failures is the part of the report that tells of what failed.
func failures(report []byte) []byte {
	if _, after, ok := bytes.Cut(report, []byte("failing tests:")); ok {
		return after
	}
	return report
}

// withoutProxies drops what would send requests to loopback addresses elsewhere, and what a test runner around this one
// tells its children.
func withoutProxies(environ []string) []string {
	var kept []string
	for _, entry := range environ {
		name, _, _ := strings.Cut(entry, "=")
		switch strings.ToUpper(name) {
		case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NODE_OPTIONS", "NODE_TEST_CONTEXT":
		default:
			kept = append(kept, entry)
		}
	}
	return kept
}
