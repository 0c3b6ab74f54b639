package main

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"twobrains/internal/localstack"
)

// tool runs a program of tools/ with the remaining arguments, building it the first time.
func tool(ctx context.Context, c *checkout, arguments []string) error {
	if len(arguments) == 0 {
		return errors.New("which tool? kratos, sqlc or golangci-lint")
	}
	path, err := localstack.Tool(ctx, c.root, arguments[0], say)
	if err != nil {
		return err
	}
	cmd := exec.Command(path, arguments[1:]...)
	cmd.Dir = c.root
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return runGroup(ctx, cmd)
}
