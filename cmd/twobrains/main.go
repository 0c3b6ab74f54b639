// Command twobrains is the server and everything an operator does to it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/urfave/cli/v3"

	"twobrains/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal kills: whoever is in a hurry need not wait for replies.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args, os.Stdout, os.Stderr))
}

// run is main with its surroundings given; it returns the exit code: 0, 1 for what went wrong, 2 for what was not asked
// for properly.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	err := root(out, errOut).Run(ctx, args)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		fmt.Fprintf(errOut, "twobrains: %v (see twobrains --help)\n", err)
		return 2
	default:
		fmt.Fprintf(errOut, "twobrains: %s\n", oneLine(err))
		return 1
	}
}

// usageError is about the command line.
type usageError struct{ error }

func root(out, errOut io.Writer) *cli.Command {
	wrong := func(_ context.Context, _ *cli.Command, err error, _ bool) error { return usageError{err} }
	c := &cli.Command{
		Name:            "twobrains",
		Usage:           "an AI chat with a private brain for every user",
		Version:         version(),
		Writer:          out,
		ErrWriter:       errOut,
		HideVersion:     true,
		HideHelpCommand: true,
		ExitErrHandler:  func(context.Context, *cli.Command, error) {},
		OnUsageError:    wrong,
		Action:          unknown,
		Commands:        []*cli.Command{serveCommand(), migrateCommand(), tenantCommand(), adminCommand(), keyCommand(), doctorCommand(), configCommand(), openapiCommand(), healthcheckCommand(), versionCommand()},
	}
	refuse(c.Commands, wrong)
	return c
}

// refuse makes every verb answer a wrong flag or a surplus argument with a usage error.
func refuse(commands []*cli.Command, wrong cli.OnUsageErrorFunc) {
	for _, c := range commands {
		c.OnUsageError = wrong
		c.HideHelpCommand = true
		refuse(c.Commands, wrong)
		if c.Action == nil {
			c.Action = unknown
			continue
		}
		action := c.Action
		c.Action = func(ctx context.Context, c *cli.Command) error {
			if c.Args().Present() {
				return usageError{fmt.Errorf("%s takes no argument %q", c.FullName(), c.Args().First())}
			}
			return action(ctx, c)
		}
	}
}

// unknown is the action of commands that only hold others.
func unknown(_ context.Context, c *cli.Command) error {
	if !c.Args().Present() {
		return cli.ShowSubcommandHelp(c)
	}
	return usageError{fmt.Errorf("%s has no verb %q", c.FullName(), c.Args().First())}
}

// oneLine keeps errors to a line each; several problems of a configuration get one each.
func oneLine(err error) string {
	var c *config.Error
	if errors.As(err, &c) {
		return "the configuration has problems:\n  " + strings.Join(c.Problems, "\n  ")
	}
	return strings.Join(strings.Fields(err.Error()), " ")
}

// release is set by the linker: -ldflags "-X main.release=1.2.3".
var release string

// version is the release, else the commit the binary was built from.
func version() string {
	if release != "" {
		return release
	}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	revision, modified := "", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			revision = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			modified = "+changes"
		}
	}
	if revision == "" {
		return "development"
	}
	return revision + modified
}
