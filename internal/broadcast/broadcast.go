// Package broadcast passes short messages between replicas over Redis, to whoever listens at that moment. They are lost while
// Redis is away: who must be sure keeps what they say somewhere else too.
package broadcast

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// PublishWait bounds what a message waits for Redis.
const PublishWait = 250 * time.Millisecond

// Channel carries messages of one kind. It is safe for concurrent use.
type Channel struct {
	client redis.UniversalClient
	name   string
}

// New makes a Channel of that name in Redis. A nil client means that there is only this replica: nothing is sent or received.
func New(client redis.UniversalClient, name string) *Channel { return &Channel{client, name} }

// Publish sends a message to all who listen, this replica included. It takes no longer than PublishWait; the error says that they may
// not know of it.
func (c *Channel) Publish(ctx context.Context, message string) error {
	if c.client == nil {
		return nil
	}
	// go-redis heeds deadlines of contexts only if its options say so.
	ctx, cancel := context.WithTimeout(ctx, PublishWait)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- c.client.Publish(ctx, c.name, message).Err()
	}()
	timer := time.NewTimer(PublishWait)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.New("no answer in time")
	}
}

// Run hands every message to receive, which must not take long, until ctx ends. It reconnects by itself.
func (c *Channel) Run(ctx context.Context, receive func(message string)) error {
	if c.client == nil {
		<-ctx.Done()
		return nil
	}
	subscription := c.client.Subscribe(ctx, c.name)
	defer func() { _ = subscription.Close() }()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-messages:
			if !ok {
				return fmt.Errorf("receive from %s: subscription closed", c.name)
			}
			receive(m.Payload)
		}
	}
}
