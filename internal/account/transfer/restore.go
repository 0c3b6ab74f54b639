package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"

	"twobrains/internal/account/archive"
	"twobrains/internal/publicdb"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
)

// What operators do, in the audit.
const (
	actionExport  = "export"
	actionRestore = "restore"
	actionClone   = "clone"
)

// ErrOtherUser means that an archive is of another user than the one named.
var ErrOtherUser = errors.New("the archive is of another user")

// ErrNoRows means that an archive has not what a restore needs: only our own have.
var ErrNoRows = errors.New("the archive is none of this program's own")

// Export writes a user's archive for an operator.
func Export(ctx context.Context, f tenant.Fleet, user uuid.UUID, actor string, to io.Writer, o archive.WriteOptions) (m archive.Manifest, err error) {
	err = f.AsOwner(ctx, func(db tenant.DBTX) error {
		return audit(ctx, db, publicdb.AuditAddParams{Actor: actor, Action: actionExport, Subject: &user})
	})
	if err != nil {
		return m, err
	}
	err = f.Snapshot(ctx, user, func(s *tenant.Snapshot) error {
		m, err = archive.Write(ctx, s, to, o)
		return err
	})
	return m, err
}

// RestoreOptions say what is restored; User and Actor are required.
type RestoreOptions struct {
	// User is whose archive it is, Into whose private brain is made from it: User's own, if zero.
	User, Into uuid.UUID
	// Replace allows that a private brain with something in it is lost.
	Replace bool
	Actor   string
}

// Restore makes a private brain from the rows of an archive; settings and other things of the public brain stay as they are. It returns
// the number of rows of each table.
func Restore(ctx context.Context, f tenant.Fleet, a *archive.Archive, o RestoreOptions) (map[string]int64, error) {
	if a.Manifest == nil {
		return nil, ErrNoRows
	}
	if a.Manifest.UserID != o.User {
		return nil, ErrOtherUser
	}
	if o.Into == uuid.Nil {
		o.Into = o.User
	}
	if err := a.VerifyDump(); err != nil {
		return nil, err
	}
	counts := map[string]int64{}
	err := f.Restore(ctx, tenant.RestoreOptions{
		User: o.Into, Version: a.Manifest.SchemaVersion, Replace: o.Replace,
		Load: func(ctx context.Context, r *tenant.Restoring) error {
			err := a.Dump(func(t archive.DumpTable) error {
				if t.Name == tenant.VersionTable {
					return nil
				}
				n, err := r.Copy(ctx, t.Name, t.Columns, t.Rows)
				counts[t.Name] = n
				return err
			})
			if err != nil {
				return err
			}
			for name, n := range a.Manifest.Tables {
				if name != tenant.VersionTable && counts[name] != n {
					return fmt.Errorf("table %s has %d rows, not the %d of the manifest", name, counts[name], n)
				}
			}
			return finish(ctx, r, publicdb.AuditAddParams{Actor: o.Actor, Action: actionRestore, Subject: &o.User, Object: &o.Into})
		},
	})
	return counts, err
}

// Clone copies a user's private brain into another user's, which must be empty, for somebody to look into; consent says how the user
// allowed it. Settings, keys and usage are not copied.
func Clone(ctx context.Context, f tenant.Fleet, user, into uuid.UUID, consent, actor string) error {
	for swept, err := range f.Sweep(ctx, tenant.SweepOptions{User: user}) {
		if err == nil && !swept.Good() {
			err = swept.Err
		}
		if err != nil {
			return fmt.Errorf("migrate the private brain that is to be copied: %w", err)
		}
	}
	d, err := f.Show(ctx, user)
	if err != nil {
		return err
	}
	return f.Restore(ctx, tenant.RestoreOptions{
		User: into, Version: d.SchemaVersion,
		Load: func(ctx context.Context, r *tenant.Restoring) error {
			if err := r.CopyBrain(ctx, user, archive.Dumped()); err != nil {
				return err
			}
			return finish(ctx, r, publicdb.AuditAddParams{Actor: actor, Action: actionClone, Subject: &user, Object: &into, Detail: consent})
		},
	})
}

// finish ends what goes on nowhere, and tells the audit, in the transaction of it all.
func finish(ctx context.Context, r *tenant.Restoring, p publicdb.AuditAddParams) error {
	if err := tenantdb.New().RestoreEndRuns(ctx, r); err != nil {
		return fmt.Errorf("end runs: %w", err)
	}
	return audit(ctx, r, p)
}

func audit(ctx context.Context, db tenant.DBTX, p publicdb.AuditAddParams) error {
	if err := publicdb.New().AuditAdd(ctx, db, p); err != nil {
		return fmt.Errorf("write audit: %w", err)
	}
	return nil
}
