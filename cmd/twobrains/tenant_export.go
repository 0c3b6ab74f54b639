package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"

	"github.com/mattn/go-isatty"
	"github.com/urfave/cli/v3"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/transfer"
	"twobrains/internal/tenant"
)

func byFlag() cli.Flag {
	return &cli.StringFlag{Name: "by", Usage: "who does it, for the audit; the login's name if not given"}
}

func tenantExportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write everything that a user has into a ZIP; it is noted in the audit",
		Arguments: []cli.Argument{&cli.StringArg{Name: "USER", UsageText: "USER"}},
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Usage: "the file, which must not exist; - is the standard output. Without it: USER.zip in this directory"},
			byFlag(),
		},
		Action: withDB(tenantExport),
	}
}

// actor names who works at this machine, unless somebody else is named.
func actor(c *cli.Command) string {
	if by := c.String("by"); by != "" {
		return by
	}
	if u, err := user.Current(); err == nil && u.Username != "" {
		return u.Username
	}
	return fmt.Sprintf("uid %d", os.Getuid())
}

func tenantExport(ctx context.Context, c *cli.Command, db *tenant.DB) (err error) {
	id, err := userArg(c, false)
	if err != nil {
		return err
	}
	path := c.String("out")
	if path == "" {
		path = id.String() + ".zip"
	}
	out := os.Stdout
	told := c.Root().Writer
	if path == "-" {
		if isatty.IsTerminal(out.Fd()) {
			return usageError{errors.New("a ZIP is not for a terminal: redirect the output, or give --out FILE")}
		}
		told = c.Root().ErrWriter
	} else {
		// Written beside its place and moved there when it is whole; for its owner's eyes only.
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s exists", path)
		}
		if out, err = os.CreateTemp(filepath.Dir(path), ".export-*"); err != nil {
			return fmt.Errorf("make file: %w", err)
		}
		defer func() { _ = os.Remove(out.Name()) }()
		defer out.Close()
	}
	buffered := bufio.NewWriterSize(out, 1<<20)
	m, err := transfer.Export(ctx, db.Fleet(), id, actor(c), buffered, archive.WriteOptions{Program: version()})
	if err == nil {
		err = buffered.Flush()
	}
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	if path != "-" {
		if err := errors.Join(out.Sync(), out.Close()); err != nil {
			return fmt.Errorf("write file: %w", err)
		}
		if err := os.Link(out.Name(), path); err != nil { // unlike a rename, it replaces nothing
			return fmt.Errorf("write file: %w", err)
		}
	}
	fmt.Fprintf(told, "%s: %d conversations, %d messages, %d attachments, %d notes\n", path,
		m.Counts.Conversations, m.Counts.Messages, m.Counts.Attachments, m.Counts.Memories)
	return nil
}
