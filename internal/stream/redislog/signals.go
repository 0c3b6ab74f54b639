package redislog

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"
)

// publishWait bounds what a request to stop waits for Redis.
const publishWait = 250 * time.Millisecond

// maxRunID is longer than any run's id, which are UUIDs.
const maxRunID = 64

// Signals carries requests to stop a run to the replica that makes it. They are lost while Redis is away: who must be sure
// keeps the request somewhere else too.
type Signals struct {
	client  redis.UniversalClient
	channel string
	stop    func(runID string)
}

// NewSignals makes Signals over a channel named after the prefix. A nil client means that there is only this replica. stop
// is called by Run for each request, this replica's own included; it must not take long.
func NewSignals(client redis.UniversalClient, prefix string, stop func(runID string)) *Signals {
	return &Signals{client: client, channel: prefix + "run:stop", stop: stop}
}

// Publish asks all replicas to stop a run. It takes no longer than 250 ms; the error says that they may not know of it.
func (s *Signals) Publish(ctx context.Context, runID string) error {
	if s.client == nil {
		return nil
	}
	// go-redis heeds deadlines of contexts only if its options say so.
	ctx, cancel := context.WithTimeout(ctx, publishWait)
	done := make(chan error, 1)
	go func() {
		defer cancel()
		done <- s.client.Publish(ctx, s.channel, runID).Err()
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
		return fmt.Errorf("publish request to stop: %w", err)
	}
	return nil
}

// Run delivers requests until ctx ends. It reconnects by itself.
func (s *Signals) Run(ctx context.Context) error {
	if s.client == nil {
		<-ctx.Done()
		return nil
	}
	subscription := s.client.Subscribe(ctx, s.channel)
	defer func() { _ = subscription.Close() }()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case m, ok := <-messages:
			if !ok {
				return errors.New("receive requests to stop: subscription closed")
			}
			if m.Payload != "" && len(m.Payload) <= maxRunID {
				s.stop(m.Payload)
			}
		}
	}
}
