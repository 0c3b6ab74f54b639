package api_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"twobrains/internal/api/apitest"
)

type mcpServer struct {
	ID, Name, URL, Transport, Approval string
	Headers                            []string
	Enabled, Builtin                   bool
	CreatedAt, UpdatedAt               *string
}

func addMCP(t *testing.T, u *apitest.Client, body string) mcpServer {
	t.Helper()
	var s mcpServer
	a := u.Do(t, "POST", "/api/mcp/servers", body).Want(t, 201)
	a.Decode(t, &s)
	if a.Header.Get("Location") != "/api/mcp/servers/"+s.ID {
		t.Errorf("got location %q", a.Header.Get("Location"))
	}
	return s
}

func TestMCPServers(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	user := uuid.New()
	u := s.As(user)
	var list struct{ Items []mcpServer }
	read := func() {
		t.Helper()
		list.Items = nil
		u.Get(t, "/api/mcp/servers").Want(t, 200).Decode(t, &list)
	}
	read()
	builtins := len(list.Items)
	if builtins < 6 || !list.Items[0].Builtin || list.Items[0].Enabled || list.Items[0].CreatedAt != nil || list.Items[0].Headers == nil {
		t.Fatalf("got %+v", list.Items)
	}
	a := addMCP(t, u, `{"name":"Mine","url":"https://MCP.example.com","headers":{"authorization":"Bearer canary-1","X-Key":"canary-2"}}`)
	if a.URL != "https://mcp.example.com/" || a.Transport != "streamable-http" || a.Approval != "writes" || !a.Enabled || a.Builtin ||
		fmt.Sprint(a.Headers) != "[Authorization X-Key]" {
		t.Fatalf("got %+v", a)
	}
	b := addMCP(t, u, `{"name":"Other","url":"https://other.example.com/sse","transport":"sse","approval":"never","enabled":false}`)
	read()
	if len(list.Items) != builtins+2 || list.Items[builtins].ID != a.ID || list.Items[builtins+1].ID != b.ID || list.Items[builtins+1].Enabled {
		t.Fatalf("got %+v", list.Items)
	}
	own := "/api/mcp/servers/" + a.ID
	try(t, s, u,
		scenario{name: "rename", method: "PATCH", path: own, body: `{"name":"New","enabled":false}`, status: 200, has: []string{`"New"`, `"enabled":false`, `["Authorization","X-Key"]`}, lacks: []string{"canary"}},
		scenario{name: "other path of the host", method: "PATCH", path: own, body: `{"url":"https://mcp.example.com/v2"}`, status: 200, has: []string{`["Authorization","X-Key"]`}},
		scenario{name: "other host", method: "PATCH", path: own, body: `{"url":"https://evil.example.com/v2"}`, status: 422, code: "invalid", fields: []string{"headers"}},
		scenario{name: "other host by a prefix", method: "PATCH", path: own, body: `{"url":"https://mcp.example.co/"}`, status: 422, code: "invalid", fields: []string{"headers"}},
		scenario{name: "other port", method: "PATCH", path: own, body: `{"url":"https://mcp.example.com:8443/"}`, status: 422, code: "invalid", fields: []string{"headers"}},
		scenario{name: "other host with headers", method: "PATCH", path: own, body: `{"url":"https://good.example.com/","headers":{"X-New":"canary-3"}}`, status: 200, has: []string{`["X-New"]`}},
		scenario{name: "no headers", method: "PATCH", path: own, body: `{"headers":{}}`, status: 200, has: []string{`"headers":[]`}},
		scenario{name: "other host without headers", method: "PATCH", path: own, body: `{"url":"https://other.example.com/","transport":"sse","approval":"always"}`, status: 200, has: []string{`"sse"`, `"always"`}},
		scenario{name: "nothing", method: "PATCH", path: own, body: `{}`, status: 200},
		scenario{name: "builtin on", method: "PATCH", path: "/api/mcp/servers/context7", body: `{"enabled":true}`, status: 200, has: []string{`"enabled":true`, `"builtin":true`}},
		scenario{name: "builtin again", method: "PATCH", path: "/api/mcp/servers/context7", body: `{"enabled":true}`, status: 200},
		scenario{name: "builtin renamed", method: "PATCH", path: "/api/mcp/servers/context7", body: `{"name":"x","url":"https://x.example.com"}`, status: 422, code: "invalid", fields: []string{"name", "url"}},
		scenario{name: "builtin deleted", method: "DELETE", path: "/api/mcp/servers/context7", status: 409, code: "conflict"},
		scenario{name: "unknown", method: "PATCH", path: "/api/mcp/servers/" + uuid.NewString(), body: `{"enabled":true}`, status: 404, code: "not_found"},
		scenario{name: "no id", method: "PATCH", path: "/api/mcp/servers/none", body: `{"enabled":true}`, status: 404, code: "not_found"},
		scenario{name: "unknown deleted", method: "DELETE", path: "/api/mcp/servers/" + uuid.NewString(), status: 404, code: "not_found"},
		scenario{name: "unknown tested", method: "POST", path: "/api/mcp/servers/" + uuid.NewString() + "/test", status: 404, code: "not_found"},
		scenario{name: "delete", method: "DELETE", path: own, status: 204},
		scenario{name: "deleted", method: "DELETE", path: own, status: 404, code: "not_found"},
	)
	read()
	if len(list.Items) != builtins+1 || !list.Items[0].Enabled {
		t.Fatalf("got %+v", list.Items)
	}
	// Nobody else sees or touches any of it.
	other := s.NewUser()
	for _, sc := range []scenario{
		{path: "/api/mcp/servers", status: 200, lacks: []string{b.ID, `"enabled":true`}},
		{method: "PATCH", path: "/api/mcp/servers/" + b.ID, body: `{"enabled":true}`, status: 404, code: "not_found"},
		{method: "DELETE", path: "/api/mcp/servers/" + b.ID, status: 404, code: "not_found"},
		{method: "POST", path: "/api/mcp/servers/" + b.ID + "/test", status: 404, code: "not_found"},
	} {
		sc.run(t, other)
	}
	if strings.Contains(s.Log.String(), "canary") {
		t.Error("a header value is in the log")
	}
	var stored string
	if err := s.Database.Superuser(t).QueryRow(t.Context(), "SELECT coalesce(string_agg(x::text, ''), '') FROM public.user_mcp_servers x").Scan(&stored); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(stored, "canary") {
		t.Error("a header value is stored in the clear")
	}
}

