package api_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"twobrains/internal/api/apitest"
)

// The rules and the dashboard that are shipped can be read by Prometheus and ask for metrics that servers have.
func TestShippedObservability(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	operator := &apitest.Client{Base: s.InternalURL}
	exported := map[string]bool{"up": true}
	for _, line := range strings.Split(operator.Get(t, "/metrics").Want(t, 200).Body, "\n") {
		if kind, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, what, _ := strings.Cut(kind, " ")
			exported[name] = true
			if what == "histogram" {
				exported[name+"_bucket"], exported[name+"_count"], exported[name+"_sum"] = true, true, true
			}
		}
	}
	// What has never happened here is not told of yet.
	for _, vector := range []string{
		"twobrains_tenant_retries_total", "twobrains_ratelimit_refused_total", "twobrains_job_takings_total", "twobrains_job_running",
	} {
		exported[vector] = true
	}
	check := func(where, expression string) {
		t.Helper()
		parsed, err := parser.ParseExpr(strings.ReplaceAll(expression, "$__rate_interval", "5m"))
		require.NoError(t, err, where)
		parser.Inspect(parsed, func(node parser.Node, _ []parser.Node) error {
			if selector, ok := node.(*parser.VectorSelector); ok && !exported[selector.Name] {
				t.Errorf("%s: there is no metric %s", where, selector.Name)
			}
			return nil
		})
	}

	dir := filepath.Join("..", "..", "tools", "observe")
	var rules struct {
		Groups []struct {
			Name  string
			Rules []struct {
				Alert, Expr, For    string
				Labels, Annotations map[string]string
			}
		}
	}
	require.NoError(t, yaml.Unmarshal(read(t, dir, "alerts.yml"), &rules))
	page := string(read(t, "..", "..", "docs", "observability.md"))
	severity := regexp.MustCompile(`^(page|ticket)$`)
	require.NotEmpty(t, rules.Groups[0].Rules)
	for _, rule := range rules.Groups[0].Rules {
		check(rule.Alert, rule.Expr)
		require.Regexp(t, severity, rule.Labels["severity"], rule.Alert)
		require.NotEmpty(t, rule.Annotations["summary"], rule.Alert)
		require.Contains(t, page, "`"+rule.Alert+"`", "what to do is not said")
	}

	var dashboard struct {
		Panels []struct {
			Type, Title, Description string
			Targets                  []struct{ Expr string }
		}
	}
	require.NoError(t, json.Unmarshal(read(t, dir, "grafana", "dashboards", "twobrains.json"), &dashboard))
	require.NotEmpty(t, dashboard.Panels)
	for _, panel := range dashboard.Panels {
		if panel.Type == "row" {
			continue
		}
		require.NotEmpty(t, panel.Description, panel.Title)
		require.NotEmpty(t, panel.Targets, panel.Title)
		for _, target := range panel.Targets {
			check(panel.Title, target.Expr)
		}
	}
}

func read(t *testing.T, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	require.NoError(t, err)
	return data
}
