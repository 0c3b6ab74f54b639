package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/urfave/cli/v3"

	"twobrains/internal/admin"
	"twobrains/internal/auth"
	"twobrains/internal/config"
	"twobrains/internal/tenant"
)

func adminCommand() *cli.Command {
	who := func() []cli.Argument { return []cli.Argument{&cli.StringArg{Name: "WHO", UsageText: "WHO"}} }
	return &cli.Command{
		Name:  "admin",
		Usage: "say who administers the platform; WHO is an e-mail address, or a user's id",
		Commands: []*cli.Command{
			{
				Name:      "grant",
				Usage:     "make an admin of an account, at once; it is noted in the audit",
				Arguments: who(),
				Flags:     []cli.Flag{byFlag()},
				Action:    withConfig(adminGrant),
			},
			{
				Name:      "revoke",
				Usage:     "take it away, at once; the last admin stays; it is noted in the audit",
				Arguments: who(),
				Flags:     []cli.Flag{byFlag()},
				Action:    withConfig(adminRevoke),
			},
			{
				Name:   "list",
				Usage:  "list the admins: id, since when, state and e-mail address where Kratos knows them",
				Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "one JSON object per line"}},
				Action: withConfig(adminList),
			},
		},
	}
}

func newDirectory(cfg *config.Config) (*auth.Directory, error) {
	if cfg.SignIn.KratosAdminURL == "" {
		return nil, errors.New("KRATOS_ADMIN_URL is needed: Kratos knows the accounts")
	}
	return auth.NewDirectory(auth.DirectoryOptions{AdminURL: cfg.SignIn.KratosAdminURL})
}

// whoArg reads WHO: an id, or an address, of which it returns one.
func whoArg(c *cli.Command) (id uuid.UUID, address string, err error) {
	text := strings.TrimSpace(c.StringArg("WHO"))
	if text == "" {
		return id, "", usageError{fmt.Errorf("%s takes WHO", c.FullName())}
	}
	if id, err = tenant.ParseUser(text); err == nil && id != uuid.Nil {
		return id, "", nil
	}
	if !strings.Contains(text, "@") {
		return uuid.Nil, "", usageError{fmt.Errorf("%q is neither an e-mail address nor a user's id", text)}
	}
	return uuid.Nil, text, nil
}

// findAccount asks Kratos for an account.
func findAccount(ctx context.Context, kratos *auth.Directory, id uuid.UUID, address string) (auth.Account, error) {
	if address == "" {
		account, err := kratos.Account(ctx, id)
		if errors.Is(err, auth.ErrNoAccount) {
			return account, fmt.Errorf("Kratos knows no account %s", id)
		}
		return account, err
	}
	found, err := kratos.ByAddress(ctx, address)
	switch {
	case err != nil:
		return auth.Account{}, err
	case len(found) == 0:
		return auth.Account{}, fmt.Errorf("Kratos knows no account with the address %s", address)
	case len(found) > 1:
		return auth.Account{}, fmt.Errorf("%d accounts have the address %s: give an id", len(found), address)
	}
	return found[0], nil
}

func adminGrant(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
	id, address, err := whoArg(c)
	if err != nil {
		return err
	}
	kratos, err := newDirectory(cfg)
	if err != nil {
		return err
	}
	defer kratos.Close()
	account, err := findAccount(ctx, kratos, id, address)
	if err != nil {
		return err
	}
	granted, err := admin.NewRoster(db).Grant(ctx, account.ID, actor(c))
	if err != nil {
		return err
	}
	text := "administers the platform now"
	if !granted {
		text = "was an admin already"
	}
	if !account.Active {
		text += "; but the account is suspended"
	}
	fmt.Fprintf(c.Root().Writer, "%s  %s %s\n", account.ID, cmp.Or(account.Email, "it"), text)
	return nil
}

func adminRevoke(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
	id, address, err := whoArg(c)
	if err != nil {
		return err
	}
	if address != "" {
		kratos, err := newDirectory(cfg)
		if err != nil {
			return err
		}
		defer kratos.Close()
		account, err := findAccount(ctx, kratos, id, address)
		if err != nil {
			return err
		}
		id = account.ID
	}
	switch err := admin.NewRoster(db).Revoke(ctx, id, actor(c)); {
	case errors.Is(err, admin.ErrNotGranted):
		return fmt.Errorf("%s is not an admin", id)
	case err != nil:
		return err
	}
	fmt.Fprintf(c.Root().Writer, "%s is no admin any more\n", id)
	return nil
}

type adminJSON struct {
	ID        uuid.UUID `json:"id"`
	GrantedAt time.Time `json:"granted_at"`
	Email     string    `json:"email,omitempty"`
	State     string    `json:"state"`
}

func adminList(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
	all, err := admin.NewRoster(db).List(ctx)
	if err != nil {
		return err
	}
	known := map[uuid.UUID]auth.Account{}
	unknown := "unknown" // without Kratos nobody can tell
	if cfg.SignIn.KratosAdminURL != "" {
		kratos, err := newDirectory(cfg)
		if err != nil {
			return err
		}
		defer kratos.Close()
		ids := make([]uuid.UUID, len(all))
		for i, a := range all {
			ids[i] = a.ID
		}
		if known, err = kratos.ByIDs(ctx, ids); err != nil {
			return err
		}
		unknown = admin.StateGone
	}
	p := newPrinter(c)
	defer p.flush()
	for _, a := range all {
		line := adminJSON{ID: a.ID, GrantedAt: a.At.UTC(), State: unknown}
		if account, ok := known[a.ID]; ok {
			line.Email, line.State = account.Email, admin.StateOf(account)
		}
		if err := p.print(line, fmt.Sprintf("%s  since %s  %-9s  %s", a.ID, line.GrantedAt.Format(time.RFC3339), line.State, line.Email)); err != nil {
			return err
		}
	}
	if len(all) == 0 && !p.json {
		return p.print(nil, "there is no admin: twobrains admin grant WHO makes one")
	}
	return nil
}