func TestMCPServerBadInput(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	many := func(n int) string {
		var list []string
		for i := range n {
			list = append(list, fmt.Sprintf(`"X-%d":"v"`, i))
		}
		return "{" + strings.Join(list, ",") + "}"
	}
	body := func(extra string) string { return `{"name":"n","url":"https://mcp.example.com/"` + extra + `}` }
	for _, bad := range []struct{ name, body, field string }{
		{"no name", `{"url":"https://a.example.com"}`, "body"},
		{"empty name", `{"name":" ","url":"https://a.example.com"}`, "name"},
		{"long name", `{"name":"` + strings.Repeat("x", 101) + `","url":"https://a.example.com"}`, "name"},
		{"two lines", `{"name":"a\nb","url":"https://a.example.com"}`, "name"},
		{"zero", `{"name":"a\u0000b","url":"https://a.example.com"}`, "name"},
		{"no url", `{"name":"n"}`, "body"},
		{"http", `{"name":"n","url":"http://a.example.com"}`, "url"},
		{"file", `{"name":"n","url":"file:///etc/passwd"}`, "url"},
		{"loopback", `{"name":"n","url":"https://127.0.0.1/"}`, "url"},
		{"localhost", `{"name":"n","url":"https://localhost/"}`, "url"},
		{"metadata", `{"name":"n","url":"https://169.254.169.254/"}`, "url"},
		{"mapped", `{"name":"n","url":"https://[::ffff:10.0.0.1]/"}`, "url"},
		{"decimal", `{"name":"n","url":"https://2130706433/"}`, "url"},
		{"password", `{"name":"n","url":"https://u:canary@a.example.com/"}`, "url"},
		{"port", `{"name":"n","url":"https://a.example.com:22/"}`, "url"},
		{"transport", body(`,"transport":"stdio"`), "transport"},
		{"approval", body(`,"approval":"sometimes"`), "approval"},
		{"host header", body(`,"headers":{"host":"canary"}`), "headers.host"},
		{"length header", body(`,"headers":{"Content-Length":"1"}`), "headers.Content-Length"},
		{"connection header", body(`,"headers":{"connection":"close"}`), "headers.connection"},
		{"protocol header", body(`,"headers":{"MCP-Session-Id":"1"}`), "headers.MCP-Session-Id"},
		{"proxy header", body(`,"headers":{"Proxy-Authorization":"1"}`), "headers.Proxy-Authorization"},
		{"header with a line", body(`,"headers":{"X-A":"canary\r\nX-B: 1"}`), "headers.X-A"},
		{"header not ASCII", body(`,"headers":{"X-A":"cänary"}`), "headers.X-A"},
		{"header empty", body(`,"headers":{"X-A":""}`), "headers.X-A"},
		{"header too long", body(`,"headers":{"X-A":"` + strings.Repeat("x", 4097) + `"}`), "headers.X-A"},
		{"header name", body(`,"headers":{"X A":"v"}`), "headers"},
		{"eleven headers", body(`,"headers":` + many(11)), "headers"},
		{"unknown member", body(`,"command":"sh"`), "command"},
	} {
		scenario{name: bad.name, method: "POST", path: "/api/mcp/servers", body: bad.body, status: 422, code: "invalid", fields: []string{bad.field}, lacks: []string{"canary"}}.runAs(t, u)
	}
	addMCP(t, u, body(`,"headers":`+many(10)))
	scenario{method: "PATCH", path: "/api/mcp/servers/context7", body: `{"enabled":null}`, status: 422, code: "invalid", fields: []string{"enabled"}}.run(t, u)
}

