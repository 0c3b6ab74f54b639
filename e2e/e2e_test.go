// Package e2e_test drives whole servers with the real npm client, in all the versions that it has to speak with: Go tests of the
// wire format could only repeat what its author believed it to be.
package e2e_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"twobrains/internal/api/apitest"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/faulttest"
	"twobrains/internal/nodetest"
	"twobrains/internal/testdb"
)

func TestMain(m *testing.M) {
	code := m.Run()
	faulttest.CleanUp()
	os.Exit(code)
}

// TestNPMClient runs the tests beside this file with Node.js, against two replicas with the demo model, a model that calls tools
// of an MCP server, and the real Kratos. For each version of the client there is another replica, a process that its tests stop.
func TestNPMClient(t *testing.T) {
	t.Parallel()
	scripts := nodetest.New(t, ".package-lock.json")
	kratos := authtest.Kratos(t)
	model := httptest.NewServer(http.HandlerFunc(callTools))
	t.Cleanup(model.Close)
	env := map[string]string{
		"KRATOS_ADMIN_URL":       kratos.Admin,
		"MASTER_KEYS":            "e2e:ZS1yaW5nLW9mLXRoZS1lbmQtdG8tZW5kLXRlc3RzLi4=",
		"OPENAI_BASE_URL":        model.URL + "/v1",
		"OPENAI_MODELS":          "caller;tools",
		"DEFAULT_MODEL":          "demo:demo",
		"DEMO_MODEL":             "on",
		"DEMO_DELAY":             "0s",
		"TITLES":                 "false",
		"TENANT_LANES":           "4",
		"TOOLS_ALLOW_PRIVATE":    "true",
		"QUOTA_DAY":              "10",
		"RATE_LIMIT_AI_USER":     "off",
		"LOGIN_LIMIT_IP":         "10000/1m", // everybody comes from one address
		"LOGIN_LIMIT_IDENTIFIER": "1000/1m",
	}
	database := testdb.New(t)
	one := apitest.Start(t, apitest.Options{RealKratos: true, Database: database, Env: env})
	other := apitest.Start(t, apitest.Options{RealKratos: true, Database: database, Env: env})

	var ending []*faulttest.Server
	var endingURLs []string
	for range clients(t) {
		ending = append(ending, faulttest.NewServer(t, faulttest.ServerOptions{
			Database: faulttest.Database{AppURL: database.URL.Reveal(), OwnerURL: database.OwnerURL.Reveal(), SuperuserURL: database.SuperuserURL},
			Redis:    os.Getenv("TWOBRAINS_TEST_REDIS"), Kratos: kratos.Public, KratosAdmin: kratos.Admin,
			Provider: &faulttest.Provider{URL: model.URL + "/v1"}, Env: withLanes(env, 2),
		}))
		endingURLs = append(endingURLs, ending[len(ending)-1].URL)
	}
	control := http.NewServeMux()
	control.Handle("/mcp", deleter())
	control.HandleFunc("POST /terminate/{i}", func(w http.ResponseWriter, r *http.Request) {
		i, err := strconv.Atoi(r.PathValue("i"))
		if err != nil || i < 0 || i >= len(ending) {
			http.NotFound(w, r)
			return
		}
		ending[i].Terminate()
	})
	helper := httptest.NewServer(control)
	t.Cleanup(helper.Close)

	scripts.Run(5*time.Minute, os.Getenv("TWOBRAINS_E2E"), []string{
		"TWOBRAINS_URL=" + one.URL, "TWOBRAINS_OTHER_URL=" + other.URL, "TWOBRAINS_ENDING_URLS=" + strings.Join(endingURLs, ","),
		"TWOBRAINS_HELPER_URL=" + helper.URL, "KRATOS_ADMIN_URL=" + kratos.Admin,
	}, "--test-force-exit")
}

// clients are the versions of the client that package.json asks for.
func clients(t *testing.T) (versions []string) {
	t.Helper()
	data, err := os.ReadFile("package.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Dependencies map[string]string }
	if err := json.Unmarshal(data, &file); err != nil {
		t.Fatal(err)
	}
	for name := range maps.Keys(file.Dependencies) {
		if version, ok := strings.CutPrefix(name, "client-"); ok {
			versions = append(versions, version)
		}
	}
	if len(versions) == 0 {
		t.Fatal("package.json names no client")
	}
	return versions
}

func withLanes(env map[string]string, lanes int) map[string]string {
	env = maps.Clone(env)
	env["TENANT_LANES"] = fmt.Sprint(lanes)
	return env
}
