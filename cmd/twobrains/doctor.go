package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/urfave/cli/v3"

	"twobrains/internal/config"
	"twobrains/internal/doctor"
	"twobrains/internal/tenant"
)

func doctorCommand() *cli.Command {
	return &cli.Command{
		Name:  "doctor",
		Usage: "look at this deployment: logins, settings, TLS, clocks, cookies, what the world can reach; fails if something is wrong",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "json", Usage: "one JSON object per finding and line"},
			&cli.BoolFlag{Name: "all", Usage: "also what is as it should be"},
		},
		Action: withConfig(func(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
			findings := doctor.Examine(ctx, doctor.Options{
				Production: !cfg.Development(), PublicURL: cfg.Server.PublicURL, TrustedProxies: len(cfg.Server.TrustedProxies),
				DB: db, AppURL: cfg.Storage.DatabaseURL, OwnerURL: cfg.Storage.OwnerURL, ConsoleURL: cfg.Storage.ConsoleURL,
				MasterKeys: cfg.Storage.MasterKeys, RedisURL: cfg.Storage.RedisURL,
				// The lanes, those that make and migrate brains, and the consoles of users.
				Connections:     cfg.Storage.Lanes + cfg.Storage.Provisioners + cfg.Limits.SQLQueries,
				KratosPublicURL: cfg.SignIn.KratosPublicURL, KratosAdminURL: cfg.SignIn.KratosAdminURL,
			})
			return printFindings(c, findings)
		}),
	}
}

func printFindings(c *cli.Command, findings []doctor.Finding) error {
	counts := map[doctor.Level]int{}
	for _, f := range findings {
		counts[f.Level]++
		if f.Level == doctor.Good && !c.Bool("all") {
			continue
		}
		if c.Bool("json") {
			if err := json.NewEncoder(c.Root().Writer).Encode(f); err != nil {
				return err
			}
			continue
		}
		fmt.Fprintf(c.Root().Writer, "%-8s %-22s %s\n", f.Level, f.Check, f.Found)
		if f.Advice != "" {
			fmt.Fprintf(c.Root().Writer, "%-8s %-22s -> %s\n", "", "", f.Advice)
		}
	}
	if !c.Bool("json") {
		fmt.Fprintf(c.Root().Writer, "%d failures, %d warnings, %d notes, %d as they should be\n",
			counts[doctor.Failure], counts[doctor.Warning], counts[doctor.Note], counts[doctor.Good])
	}
	if counts[doctor.Failure] > 0 {
		return errors.New("this deployment needs mending")
	}
	return nil
}
