package auth

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"twobrains/internal/broadcast"
)

// maxSessionID is longer than any session id of Kratos, which are UUIDs.
const maxSessionID = 64

// Invalidations makes all replicas forget a session that was revoked through one of them. While Redis is away, the
// others notice when their cached confirmation expires (Options.TTL).
type Invalidations struct {
	verifier *Verifier
	channel  *broadcast.Channel
	onError  func(error)
}

// NewInvalidations makes Invalidations over a Redis channel named after the prefix. A nil client means that there is only
// this replica. onError is told of messages that could not be sent; nil means nobody is.
func NewInvalidations(v *Verifier, client redis.UniversalClient, prefix string, onError func(error)) *Invalidations {
	if onError == nil {
		onError = func(error) {}
	}
	return &Invalidations{verifier: v, channel: broadcast.New(client, prefix+"auth:forget"), onError: onError}
}

// Session makes every replica forget a session.
func (i *Invalidations) Session(sessionID string) {
	i.verifier.ForgetSession(sessionID)
	i.publish("session:" + sessionID)
}

// User makes every replica forget all sessions of an identity.
func (i *Invalidations) User(id uuid.UUID) {
	i.verifier.ForgetUser(id)
	i.publish("user:" + id.String())
}

func (i *Invalidations) publish(message string) {
	if err := i.channel.Publish(context.Background(), message); err != nil {
		i.onError(fmt.Errorf("publish invalidation: %w", err))
	}
}

// Run applies the other replicas' invalidations until ctx ends. It reconnects by itself.
func (i *Invalidations) Run(ctx context.Context) error { return i.channel.Run(ctx, i.apply) }

// apply ignores what it cannot read: a newer replica may say more.
func (i *Invalidations) apply(message string) {
	kind, value, _ := strings.Cut(message, ":")
	switch kind {
	case "session":
		if value != "" && len(value) <= maxSessionID {
			i.verifier.ForgetSession(value)
		}
	case "user":
		if id, err := uuid.Parse(value); err == nil {
			i.verifier.ForgetUser(id)
		}
	}
}
