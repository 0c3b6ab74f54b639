package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/urfave/cli/v3"

	"twobrains/internal/account/deletion"
	"twobrains/internal/api"
	"twobrains/internal/auth"
	"twobrains/internal/config"
	"twobrains/internal/job"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

func tenantDeleteCommand() *cli.Command {
	return &cli.Command{
		Name:      "delete",
		Usage:     "delete an account: private brain, rows, sign-in and mails; safe while serving, run again it does the rest",
		Arguments: []cli.Argument{&cli.StringArg{Name: "USER", UsageText: "USER"}},
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "yes", Usage: "really: it cannot be undone"},
			&cli.BoolFlag{Name: "json", Usage: "the receipt as JSON, a line for each step"},
		},
		Action: withConfig(tenantDelete),
	}
}

func tenantVerifyDeletedCommand() *cli.Command {
	return &cli.Command{
		Name:      "verify-deleted",
		Usage:     "look for an account in catalogs, tables and sign-in, and fail if anything of it is left",
		Arguments: []cli.Argument{&cli.StringArg{Name: "USER", UsageText: "USER"}},
		Flags: []cli.Flag{
			&cli.StringSliceFlag{Name: "mail", Usage: "an address that mails of the account went to, to be looked for as well"},
			&cli.BoolFlag{Name: "json", Usage: "one JSON object per place and line"},
		},
		Action: withConfig(tenantVerifyDeleted),
	}
}

func newEraser(cfg *config.Config) (*auth.Eraser, error) {
	if cfg.SignIn.KratosAdminURL == "" {
		return nil, errors.New("KRATOS_ADMIN_URL is needed: an account is deleted in Kratos as well")
	}
	return auth.NewEraser(auth.EraserOptions{AdminURL: cfg.SignIn.KratosAdminURL, DatabaseURL: cfg.SignIn.KratosDatabaseURL})
}

// newDeletions makes what deletes accounts, as a server has it, for one command.
func newDeletions(c *cli.Command, cfg *config.Config, db *tenant.DB, kratos *auth.Eraser) (*deletion.Service, error) {
	ring, err := secret.ParseKeyRing(cfg.Storage.MasterKeys)
	if err != nil {
		return nil, fmt.Errorf("read master keys: %w", err)
	}
	instance, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("name this process: %w", err)
	}
	tickets, log := auth.NewTickets(ring), api.ConfiguredLogger(cfg, c.Root().ErrWriter)
	jobs, err := job.New(job.Options{DB: db, Tickets: tickets, InstanceID: instance, Lease: 2 * cfg.Server.InstanceTimeout, Logger: log})
	if err != nil {
		return nil, err
	}
	return deletion.New(deletion.Options{
		DB: db, Jobs: jobs, Tickets: tickets, Keys: ring, Kratos: kratos, StopWait: cfg.Server.InstanceTimeout * 2 / 3, Logger: log,
	})
}

func tenantDelete(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
	id, err := userArg(c, false)
	if err != nil {
		return err
	}
	if !c.Bool("yes") {
		return usageError{errors.New("tenant delete cannot be undone: say --yes")}
	}
	kratos, err := newEraser(cfg)
	if err != nil {
		return err
	}
	defer kratos.Close()
	if err := somebody(ctx, db, kratos, id); err != nil {
		return err
	}
	deletions, err := newDeletions(c, cfg, db, kratos)
	if err != nil {
		return err
	}
	p := newPrinter(c)
	defer p.flush()
	receipt, created, err := deletions.ByOperator(ctx, id)
	if err != nil {
		return err
	}
	first := "closed: nobody can use the account any more; receipt " + receipt.ID.String()
	if !created {
		first = "it was closed at " + receipt.RequestedAt.UTC().Format(time.RFC3339) + "; receipt " + receipt.ID.String()
	}
	if err := p.print(receiptJSON(receipt), first); err != nil {
		return err
	}
	receipt, err = deletions.Perform(ctx, id, func(r deletion.Receipt) { _ = p.print(receiptJSON(r), "  "+string(r.Step)) })
	if err != nil {
		return fmt.Errorf("not finished; the servers go on, and so does running it again: %w", err)
	}
	text := "deleted"
	if receipt.Mails == deletion.MailsKept {
		text += "; mails that were sent to it stay in Kratos, whose database is not configured here (docs/deletion.md)"
	}
	return p.print(receiptJSON(receipt), text)
}