func TestMCPServerLimit(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.NewUser()
	u.Get(t, "/api/mcp/servers").Want(t, 200)
	// However many come at once, there are never more than 20.
	var all sync.WaitGroup
	var mu sync.Mutex
	got := map[int]int{}
	for range 25 {
		all.Go(func() {
			a := u.Do(t, "POST", "/api/mcp/servers", `{"name":"n","url":"https://mcp.example.com/"}`)
			mu.Lock()
			defer mu.Unlock()
			got[a.Status]++
		})
	}
	all.Wait()
	if got[201] != 20 || got[409] != 5 {
		t.Fatalf("got %v", got)
	}
	var list struct{ Items []mcpServer }
	u.Get(t, "/api/mcp/servers").Decode(t, &list)
	last := list.Items[len(list.Items)-1].ID
	u.Do(t, "DELETE", "/api/mcp/servers/"+last, "").Want(t, 204)
	addMCP(t, u, `{"name":"n","url":"https://mcp.example.com/"}`)
	u.Do(t, "POST", "/api/mcp/servers", `{"name":"n","url":"https://mcp.example.com/"}`).Refused(t, 409, "conflict")
}

func TestMCPServerTest(t *testing.T) {
	t.Parallel()
	var seen []string
	var mu sync.Mutex
	server := sdk.NewServer(&sdk.Implementation{Name: "x", Version: "1"}, nil)
	server.AddTool(&sdk.Tool{Name: "look", Description: "Looks.", InputSchema: map[string]any{"type": "object"}, Annotations: &sdk.ToolAnnotations{ReadOnlyHint: true}},
		func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return &sdk.CallToolResult{}, nil
		})
	loop := map[string]any{"type": "object", "properties": map[string]any{"self": map[string]any{"$ref": "#"}}}
	server.AddTool(&sdk.Tool{Name: "loop", InputSchema: loop},
		func(context.Context, *sdk.CallToolRequest) (*sdk.CallToolResult, error) {
			return &sdk.CallToolResult{}, nil
		})
	handler := sdk.NewStreamableHTTPHandler(func(*http.Request) *sdk.Server { return server }, nil)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		seen = append(seen, r.Header.Get("Authorization"))
		mu.Unlock()
		if r.URL.Path != "/mcp" {
			http.Error(w, "canary of upstream", http.StatusUnauthorized)
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(site.Close)
	s := apitest.Start(t, apitest.Options{Env: map[string]string{"TOOLS_ALLOW_PRIVATE": "true"}})
	u := s.NewUser()
	good := addMCP(t, u, `{"name":"Good","url":"`+site.URL+`/mcp","headers":{"Authorization":"Bearer canary"}}`)
	bad := addMCP(t, u, `{"name":"Bad","url":"`+site.URL+`/none"}`)
	scenario{method: "POST", path: "/api/mcp/servers/" + good.ID + "/test", status: 200, has: []string{
		`{"ok":true,"tools":[{"name":"look","title":"look","description":"Looks.","readOnly":true}],`,
		`The tool \"loop\" of \"Good\" is not available: its arguments are described in terms of themselves.`,
	}}.run(t, u)
	for _, header := range seen {
		if header != "Bearer canary" {
			t.Errorf("the server got %q", header)
		}
	}
	scenario{
		method: "POST", path: "/api/mcp/servers/" + bad.ID + "/test", status: 200,
		has: []string{`{"ok":false,"reason":"refused access: it needs other headers, or a sign-in that is not supported here","tools":[],"notices":[]}`}, lacks: []string{"canary"},
	}.run(t, u)
	if strings.Contains(s.Log.String(), "canary") {
		t.Error("a header value or an upstream's text is in the log")
	}
	// Headers sealed for another row do not open here.
	if _, err := s.Database.Superuser(t).Exec(t.Context(), `UPDATE public.user_mcp_servers SET (headers_ciphertext, key_id, header_names) =
		(SELECT headers_ciphertext, key_id, header_names FROM public.user_mcp_servers WHERE id = $1) WHERE id = $2`, good.ID, bad.ID); err != nil {
		t.Fatal(err)
	}
	scenario{method: "POST", path: "/api/mcp/servers/" + bad.ID + "/test", status: 200, has: []string{`"ok":false`, "entered again"}, lacks: []string{"canary"}}.run(t, u)
}
