package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"twobrains/internal/secret"
)

// EraserOptions configure an Eraser. AdminURL is required.
type EraserOptions struct {
	// AdminURL is the base of Kratos's admin API as this process reaches it.
	AdminURL string
	// Transport carries the requests; nil means an own one that ignores proxy variables.
	Transport http.RoundTripper
	// Invalidations tells all replicas of identities that are gone; nil where there is nobody to tell.
	Invalidations *Invalidations
	// DatabaseURL opens Kratos's database, which is the only way to the mails that were sent: Kratos v1.3.1 has no API that removes
	// them, and no clean-up that does. Empty: they stay.
	DatabaseURL secret.Secret
}

// Eraser removes people from Kratos. It is safe for concurrent use.
type Eraser struct {
	admin         *adminAPI
	base          string
	invalidations *Invalidations
	database      *pgx.ConnConfig
}

// eraserTimeout bounds one question to Kratos or its database.
const eraserTimeout = 10 * time.Second

// NewEraser makes an Eraser. It asks nothing yet.
func NewEraser(o EraserOptions) (*Eraser, error) {
	if err := checkBaseURL(o.AdminURL); err != nil {
		return nil, fmt.Errorf("read Kratos admin URL: %w", err)
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	e := &Eraser{
		admin: newAdminAPI(o.AdminURL, newClient(o.Transport, eraserTimeout)),
		base:  strings.TrimRight(o.AdminURL, "/"), invalidations: o.Invalidations,
	}
	if !o.DatabaseURL.IsZero() {
		cfg, err := pgx.ParseConfig(o.DatabaseURL.Reveal())
		if err != nil {
			return nil, errors.New("read Kratos database URL: it cannot be parsed") // the error may quote it
		}
		for _, ofKratos := range []string{"max_conns", "max_idle_conns", "max_conn_lifetime", "max_conn_idle_time", "connection_timeout"} {
			delete(cfg.RuntimeParams, ofKratos)
		}
		cfg.RuntimeParams["application_name"] = "twobrains deletion"
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
		e.database = cfg
	}
	return e, nil
}

// Close frees idle connections.
func (e *Eraser) Close() { e.admin.http.CloseIdleConnections() }

// Addresses lists the mail addresses of an identity, as they are written and in lower case; none if there is no such identity.
func (e *Eraser) Addresses(ctx context.Context, id uuid.UUID) ([]string, error) {
	identity, err := e.admin.identity(ctx, id)
	if err != nil {
		return nil, err
	}
	if identity == nil {
		return nil, e.believe(ctx)
	}
	var all []string
	add := func(address string) {
		for _, form := range []string{strings.TrimSpace(address), strings.ToLower(strings.TrimSpace(address))} {
			if form != "" && !slices.Contains(all, form) {
				all = append(all, form)
			}
		}
	}
	email, _ := traits(identity.Traits)["email"].(string)
	add(email)
	for _, a := range identity.VerifiableAddresses {
		add(a.Value)
	}
	for _, a := range identity.RecoveryAddresses {
		add(a.Value)
	}
	return all, nil
}

// Exists reports whether Kratos has an identity.
func (e *Eraser) Exists(ctx context.Context, id uuid.UUID) (bool, error) {
	identity, err := e.admin.identity(ctx, id)
	if err == nil && identity == nil {
		err = e.believe(ctx)
	}
	return identity != nil, err
}

// Erase ends the sessions of an identity and removes it. One that is not there is dealt with. Every replica forgets what it remembers
// of it.
func (e *Eraser) Erase(ctx context.Context, id uuid.UUID) error {
	resp, err := e.admin.api.IdentityAPI.DeleteIdentitySessions(ctx, id.String()).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil && !gone(resp) {
		return adminError("end sessions", resp)
	}
	resp, err = e.admin.api.IdentityAPI.DeleteIdentity(ctx, id.String()).Execute() //nolint:bodyclose // client-go has read and closed it
	switch {
	case err != nil && !gone(resp):
		return adminError("delete identity", resp)
	case err != nil:
		if err := e.believe(ctx); err != nil {
			return err
		}
	}
	e.Forget(id)
	return nil
}

// Forget has every replica ask Kratos again about an identity's sessions.
func (e *Eraser) Forget(id uuid.UUID) {
	if e.invalidations != nil {
		e.invalidations.User(id)
	}
}

// believe doubts a 404: only a Kratos that has its database knows that an identity is not there.
func (e *Eraser) believe(ctx context.Context) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, e.base+"/admin/health/ready", nil)
	if err != nil {
		return fmt.Errorf("make readiness request: %w", err)
	}
	resp, err := e.admin.http.Do(r)
	if err != nil {
		return errors.New("ask readiness of kratos: no answer")
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask readiness of kratos: status %d", resp.StatusCode)
	}
	return nil
}

// Kratos's index of mails begins with the network, of which there is one. Attempts to deliver go with their mail.
const sqlPurgeMails = "DELETE FROM courier_messages WHERE nid IN (SELECT id FROM networks) AND recipient = ANY ($1)"

// ReachesMails says whether mails that were sent can be removed.
func (e *Eraser) ReachesMails() bool { return e.database != nil }

// PurgeMails removes what Kratos keeps of mails to the addresses, and says how many there were.
func (e *Eraser) PurgeMails(ctx context.Context, addresses []string) (n int64, err error) {
	err = e.inDatabase(ctx, func(ctx context.Context, conn *pgx.Conn) error {
		tag, err := conn.Exec(ctx, sqlPurgeMails, addresses)
		n = tag.RowsAffected()
		return err
	})
	return n, err
}

// CountMails says how many mails to an address Kratos keeps, 250 at most. That its admin API tells.
func (e *Eraser) CountMails(ctx context.Context, address string) (int, error) {
	list, resp, err := e.admin.api.CourierAPI.ListCourierMessages(ctx).Recipient(address).PageSize(250).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil {
		return 0, adminError("list mails", resp)
	}
	return len(list), nil
}

// inDatabase has a connection to Kratos's database for a moment. There is no pool: it is needed once an account.
func (e *Eraser) inDatabase(ctx context.Context, fn func(context.Context, *pgx.Conn) error) error {
	if e.database == nil {
		return errors.New("no URL of Kratos's database is configured")
	}
	ctx, cancel := context.WithTimeout(ctx, eraserTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, e.database)
	if err != nil {
		return fmt.Errorf("connect to the database of kratos: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if err := fn(ctx, conn); err != nil {
		return fmt.Errorf("ask the database of kratos: %w", err)
	}
	return nil
}
