package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// node readies everything that needs Node.js: the SPA that the server embeds, and the packages of the end-to-end tests.
func node(ctx context.Context, c *checkout, _ []string) error {
	if err := c.buildWeb(ctx); err != nil {
		return err
	}
	for _, tests := range []string{"e2e", "journeys"} {
		if err := c.installPackages(ctx, tests); err != nil {
			return err
		}
	}
	return nil
}

// buildWeb builds the SPA if its sources have changed since the last time.
func (c *checkout) buildWeb(ctx context.Context) error {
	if !c.has("web") {
		say("There is no web/package.json: the server comes without its pages")
		return nil
	}
	if !installed("npm") {
		say("Node.js is not installed: the server comes without its pages (install Node.js 20 or newer to have them)")
		return nil
	}
	if err := c.installPackages(ctx, "web"); err != nil {
		return err
	}
	return c.onceFor("web-build", func() (string, error) { return hashSources(filepath.Join(c.root, "web")) },
		func() bool { return exists(filepath.Join(c.root, "web", "dist", "index.html")) },
		func() error {
			begin := time.Now()
			say("Building the pages …")
			if err := c.npm(ctx, "web", "run", "build"); err != nil {
				return err
			}
			say("Built the pages (%s)", took(begin))
			return nil
		})
}

// installPackages installs the packages that a directory's lock file names, if they are not what is there already.
func (c *checkout) installPackages(ctx context.Context, dir string) error {
	if !c.has(dir) {
		return nil
	}
	if !installed("npm") {
		return fmt.Errorf("%s needs Node.js 20 or newer, which is not installed", dir)
	}
	verb, lock := "ci", filepath.Join(c.root, dir, "package-lock.json")
	if !exists(lock) {
		verb, lock = "install", filepath.Join(c.root, dir, "package.json")
	}
	return c.onceFor(dir+"-packages", func() (string, error) { return hashFiles(lock) },
		func() bool { return exists(filepath.Join(c.root, dir, "node_modules", ".package-lock.json")) },
		func() error {
			begin := time.Now()
			say("Installing the packages of %s/ …", dir)
			if err := c.npm(ctx, dir, verb, "--no-audit", "--no-fund"); err != nil {
				return err
			}
			say("Installed the packages of %s/ (%s)", dir, took(begin))
			return nil
		})
}

func (c *checkout) has(dir string) bool { return exists(filepath.Join(c.root, dir, "package.json")) }

func installed(program string) bool {
	_, err := exec.LookPath(program)
	return err == nil
}

func (c *checkout) npm(ctx context.Context, dir string, arguments ...string) error {
	cmd := exec.CommandContext(ctx, "npm", arguments...)
	cmd.Dir = filepath.Join(c.root, dir)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("npm %s in %s/: %w\n%s", arguments[0], dir, err, out)
	}
	return nil
}

// onceFor does something unless it was done for the same hash before and its result is still there.
func (c *checkout) onceFor(name string, hash func() (string, error), present func() bool, do func() error) error {
	stamp := filepath.Join(c.dev, "stamp", name)
	want, err := hash()
	if err != nil {
		return err
	}
	if done, err := os.ReadFile(stamp); err == nil && string(done) == want && present() {
		return nil
	}
	if err := do(); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(stamp), 0o755); err != nil {
		return fmt.Errorf("create directory of stamps: %w", err)
	}
	// What was done may have changed its own input, as npm install does with a missing lock file.
	if want, err = hash(); err != nil {
		return err
	}
	if err := os.WriteFile(stamp, []byte(want), 0o644); err != nil {
		return fmt.Errorf("write stamp: %w", err)
	}
	return nil
}

// hashSources hashes the names and contents of all files of a directory but what is installed or built there.
func hashSources(dir string) (string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && path != dir && (entry.Name() == "node_modules" || path == filepath.Join(dir, "dist")):
			return filepath.SkipDir
		case entry.Type().IsRegular() && filepath.Ext(path) != ".go":
			files = append(files, path)
		}
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("list sources of %s: %w", dir, err)
	}
	return hashFiles(files...)
}

func hashFiles(files ...string) (string, error) {
	hash := sha256.New()
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return "", fmt.Errorf("read source: %w", err)
		}
		fmt.Fprintf(hash, "%s %d\n", file, len(text))
		hash.Write(text)
	}
	return fmt.Sprintf("%x", hash.Sum(nil)), nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
