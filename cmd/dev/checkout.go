package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// checkout is the clone we work in.
type checkout struct {
	root string
	// dev is root/.dev, where everything that is made here lives.
	dev string
}

// findCheckout looks for the module from the working directory upwards.
func findCheckout() (*checkout, error) {
	dir, err := os.Getwd()
	if err != nil {
		return nil, fmt.Errorf("find working directory: %w", err)
	}
	for start := dir; ; dir = filepath.Dir(dir) {
		if text, err := os.ReadFile(filepath.Join(dir, "go.mod")); err == nil && strings.HasPrefix(string(text), "module twobrains\n") {
			return &checkout{root: dir, dev: filepath.Join(dir, ".dev")}, nil
		}
		if dir == filepath.Dir(dir) {
			return nil, fmt.Errorf("%s is not in a clone of twobrains", start)
		}
	}
}

// loadEnv reads the optional file .env (KEY=VALUE lines, # comments, quotes optional) into the environment. What is
// already set there wins.
func (c *checkout) loadEnv() error {
	path := filepath.Join(c.root, ".env")
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open .env: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, value, ok := strings.Cut(strings.TrimPrefix(line, "export "), "=")
		if key = strings.TrimSpace(key); !ok || key == "" {
			return fmt.Errorf("%s:%d: not of the form KEY=VALUE", path, n) // the line itself may be a secret
		}
		if value = strings.TrimSpace(value); len(value) > 1 && (value[0] == '"' || value[0] == '\'') && value[len(value)-1] == value[0] {
			value = value[1 : len(value)-1]
		}
		if _, set := os.LookupEnv(key); !set {
			if err := os.Setenv(key, value); err != nil {
				return fmt.Errorf("%s:%d: %w", path, n, err)
			}
		}
	}
	return lines.Err()
}

// say prints one line of progress.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// stopWithParent cancels when `go run`, which does not pass a SIGTERM on, has gone and left us behind.
func stopWithParent(ctx context.Context, cancel func()) {
	self, err := os.Executable()
	if err != nil || !strings.Contains(self, "go-build") {
		return
	}
	parent := os.Getppid()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if os.Getppid() != parent {
				cancel()
				return
			}
		}
	}
}
