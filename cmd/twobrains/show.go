package main

import (
	"context"
	"fmt"
	"os"

	"github.com/urfave/cli/v3"

	"twobrains/internal/api"
	"twobrains/internal/config"
)

func configCommand() *cli.Command {
	return &cli.Command{
		Name:  "config",
		Usage: "print the effective configuration, secrets redacted",
		Flags: []cli.Flag{&cli.BoolFlag{Name: "markdown", Usage: "print the documentation of every variable instead"}},
		Action: func(_ context.Context, c *cli.Command) error {
			if c.Bool("markdown") {
				return config.Markdown(c.Root().Writer)
			}
			cfg, err := config.Load(os.Environ(), config.ForShow)
			if err != nil {
				return err
			}
			return cfg.Print(c.Root().Writer)
		},
	}
}

func openapiCommand() *cli.Command {
	return &cli.Command{
		Name:  "openapi",
		Usage: "print the OpenAPI document",
		Action: func(_ context.Context, c *cli.Command) error {
			text, err := api.Spec()
			if err != nil {
				return err
			}
			if _, err := c.Root().Writer.Write(text); err != nil {
				return fmt.Errorf("print document: %w", err)
			}
			return nil
		},
	}
}

func versionCommand() *cli.Command {
	return &cli.Command{
		Name:  "version",
		Usage: "print the version",
		Action: func(_ context.Context, c *cli.Command) error {
			_, err := fmt.Fprintln(c.Root().Writer, version())
			return err
		},
	}
}
