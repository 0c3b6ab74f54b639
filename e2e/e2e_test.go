// Package e2e_test drives a whole server with the real npm client, which is what the wire format is for: Go tests of the
// format could only repeat what its author believed it to be.
package e2e_test

import (
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
)

// TestNPMClient runs the tests beside this file with Node.js, against a server with the demo model and the real Kratos.
func TestNPMClient(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test needs Node.js 20 or newer: %v", err)
	}
	if _, err := os.Stat(filepath.Join("node_modules", "ai")); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the npm packages of these tests are not installed; run: make node")
	}
	kratos := authtest.Kratos(t)
	server := apitest.Start(t, apitest.Options{
		RealKratos: true,
		Env: map[string]string{
			"KRATOS_ADMIN_URL":       kratos.Admin,
			"QUOTA_DAY":              "10",
			"RATE_LIMIT_AI_USER":     "off",
			"LOGIN_LIMIT_IP":         "10000/1m", // everybody comes from one address
			"LOGIN_LIMIT_IDENTIFIER": "1000/1m",
		},
	})

	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, "--test", "--test-reporter=spec")
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(withoutProxies(os.Environ()), "TWOBRAINS_URL="+server.URL, "KRATOS_ADMIN_URL="+kratos.Admin, "NO_COLOR=1")
	output, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Fatalf("node --test: %v\n%s", err, output)
	case !strings.Contains(string(output), "pass ") || !strings.Contains(string(output), "skipped 0"):
		t.Fatalf("not every test was run:\n%s", output)
	}
	t.Logf("%s", output)
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
