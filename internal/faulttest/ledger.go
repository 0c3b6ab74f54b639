package faulttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Run is a run as it is stored.
type Run struct {
	ID, Conversation, UserMessage, Message, Status string
	Code                                           *string
	Input, Output                                  int64
	Estimated                                      bool
	Charged                                        bool
}

// Message is a message as it is stored, seen past every seal.
type Message struct {
	ID, Conversation, Role, Status, Text string
	Seq                                  int64
	OnPath                               bool
}

// Brain is what is stored of one user.
type Brain struct {
	Schema   string
	Runs     []Run
	Messages []Message
	// Counted are the messages, Input and Output the tokens, Cost the millionths of a dollar of usage_daily; DayUsed, DaySpent and
	// DayReserved are what the counters of quotas say.
	Counted, Input, Output, Cost int64
	DayUsed                      int
	DaySpent, DayReserved        int64
}

// Conversation returns the messages of a conversation's path in order, and its runs in the order in which they began.
func (b Brain) Conversation(id string) (messages []Message, runs []Run) {
	messages = slices.DeleteFunc(slices.Clone(b.Messages), func(m Message) bool { return m.Conversation != id || !m.OnPath })
	runs = slices.DeleteFunc(slices.Clone(b.Runs), func(r Run) bool { return r.Conversation != id })
	return messages, runs
}

// Brains reads what is stored of all users.
func (d Database) Brains(tb testing.TB) []Brain {
	tb.Helper()
	var brains []Brain
	d.with(tb, func(ctx context.Context, conn *pgx.Conn) (err error) {
		brains, err = readBrains(ctx, conn)
		return err
	})
	return brains
}

// Brain reads what is stored of the only user there is.
func (d Database) Brain(tb testing.TB) Brain {
	tb.Helper()
	brains := d.Brains(tb)
	if len(brains) != 1 {
		tb.Fatalf("there are %d brains", len(brains))
	}
	return brains[0]
}

func readBrains(ctx context.Context, conn *pgx.Conn) ([]Brain, error) {
	// One snapshot for everything.
	tx, err := conn.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly})
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.Rollback(ctx) }()
	rows, err := tx.Query(ctx, `SELECT t.schema_name, u.messages, u.input, u.output, u.cost, coalesce(q.day_used, 0),
			coalesce(q.day_microusd, 0), coalesce(q.day_reserved_microusd, 0)
		FROM public.tenants t
		CROSS JOIN LATERAL (SELECT coalesce(sum(messages), 0)::bigint AS messages, coalesce(sum(input_tokens), 0)::bigint AS input,
			coalesce(sum(output_tokens), 0)::bigint AS output, coalesce(sum(cost_microusd), 0)::bigint AS cost FROM public.usage_daily d WHERE d.user_id = t.user_id) u
		LEFT JOIN public.quota_counters q ON q.user_id = t.user_id
		WHERE t.version > 0 ORDER BY t.schema_name`)
	if err != nil {
		return nil, err
	}
	brains, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (b Brain, err error) {
		return b, row.Scan(&b.Schema, &b.Counted, &b.Input, &b.Output, &b.Cost, &b.DayUsed, &b.DaySpent, &b.DayReserved)
	})
	if err != nil {
		return nil, err
	}
	for i := range brains {
		if err := brains[i].read(ctx, tx); err != nil {
			return nil, fmt.Errorf("read %s: %w", brains[i].Schema, err)
		}
	}
	return brains, nil
}

