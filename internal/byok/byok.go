// Package byok keeps the keys that users bring for model and search providers: sealed in the public brain, shown by their
// end only, tried out on request, and opened for the one who stored them.
package byok

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/auth"
	"twobrains/internal/problem"
	"twobrains/internal/publicdb"
	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

// Bounds of a key, in characters.
const (
	MinKey = 8
	MaxKey = 512
)

// What the codes of this package's own refusals are.
const (
	codeUnknownProvider = problem.CodeUnknownProvider
	codeUnreadable      = problem.CodeSecretUnreadable
)

// Key is what may be said of a stored key.
type Key struct {
	Provider string
	// Name of the provider; its id where it is not known any more.
	Name string
	// LastFour are the key's last characters, fewer of a short one.
	LastFour  string
	CreatedAt time.Time
	// LastUsedAt is exact to an hour; nil: never.
	LastUsedAt *time.Time
	// Readable: it can still be opened. Otherwise it has to be entered again.
	Readable bool
}

// Options of Keys; DB, Ring and Providers are required.
type Options struct {
	DB        *tenant.DB
	Ring      *secret.KeyRing
	Providers []Provider
	// Timeout of a test, 10 s if zero.
	Timeout time.Duration
	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// Keys stores, lists, tests and opens own keys. It is safe for concurrent use.
type Keys struct {
	opts   Options
	q      *publicdb.Queries
	client *http.Client
}

// New makes Keys.
func New(o Options) *Keys {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	return &Keys{opts: o, q: publicdb.New(), client: newHTTPClient()}
}

// List returns the user's keys, ordered by provider.
func (k *Keys) List(ctx context.Context, user auth.User) ([]Key, error) {
	rows, err := k.rows(ctx, user)
	if err != nil {
		return nil, err
	}
	keys := make([]Key, len(rows))
	for i, r := range rows {
		keys[i] = k.describe(user, r)
	}
	return keys, nil
}

// Put stores a key in place of an earlier one. CodeInvalid if it cannot be a key.
func (k *Keys) Put(ctx context.Context, user auth.User, provider string, key secret.Secret) (Key, error) {
	if _, err := k.provider(provider); err != nil {
		return Key{}, err
	}
	if err := validate(key); err != nil {
		return Key{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return Key{}, fmt.Errorf("make id: %w", err)
	}
	sealed, err := k.opts.Ring.Seal(secret.Place{User: user.ID(), Provider: provider, Record: id}, key)
	if err != nil {
		return Key{}, err
	}
	var row *tenant.Result[publicdb.KeyPutRow]
	err = k.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		row = tenant.Queue(tx, func(db tenant.DBTX) (publicdb.KeyPutRow, error) {
			return k.q.KeyPut(ctx, db, publicdb.KeyPutParams{
				Provider: provider, ID: id, Ciphertext: sealed.Ciphertext, KeyID: sealed.KeyID, LastFour: end(key), Now: k.opts.Clock().UTC(),
			})
		}).Public()
		return nil
	})
	if err != nil {
		return Key{}, fmt.Errorf("store key: %w", err)
	}
	return k.describe(user, publicdb.KeyListRow(row.Value())), nil
}

// Delete removes a key, also one of a provider that is not known any more. CodeNotFound if there is none.
func (k *Keys) Delete(ctx context.Context, user auth.User, provider string) error {
	var gone *tenant.Result[int64]
	err := k.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		gone = tenant.Queue(tx, func(db tenant.DBTX) (int64, error) { return k.q.KeyDelete(ctx, db, provider) }).Public()
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete key: %w", err)
	}
	if gone.Value() == 0 {
		return errNoKey()
	}
	return nil
}

// Test asks the provider whether it takes a key: the one given, or the stored one if that is zero. Refusals have the codes of
// providers. Nothing is stored, and no transaction is open meanwhile.
func (k *Keys) Test(ctx context.Context, user auth.User, provider string, key secret.Secret) error {
	p, err := k.provider(provider)
	if err != nil {
		return err
	}
	if key.IsZero() {
		rows, err := k.rows(ctx, user)
		if err != nil {
			return err
		}
		row, ok := Find(rows, provider)
		if !ok {
			return errNoKey()
		}
		if key, err = k.Reveal(user, row); err != nil {
			return err
		}
	} else if err := validate(key); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, k.opts.Timeout)
	defer cancel()
	return check(ctx, k.client, p, key)
}

// Find picks the row of a provider.
func Find(rows []publicdb.KeyListRow, provider string) (publicdb.KeyListRow, bool) {
	for _, r := range rows {
		if r.Provider == provider {
			return r, true
		}
	}
	return publicdb.KeyListRow{}, false
}

// Reveal opens a key that KeyList has read for the user. The error says to enter the key again; its cause is one of the errors
// of package secret.
func (k *Keys) Reveal(user auth.User, row publicdb.KeyListRow) (secret.Secret, error) {
	key, err := k.opts.Ring.Open(secret.Place{User: user.ID(), Provider: row.Provider, Record: row.ID},
		secret.Sealed{KeyID: row.KeyID, Ciphertext: row.Ciphertext})
	if err != nil {
		return secret.Secret{}, problem.New(codeUnreadable, "This stored key can no longer be read; enter it again.").Because(err)
	}
	return key, nil
}

func (k *Keys) rows(ctx context.Context, user auth.User) ([]publicdb.KeyListRow, error) {
	var rows *tenant.Result[[]publicdb.KeyListRow]
	err := k.opts.DB.Tx(ctx, user, func(tx *tenant.Tx) error {
		rows = tenant.Queue(tx, func(db tenant.DBTX) ([]publicdb.KeyListRow, error) { return k.q.KeyList(ctx, db) }).Public()
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read keys: %w", err)
	}
	return rows.Value(), nil
}

func (k *Keys) provider(id string) (Provider, error) {
	for _, p := range k.opts.Providers {
		if p.ID == id {
			return p, nil
		}
	}
	return Provider{}, problem.New(codeUnknownProvider, "There is no such provider.")
}

func (k *Keys) describe(user auth.User, r publicdb.KeyListRow) Key {
	key := Key{Provider: r.Provider, Name: r.Provider, LastFour: r.LastFour, CreatedAt: r.CreatedAt, LastUsedAt: r.LastUsedAt}
	if p, err := k.provider(r.Provider); err == nil {
		key.Name = p.Name
	}
	_, err := k.Reveal(user, r)
	key.Readable = err == nil
	return key
}

func validate(key secret.Secret) error {
	value := key.Reveal()
	complaint := ""
	if len(value) < MinKey || len(value) > MaxKey {
		complaint = fmt.Sprintf("must have %d to %d characters", MinKey, MaxKey)
	}
	for _, c := range []byte(value) {
		if c <= ' ' || c > '~' {
			complaint = "must be printable ASCII without spaces"
		}
	}
	if complaint == "" {
		return nil
	}
	return problem.New(problem.CodeInvalid, "This cannot be a key.").Field("key", complaint).Because(errors.New("form of the key"))
}

// end is what is shown of a key: the last four characters, and never more than a quarter of it.
func end(key secret.Secret) string {
	value := key.Reveal()
	return value[len(value)-min(4, len(value)/4):]
}

func errNoKey() *problem.Error {
	return problem.New(problem.CodeNotFound, "No key of yours is stored for this provider.")
}
