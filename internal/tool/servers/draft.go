package servers

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tool/guard"
	"twobrains/internal/tool/mcp"
)

// Bounds of a server.
const (
	MaxName        = 100 // characters
	MaxHeaders     = 10
	maxHeaderName  = 100
	maxHeaderValue = 4096
)

// Draft is what to create or to change; nil members are left out. For a new server Name and URL are required, Transport is
// streamable HTTP, Approval is "writes" and Enabled is true unless said otherwise.
type Draft struct {
	Name      *string
	URL       *string
	Transport *mcp.Transport
	Approval  *mcp.Approval
	Enabled   *bool
	// Headers replace all headers there are. Nil leaves them as they are.
	Headers map[string]secret.Secret
}

func invalid() *problem.Error {
	return problem.New(problem.CodeInvalid, "The server cannot be like this.")
}

func sorted(e *problem.Error) *problem.Error {
	slices.SortStableFunc(e.Fields, func(a, b problem.Field) int { return strings.Compare(a.Path, b.Path) })
	return e
}

// prepare checks a draft and makes the parameters of a change of it. With whole set, what is left out gets its default.
func (s *Service) prepare(user auth.User, id uuid.UUID, d Draft, whole bool) (publicdb.MCPServerUpdateParams, error) {
	refusal := invalid()
	p := publicdb.MCPServerUpdateParams{ID: id, HeaderNames: []string{}, Enabled: d.Enabled, Now: s.now()}
	if whole {
		d = d.withDefaults()
		p.Enabled = d.Enabled
	}
	if d.Name != nil {
		if complaint := checkName(*d.Name); complaint != "" {
			refusal.Field("name", complaint)
		}
		p.Name = d.Name
	}
	if d.URL != nil {
		u, err := guard.CheckURL(*d.URL, s.http)
		if err != nil {
			refusal.Field("url", err.Error())
		} else {
			text := u.String()
			p.Url, p.Origin = &text, guard.Origin(u)
			if len(text) > guard.MaxURL {
				refusal.Field("url", fmt.Sprintf("must have at most %d bytes", guard.MaxURL))
			}
		}
	}
	if d.Transport != nil {
		if !d.Transport.Valid() {
			refusal.Field("transport", "must be streamable-http or sse")
		}
		text := string(*d.Transport)
		p.Transport = &text
	}
	if d.Approval != nil {
		if !d.Approval.Valid() {
			refusal.Field("approval", "must be always, writes or never")
		}
		text := string(*d.Approval)
		p.Approval = &text
	}
	canonical := checkHeaders(d.Headers, refusal)
	if len(refusal.Fields) > 0 {
		return p, sorted(refusal)
	}
	if d.Headers == nil {
		return p, nil
	}
	p.SetHeaders = true
	if len(canonical) == 0 {
		return p, nil
	}
	sealed, err := s.seal(user, id, canonical)
	if err != nil {
		return p, err
	}
	p.HeaderNames, p.HeadersCiphertext, p.KeyID = slices.Sorted(maps.Keys(canonical)), sealed.Ciphertext, &sealed.KeyID
	return p, nil
}

func (d Draft) withDefaults() Draft {
	if d.Name == nil {
		d.Name = new(string)
	}
	if d.URL == nil {
		d.URL = new(string)
	}
	if d.Transport == nil {
		d.Transport = new(mcp.StreamableHTTP)
	}
	if d.Approval == nil {
		d.Approval = new(mcp.ApprovalWrites)
	}
	if d.Enabled == nil {
		d.Enabled = new(true)
	}
	return d
}

func checkName(name string) string {
	switch n := utf8.RuneCountInString(name); {
	case strings.TrimSpace(name) == "":
		return "must not be empty"
	case n > MaxName:
		return fmt.Sprintf("must have at most %d characters", MaxName)
	case strings.ContainsFunc(name, unicode.IsControl):
		return "must be one line"
	}
	return ""
}

// forbidden are headers that belong to the connection or to the protocol.
var forbidden = map[string]bool{
	"Host": true, "Content-Length": true, "Content-Type": true, "Content-Encoding": true, "Connection": true, "Keep-Alive": true,
	"Transfer-Encoding": true, "Te": true, "Trailer": true, "Upgrade": true, "Expect": true, "Accept": true, "Accept-Encoding": true,
	"Last-Event-Id": true, "Forwarded": true, "Via": true,
}

// checkHeaders returns the headers under their usual spelling.
func checkHeaders(headers map[string]secret.Secret, refusal *problem.Error) map[string]string {
	canonical := make(map[string]string, len(headers))
	if len(headers) > MaxHeaders {
		refusal.Field("headers", fmt.Sprintf("must be at most %d", MaxHeaders))
		return canonical
	}
	for name, value := range headers {
		usual := http.CanonicalHeaderKey(name)
		text := value.Reveal()
		switch _, twice := canonical[usual]; {
		case !isToken(name):
			refusal.Field("headers", fmt.Sprintf("must have names of 1 to %d letters, digits and dashes", maxHeaderName))
		case forbidden[usual] || strings.HasPrefix(usual, "Proxy-") || strings.HasPrefix(usual, "Mcp-") || strings.HasPrefix(usual, "X-Forwarded-"):
			refusal.Field("headers."+name, "belongs to the protocol and cannot be set")
		case twice:
			refusal.Field("headers."+name, "is there twice")
		case text == "" || len(text) > maxHeaderValue:
			refusal.Field("headers."+name, fmt.Sprintf("must have a value of 1 to %d bytes", maxHeaderValue))
		case strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) || strings.TrimSpace(text) != text:
			refusal.Field("headers."+name, "must have a value of visible ASCII characters")
		default:
			canonical[usual] = text
		}
	}
	return canonical
}

func isToken(name string) bool {
	return name != "" && len(name) <= maxHeaderName && strings.IndexFunc(name, func(r rune) bool {
		return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	}) < 0
}

func (s *Service) seal(user auth.User, id uuid.UUID, headers map[string]string) (secret.Sealed, error) {
	text, err := json.Marshal(headers)
	if err != nil {
		return secret.Sealed{}, fmt.Errorf("write headers: %w", err)
	}
	sealed, err := s.keys.Seal(place(user, id), secret.New(string(text)))
	if err != nil {
		return secret.Sealed{}, fmt.Errorf("seal headers: %w", err)
	}
	return sealed, nil
}

func place(user auth.User, id uuid.UUID) secret.Place {
	return secret.Place{User: user.ID(), Provider: secret.MCP, Record: id}
}
