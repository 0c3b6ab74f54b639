package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/urfave/cli/v3"

	"twobrains/internal/tenant"
)

func tenantCommand() *cli.Command {
	asJSON := func(usage string) cli.Flag { return &cli.BoolFlag{Name: "json", Usage: usage} }
	all := func(usage string) cli.Flag { return &cli.BoolFlag{Name: "all", Usage: usage} }
	// Arguments keep what they parsed, so each command has its own.
	user := func() []cli.Argument { return []cli.Argument{&cli.StringArg{Name: "USER", UsageText: "USER"}} }
	return &cli.Command{
		Name:  "tenant",
		Usage: "look after the private brains; USER is a user's id or the name of their schema",
		Commands: []*cli.Command{
			{
				Name:   "list",
				Usage:  "list the registry: id, state, version, key, time of the last migration",
				Flags:  []cli.Flag{&cli.StringFlag{Name: "state", Usage: "only those that are " + states()}, asJSON("one JSON object per line")},
				Action: withDB(tenantList),
			},
			{
				Name:      "show",
				Usage:     "describe one private brain, without its content",
				Arguments: user(),
				Flags:     []cli.Flag{asJSON("as JSON")},
				Action:    withDB(tenantShow),
			},
			{
				Name:      "migrate",
				Usage:     "migrate, or seal with the primary key, those that are behind; safe while serving, run again it does the rest",
				Arguments: user(),
				Flags: []cli.Flag{
					all("all that are behind"),
					&cli.IntFlag{Name: "parallel", Value: 2, Usage: "connections at work", Validator: between(1, 64)},
					&cli.IntFlag{Name: "canary", Value: 3, Usage: "how many go first, one by one; a failure among them stops it", Validator: between(0, 10000)},
					asJSON("one JSON object per private brain and line, then a summary"),
				},
				Action: withDB(tenantMigrate),
			},
			{
				Name:   "doctor",
				Usage:  "compare all private brains with the registry, the key ring and the template",
				Flags:  []cli.Flag{asJSON("one JSON object per finding and line")},
				Action: withDB(tenantDoctor),
			},
			{
				Name:      "repair",
				Usage:     "mend what can be mended without touching content, say what to do about the rest",
				Arguments: user(),
				Flags:     []cli.Flag{all("all private brains and the template"), &cli.BoolFlag{Name: "dry-run", Usage: "do it all and roll back"}, asJSON("one JSON object per finding and line")},
				Action:    withDB(tenantRepair),
			},
			tenantExportCommand(),
			tenantRestoreCommand(),
			tenantCloneCommand(),
			tenantDeleteCommand(),
			tenantVerifyDeletedCommand(),
		},
	}
}

func between(low, high int) func(int) error {
	return func(n int) error {
		if n < low || n > high {
			return fmt.Errorf("want %d to %d", low, high)
		}
		return nil
	}
}

