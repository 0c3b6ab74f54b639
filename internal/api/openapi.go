package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

const apiDescription = `An AI chat whose every user has a private brain of their own.

Sign-in happens at Ory Kratos (under /.ory). Requests carry either its session cookie, which browsers send by themselves, or
a session token as Authorization: Bearer. With the cookie, anything but GET also needs an Origin header of this server.

Every answer that is no success is a Problem (RFC 9457, application/problem+json) with a stable code. Request bodies are
JSON; members and query parameters that an operation does not know are refused, except by POST /api/ai, which ignores them.`

// apiVersion is the API's own, not the binary's: it changes when clients have to.
const apiVersion = "1"

// newAPI makes the huma API on the server's Fiber app. huma serves nothing by itself: document and page are ours.
func newAPI(a huma.Adapter) huma.API {
	return huma.NewAPI(huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "twobrains", Version: apiVersion, Description: apiDescription,
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Servers: []*huma.Server{{URL: "/"}},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"cookie": {Type: "apiKey", In: "cookie", Name: auth.DefaultCookieName, Description: "Ory Kratos session cookie; the name is configurable."},
					"bearer": {Type: "http", Scheme: "bearer", Description: "Ory Kratos session token."},
				},
			},
			Security: []map[string][]string{{"cookie": {}}, {"bearer": {}}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}, a)
}

// Codes that operations share.
var (
	codesAlways = []problem.Code{
		problem.CodeUnauthenticated, problem.CodeSecondFactorRequired, problem.CodeRateLimited,
		problem.CodeInternal, problem.CodeUnavailable, problem.CodeBusy, problem.CodeBrainUnavailable, problem.CodeAccountDeleted,
	}
	codesBody = []problem.Code{
		problem.CodeBadRequest, problem.CodeCrossSite, problem.CodeTooLarge, problem.CodeUnsupportedMediaType, problem.CodeInvalid,
	}
)

// problems describes the answers that are no success: one per status, naming the codes.
func problems(r huma.Registry, codes ...[]problem.Code) map[string]*huma.Response {
	byStatus := map[int][]string{}
	for _, list := range append(codes, codesAlways) {
		for _, code := range list {
			status := code.Info().Status
			if !slices.Contains(byStatus[status], string(code)) {
				byStatus[status] = append(byStatus[status], string(code))
			}
		}
	}
	responses := map[string]*huma.Response{}
	for status, names := range byStatus {
		slices.Sort(names)
		responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status) + ": " + strings.Join(names, ", "),
			Content:     map[string]*huma.MediaType{problemJSON: {Schema: r.Schema(reflect.TypeFor[Problem](), true, "")}},
		}
	}
	return responses
}

// operation is what differs between JSON operations besides their types.
type operation struct {
	id, method, path, tag, summary, description string
	// status of success; 0: 200, or 204 without a body.
	status int
	codes  []problem.Code
}

// register adds a JSON operation of a signed-in user. I and O are huma's input and output structs.
func register[I, O any](s *Server, o operation, handler func(ctx context.Context, user auth.User, in *I) (*O, error)) {
	codes := [][]problem.Code{o.codes}
	if o.method != http.MethodGet {
		codes = append(codes, codesBody)
	}
	huma.Register(s.api, huma.Operation{
		OperationID:   o.id,
		Method:        o.method,
		Path:          o.path,
		Tags:          []string{o.tag},
		Summary:       o.summary,
		Description:   o.description,
		DefaultStatus: o.status,
		MaxBodyBytes:  -1, // the HTTP server has the limit
		Responses:     problems(s.api.OpenAPI().Components.Schemas, codes...),
	}, func(ctx context.Context, in *I) (*O, error) {
		return handler(ctx, userOf(ctx), in)
	})
}

// Spec returns the OpenAPI document, indented.
func Spec() ([]byte, error) {
	s := &Server{}
	s.setUp()
	return s.spec()
}

// openOutputs takes the promise back that answers never get new members.
func (s *Server) openOutputs() {
	doc := s.api.OpenAPI()
	inputs := map[string]bool{"LimitsInput": true, "PricesInput": true} // parts of others
	for _, path := range doc.Paths {
		for _, op := range []*huma.Operation{path.Post, path.Put, path.Patch} {
			if op == nil || op.RequestBody == nil {
				continue
			}
			for _, media := range op.RequestBody.Content {
				inputs[strings.TrimPrefix(media.Schema.Ref, "#/components/schemas/")] = true
			}
		}
	}
	for name, schema := range doc.Components.Schemas.Map() {
		if !inputs[name] && schema.AdditionalProperties == false {
			schema.AdditionalProperties = nil
		}
	}
}

func (s *Server) spec() ([]byte, error) {
	text, err := json.MarshalIndent(s.api.OpenAPI(), "", "  ")
	if err != nil {
		return nil, fmt.Errorf("write OpenAPI document: %w", err)
	}
	return append(text, '\n'), nil
}

// maybe is a member of a patch that tells absent from null.
type maybe[T any] struct {
	set   bool
	value *T
}

// UnmarshalJSON is called for members that are there, null included.
func (m *maybe[T]) UnmarshalJSON(text []byte) error {
	m.set = true
	if string(text) == "null" {
		return nil
	}
	m.value = new(T)
	return json.Unmarshal(text, m.value)
}

// Schema is that of T, or null.
func (m maybe[T]) Schema(r huma.Registry) *huma.Schema {
	s := *r.Schema(reflect.TypeFor[T](), true, "")
	s.Nullable = true
	return &s
}

// object is a JSON object that is passed through.
type object struct{ json.RawMessage }

// Schema is that of any object.
func (object) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}
}

// objects is a JSON array of objects that is passed through.
type objects struct{ json.RawMessage }

// Schema is that of any array of objects.
func (objects) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}
}
