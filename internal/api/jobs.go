package api

import (
	"fmt"

	"github.com/google/uuid"

	"twobrains/internal/account/deletion"
	"twobrains/internal/auth"
	"twobrains/internal/job"
	"twobrains/internal/secret"
)

// wireJobs makes the queue of work for accounts in the background, and the deletion of accounts. Others who have work for it
// register it before Run.
func (a *App) wireJobs(d *Deps, o AppOptions) error {
	c := a.Config
	ring, err := secret.ParseKeyRing(c.Storage.MasterKeys)
	if err != nil {
		return fmt.Errorf("read master keys: %w", err)
	}
	instance, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("name this process: %w", err)
	}
	tickets := auth.NewTickets(ring)
	a.Jobs, err = job.New(job.Options{
		DB: a.DB, Tickets: tickets, InstanceID: instance, Workers: c.Limits.JobWorkers, Lease: 2 * c.Server.InstanceTimeout, Poll: c.Server.InstanceTimeout / 3,
		Clock: o.Clock, Logger: a.Log, Registerer: a.Registry,
	})
	if err != nil {
		return err
	}
	kratos, err := auth.NewEraser(auth.EraserOptions{
		AdminURL: c.SignIn.KratosAdminURL, Invalidations: a.invalidations, DatabaseURL: c.SignIn.KratosDatabaseURL,
	})
	if err != nil {
		return fmt.Errorf("make eraser: %w", err)
	}
	a.closers = append(a.closers, kratos.Close)
	d.Deletions, err = deletion.New(deletion.Options{
		DB: a.DB, Jobs: a.Jobs, Tickets: tickets, Keys: ring, Kratos: kratos, Stop: a.Completions.StopAll, Signal: a.signals.Publish,
		StopWait: c.Server.InstanceTimeout * 2 / 3, FreshFor: c.SignIn.DeletionFreshFor, Clock: o.Clock, Logger: a.Log,
	})
	return err
}