func states() string {
	var names []string
	for _, s := range tenant.EntryStates() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// userArg reads USER, and --all where the command has it: exactly one of them.
func userArg(c *cli.Command, orAll bool) (uuid.UUID, error) {
	text := c.StringArg("USER")
	switch {
	case orAll && (text != "") == c.Bool("all"):
		return uuid.Nil, usageError{fmt.Errorf("%s takes either USER or --all", c.FullName())}
	case orAll && text == "":
		return uuid.Nil, nil
	case text == "":
		return uuid.Nil, usageError{fmt.Errorf("%s takes USER", c.FullName())}
	}
	id, err := tenant.ParseUser(text)
	if err != nil {
		return id, usageError{err}
	}
	return id, nil
}

func tenantList(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	state := tenant.EntryState(c.String("state"))
	if state != "" && !slices.Contains(tenant.EntryStates(), state) {
		return usageError{fmt.Errorf("--state is one of %s", states())}
	}
	p := newPrinter(c)
	defer p.flush()
	for e, err := range db.Fleet().List(ctx, state) {
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s  %-7s  version %d  key %s", e.UserID, e.State, e.Version, e.KeyID)
		if e.MigratedAt != nil {
			line += "  migrated " + e.MigratedAt.UTC().Format(time.RFC3339)
		}
		if e.Failure != "" {
			line += fmt.Sprintf("  failed %d times: %s", e.Failures, singleLine(e.Failure))
		}
		if err := p.print(entryOf(e), line); err != nil {
			return err
		}
	}
	return nil
}

func tenantShow(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	id, err := userArg(c, false)
	if err != nil {
		return err
	}
	d, err := db.Fleet().Show(ctx, id)
	if err != nil {
		return err
	}
	p := newPrinter(c)
	defer p.flush()
	return p.print(detailOf(d), showText(d))
}

func showText(d tenant.Detail) string {
	var b strings.Builder
	fmt.Fprintf(&b, "user       %s\nschema     %s\nstate      %s\nversion    %d\nkey        %s\nregistered %s", d.UserID, d.Schema, d.State, d.Version, d.KeyID, d.CreatedAt.UTC().Format(time.RFC3339))
	if d.MigratedAt != nil {
		fmt.Fprintf(&b, "\nmigrated   %s", d.MigratedAt.UTC().Format(time.RFC3339))
	}
	if d.FailedAt != nil {
		fmt.Fprintf(&b, "\nfailed     %s, %d times, next try %s: %s", d.FailedAt.UTC().Format(time.RFC3339), d.Failures, d.RetryAt.UTC().Format(time.RFC3339), singleLine(d.Failure))
	}
	if !d.Exists {
		b.WriteString("\nthere is no such schema")
		return b.String()
	}
	if d.SchemaVersion != d.Version {
		fmt.Fprintf(&b, "\nthe schema itself says version %d: run twobrains tenant repair %s", d.SchemaVersion, d.UserID)
	}
	fmt.Fprintf(&b, "\nsize       %s", size(d.Bytes))
	for _, t := range d.Tables {
		rows := "never analysed"
		if t.Rows >= 0 {
			rows = fmt.Sprintf("about %d rows", t.Rows)
		}
		fmt.Fprintf(&b, "\n  %-20s %10s  %s", t.Name, size(t.Bytes), rows)
	}
	return b.String()
}

func size(n int64) string {
	if n < 10<<20 {
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

func singleLine(text string) string { return strings.Join(strings.Fields(text), " ") }

func tenantMigrate(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	id, err := userArg(c, true)
	if err != nil {
		return err
	}
	total := int64(1)
	if id == uuid.Nil {
		if total, err = db.Fleet().Pending(ctx); err != nil {
			return err
		}
	}
	p := newPrinter(c)
	defer p.flush()
	bar := newProgress(c, total)
	defer bar.clear()
	start := time.Now()
	counts := map[tenant.Outcome]int{}
	bad := 0
	for s, err := range db.Fleet().Sweep(ctx, tenant.SweepOptions{User: id, Parallel: c.Int("parallel"), Canary: c.Int("canary")}) {
		if errors.Is(err, tenant.ErrNoEntry) {
			return err
		}
		if err != nil {
			summarise(p, counts, start)
			return fmt.Errorf("stopped, what is left is done by running it again: %w", err)
		}
		counts[s.Outcome]++
		line := ""
		if !s.Good() {
			bad++
			bar.clear()
			line = fmt.Sprintf("%s  %s: %s", s.UserID, s.Outcome, singleLine(s.Err.Error()))
			if s.RetryIn > 0 {
				line += fmt.Sprintf(" (next try in %s)", s.RetryIn.Round(time.Second))
			}
		}
		if err := p.print(sweptOf(s), line); err != nil {
			return err
		}
		bar.step(bad)
	}
	bar.clear()
	summarise(p, counts, start)
	if bad > 0 {
		return fmt.Errorf("%d private brains were not migrated; the others were", bad)
	}
	return nil
}

func summarise(p *printer, counts map[tenant.Outcome]int, start time.Time) {
	took := time.Since(start)
	summary := sweepSummary{Done: counts[tenant.SweepDone], Current: counts[tenant.SweepCurrent], Failed: counts[tenant.SweepFailed],
		Waiting: counts[tenant.SweepWaiting], Busy: counts[tenant.SweepBusy], Seconds: took.Seconds()}
	_ = p.print(summaryLine{summary}, fmt.Sprintf("%d migrated, %d were already, %d failed, %d wait for their next try, %d were busy; %s",
		summary.Done, summary.Current, summary.Failed, summary.Waiting, summary.Busy, took.Round(time.Millisecond)))
}

func tenantDoctor(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	p := newPrinter(c)
	defer p.flush()
	findings, mends := 0, 0
	for f, err := range db.Fleet().Doctor(ctx) {
		if err != nil {
			return err
		}
		findings++
		line := findingText(f)
		if f.Mends {
			mends++
			line += "\n    repair mends it"
		} else {
			line += "\n    to do: " + f.Next
		}
		if err := p.print(findingOf(f), line); err != nil {
			return err
		}
	}
	if findings > 0 {
		return fmt.Errorf("%d findings, of which twobrains tenant repair mends %d", findings, mends)
	}
	if !p.json {
		return p.print(nil, "all private brains are as they should be")
	}
	return nil
}

func findingText(f tenant.Finding) string {
	return strings.TrimSpace(fmt.Sprintf("%s  %s %s", f.Schema, f.Kind, f.Object)) + ": " + singleLine(f.Detail)
}

func tenantRepair(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	id, err := userArg(c, true)
	if err != nil {
		return err
	}
	p := newPrinter(c)
	defer p.flush()
	mended, left := 0, 0
	verb := "mended"
	if c.Bool("dry-run") {
		verb = "would be mended"
	}
	for r, err := range db.Fleet().Repair(ctx, tenant.RepairOptions{User: id, DryRun: c.Bool("dry-run")}) {
		if err != nil {
			return err
		}
		line := findingText(r.Finding)
		if r.Mended {
			mended++
			line += "\n    " + verb
		} else {
			left++
			if r.Err != nil {
				line += "\n    not mended: " + singleLine(r.Err.Error())
			}
			line += "\n    to do: " + r.Next
		}
		if err := p.print(repairedOf(r), line); err != nil {
			return err
		}
	}
	if !p.json {
		_ = p.print(nil, fmt.Sprintf("%d %s, %d left", mended, verb, left))
	}
	if left > 0 {
		return fmt.Errorf("%d findings are left to do by hand", left)
	}
	return nil
}
