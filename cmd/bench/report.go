package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"runtime"
	"text/tabwriter"
	"time"
)

// line is one figure of the table.
type line struct {
	Figure   string `json:"figure"`
	Baseline string `json:"baseline"`
	Ours     string `json:"ours"`
	// Ratio of ours to the baseline; empty where there is none.
	Ratio string `json:"ratio"`
	Must  string `json:"mustReach"`
	Pass  bool   `json:"pass"`
	// Details are the numbers behind it, by name with unit.
	Details map[string]float64 `json:"details,omitempty"`
}

func (l line) verdict() string {
	switch {
	case l.Must == "":
		return ""
	case l.Pass:
		return "pass"
	}
	return "short"
}

// report collects lines in the order they were measured.
type report struct {
	Began    time.Time `json:"began"`
	CPUs     int       `json:"cpus"`
	Go       string    `json:"go"`
	Postgres string    `json:"postgres"`
	Lines    []line    `json:"lines"`
}

func newReport() *report {
	return &report{Began: time.Now().UTC(), CPUs: runtime.NumCPU(), Go: runtime.Version()}
}

func (r *report) add(l line) {
	r.Lines = append(r.Lines, l)
	say("   %s: %s | %s | %s | %s", l.Figure, l.Baseline, l.Ours, l.Ratio, l.verdict())
}

func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "PostgreSQL %s, %s, %d CPUs\n\n", r.Postgres, r.Go, r.CPUs)
	t := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(t, "| figure\t| baseline\t| ours\t| ratio\t| must reach\t| \t|")
	fmt.Fprintln(t, "|---\t|---\t|---\t|---\t|---\t|---\t|")
	for _, l := range r.Lines {
		fmt.Fprintf(t, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", l.Figure, l.Baseline, l.Ours, l.Ratio, l.Must, l.verdict())
	}
	_ = t.Flush()
}

func (r *report) write(file string) error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
