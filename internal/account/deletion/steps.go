package deletion

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"twobrains/internal/job"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// memory is the job's checkpoint.
type memory struct {
	// Asked: processes were asked to stop replies.
	Asked bool   `json:"asked,omitempty"`
	Mails string `json:"mails,omitempty"`
}

// taking is a server's try at a deletion.
type taking struct {
	*Service
	run       *job.Run
	condemned *tenant.Condemned
	memory    memory
}

// work does what is left of a deletion.
func (s *Service) work(ctx context.Context, r *job.Run) (any, error) {
	t := &taking{Service: s, run: r, condemned: s.opts.DB.Condemned(r.Account)}
	if _, err := r.Resume(&t.memory); err != nil {
		return nil, err
	}
	d, err := t.condemned.Deletion(ctx)
	if err != nil {
		return nil, err
	}
	at := slices.Index(order, Step(d.Step))
	if at < 0 {
		return nil, fmt.Errorf("continue deletion: unknown step %q", d.Step)
	}
	for ; order[at] != Done; at++ {
		step := order[at]
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.Report(job.Progress{Phase: string(step), Done: int64(at), Total: int64(len(order) - 1)})
		if err := t.do(ctx, step); err != nil {
			return nil, t.failed(ctx, step, err)
		}
		if step == StepReceipt {
			break
		}
		if err := t.condemned.Note(ctx, string(step), string(order[at+1])); err != nil {
			return nil, fmt.Errorf("note step %s: %w", step, err)
		}
	}
	s.log.Info("an account is deleted", "receipt", d.Receipt, "mails", t.memory.Mails)
	return nil, nil
}

func (t *taking) do(ctx context.Context, step Step) error {
	switch step {
	case StepRuns:
		return t.stopRuns(ctx)
	case StepIdentity:
		return t.eraseIdentity(ctx)
	case StepSchema:
		return t.condemned.Drop(ctx)
	case StepRows:
		return t.removeRows(ctx)
	case StepMails:
		return t.purgeMails(ctx)
	case StepReceipt:
		return t.condemned.Finish(ctx, string(StepReceipt), t.memory.Mails)
	}
	return fmt.Errorf("no step %q", step)
}

// failed says in the receipt why a step was not done. A wait is no failure.
func (t *taking) failed(ctx context.Context, step Step, err error) error {
	if job.IsLater(err) || ctx.Err() != nil {
		return err
	}
	if noted := t.condemned.Fail(ctx, string(problem.From(err).Code)); noted != nil {
		t.log.Warn("noting a failed step", "error", noted)
	}
	return fmt.Errorf("do step %s: %w", step, err)
}

// stopRuns asks the processes that still make replies to stop, and gives them the time to learn of it. None of them can store anything
// any more; this spares the provider, and whoever reads along.
func (t *taking) stopRuns(ctx context.Context) error {
	there, err := t.condemned.Exists(ctx)
	if err != nil || !there {
		return err
	}
	var runs []tenantdb.RunsUnderWayRow
	ids := []string{}
	queries := publicdb.New()
	err = t.condemned.Tx(ctx, func(db tenant.DBTX) (err error) {
		if runs, err = tenantdb.New().RunsUnderWay(ctx, db); err != nil {
			return fmt.Errorf("list replies: %w", err)
		}
		for _, r := range runs {
			ids = append(ids, r.ID.String())
		}
		if t.memory.Asked || len(ids) == 0 {
			return queries.DeletionRunsForget(ctx, db, ids)
		}
		_, err = queries.DeletionRunsStop(ctx, db, ids)
		return err
	})
	if err != nil || len(runs) == 0 || t.memory.Asked {
		return err
	}
	if t.opts.Signal != nil {
		for _, id := range ids {
			if err := t.opts.Signal(ctx, id); err != nil {
				t.log.Warn("asking another process to stop a reply", "error", err)
			}
		}
	}
	t.memory.Asked = true
	if err := t.run.Save(ctx, t.memory); err != nil {
		return err
	}
	return job.Later(t.opts.StopWait)
}

// addressPurpose is what addresses are sealed with, for the receipt whose row they stand in.
const addressPurpose = secret.Purpose("twobrains/deletion-addresses/v1")

// eraseIdentity keeps the addresses before it removes what they are read from.
func (t *taking) eraseIdentity(ctx context.Context) error {
	addresses, err := t.opts.Kratos.Addresses(ctx, t.run.Account)
	if err != nil {
		return away(err)
	}
	if len(addresses) > 0 {
		if err := t.keepAddresses(ctx, addresses); err != nil {
			return err
		}
	}
	return away(t.opts.Kratos.Erase(ctx, t.run.Account))
}

// away gives failures of Kratos a public face.
func away(err error) error {
	if err == nil {
		return nil
	}
	return problem.New(problem.CodeUnavailable, "Sign-in cannot be reached right now.").Because(err)
}

func (t *taking) keepAddresses(ctx context.Context, addresses []string) error {
	receipt, _, _, err := t.condemned.Addresses(ctx)
	if err != nil {
		return err
	}
	plain, err := json.Marshal(addresses)
	if err != nil {
		return fmt.Errorf("write addresses: %w", err)
	}
	sealed, err := t.opts.Keys.SealFor(addressPurpose, receipt, plain)
	if err != nil {
		return fmt.Errorf("seal addresses: %w", err)
	}
	return t.condemned.KeepAddresses(ctx, sealed.KeyID, sealed.Ciphertext)
}

// removeRows comes after the schema is gone: from then on nothing can add a row.
func (t *taking) removeRows(ctx context.Context) error {
	return t.condemned.Tx(ctx, func(db tenant.DBTX) error {
		if err := publicdb.New().DeletionFold(ctx, db); err != nil {
			return fmt.Errorf("wait for the journal: %w", err)
		}
		if err := publicdb.New().DeletionUsage(ctx, db, t.run.Account); err != nil {
			return fmt.Errorf("add up usage: %w", err)
		}
		// The job itself goes last, with the receipt.
		return t.condemned.DeleteRows(ctx, db, "account_jobs")
	})
}

func (t *taking) purgeMails(ctx context.Context) error {
	receipt, keyID, ciphertext, err := t.condemned.Addresses(ctx)
	if err != nil {
		return err
	}
	t.memory.Mails = MailsKept
	switch {
	case len(ciphertext) == 0:
		// There was no identity, or it had no address: it was sent nothing.
		t.memory.Mails = MailsPurged
	case t.opts.Kratos.ReachesMails():
		plain, err := t.opts.Keys.OpenFor(addressPurpose, receipt, secret.Sealed{KeyID: keyID, Ciphertext: ciphertext})
		if err != nil {
			return fmt.Errorf("open addresses: %w", err)
		}
		var addresses []string
		if err := json.Unmarshal(plain, &addresses); err != nil {
			return errors.New("open addresses: they make no sense")
		}
		if _, err := t.opts.Kratos.PurgeMails(ctx, addresses); err != nil {
			return away(err)
		}
		t.memory.Mails = MailsPurged
	}
	return t.run.Save(ctx, t.memory)
}
