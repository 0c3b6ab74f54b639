package redislog

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"

	"twobrains/internal/broadcast"
)

// maxRunID is longer than any run's id, which are UUIDs.
const maxRunID = 64

// Signals carries requests to stop a run to the replica that makes it. They are lost while Redis is away: who must be sure
// keeps the request somewhere else too.
type Signals struct {
	channel *broadcast.Channel
	stop    func(runID string)
}

// NewSignals makes Signals over a channel named after the prefix. A nil client means that there is only this replica. stop
// is called by Run for each request, this replica's own included; it must not take long.
func NewSignals(client redis.UniversalClient, prefix string, stop func(runID string)) *Signals {
	return &Signals{channel: broadcast.New(client, prefix+"run:stop"), stop: stop}
}

// Publish asks all replicas to stop a run. It takes no longer than broadcast.PublishWait; the error says that they may not know of it.
func (s *Signals) Publish(ctx context.Context, runID string) error {
	if err := s.channel.Publish(ctx, runID); err != nil {
		return fmt.Errorf("publish request to stop: %w", err)
	}
	return nil
}

// Run delivers requests until ctx ends. It reconnects by itself.
func (s *Signals) Run(ctx context.Context) error {
	return s.channel.Run(ctx, func(runID string) {
		if runID != "" && len(runID) <= maxRunID {
			s.stop(runID)
		}
	})
}
