package mcp_test

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/secret"
	"twobrains/internal/tool/mcp"
)

// TestEverything meets a server that nobody here wrote, in both transports: the reference server of the protocol, from npm.
func TestEverything(t *testing.T) {
	t.Parallel()
	node, err := exec.LookPath("node")
	if err != nil {
		if _, ci := os.LookupEnv("CI"); ci {
			t.Fatal("this test needs Node.js")
		}
		t.Skip("this test needs Node.js")
	}
	script, err := filepath.Abs("../../../e2e/node_modules/@modelcontextprotocol/server-everything/dist/index.js")
	require.NoError(t, err)
	if _, err := os.Stat(script); err != nil {
		t.Fatal("the npm packages of these tests are not installed; run: make node")
	}
	for transport, at := range map[mcp.Transport][2]string{mcp.StreamableHTTP: {"streamableHttp", "/mcp"}, mcp.SSE: {"sse", "/sse"}} {
		t.Run(string(transport), func(t *testing.T) {
			t.Parallel()
			base := startEverything(t, node, script, at[0])
			c := mcp.New(options())
			user := somebody(t)
			server := mcp.Server{
				ID: "e", Name: "Everything", URL: base + at[1], Transport: transport, Approval: mcp.ApprovalWrites, Version: "1",
				Headers: map[string]secret.Secret{"Authorization": secret.New("Bearer canary-of-everything")},
			}
			s := open(t, c, user, server)
			require.Empty(t, s.Notices())
			require.Contains(t, names(s), "everything__echo")
			require.Contains(t, names(s), "everything__get-sum")
			t.Logf("tools: %s", names(s))

			got, err := call(t, s, "everything__echo", `{"message":"Grüße"}`)
			require.NoError(t, err)
			require.Equal(t, `"Echo: Grüße"`, got)
			got, err = call(t, s, "everything__get-sum", `{"a":19,"b":23}`)
			require.NoError(t, err)
			require.Contains(t, got, "42")
			got, err = call(t, s, "everything__get-tiny-image", `{}`)
			require.NoError(t, err)
			require.Contains(t, got, "[An image is not shown here: image/png, ")
			got, err = call(t, s, "everything__get-structured-content", `{"location":"New York"}`)
			require.NoError(t, err)
			require.Contains(t, got, `"temperature":`)
			got, err = call(t, s, "everything__get-resource-links", `{"count":2}`)
			require.NoError(t, err)
			require.Contains(t, got, "[Link: ")
			got, err = call(t, s, "everything__trigger-long-running-operation", `{"duration":0.2,"steps":2}`)
			require.NoError(t, err)
			require.Contains(t, got, "completed")
			_, err = call(t, s, "everything__get-sum", `{"a":"no number"}`)
			require.Error(t, err)

			// What it may ask of clients that offer it, it does not even list for ours.
			for _, asks := range []string{"trigger-sampling-request", "trigger-elicitation-request", "get-roots-list"} {
				require.False(t, slices.Contains(strings.Fields(names(s)), "everything__"+asks), asks)
			}
			s.Close()
			again := open(t, c, user, server)
			got, err = call(t, again, "everything__echo", `{"message":"remembered"}`)
			require.NoError(t, err)
			require.Equal(t, `"Echo: remembered"`, got)
		})
	}
}

// startEverything runs the server on a free port until the test ends.
func startEverything(t *testing.T, node, script, transport string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := ln.Addr().String()
	_, port, err := net.SplitHostPort(addr)
	require.NoError(t, err)
	require.NoError(t, ln.Close())
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	cmd := exec.CommandContext(ctx, node, script, transport)
	cmd.Env = []string{"PORT=" + port, "HOST=127.0.0.1", "PATH=" + filepath.Dir(node)}
	cmd.WaitDelay = 5 * time.Second
	var output strings.Builder
	cmd.Stdout, cmd.Stderr = &output, &output
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
		if t.Failed() {
			t.Logf("output of the server:\n%s", output.String())
		}
	})
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Second}
	require.Eventually(t, func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://127.0.0.1:"+port+"/none", nil)
		if err != nil {
			return false
		}
		resp, err := client.Do(req)
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return true
	}, 30*time.Second, 50*time.Millisecond)
	return "http://127.0.0.1:" + port
}
