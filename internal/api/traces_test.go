package api_test

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	wire "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"twobrains/internal/api/apitest"
)

// collect is an OpenTelemetry collector.
type collect struct {
	*httptest.Server
	mu    sync.Mutex
	spans []*wire.Span
}

func newCollector(t *testing.T) *collect {
	t.Helper()
	c := &collect{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var request collector.ExportTraceServiceRequest
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			body = unzipped
		}
		data, err := io.ReadAll(body)
		if err == nil {
			err = proto.Unmarshal(data, &request)
		}
		if err != nil || r.URL.Path != "/v1/traces" {
			http.Error(w, "no traces", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		for _, resource := range request.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				c.spans = append(c.spans, scope.Spans...)
			}
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(c.Close)
	return c
}

// paths are the spans by their names, each with those above it: "GET /api/x > postgres".
func (c *collect) paths() map[string][]*wire.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	byID := map[string]*wire.Span{}
	for _, s := range c.spans {
		byID[string(s.SpanId)] = s
	}
	paths := map[string][]*wire.Span{}
	for _, s := range c.spans {
		path := s.Name
		for over := byID[string(s.ParentSpanId)]; over != nil; over = byID[string(over.ParentSpanId)] {
			path = over.Name + " > " + path
		}
		paths[path] = append(paths[path], s)
	}
	return paths
}

func TestTraces(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL}})
	u := s.NewUser()
	u.Do(t, "PATCH", "/api/settings", `{"customInstructions":"canary-instructions"}`).Want(t, 200)
	u.Do(t, "POST", "/api/ai", send("canary-conversation", "canary-message", "canary-text: what time is it?")).Want(t, 200)
	u.Do(t, "GET", "/api/conversations/canary-unknown", "", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").Want(t, 404)
	require.NoError(t, s.Stop())

	paths := c.paths()
	for _, want := range []string{
		"POST /api/ai", "PATCH /api/settings > kratos GET", "POST /api/ai > redis evalsha", "POST /api/ai > wait for lane", "POST /api/ai > postgres",
		"POST /api/ai > reply > chat", "POST /api/ai > reply > execute_tool", "GET /api/conversations/:id > postgres",
	} {
		require.Contains(t, paths, want)
	}
	trips := paths["POST /api/ai > postgres"]
	require.Contains(t, fmt.Sprint(trips), "RunContext")
	require.Contains(t, fmt.Sprint(trips), "RunFinish")
	require.Equal(t, "first event", paths["POST /api/ai > reply > chat"][0].Events[0].Name)
	require.NotEqual(t, "0af7651916cd43dd8448eb211c80319c", hex.EncodeToString(paths["GET /api/conversations/:id"][0].TraceId), "whoever asks names the trace")
	require.Contains(t, s.Log.String(), hex.EncodeToString(paths["POST /api/ai"][0].TraceId))
	for path, spans := range paths {
		text := fmt.Sprint(spans)
		if strings.Contains(text, "canary") || strings.Contains(text, u.Token) || strings.Contains(text, "SELECT") || strings.Contains(text, s.Database.Name) {
			t.Errorf("%s holds content: %s", path, text)
		}
	}
}

// From a proxy that is trusted, the caller's trace goes on.
func TestTraceOfTrustedProxy(t *testing.T) {
	t.Parallel()
	c := newCollector(t)
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": c.URL, "TRUSTED_PROXIES": "127.0.0.0/8"}})
	s.NewUser().Do(t, "GET", "/api/models", "", "Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01").Want(t, 200)
	require.NoError(t, s.Stop())
	require.Equal(t, "0af7651916cd43dd8448eb211c80319c", hex.EncodeToString(c.paths()["GET /api/models"][0].TraceId))
}

// A collector that is away, or answers nonsense, costs traces only.
func TestTracesWithoutCollector(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}})
	s.NewUser().Do(t, "POST", "/api/ai", send("c", "m", "hello")).Want(t, 200)
	require.NoError(t, s.Stop())
}
