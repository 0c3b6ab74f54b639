package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/mattn/go-isatty"
	"github.com/urfave/cli/v3"

	"twobrains/internal/tenant"
)

// printer prints one thing after the other, as text or as a line of JSON, while there are more to come.
type printer struct {
	out  *bufio.Writer
	json bool
}

func newPrinter(c *cli.Command) *printer {
	return &printer{out: bufio.NewWriter(c.Root().Writer), json: c.Bool("json")}
}

// print prints the value or the text, whichever is asked for; no text prints nothing.
func (p *printer) print(value any, text string) error {
	if p.json {
		if err := json.NewEncoder(p.out).Encode(value); err != nil {
			return fmt.Errorf("print: %w", err)
		}
	} else if text != "" {
		fmt.Fprintln(p.out, text)
	}
	if p.out.Buffered() > 32<<10 || !p.json {
		return p.out.Flush()
	}
	return nil
}

func (p *printer) flush() { _ = p.out.Flush() }

// progress is a bar on a terminal, else a line now and then. Neither is printed where lines of JSON tell it all.
type progress struct {
	out             io.Writer
	bar             bool
	total, done     int64
	failed          int
	start, reported time.Time
}

func newProgress(c *cli.Command, total int64) *progress {
	g := &progress{out: c.Root().ErrWriter, total: total, start: time.Now(), reported: time.Now()}
	if f, ok := g.out.(*os.File); ok {
		g.bar = isatty.IsTerminal(f.Fd())
	}
	if c.Bool("json") {
		g.out = io.Discard
	}
	return g
}

func (g *progress) step(failed int) {
	g.done, g.failed = g.done+1, failed
	every := 10 * time.Second
	if g.bar {
		every = 100 * time.Millisecond
	}
	if time.Since(g.reported) < every {
		return
	}
	g.reported = time.Now()
	rate := float64(g.done) / time.Since(g.start).Seconds()
	text := fmt.Sprintf("%d of %d, %.0f/s, %d not migrated", g.done, max(g.total, g.done), rate, g.failed)
	if !g.bar {
		fmt.Fprintln(g.out, text)
		return
	}
	const width = 30
	full := int(width * g.done / max(g.total, g.done, 1))
	fmt.Fprintf(g.out, "\r[%s%s] %s\x1b[K", strings.Repeat("=", full), strings.Repeat(" ", width-full), text)
}

// clear makes room for a line.
func (g *progress) clear() {
	if g.bar {
		fmt.Fprint(g.out, "\r\x1b[K")
	}
}

// The stable forms of --json.
type entryJSON struct {
	UserID     uuid.UUID         `json:"user_id"`
	Schema     string            `json:"schema"`
	State      tenant.EntryState `json:"state"`
	Version    int32             `json:"version"`
	KeyID      string            `json:"key_id"`
	CreatedAt  time.Time         `json:"created_at"`
	MigratedAt *time.Time        `json:"migrated_at"`
	Failure    string            `json:"failure,omitempty"`
	Failures   int32             `json:"failures"`
	FailedAt   *time.Time        `json:"failed_at"`
	RetryAt    *time.Time        `json:"retry_at"`
}

func entryOf(e tenant.Entry) entryJSON { return entryJSON(e) }

type detailJSON struct {
	entryJSON
	Exists        bool        `json:"exists"`
	SchemaVersion int32       `json:"schema_version"`
	Bytes         int64       `json:"bytes"`
	Tables        []tableJSON `json:"tables"`
}

type tableJSON struct {
	Name  string `json:"name"`
	Rows  int64  `json:"rows_estimate"`
	Bytes int64  `json:"bytes"`
}

func detailOf(d tenant.Detail) detailJSON {
	j := detailJSON{entryJSON: entryOf(d.Entry), Exists: d.Exists, SchemaVersion: d.SchemaVersion, Bytes: d.Bytes, Tables: []tableJSON{}}
	for _, t := range d.Tables {
		j.Tables = append(j.Tables, tableJSON(t))
	}
	return j
}

type sweptJSON struct {
	UserID  uuid.UUID      `json:"user_id"`
	Outcome tenant.Outcome `json:"outcome"`
	Version int32          `json:"version"`
	Canary  bool           `json:"canary"`
	Seconds float64        `json:"seconds"`
	Error   string         `json:"error,omitempty"`
	RetryIn float64        `json:"retry_in_seconds,omitempty"`
}

func sweptOf(s tenant.Swept) sweptJSON {
	j := sweptJSON{UserID: s.UserID, Outcome: s.Outcome, Version: s.Version, Canary: s.Canary, Seconds: s.Took.Seconds(), RetryIn: s.RetryIn.Seconds()}
	if s.Err != nil {
		j.Error = s.Err.Error()
	}
	return j
}

type summaryLine struct {
	Summary sweepSummary `json:"summary"`
}

type sweepSummary struct {
	Done    int     `json:"done"`
	Current int     `json:"current"`
	Failed  int     `json:"failed"`
	Waiting int     `json:"waiting"`
	Busy    int     `json:"busy"`
	Seconds float64 `json:"seconds"`
}

type findingJSON struct {
	Schema string      `json:"schema"`
	UserID *uuid.UUID  `json:"user_id"`
	Kind   tenant.Kind `json:"kind"`
	Object string      `json:"object"`
	Detail string      `json:"detail"`
	Mends  bool        `json:"mends"`
	Next   string      `json:"next,omitempty"`
}

func findingOf(f tenant.Finding) findingJSON {
	j := findingJSON{Schema: f.Schema, Kind: f.Kind, Object: f.Object, Detail: f.Detail, Mends: f.Mends, Next: f.Next}
	if f.UserID != uuid.Nil {
		j.UserID = &f.UserID
	}
	return j
}

type repairedJSON struct {
	findingJSON
	Mended bool   `json:"mended"`
	Error  string `json:"error,omitempty"`
}

func repairedOf(r tenant.Repaired) repairedJSON {
	j := repairedJSON{findingJSON: findingOf(r.Finding), Mended: r.Mended}
	if r.Err != nil {
		j.Error = r.Err.Error()
	}
	return j
}
