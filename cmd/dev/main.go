// Command dev runs twobrains and everything it needs on this machine, without containers, accounts or configuration.
//
//	go run ./cmd/dev                       start everything and serve (the verb "up"); Ctrl-C stops it
//	go run ./cmd/dev user EMAIL            print a session token of a user, who is created if need be
//	go run ./cmd/dev psql [EMAIL]          open psql on the running stack, in a user's private brain if one is named
//	go run ./cmd/dev test [-- COMMAND …]   run a command, or all tests, with services of its own
//	go run ./cmd/dev node                  build the pages and install the packages of the end-to-end tests, if changed
//	go run ./cmd/dev tool NAME …           run a tool of tools/: kratos, sqlc, golangci-lint
//	go run ./cmd/dev reset                 remove the stack's data, passwords and keys
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

const usage = `usage: go run ./cmd/dev [VERB]

  up                     start Postgres, Redis, Kratos and the server; Ctrl-C stops everything (the default)
  user EMAIL             print a session token of a user of the running stack, who is created if need be
  psql [EMAIL]           open psql on the running stack, in a user's private brain if one is named
  test [-- COMMAND …]    run a command (default: go test -race ./...) with services of its own
  node                   build the pages and install the packages of the end-to-end tests, if changed
  tool NAME …            run a tool of tools/: kratos, sqlc, golangci-lint
  reset                  remove the stack's data, passwords and keys

PORT (default 8080) and everything else may be set in the environment or in a file .env. See docs/development.md.
`

func main() {
	signals := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		signals = append(signals, syscall.SIGHUP)
	}
	ctx, cancel := signal.NotifyContext(context.Background(), signals...)
	go stopWithParent(ctx, cancel)
	err := run(ctx, os.Args[1:])
	cancel()
	var status exitStatus
	switch {
	case err == nil:
	case errors.As(err, &status):
		os.Exit(int(status)) // the command has said why
	default:
		fmt.Fprintln(os.Stderr, "dev:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, arguments []string) error {
	verb := "up"
	if len(arguments) > 0 {
		verb, arguments = arguments[0], arguments[1:]
	}
	verbs := map[string]func(context.Context, *checkout, []string) error{
		"up": up, "user": user, "psql": psql, "test": test, "node": node, "tool": tool, "reset": reset,
	}
	action, ok := verbs[verb]
	switch {
	case verb == "help" || verb == "-h" || verb == "--help":
		fmt.Print(usage)
		return nil
	case !ok:
		fmt.Fprint(os.Stderr, usage)
		return fmt.Errorf("there is no verb %q", verb)
	}
	root, err := findCheckout()
	if err != nil {
		return err
	}
	return action(ctx, root, arguments)
}
