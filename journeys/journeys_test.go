// Package journeys_test goes through the web app as people do: a real browser, on a whole server with the real Kratos,
// PostgreSQL and Redis. What a page calls things is part of what is tested, so the scripts find them by role and name.
package journeys_test

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/localstack"
	"twobrains/internal/nodetest"
	"twobrains/web"
)

// TestJourneys runs the scripts beside this file with Node.js. Screenshots go to SCREENSHOTS, a directory, if that is
// set; JOURNEYS, a pattern, picks some by their names.
func TestJourneys(t *testing.T) {
	t.Parallel()
	scripts := nodetest.New(t, "playwright-core")
	browser, err := localstack.Chromium()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fs.Stat(web.Dist(), "index.html"); err != nil {
		t.Fatal("the web app is not built; run: make node")
	}
	cli := filepath.Join(t.TempDir(), "twobrains")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", cli, "twobrains/cmd/twobrains").CombinedOutput(); err != nil {
		t.Fatalf("build the command line: %v\n%s", err, out)
	}
	masterKeys := "test:" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	kratos := authtest.Kratos(t)
	provider := newProvider(t)
	server := apitest.Start(t, apitest.Options{
		RealKratos: true,
		Web:        web.Dist(),
		Env: map[string]string{
			"KRATOS_ADMIN_URL":       kratos.Admin,
			"MASTER_KEYS":            masterKeys,
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

	scripts.Run(14*time.Minute, os.Getenv("JOURNEYS"), []string{
		"TWOBRAINS_URL=" + server.URL, "KRATOS_ADMIN_URL=" + kratos.Admin, "CHROMIUM=" + browser, "OWN_KEY=" + ownKey,
		// For the command line, as an operator has them.
		"TWOBRAINS_CLI=" + cli, "MASTER_KEYS=" + masterKeys, "KRATOS_PUBLIC_URL=" + kratos.Public,
		"DATABASE_URL=" + server.Database.URL.Reveal(), "DATABASE_OWNER_URL=" + server.Database.OwnerURL.Reveal(),
	}, "--test-concurrency=2")
}