// somebody refuses ids that nobody ever had: a tombstone would be set for them.
func somebody(ctx context.Context, db *tenant.DB, kratos *auth.Eraser, id uuid.UUID) error {
	known, err := db.Fleet().Registered(ctx, id)
	if err != nil || known {
		return err
	}
	_, err = db.Fleet().FindDeletion(ctx, id)
	if err == nil || !errors.Is(err, tenant.ErrNoDeletion) {
		return err
	}
	switch known, err := kratos.Exists(ctx, id); {
	case err != nil:
		return err
	case !known:
		return fmt.Errorf("neither the registry nor Kratos knows %s", id)
	}
	return nil
}

type deletionJSON struct {
	Receipt     uuid.UUID            `json:"receipt"`
	RequestedAt time.Time            `json:"requested_at"`
	Step        string               `json:"step"`
	Steps       map[string]time.Time `json:"steps"`
	Mails       string               `json:"mails,omitempty"`
	Error       string               `json:"error,omitempty"`
	FinishedAt  *time.Time           `json:"finished_at,omitempty"`
}

func receiptJSON(r deletion.Receipt) deletionJSON {
	j := deletionJSON{
		Receipt: r.ID, RequestedAt: r.RequestedAt, Step: string(r.Step), Steps: map[string]time.Time{}, Mails: r.Mails, Error: r.ErrorCode, FinishedAt: r.FinishedAt,
	}
	for _, s := range r.Steps {
		j.Steps[string(s.Step)] = s.At
	}
	return j
}

type traceJSON struct {
	Place string `json:"place"`
	Found int64  `json:"found"`
	Kept  string `json:"kept,omitempty"`
}

// tenantVerifyDeleted counts what is left. What is meant to stay is said and is no failure.
func tenantVerifyDeleted(ctx context.Context, c *cli.Command, cfg *config.Config, db *tenant.DB) error {
	id, err := userArg(c, false)
	if err != nil {
		return err
	}
	kratos, err := newEraser(cfg)
	if err != nil {
		return err
	}
	defer kratos.Close()
	traces, err := db.Fleet().Traces(ctx, id)
	if err != nil {
		return err
	}
	signIn, err := tracesOfSignIn(ctx, kratos, id, c.StringSlice("mail"))
	if err != nil {
		return err
	}
	p := newPrinter(c)
	defer p.flush()
	left := 0
	for _, t := range append(traces, signIn...) {
		text := ""
		switch {
		case t.Found == 0:
		case t.Kept != "":
			text = fmt.Sprintf("kept: %d in %s (%s)", t.Found, t.Place, t.Kept)
		default:
			left++
			text = fmt.Sprintf("left: %d in %s", t.Found, t.Place)
		}
		if err := p.print(traceJSON(t), text); err != nil {
			return err
		}
	}
	if left > 0 {
		return fmt.Errorf("something is left of %s in %d places of %d", id, left, len(traces)+len(signIn))
	}
	d, err := db.Fleet().FindDeletion(ctx, id)
	switch {
	case errors.Is(err, tenant.ErrNoDeletion):
		return fmt.Errorf("there is nothing of %s, and no deletion either: nobody had this id", id)
	case err != nil:
		return err
	case d.FinishedAt == nil:
		return fmt.Errorf("the deletion of %s is not finished: its next step is %s", id, d.Step)
	}
	if c.Bool("json") {
		return nil
	}
	return p.print(nil, fmt.Sprintf("nothing is left: looked in %d places; deleted %s, receipt %s, mails %s",
		len(traces)+len(signIn), d.FinishedAt.UTC().Format(time.RFC3339), d.Receipt, d.Mails))
}

func tracesOfSignIn(ctx context.Context, kratos *auth.Eraser, id uuid.UUID, addresses []string) ([]tenant.Trace, error) {
	there, err := kratos.Exists(ctx, id)
	if err != nil {
		return nil, err
	}
	traces := []tenant.Trace{{Place: "Kratos's identities"}}
	if there {
		traces[0].Found = 1
	}
	for _, address := range addresses {
		n, err := kratos.CountMails(ctx, strings.TrimSpace(address))
		if err != nil {
			return nil, err
		}
		traces = append(traces, tenant.Trace{Place: "Kratos's mails to " + address, Found: int64(n)})
	}
	return traces, nil
}
