package auth

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
)

// publishWait bounds what a sign-out waits for Redis.
const publishWait = 250 * time.Millisecond

// maxSessionID is longer than any session id of Kratos, which are UUIDs.
const maxSessionID = 64

// Invalidations makes all replicas forget a session that was revoked through one of them. While Redis is away, the
// others notice when their cached confirmation expires (Options.TTL).
type Invalidations struct {
	verifier *Verifier
	client   redis.UniversalClient
	channel  string
	onError  func(error)
}

// NewInvalidations makes Invalidations over a Redis channel named after the prefix. A nil client means that there is only
// this replica. onError is told of messages that could not be sent; nil means nobody is.
func NewInvalidations(v *Verifier, client redis.UniversalClient, prefix string, onError func(error)) *Invalidations {
	if onError == nil {
		onError = func(error) {}
	}
	return &Invalidations{verifier: v, client: client, channel: prefix + "auth:forget", onError: onError}
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
	if i.client == nil {
		return
	}
	// go-redis heeds deadlines of contexts only if its options say so.
	ctx, stop := context.WithTimeout(context.Background(), publishWait)
	done := make(chan error, 1)
	go func() {
		defer stop()
		done <- i.client.Publish(ctx, i.channel, message).Err()
	}()
	timer := time.NewTimer(publishWait)
	defer timer.Stop()
	var err error
	select {
	case err = <-done:
	case <-timer.C:
		err = errors.New("no answer in time")
	}
	if err != nil {
		i.onError(fmt.Errorf("publish invalidation: %w", err))
	}
}

// Run applies the other replicas' invalidations until ctx ends. It reconnects by itself.
func (i *Invalidations) Run(ctx context.Context) error {
	if i.client == nil {
		<-ctx.Done()
		return nil
	}
	subscription := i.client.Subscribe(ctx, i.channel)
	defer func() { _ = subscription.Close() }()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-messages:
			if !ok {
				return errors.New("receive invalidations: subscription closed")
			}
			i.apply(m.Payload)
		}
	}
}

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
