package mcp

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"unicode/utf8"

	"twobrains/internal/tool/guard"
)

// The servers that come with the program: public, without sign-in, by streamable HTTP, all for reading.
//
//go:embed catalog.json
var builtin []byte

// Builtin is a server of the catalog.
type Builtin struct {
	// ID never changes; users' choices refer to it.
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	URL         string `json:"url"`
	// Transport is StreamableHTTP if left out.
	Transport Transport `json:"transport,omitempty"`
	// Approval is ApprovalNever if left out: built-in servers only read.
	Approval Approval `json:"approval,omitempty"`
	// Enabled for users who have chosen neither. What a model asks such a server, its operator gets to know; so none of ours is.
	Enabled bool `json:"enabled,omitempty"`
}

// Server is the built-in server as a run uses it.
func (b Builtin) Server() Server {
	return Server{ID: b.ID, Name: b.Name, URL: b.URL, Transport: b.Transport, Approval: b.Approval, Version: b.URL + " " + string(b.Transport)}
}

// Catalog lists the built-in servers.
type Catalog struct{ servers []Builtin }

// Servers in the order of the catalog.
func (c *Catalog) Servers() []Builtin { return slices.Clone(c.servers) }

// Server finds one by its id.
func (c *Catalog) Server(id string) (Builtin, bool) {
	i := slices.IndexFunc(c.servers, func(b Builtin) bool { return b.ID == id })
	if i < 0 {
		return Builtin{}, false
	}
	return c.servers[i], true
}

var catalogID = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

// LoadCatalog reads a catalog file, or the embedded one if path is empty. Every URL has to be one that the options let through.
func LoadCatalog(path string, o guard.Options) (*Catalog, error) {
	text := builtin
	if path != "" {
		var err error
		if text, err = os.ReadFile(path); err != nil {
			return nil, fmt.Errorf("read MCP catalog: %w", err)
		}
	}
	var file struct {
		Servers []Builtin `json:"servers"`
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&file); err != nil {
		return nil, fmt.Errorf("read MCP catalog: %w", err)
	}
	seen := map[string]bool{}
	for i := range file.Servers {
		b := &file.Servers[i]
		if b.Transport == "" {
			b.Transport = StreamableHTTP
		}
		if b.Approval == "" {
			b.Approval = ApprovalNever
		}
		if err := b.check(seen, o); err != nil {
			return nil, fmt.Errorf("read MCP catalog: server %q: %w", b.ID, err)
		}
	}
	return &Catalog{servers: file.Servers}, nil
}

func (b *Builtin) check(seen map[string]bool, o guard.Options) error {
	if !catalogID.MatchString(b.ID) || seen[b.ID] {
		return errors.New("id must be unique, of up to 32 small letters, digits and dashes, and begin with a letter")
	}
	seen[b.ID] = true
	if n := utf8.RuneCountInString(b.Name); n == 0 || n > 100 {
		return errors.New("name must have 1 to 100 characters")
	}
	if !b.Transport.Valid() || !b.Approval.Valid() {
		return errors.New("transport or approval is unknown")
	}
	u, err := guard.CheckURL(b.URL, o)
	if err != nil {
		return fmt.Errorf("url %w", err)
	}
	b.URL = u.String()
	return nil
}