func (b *Brain) read(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, `SELECT id::text, conversation_id, user_message_id, message_id, status, error_code, input_tokens, output_tokens,
		usage_estimated, charged_on IS NOT NULL FROM `+b.Schema+`.runs ORDER BY started_at, id`)
	if err != nil {
		return err
	}
	b.Runs, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (r Run, err error) {
		return r, row.Scan(&r.ID, &r.Conversation, &r.UserMessage, &r.Message, &r.Status, &r.Code, &r.Input, &r.Output, &r.Estimated, &r.Charged)
	})
	if err != nil {
		return err
	}
	rows, err = tx.Query(ctx, `SELECT id, conversation_id, role, status, seq, on_path,
		coalesce((SELECT string_agg(p->>'text', '' ORDER BY n) FROM jsonb_array_elements(parts) WITH ORDINALITY e(p, n) WHERE p->>'type' = 'text'), '')
		FROM `+b.Schema+`.messages ORDER BY conversation_id, seq`)
	if err != nil {
		return err
	}
	b.Messages, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (m Message, err error) {
		return m, row.Scan(&m.ID, &m.Conversation, &m.Role, &m.Status, &m.Seq, &m.OnPath, &m.Text)
	})
	return err
}

// Running counts the runs that have not ended, and the tickets of runs.
func (d Database) Running(tb testing.TB) (runs, tickets int) {
	tb.Helper()
	for _, b := range d.Brains(tb) {
		for _, r := range b.Runs {
			if r.Status == "running" {
				runs++
			}
		}
	}
	return runs, d.Count(tb, "SELECT count(*) FROM public.run_tickets")
}

// Settled waits until every run has ended and no ticket is left.
func (d Database) Settled(tb testing.TB, patience time.Duration) {
	tb.Helper()
	var runs, tickets int
	for deadline := time.Now().Add(patience); ; <-time.After(50 * time.Millisecond) {
		if runs, tickets = d.Running(tb); runs+tickets == 0 {
			return
		}
		if time.Now().After(deadline) {
			tb.Fatalf("not settled within %s: %d runs, %d tickets", patience, runs, tickets)
		}
	}
}

// Balanced fails the test unless the books agree: UsageBalanced and QuotaBalanced of everybody. It is for databases where every run
// has ended, no conversation was deleted and no run stopped before its first word.
func (d Database) Balanced(tb testing.TB) {
	tb.Helper()
	for _, b := range d.Brains(tb) {
		if err := errors.Join(b.UsageBalanced(), b.QuotaBalanced()); err != nil {
			tb.Errorf("%s: %v", b.Schema, err)
		}
	}
}

// UsageBalanced says whether what the runs used is what is in usage_daily, and each stored reply has one run and is counted once.
func (b Brain) UsageBalanced() error {
	stored := b.replies()
	ran := map[string]int{}
	var input, output int64
	for _, r := range b.Runs {
		if r.Status == "running" {
			return fmt.Errorf("run %s has not ended", r.ID)
		}
		if r.Status == "complete" && !stored[r.Message] {
			return fmt.Errorf("run %s is complete and its reply is not stored", r.ID)
		}
		input, output = input+r.Input, output+r.Output
		ran[r.Message]++
	}
	for id := range stored {
		if ran[id] != 1 {
			return fmt.Errorf("reply %s has %d runs", id, ran[id])
		}
	}
	if input != b.Input || output != b.Output {
		return fmt.Errorf("runs used %d and %d tokens, usage says %d and %d", input, output, b.Input, b.Output)
	}
	if int64(len(stored)) != b.Counted {
		return fmt.Errorf("%d replies are stored, usage says %d", len(stored), b.Counted)
	}
	return nil
}

// QuotaBalanced says whether the quota was taken once for each run that produced something and given back for all others. All must
// be of one day.
func (b Brain) QuotaBalanced() error {
	stored, charged := b.replies(), 0
	for _, r := range b.Runs {
		if r.Charged && stored[r.Message] {
			charged++
		}
	}
	if charged != b.DayUsed {
		return fmt.Errorf("%d runs were to be charged, the quota says %d", charged, b.DayUsed)
	}
	if b.Cost != b.DaySpent || b.DayReserved != 0 {
		return fmt.Errorf("%d were spent, the quota says %d, and %d reserved", b.Cost, b.DaySpent, b.DayReserved)
	}
	return nil
}

func (b Brain) replies() map[string]bool {
	stored := map[string]bool{}
	for _, m := range b.Messages {
		if m.Role == "assistant" {
			stored[m.ID] = true
		}
	}
	return stored
}
