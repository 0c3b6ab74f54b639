package main

import (
	"context"
	"errors"
	"path/filepath"

	"twobrains/internal/localstack"
)

// reset removes everything that the stack keeps, with the private brains in it.
func reset(_ context.Context, c *checkout, _ []string) error {
	unlock, err := localstack.TryLock(filepath.Join(c.dev, "lock"))
	if errors.Is(err, localstack.ErrLocked) {
		return errors.New("the stack runs; stop it first with Ctrl-C")
	}
	if err != nil {
		return err
	}
	defer unlock()
	if err := localstack.Remove(c.dev); err != nil {
		return err
	}
	say("Removed .dev/ with all data, passwords and keys")
	return nil
}
