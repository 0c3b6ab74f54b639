package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/gofiber/fiber/v2"
	"github.com/google/uuid"

	"twobrains/internal/problem"
	"twobrains/internal/secret"
)

const (
	// hookTimeout is below the 30 s that Kratos waits for a hook.
	hookTimeout = 20 * time.Second
	maxHookBody = 16 << 10
	minHookKey  = 16
)

// HooksOptions of the endpoints that Kratos calls.
type HooksOptions struct {
	// AdminURL is Kratos's admin API. It asks for no password: nobody but us and Kratos may reach it.
	AdminURL string
	// Key that Kratos sends in X-Hook-Key, 16 characters or more.
	Key secret.Secret
	// Invalidations are told whose sessions to forget.
	Invalidations *Invalidations
	// Transport carries the requests; nil means an own one.
	Transport http.RoundTripper
}

// Hooks are the endpoints that Kratos calls after steps that matter to us. Each takes a POST of
// {"identity_id": uuid, "flow_id": …, "flow_type": …, "method": …}, of which the identity, and in login the method, count,
// and answers 204. All may be repeated.
//
// They are the defence against pre-registration: somebody registers your address before you do, with a password or a
// linked account of theirs, and waits for you to prove the address and fill the account. See prove.
type Hooks struct {
	admin         *adminAPI
	key           [sha256.Size]byte
	invalidations *Invalidations
}

// NewHooks makes Hooks.
func NewHooks(o HooksOptions) (*Hooks, error) {
	if err := checkBaseURL(o.AdminURL); err != nil {
		return nil, fmt.Errorf("read Kratos admin URL: %w", err)
	}
	if len(o.Key.Reveal()) < minHookKey {
		return nil, fmt.Errorf("read hook key: shorter than %d characters", minHookKey)
	}
	if o.Invalidations == nil {
		return nil, errors.New("read hook options: Invalidations are needed")
	}
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	return &Hooks{
		admin:         newAdminAPI(o.AdminURL, newClient(o.Transport, hookTimeout)),
		key:           sha256.Sum256([]byte(o.Key.Reveal())),
		invalidations: o.Invalidations,
	}, nil
}

// Close frees idle connections.
func (h *Hooks) Close() { h.admin.http.CloseIdleConnections() }

// Register mounts the endpoints under /hooks/kratos.
func (h *Hooks) Register(r fiber.Router) {
	// After login by code: the code proves the address.
	r.Post("/hooks/kratos/login", h.handle(h.login))
	// After verification and recovery: so do these.
	r.Post("/hooks/kratos/verified", h.handle(h.prove))
	// After registration by code or OIDC: what is proved from the start needs no defence later.
	r.Post("/hooks/kratos/registration", h.handle(h.register))
	// After settings: credentials may have changed and sessions been revoked.
	r.Post("/hooks/kratos/settings", h.handle(h.settings))
}

type hookEvent struct {
	IdentityID string `json:"identity_id"`
	Method     string `json:"method"`

	identity uuid.UUID
}

func (h *Hooks) handle(do func(context.Context, hookEvent) error) fiber.Handler {
	return func(c *fiber.Ctx) error {
		key := sha256.Sum256([]byte(Header(c)("X-Hook-Key")))
		if subtle.ConstantTimeCompare(key[:], h.key[:]) != 1 {
			return problem.New(problem.CodeUnauthenticated, "The hook key is missing or wrong.")
		}
		body := c.Request().Body()
		if len(body) > maxHookBody {
			return problem.New(problem.CodeTooLarge, "The body is too large.")
		}
		var event hookEvent
		if err := json.Unmarshal(body, &event); err != nil {
			return problem.New(problem.CodeBadRequest, "The body is not the JSON of a hook.")
		}
		id, err := uuid.Parse(event.IdentityID)
		if err != nil || id == uuid.Nil {
			return problem.New(problem.CodeBadRequest, "The hook names no identity.")
		}
		event.identity = id
		ctx, stop := context.WithTimeout(context.Background(), hookTimeout)
		defer stop()
		if err := do(ctx, event); err != nil {
			return problem.New(problem.CodeUnavailable, "The hook could not be carried out.").After(retrySoon).Because(err)
		}
		return c.SendStatus(http.StatusNoContent)
	}
}

func (h *Hooks) settings(_ context.Context, e hookEvent) error {
	h.invalidations.User(e.identity)
	return nil
}

func (h *Hooks) login(ctx context.Context, e hookEvent) error {
	if method := strings.ToLower(e.Method); method != "" && method != "code" {
		return nil // neither a password nor a linked account proves the address
	}
	return h.prove(ctx, e)
}

// register records what a registration proved. Nobody was here earlier.
func (h *Hooks) register(ctx context.Context, e hookEvent) error {
	identity, err := h.admin.identity(ctx, e.identity)
	if err != nil || identity == nil {
		return err
	}
	return h.admin.recordProved(ctx, identity)
}

// prove is called when somebody has shown that a mail to the identity's address reaches them. If that is so for the
// first time, whatever was put on the identity earlier may be someone else's: its password is overwritten with one
// that nobody knows, its links to other accounts are cut, and all its sessions end. (The session that the proof itself
// brings does not exist yet: Kratos makes it after the hooks.) Then the proof is recorded with the identity, so that
// what its owner adds from now on stays.
//
// The record is ours because Kratos v1.3.1 does not keep what we would need: a login by code sets no verified_at (the next
// change of the identity does, whenever that is), and every change renews the rows of all credentials.
func (h *Hooks) prove(ctx context.Context, e hookEvent) error {
	identity, err := h.admin.identity(ctx, e.identity)
	if err != nil || identity == nil || !identity.hasUnrecorded() {
		return err
	}
	// Sessions first, so that none can put a credential back, and again, for those that came of the old credentials
	// meanwhile. The record comes last: whatever fails before it is done again at the next proof.
	steps := []func(context.Context, *adminIdentity) error{
		h.admin.endSessions, h.admin.unlinkAccounts, h.admin.overwritePassword, h.admin.endSessions, h.admin.recordProved,
	}
	defer h.invalidations.User(e.identity)
	for _, step := range steps {
		if err := step(ctx, identity); err != nil {
			return err
		}
	}
	return nil
}
