package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
	"github.com/urfave/cli/v3"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/transfer"
	"twobrains/internal/tenant"
)

func tenantRestoreCommand() *cli.Command {
	return &cli.Command{
		Name:      "restore",
		Usage:     "make a private brain from an export, while everybody is served; it is noted in the audit",
		Arguments: []cli.Argument{&cli.StringArg{Name: "USER", UsageText: "USER"}},
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "from", Usage: "the export, a ZIP of USER's"},
			&cli.StringFlag{Name: "into", Usage: "whose private brain it becomes, instead of USER's own"},
			&cli.BoolFlag{Name: "replace", Usage: "do so although something is in that private brain, which is lost"},
			byFlag(),
		},
		Action: withDB(tenantRestore),
	}
}

func tenantCloneCommand() *cli.Command {
	return &cli.Command{
		Name:      "clone",
		Usage:     "copy a private brain into another user's, which must be empty, to look into it with the user's consent; it is noted in the audit",
		Arguments: []cli.Argument{&cli.StringArg{Name: "USER", UsageText: "USER"}},
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "into", Usage: "whose private brain the copy becomes"},
			&cli.StringFlag{Name: "consent", Usage: "how and when USER agreed, in words"},
			byFlag(),
		},
		Action: withDB(tenantClone),
	}
}

// intoFlag reads --into; the nil id if it is not given.
func intoFlag(c *cli.Command) (uuid.UUID, error) {
	if c.String("into") == "" {
		return uuid.Nil, nil
	}
	id, err := tenant.ParseUser(c.String("into"))
	if err != nil || id == uuid.Nil {
		return id, usageError{fmt.Errorf("--into: %q is no user's id", c.String("into"))}
	}
	return id, nil
}

func tenantRestore(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	id, err := userArg(c, false)
	if err != nil {
		return err
	}
	into, err := intoFlag(c)
	if err != nil {
		return err
	}
	if c.String("from") == "" {
		return usageError{errors.New("restore takes --from FILE")}
	}
	file, err := os.Open(c.String("from"))
	if err != nil {
		return fmt.Errorf("open export: %w", err)
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return fmt.Errorf("open export: %w", err)
	}
	a, err := archive.Open(file, info.Size())
	if err != nil {
		return err
	}
	counts, err := transfer.Restore(ctx, db.Fleet(), a, transfer.RestoreOptions{User: id, Into: into, Replace: c.Bool("replace"), Actor: actor(c)})
	if errors.Is(err, tenant.ErrNotEmpty) {
		return fmt.Errorf("%w: give --replace to lose what is in it", err)
	}
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	if into == uuid.Nil {
		into = id
	}
	fmt.Fprintf(c.Root().Writer, "%s: %d conversations, %d messages, %d attachments, as of %s\n",
		into, counts["conversations"], counts["messages"], counts["attachments"], a.Manifest.TakenAt.Format("2006-01-02 15:04:05 MST"))
	return nil
}

func tenantClone(ctx context.Context, c *cli.Command, db *tenant.DB) error {
	id, err := userArg(c, false)
	if err != nil {
		return err
	}
	into, err := intoFlag(c)
	if err != nil {
		return err
	}
	consent := strings.TrimSpace(c.String("consent"))
	switch {
	case into == uuid.Nil:
		return usageError{errors.New("clone takes --into NEW")}
	case into == id:
		return usageError{errors.New("--into names the same user")}
	case len(consent) < 10 || len([]rune(consent)) > 2000:
		return usageError{errors.New("--consent says in 10 to 2000 characters how the user agreed")}
	}
	if err := transfer.Clone(ctx, db.Fleet(), id, into, consent, actor(c)); err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	fmt.Fprintf(c.Root().Writer, "%s is a copy of %s\n", into, id)
	return nil
}
