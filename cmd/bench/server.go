package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"net"
	"os"

	"twobrains/internal/api"
	"twobrains/internal/config"
	"twobrains/internal/llm"
)

// serverVerb makes this program the server whose processor time is measured, apart from that of its clients.
const serverVerb = "server-under-test"

// chunks is the number of pieces in which the instant model answers.
const chunks = 20

// instant is a model that answers at once, so that all that is measured is ours.
type instant struct{}

func (instant) Stream(context.Context, llm.Request) iter.Seq2[llm.Event, error] {
	return func(yield func(llm.Event, error) bool) {
		for range chunks {
			if !yield(llm.TextDelta{Block: "1", Text: "some words of a reply "}, nil) {
				return
			}
		}
		if yield(llm.Usage{Input: 50, Output: 80}, nil) {
			yield(llm.Finish{Reason: llm.FinishStop}, nil)
		}
	}
}

// serve is `twobrains serve` with the instant model in place of the demo one. It logs as in production, to nowhere, and
// ends with its standard input.
func serve(ctx context.Context) error {
	cfg, err := config.Load(os.Environ(), config.ForServe)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	listener, err := net.Listen("tcp", cfg.Listen())
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	app, err := api.NewApp(ctx, cfg, api.AppOptions{
		Version: "bench", LogTo: io.Discard, Providers: map[string]llm.Provider{"demo": instant{}}, Public: listener,
	})
	if err != nil {
		return err
	}
	defer app.Close()
	fmt.Fprintln(os.Stdout, "ready")
	return app.Run(ctx)
}
