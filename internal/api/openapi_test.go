package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"twobrains/internal/api"
	"twobrains/internal/api/apitest"
	"twobrains/internal/problem"
)

type document struct {
	OpenAPI string
	Paths   map[string]map[string]struct {
		OperationID string
		Summary     string
		Parameters  []struct{ Name, In string }
		Responses   map[string]struct {
			Description string
			Content     map[string]json.RawMessage
		}
	}
	Components struct {
		Schemas         map[string]json.RawMessage
		SecuritySchemes map[string]json.RawMessage
	}
}

func spec(t *testing.T) (document, string) {
	t.Helper()
	text, err := api.Spec()
	if err != nil {
		t.Fatal(err)
	}
	var d document
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	return d, string(text)
}

func TestSpecIsComplete(t *testing.T) {
	t.Parallel()
	d, text := spec(t)
	if d.OpenAPI != "3.1.0" {
		t.Errorf("version %q", d.OpenAPI)
	}
	for _, scheme := range []string{"cookie", "bearer"} {
		if d.Components.SecuritySchemes[scheme] == nil {
			t.Errorf("security scheme %s is missing", scheme)
		}
	}
	s := apitest.Start(t, apitest.Options{})
	for _, route := range s.App.Routes() {
		method, path, _ := strings.Cut(route, " ")
		if method == http.MethodHead || !strings.HasPrefix(path, "/api/") {
			continue
		}
		path = regexp.MustCompile(`:(\w+)`).ReplaceAllString(path, "{$1}")
		op, ok := d.Paths[path][strings.ToLower(method)]
		if !ok {
			t.Errorf("%s is not described", route)
			continue
		}
		if op.OperationID == "" || op.Summary == "" {
			t.Errorf("%s is poorly described", route)
		}
		for _, param := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path, -1) {
			if !slices.ContainsFunc(op.Parameters, func(p struct{ Name, In string }) bool { return p.Name == param[1] && p.In == "path" }) {
				t.Errorf("%s: parameter %s is not described", route, param[1])
			}
		}
		for _, status := range []string{"401", "403", "429", "500", "503"} {
			if op.Responses[status].Content["application/problem+json"] == nil {
				t.Errorf("%s: no problem for %s", route, status)
			}
		}
		if !strings.Contains(op.Responses["503"].Description, "brain_unavailable") {
			t.Errorf("%s: 503 does not name its codes", route)
		}
	}
	if d.Paths["/api/ai"]["post"].Responses["200"].Content["text/event-stream"] == nil {
		t.Error("the stream is not described")
	}
	var params []string
	for _, p := range d.Paths["/api/conversations/{id}/messages"]["get"].Parameters {
		params = append(params, p.Name)
	}
	if strings.Join(params, " ") != "id cursor limit" {
		t.Errorf("messages take %v", params)
	}
	// Every reference leads somewhere.
	for _, ref := range regexp.MustCompile(`"#/components/schemas/([^"]+)"`).FindAllStringSubmatch(text, -1) {
		if d.Components.Schemas[ref[1]] == nil {
			t.Errorf("schema %s is missing", ref[1])
		}
	}
	for code := range problem.Codes() {
		if !strings.Contains(string(d.Components.Schemas["Problem"]), fmt.Sprintf("%q", code)) {
			t.Errorf("code %s is missing", code)
		}
	}
}

// What the server answers is what the document promises: every member described, none besides.
func TestAnswersFitTheSpec(t *testing.T) {
	t.Parallel()
	d, _ := spec(t)
	s := apitest.Start(t, apitest.Options{})
	u := s.As(uuid.New())
	u.Do(t, "POST", "/api/ai", send("c", "m1", "hello")).Want(t, 200)
	for path, schema := range map[string]string{
		"/api/session": "Session", "/api/models": "ModelList", "/api/usage": "Usage", "/api/settings": "Settings",
		"/api/conversations": "ConversationPage", "/api/conversations/c": "Conversation", "/api/conversations/c/messages": "MessagePage",
		"/api/conversations/none": "Problem",
	} {
		var answer map[string]any
		u.Get(t, path).Decode(t, &answer)
		fits(t, d, path, schema, answer)
	}
}

func fits(t *testing.T, d document, where, name string, value map[string]any) {
	t.Helper()
	var schema struct {
		Required   []string
		Properties map[string]struct {
			Ref   string `json:"$ref"`
			Items struct {
				Ref string `json:"$ref"`
			}
		}
	}
	if err := json.Unmarshal(d.Components.Schemas[name], &schema); err != nil {
		t.Fatalf("%s: schema %s: %v", where, name, err)
	}
	for _, member := range schema.Required {
		if _, ok := value[member]; !ok {
			t.Errorf("%s: %s is missing", where, member)
		}
	}
	for member, v := range value {
		property, ok := schema.Properties[member]
		if !ok {
			t.Errorf("%s: %s is not described", where, member)
		}
		switch v := v.(type) {
		case map[string]any:
			if property.Ref != "" {
				fits(t, d, where+"."+member, strings.TrimPrefix(property.Ref, "#/components/schemas/"), v)
			}
		case []any:
			for _, item := range v {
				if item, ok := item.(map[string]any); ok && property.Items.Ref != "" {
					fits(t, d, where+"."+member, strings.TrimPrefix(property.Items.Ref, "#/components/schemas/"), item)
				}
			}
		}
	}
}

func TestDocsPage(t *testing.T) {
	t.Parallel()
	s := apitest.Start(t, apitest.Options{})
	u := s.Anonymous()
	page := u.Get(t, "/docs").Want(t, 200)
	for _, part := range regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(page.Body, -1) {
		if !strings.HasPrefix(part[1], "/docs/") {
			t.Errorf("the page asks for %s", part[1])
		}
		u.Get(t, part[1]).Want(t, 200)
	}
	if strings.Contains(page.Body, "<script>") {
		t.Error("the page has an inline script")
	}
	_, text := spec(t)
	served := u.Get(t, "/openapi.json").Want(t, 200)
	if served.Body != text || served.Header.Get("Content-Type") != "application/openapi+json" {
		t.Error("the document served is another than the one printed")
	}
}

func TestDocumentIsUpToDate(t *testing.T) {
	t.Parallel()
	_, text := spec(t)
	kept, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if string(kept) != text {
		t.Error("docs/openapi.json is out of date; run: make generate")
	}
}

// docs/api.md lists every code with its status, and no other.
func TestCodesAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	admins, err := os.ReadFile("../../docs/admin.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (\\d{3}) \\|").FindAllStringSubmatch(string(text), -1) {
		documented[row[1]] = row[2]
	}
	for code, info := range problem.Codes() {
		if documented[string(code)] != fmt.Sprint(info.Status) {
			t.Errorf("docs/api.md: %s is documented with status %q, want %d", code, documented[string(code)], info.Status)
		}
		delete(documented, string(code))
	}
	for code := range documented {
		t.Errorf("docs/api.md: %s is no code", code)
	}
	for _, route := range slices.Sorted(func(yield func(string) bool) {
		d, _ := spec(t)
		for path := range d.Paths {
			if !yield(path) {
				return
			}
		}
	}) {
		page, where := text, "docs/api.md"
		if strings.HasPrefix(route, "/api/admin/") {
			page, where = admins, "docs/admin.md"
		}
		if !strings.Contains(string(page), route) {
			t.Errorf("%s does not mention %s", where, route)
		}
	}
}
