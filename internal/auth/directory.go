package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	ory "github.com/ory/client-go"
)

// Account is what Kratos knows of somebody who can sign in.
type Account struct {
	ID uuid.UUID
	// Email is the identity's e-mail trait; empty if it has none.
	Email string
	// Active: false if the account is suspended, so that nobody can sign in to it.
	Active    bool
	CreatedAt time.Time
}

// DirectoryOptions configure a Directory. AdminURL is required.
type DirectoryOptions struct {
	// AdminURL is the base of Kratos's admin API as this process reaches it.
	AdminURL string
	// Transport carries the requests; nil means an own one that ignores proxy variables.
	Transport http.RoundTripper
	// Invalidations tells all replicas of sessions that end; nil where there is nobody to tell.
	Invalidations *Invalidations
}

// Directory looks accounts up in Kratos and suspends them. It gives nobody a session, and makes no User. It is safe for concurrent use.
type Directory struct {
	admin         *adminAPI
	invalidations *Invalidations
}

// directoryTimeout bounds one question to Kratos.
const directoryTimeout = 5 * time.Second

// MaxAccounts is how many accounts a page may have.
const MaxAccounts = 100

// ErrCursor says that a cursor was not given out by Accounts.
var ErrCursor = errors.New("no such cursor")

// ErrNoAccount says that Kratos has no such identity.
var ErrNoAccount = errors.New("kratos has no such identity")

// NewDirectory makes a Directory. It asks nothing yet.
func NewDirectory(o DirectoryOptions) (*Directory, error) {
	if err := checkBaseURL(o.AdminURL); err != nil {
		return nil, fmt.Errorf("read Kratos admin URL: %w", err)
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &Directory{admin: newAdminAPI(o.AdminURL, newClient(o.Transport, directoryTimeout)), invalidations: o.Invalidations}, nil
}

// Close frees idle connections.
func (d *Directory) Close() { d.admin.http.CloseIdleConnections() }

// Accounts lists accounts in the order of their ids, a page at a time; next is the cursor of the one that follows, empty after the last.
// If prefix is not empty, only those with an address that begins with it. Errors wrap ErrCursor if the cursor is none.
func (d *Directory) Accounts(ctx context.Context, prefix, cursor string, limit int) (page []Account, next string, err error) {
	request := d.admin.api.IdentityAPI.ListIdentities(ctx).PageSize(int64(min(max(limit, 1), MaxAccounts)))
	if cursor != "" {
		if _, err := uuid.Parse(cursor); err != nil {
			return nil, "", ErrCursor
		}
		request = request.PageToken(cursor)
	}
	if prefix != "" {
		request = request.PreviewCredentialsIdentifierSimilar(strings.ToLower(prefix))
	}
	list, resp, err := request.Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil {
		return nil, "", adminError("list identities", resp)
	}
	page, err = accountsOf(list)
	return page, nextPage(resp.Header), err
}

// ByAddress finds the accounts that an address signs in to: one at most, as Kratos is configured.
func (d *Directory) ByAddress(ctx context.Context, address string) ([]Account, error) {
	list, resp, err := d.admin.api.IdentityAPI.ListIdentities(ctx).CredentialsIdentifier(address).PageSize(MaxAccounts).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil {
		return nil, adminError("find identity", resp)
	}
	return accountsOf(list)
}

// Account returns an account by its id; ErrNoAccount.
func (d *Directory) Account(ctx context.Context, id uuid.UUID) (Account, error) {
	identity, err := d.admin.identity(ctx, id)
	switch {
	case err != nil:
		return Account{}, err
	case identity == nil:
		return Account{}, ErrNoAccount
	}
	return accountOf(*identity.Identity)
}

// ByIDs returns those of the accounts that there are, by their id.
func (d *Directory) ByIDs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Account, error) {
	found := make(map[uuid.UUID]Account, len(ids))
	for some := range slices.Chunk(ids, MaxAccounts) {
		texts := make([]string, len(some))
		for i, id := range some {
			texts[i] = id.String()
		}
		list, resp, err := d.admin.api.IdentityAPI.ListIdentities(ctx).Ids(texts).Execute() //nolint:bodyclose // client-go has read and closed it
		if err != nil {
			return nil, adminError("list identities", resp)
		}
		accounts, err := accountsOf(list)
		if err != nil {
			return nil, err
		}
		for _, a := range accounts {
			found[a.ID] = a
		}
	}
	return found, nil
}

// SetActive lets an account sign in, or not any more. Sessions that it has stay; EndSessions ends them. ErrNoAccount.
func (d *Directory) SetActive(ctx context.Context, id uuid.UUID, active bool) error {
	state := "inactive"
	if active {
		state = "active"
	}
	_, resp, err := d.admin.api.IdentityAPI.PatchIdentity(ctx, id.String()).JsonPatch([]ory.JsonPatch{
		{Op: "replace", Path: "/state", Value: state},
	}).Execute() //nolint:bodyclose // client-go has read and closed it
	switch {
	case gone(resp):
		return ErrNoAccount
	case err != nil:
		return adminError("set state of identity", resp)
	}
	if d.invalidations != nil {
		d.invalidations.User(id)
	}
	return nil
}

// EndSessions signs an account out everywhere; every replica forgets what it remembers. An account that is not there has none.
func (d *Directory) EndSessions(ctx context.Context, id uuid.UUID) error {
	resp, err := d.admin.api.IdentityAPI.DeleteIdentitySessions(ctx, id.String()).Execute() //nolint:bodyclose // client-go has read and closed it
	if err != nil && !gone(resp) {
		return adminError("end sessions", resp)
	}
	if d.invalidations != nil {
		d.invalidations.User(id)
	}
	return nil
}

// Sessions counts the sessions that an account has now.
func (d *Directory) Sessions(ctx context.Context, id uuid.UUID) (int, error) {
	list, resp, err := d.admin.api.IdentityAPI.ListIdentitySessions(ctx, id.String()).Active(true).PageSize(1).Execute() //nolint:bodyclose // client-go has read and closed it
	switch {
	case gone(resp):
		return 0, nil
	case err != nil:
		return 0, adminError("list sessions", resp)
	}
	if total, err := strconv.Atoi(resp.Header.Get("X-Total-Count")); err == nil {
		return total, nil
	}
	return len(list), nil
}

func accountsOf(list []ory.Identity) ([]Account, error) {
	accounts := make([]Account, len(list))
	for i, identity := range list {
		var err error
		if accounts[i], err = accountOf(identity); err != nil {
			return nil, err
		}
	}
	return accounts, nil
}

func accountOf(i ory.Identity) (Account, error) {
	id, err := uuid.Parse(i.Id)
	if err != nil || id == uuid.Nil {
		return Account{}, errors.New("read identity of kratos: no usable id")
	}
	email, _ := traits(i.Traits)["email"].(string)
	return Account{ID: id, Email: email, Active: i.GetState() == "active", CreatedAt: i.GetCreatedAt()}, nil
}

// nextPage reads the token of the next page from Kratos's Link header.
func nextPage(h http.Header) string {
	for _, link := range strings.Split(strings.Join(h.Values("Link"), ","), ",") {
		target, parameters, _ := strings.Cut(link, ";")
		if !strings.Contains(parameters, `rel="next"`) {
			continue
		}
		if u, err := url.Parse(strings.Trim(strings.TrimSpace(target), "<>")); err == nil {
			return u.Query().Get("page_token")
		}
	}
	return ""
}
