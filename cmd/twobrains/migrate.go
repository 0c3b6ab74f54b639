package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v3"

	"twobrains/internal/api"
	"twobrains/internal/config"
	"twobrains/internal/tenant"
)

func migrateCommand() *cli.Command {
	return &cli.Command{
		Name:  "migrate",
		Usage: "bring the public brain, the template, roles and grants to what this binary needs",
		Commands: []*cli.Command{
			{
				Name:  "up",
				Usage: "migrate; run again it changes nothing, run twice at once one waits",
				Flags: []cli.Flag{&cli.BoolFlag{Name: "dry-run", Usage: "do it all and roll back"}},
				Action: withConfig(func(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
					return migrateUp(ctx, db, c.Bool("dry-run"), c.Root().Writer)
				}),
			},
			{
				Name:  "status",
				Usage: "say how far the database is",
				Flags: []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "as JSON"}},
				Action: withDB(func(ctx context.Context, c *cli.Command, db *tenant.DB) error {
					state, err := db.Status(ctx)
					if err != nil {
						return err
					}
					if c.Bool("json") {
						return printJSON(c.Root().Writer, state)
					}
					printState(c.Root().Writer, state)
					return nil
				}),
			},
			{
				Name:  "harden",
				Usage: "print SQL that a superuser may run to close residual channels",
				Action: withDB(func(_ context.Context, c *cli.Command, db *tenant.DB) error {
					_, err := fmt.Fprint(c.Root().Writer, hardenPreamble, db.HardenSQL())
					return err
				}),
			},
		},
	}
}

// hardenPreamble is itself SQL, so that the output can be piped.
const hardenPreamble = `-- Optional, for a PostgreSQL server of your own: closes the residual channels of docs/threat-model.md. The seals hold without it.
-- Run it once per database, as a superuser, in one transaction:
--   twobrains migrate harden | psql --single-transaction -v ON_ERROR_STOP=1 "postgres://postgres@…/<the database>"
-- It may be run again. Monitoring logins need grants of their own afterwards. Where the owner's login is a superuser,
-- "migrate up" has done this already.
`

func withDB(action func(context.Context, *cli.Command, *tenant.DB) error) cli.ActionFunc {
	return withConfig(func(ctx context.Context, c *cli.Command, _ *config.Config, db *tenant.DB) error {
		return action(ctx, c, db)
	})
}

func withConfig(action func(context.Context, *cli.Command, *config.Config, *tenant.DB) error) cli.ActionFunc {
	return func(ctx context.Context, c *cli.Command) error {
		cfg, err := config.Load(os.Environ(), config.ForDatabase)
		if err != nil {
			return err
		}
		db, err := api.OpenDB(cfg, api.ConfiguredLogger(cfg, c.Root().ErrWriter), nil)
		if err != nil {
			return err
		}
		defer db.Close()
		return action(ctx, c, cfg, db)
	}
}

func migrateUp(ctx context.Context, db *tenant.DB, dryRun bool, out io.Writer) error {
	steps := 0
	err := db.Migrate(ctx, dryRun, func(s tenant.Step) {
		steps++
		fmt.Fprintf(out, "%s %d %s\n", s.Brain, s.Version, s.Name)
	})
	switch {
	case err != nil:
		return fmt.Errorf("nothing was changed: %w", err)
	case dryRun:
		fmt.Fprintf(out, "%d migrations would be applied; nothing was changed\n", steps)
	default:
		fmt.Fprintf(out, "%d migrations applied; roles, grants and the list of models are as they should be\n", steps)
	}
	return nil
}

func printState(out io.Writer, s tenant.State) {
	fmt.Fprintf(out, "public brain: %d of %d\n", s.Public, s.PublicTarget)
	fmt.Fprintf(out, "template of private brains: %d of %d\n", s.Template, s.TenantTarget)
	for _, t := range s.Tenants {
		fmt.Fprintf(out, "private brains at %d: %d", t.Version, t.Tenants)
		if t.Failed > 0 {
			fmt.Fprintf(out, ", of which %d failed to be provisioned or migrated", t.Failed)
		}
		fmt.Fprintln(out)
	}
	if s.Ready() {
		fmt.Fprintln(out, "ready: private brains that are behind follow on first access")
	} else {
		fmt.Fprintln(out, "not ready: run twobrains migrate up")
	}
}

// statusJSON is the stable form of `migrate status --json`.
type statusJSON struct {
	Ready    bool         `json:"ready"`
	Public   versionJSON  `json:"public"`
	Template versionJSON  `json:"template"`
	Tenants  []tenantJSON `json:"tenants"`
}

type versionJSON struct {
	Version int32 `json:"version"`
	Target  int32 `json:"target"`
}

type tenantJSON struct {
	Version int32 `json:"version"`
	Count   int64 `json:"count"`
	Failed  int64 `json:"failed"`
}

func printJSON(out io.Writer, s tenant.State) error {
	status := statusJSON{
		Ready:    s.Ready(),
		Public:   versionJSON{s.Public, s.PublicTarget},
		Template: versionJSON{s.Template, s.TenantTarget},
		Tenants:  []tenantJSON{},
	}
	for _, t := range s.Tenants {
		status.Tenants = append(status.Tenants, tenantJSON{Version: t.Version, Count: t.Tenants, Failed: t.Failed})
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(status); err != nil {
		return fmt.Errorf("print status: %w", err)
	}
	return nil
}
