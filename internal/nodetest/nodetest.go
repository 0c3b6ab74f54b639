// Package nodetest runs scripts for Node.js's own test runner as part of a Go test that has started what they drive.
package nodetest

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
)

// Suite is the scripts in the directory of a test.
type Suite struct {
	t      *testing.T
	node   string
	output []byte
}

// New looks for Node.js and for a file that is there once the scripts' packages are installed. It is called before servers are started
// for the test: what failed is then printed last, below their logs, of which a reader may see the end only.
func New(t *testing.T, installed string) *Suite {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		t.Fatalf("this test needs Node.js 20 or newer: %v", err)
	}
	if _, err := os.Stat(filepath.Join("node_modules", installed)); errors.Is(err, fs.ErrNotExist) {
		t.Fatal("the npm packages of these tests are not installed; run: make node")
	}
	s := &Suite{t: t, node: node}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s", failures(s.output))
		}
	})
	return s
}

// Run runs the scripts whose tests' names match the pattern only, or all of them if that is empty, and fails the test if one fails,
// none passes or, of all, one is skipped.
func (s *Suite) Run(limit time.Duration, only string, env []string, arguments ...string) {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(s.t.Context(), limit)
	defer cancel()
	arguments = append([]string{"--test", "--test-reporter=spec"}, arguments...)
	if only != "" {
		arguments = append(arguments, "--test-name-pattern="+only)
	}
	cmd := exec.CommandContext(ctx, s.node, arguments...)
	cmd.WaitDelay = 5 * time.Second
	cmd.Env = append(append(environment(), "NO_COLOR=1"), env...)
	var err error
	s.output, err = cmd.CombinedOutput()
	switch {
	case err != nil:
		s.t.Fatalf("node --test: %v\n%s", err, s.output)
	case !bytes.Contains(s.output, []byte("pass ")), only == "" && !bytes.Contains(s.output, []byte("skipped 0")):
		s.t.Fatalf("not every test was run:\n%s", s.output)
	}
	s.t.Logf("%s", s.output)
}

// failures is the part of the report that tells of what failed.
func failures(report []byte) []byte {
	if _, after, ok := bytes.Cut(report, []byte("failing tests:")); ok {
		return after
	}
	return report
}

// environment drops what would send requests to loopback addresses elsewhere, and what a test runner around this one tells its
// children.
func environment() []string {
	var kept []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		switch strings.ToUpper(name) {
		case "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NODE_OPTIONS", "NODE_TEST_CONTEXT":
		default:
			kept = append(kept, entry)
		}
	}
	return kept
}
