//go:build !linux

package main

import (
	"context"
	"errors"
)

func (c loadConfig) run(context.Context, []seen) error {
	return errors.New("streams are measured on Linux only")
}
