// Command bench measures what a private brain costs, each figure beside its baseline in the same run: the traditional
// design done well, shared tables with a user_id in every index. It starts services of its own and removes them.
//
//	go run ./cmd/bench [GROUP …] [--quick] [--json FILE]
//
// Groups: kernel, completion, streams, provision, scale, memory, deploy, sweep, search, analytics; all of them by default. docs/performance.md says
// how each figure is taken and what it was.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/urfave/cli/v3"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == serverVerb {
		exit(serve(ctx))
	}
	if len(os.Args) == 2 && verbs[os.Args[1]] != nil {
		exit(beChild(ctx, os.Args[1]))
	}
	exit(command().Run(ctx, os.Args))
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

// settings of a run.
type settings struct {
	// quick trades certainty for time: fewer users and schemas, shorter slices.
	quick bool
	// users and schemas are the larger sizes of the table.
	users, schemas int
	rounds         int
	slice          time.Duration
	streams        streamSettings
}

// group measures some lines of the table.
type group struct {
	name string
	run  func(context.Context, *bench) error
}

var groups = []group{
	{"kernel", runKernel},
	{"completion", runCompletion},
	{"streams", runStreams},
	{"provision", runProvision},
	{"memory", runMemory},
	{"deploy", runDeploy},
	{"sweep", runSweep},
	{"scale", runScale},
	{"search", runSearch},
	{"analytics", runAnalytics},
}

func command() *cli.Command {
	names := make([]string, len(groups))
	for i, g := range groups {
		names[i] = g.name
	}
	return &cli.Command{
		Name:      "bench",
		Usage:     "measure what a private brain costs, beside shared tables",
		ArgsUsage: "[" + strings.Join(names, " | ") + " | all] …",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "quick", Usage: "fewer users, shorter slices: a look, not a measurement"},
			&cli.IntFlag{Name: "users", Usage: "users of the larger size", Value: 10_000},
			&cli.IntFlag{Name: "schemas", Usage: "private brains at the scale group's larger size (about 120 KB of disk each)", Value: 100_000},
			&cli.IntFlag{Name: "rounds", Usage: "pairs of slices per figure", Value: 20},
			&cli.DurationFlag{Name: "slice", Usage: "length of a slice", Value: 400 * time.Millisecond},
			&cli.IntFlag{Name: "streams", Usage: "streams open at once", Value: 9_000},
			&cli.IntFlag{Name: "seconds", Usage: "length of a streamed reply, which is as many chunks", Value: 30},
			&cli.DurationFlag{Name: "ramp", Usage: "time over which all streams begin", Value: 15 * time.Second},
			&cli.IntFlag{Name: "lanes", Usage: "connections of the streaming server to its database", Value: 64},
			&cli.StringFlag{Name: "server", Usage: "program to stream through, instead of building it"},
			&cli.StringFlag{Name: "profiles", Usage: "directory for profiles of the streaming server"},
			&cli.BoolFlag{Name: "wait", Usage: "wait for Enter before streaming, once everything is prepared"},
			&cli.StringFlag{Name: "json", Usage: "write the figures to a file as well"},
		},
		Action: func(ctx context.Context, c *cli.Command) error {
			s := settings{
				quick: c.Bool("quick"), users: c.Int("users"), schemas: c.Int("schemas"), rounds: c.Int("rounds"), slice: c.Duration("slice"),
				streams: streamSettings{
					streams: c.Int("streams"), seconds: c.Int("seconds"), ramp: c.Duration("ramp"), lanes: c.Int("lanes"),
					server: c.String("server"), profiles: c.String("profiles"), wait: c.Bool("wait"),
				},
			}
			if s.quick {
				s.users, s.schemas = min(s.users, 2_000), min(s.schemas, 2_000)
				s.rounds, s.slice = min(s.rounds, 8), min(s.slice, 250*time.Millisecond)
				s.streams.streams, s.streams.seconds, s.streams.ramp = min(s.streams.streams, 1_000), min(s.streams.seconds, 10), min(s.streams.ramp, 2*time.Second)
			}
			chosen, err := choose(c.Args().Slice())
			if err != nil {
				return err
			}
			return measure(ctx, s, chosen, c.String("json"))
		},
	}
}

func choose(names []string) ([]group, error) {
	if len(names) == 0 || slices.Contains(names, "all") {
		return groups, nil
	}
	var chosen []group
	for _, name := range names {
		i := slices.IndexFunc(groups, func(g group) bool { return g.name == name })
		if i < 0 {
			return nil, fmt.Errorf("there is no group %q", name)
		}
		chosen = append(chosen, groups[i])
	}
	return chosen, nil
}

func measure(ctx context.Context, s settings, chosen []group, file string) error {
	b, err := newBench(s)
	if err != nil {
		return err
	}
	defer b.close()
	var failures []error
	for _, g := range chosen {
		begin := time.Now()
		say("== %s", g.name)
		if err := g.run(ctx, b); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", g.name, err))
			say("%s: %v", g.name, err)
		}
		say("== %s took %s", g.name, time.Since(begin).Round(time.Second))
		if ctx.Err() != nil {
			break
		}
	}
	b.report.print(os.Stdout)
	if file != "" {
		if err := b.report.write(file); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// say reports progress; the table alone goes to standard output.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
