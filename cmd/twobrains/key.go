package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/urfave/cli/v3"

	"twobrains/internal/byok"
	"twobrains/internal/tenant"
)

func keyCommand() *cli.Command {
	return &cli.Command{
		Name:  "key",
		Usage: "look after the master keys, and what is sealed under them",
		Commands: []*cli.Command{
			{
				Name:   "status",
				Usage:  "count own keys, MCP headers and private brains by master key",
				Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON"}},
				Action: withDB(keyStatus),
			},
			{
				Name:  "rotate",
				Usage: "seal own keys and MCP headers anew under the primary master key; safe while serving, run again it does the rest",
				Flags: []cli.Flag{
					&cli.BoolFlag{Name: "dry-run", Usage: "open and seal everything, and write nothing"},
					&cli.IntFlag{Name: "batch", Value: 100, Usage: "rows in one transaction", Validator: between(1, 10000)},
					&cli.BoolFlag{Name: "json", Usage: "one JSON object per row and line, then a summary"},
				},
				Action: withDB(keyRotate),
			},
		},
	}
}

func keyStatus(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	uses, err := db.Fleet().KeyUse(ctx)
	if err != nil {
		return err
	}
	p := newPrinter(c)
	defer p.flush()
	status := keyStatusJSON{Keys: []keyUseJSON{}}
	lines := make([]string, len(uses))
	for i, u := range uses {
		status.Keys = append(status.Keys, keyUseJSON(u))
		lines[i] = keyUseText(u)
	}
	return p.print(status, strings.Join(lines, "\n"))
}

func keyUseText(u tenant.KeyUse) string {
	text := fmt.Sprintf("%s: %d own keys, %d MCP headers, %d private brains", u.KeyID, u.OwnKeys, u.Headers, u.Brains)
	left := u.OwnKeys + u.Headers + u.Brains
	switch {
	case u.Primary:
		return text + " (primary)"
	case !u.Known:
		return text + " (not in MASTER_KEYS: none of it can be opened)"
	case left == 0:
		return text + " (may be dropped from MASTER_KEYS)"
	}
	return text
}

func keyRotate(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	total, err := toRotate(ctx, db)
	if err != nil {
		return err
	}
	dry := c.Bool("dry-run")
	p := newPrinter(c)
	defer p.flush()
	bar := newProgress(c, total)
	defer bar.clear()
	summary := rotateSummary{DryRun: dry}
	for r, err := range db.Fleet().Rotate(ctx, tenant.RotateOptions{Vaults: byok.Vaults(), DryRun: dry, Batch: c.Int("batch")}) {
		if err != nil {
			bar.clear()
			summarizeRotation(p, summary)
			return fmt.Errorf("stopped, what is left is done by running it again: %w", err)
		}
		summary.count(r.Outcome)
		line := ""
		if r.Err != nil {
			bar.clear()
			line = fmt.Sprintf("%s  %s %s %s (master key %s): %s: %s", r.Place.User, r.Vault, r.Place.Provider, r.Place.Record, r.KeyID, r.Outcome, singleLine(r.Err.Error()))
		}
		if err := p.print(rotatedOf(r), line); err != nil {
			return err
		}
		bar.step(summary.Unreadable + summary.Busy)
	}
	bar.clear()
	if summary.Left, err = toRotate(ctx, db); err != nil {
		return err
	}
	summarizeRotation(p, summary)
	if dry {
		if summary.Unreadable > 0 {
			return fmt.Errorf("%d cannot be opened", summary.Unreadable)
		}
		return nil
	}
	if summary.Left > 0 {
		return fmt.Errorf("%d are not sealed under the primary master key", summary.Left)
	}
	return nil
}

// toRotate counts the sealed secrets of other master keys than the primary one.
func toRotate(ctx context.Context, db *tenant.DB) (n int64, err error) {
	uses, err := db.Fleet().KeyUse(ctx)
	for _, u := range uses {
		if !u.Primary {
			n += u.OwnKeys + u.Headers
		}
	}
	return n, err
}

func summarizeRotation(p *printer, s rotateSummary) {
	verb := "sealed anew"
	if s.DryRun {
		verb = "would be sealed anew"
	}
	_ = p.print(rotateSummaryLine{s}, fmt.Sprintf("%d %s, %d were changed by their users meanwhile, %d cannot be opened, %d were busy; %d left",
		s.Done, verb, s.Changed, s.Unreadable, s.Busy, s.Left))
}
