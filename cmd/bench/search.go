package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"twobrains/internal/search"
	"twobrains/internal/tenant"
)

//go:embed search.sql
var searchBaselineDDL string

// The baseline keeps the words beside the messages, as one does where no seal is in the way: an index over all users' words.
const searchBaseline = `SELECT conversation_id, seq, created_at,
  ts_headline('simple', body, q, 'MaxWords=24,MinWords=12,MaxFragments=2') FROM messages, websearch_to_tsquery('simple', $2) q
WHERE user_id = $1 AND tsv @@ q ORDER BY created_at DESC LIMIT 21`

const (
	searchMessages  = 100_000
	searchPerTalk   = 100
	searchWords     = 30_000
	searchBudget    = 30 * time.Millisecond
	searchOthers    = 9 // users of the baseline with a ninth of as many messages each
	searchTimeout   = 20 * time.Minute
	searchDatabase  = "bench_search"
	searchQuestions = 400
)

// runSearch measures a search of one user with 100,000 messages, and what finding them costs: to index them, and on disk.
func runSearch(ctx context.Context, b *bench) error {
	s, err := b.fast(ctx)
	if err != nil {
		return err
	}
	n := searchMessages
	if b.quick {
		n /= 10
	}
	d, err := b.newDatabase(ctx, s, searchDatabase)
	if err != nil {
		return err
	}
	k, err := d.kernel(tenant.Options{Lanes: 1, UnitTimeout: time.Minute})
	if err != nil {
		return err
	}
	defer k.close()
	if k.users, err = d.verify(ctx, userIDs("searcher", 1)); err != nil {
		return err
	}
	brain, err := k.db.Open(ctx, k.users[0])
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	super, err := pgx.Connect(ctx, s.Postgres.SuperuserURL(d.name))
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	defer func() { _ = super.Close(ctx) }()
	schema, talk := schemaOf(brain.UserID()), newSpeech()
	if err := fillSearch(ctx, super, schema, n, talk); err != nil {
		return err
	}
	service := search.New(search.Options{DB: k.db, Patience: searchTimeout})
	defer service.Close()
	begin := time.Now()
	if _, err := service.Search(ctx, k.users[0], search.Params{Query: "nothing"}); err != nil {
		return fmt.Errorf("index: %w", err)
	}
	perMessage := time.Since(begin) / time.Duration(n)
	var bytes, empty int64
	if err := super.QueryRow(ctx, "SELECT pg_total_relation_size($1), pg_total_relation_size('brain_template.message_search')", schema+".message_search").
		Scan(&bytes, &empty); err != nil {
		return fmt.Errorf("measure index: %w", err)
	}
	b.report.add(line{
		Figure: fmt.Sprintf("indexing %d messages of one user, when they first search", n), Baseline: "–",
		Ours:    fmt.Sprintf("%s ms and %.1f KB a message; %d KB where nobody searches", milli(perMessage), float64(bytes)/float64(n)/1024, empty/1024),
		Details: map[string]float64{"perMessageMicros": float64(perMessage.Microseconds()), "bytes": float64(bytes), "emptyBytes": float64(empty)},
	})

	if _, err := super.Exec(ctx, searchBaselineDDL, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("make baseline: %w", err)
	}
	if err := fillSearchBaseline(ctx, super, schema); err != nil {
		return err
	}
	ours := func(ctx context.Context, query string) error {
		page, err := service.Search(ctx, k.users[0], search.Params{Query: query})
		if err == nil && page.Indexing {
			err = fmt.Errorf("search: not all is indexed")
		}
		return err
	}
	baseline := func(ctx context.Context, query string) error {
		rows, err := super.Query(ctx, searchBaseline, brain.UserID(), query)
		if err != nil {
			return fmt.Errorf("search: %w", err)
		}
		rows.Close()
		return rows.Err()
	}
	if _, err := super.Exec(ctx, "SET search_path = bench_baseline; SET jit = off", pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("configure baseline: %w", err)
	}
	took := map[string][]time.Duration{}
	r := rand.New(rand.NewPCG(7, 7))
	for i := range searchQuestions + 20 {
		query := talk.question(r)
		for name, ask := range map[string]func(context.Context, string) error{"ours": ours, "baseline": baseline} {
			begin := time.Now()
			if err := ask(ctx, query); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			if i >= 20 { // what came before warmed it
				took[name] = append(took[name], time.Since(begin))
			}
		}
	}
	p50, p95, base50, base95 := quantile(took["ours"], .5), quantile(took["ours"], .95), quantile(took["baseline"], .5), quantile(took["baseline"], .95)
	b.report.add(line{
		Figure:   fmt.Sprintf("search at %d messages of one user, p50 / p95", n),
		Baseline: fmt.Sprintf("%s / %s ms", milli(base50), milli(base95)), Ours: fmt.Sprintf("%s / %s ms", milli(p50), milli(p95)),
		Ratio: fmt.Sprintf("%.2f / %.2f", float64(p50)/float64(base50), float64(p95)/float64(base95)), Must: "p95 <= 30 ms", Pass: p95 <= searchBudget,
		Details: map[string]float64{"p50Micros": float64(p50.Microseconds()), "p95Micros": float64(p95.Microseconds()),
			"maxMicros":         float64(quantile(took["ours"], 1).Microseconds()),
			"baselineP50Micros": float64(base50.Microseconds()), "baselineP95Micros": float64(base95.Microseconds())},
	})
	return b.dropDatabase(ctx, d)
}

// speech is a language: words of which the n-th comes about 1/n as often as the first.
type speech struct{ words []string }

func newSpeech() speech {
	syllables := strings.Fields("ta ro mi ne ku sa lo pe vi du ga ze fi ha or an el ist ung er")
	r, seen := rand.New(rand.NewPCG(1, 1)), map[string]bool{}
	var s speech
	for len(s.words) < searchWords {
		var word strings.Builder
		for range 1 + r.IntN(5) {
			word.WriteString(syllables[r.IntN(len(syllables))])
		}
		if w := word.String(); !seen[w] {
			seen[w] = true
			s.words = append(s.words, w)
		}
	}
	return s
}

// word picks one as often as it is said, rank being distributed by the logarithm.
func (s speech) word(r *rand.Rand) string {
	return s.words[int(math.Exp(r.Float64()*math.Log(float64(len(s.words)))))-1]
}

func (s speech) text(r *rand.Rand, words int) string {
	list := make([]string, words)
	for i := range list {
		list[i] = s.word(r)
	}
	return strings.Join(list, " ")
}

// question is a query as people type them: a word, two, one that is not finished, a phrase.
func (s speech) question(r *rand.Rand) string {
	one, two := s.word(r), s.word(r)
	switch n := r.IntN(20); {
	case n < 10:
		return one + " "
	case n < 14:
		return one + " " + two + " "
	case n < 19:
		return one[:min(len(one), 3+r.IntN(3))]
	}
	return `"` + one + " " + two + `"`
}

func fillSearch(ctx context.Context, super *pgx.Conn, schema string, n int, talk speech) error {
	r, begin := rand.New(rand.NewPCG(3, 3)), time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)
	_, err := super.CopyFrom(ctx, pgx.Identifier{schema, "messages"},
		[]string{"id", "conversation_id", "seq", "role", "parts", "status", "size", "created_at"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			role, words := "user", 30
			if i%2 == 1 {
				role, words = "assistant", 220
			}
			text := talk.text(r, words)
			parts, err := json.Marshal([]map[string]string{{"type": "text", "text": text}})
			return []any{fmt.Sprintf("m%d", i), fmt.Sprintf("c%d", i/searchPerTalk), int64(i%searchPerTalk + 1), role, parts, "complete", int32(len(text)),
				begin.Add(time.Duration(i) * time.Minute)}, err
		}))
	if err != nil {
		return fmt.Errorf("fill messages: %w", err)
	}
	_, err = super.Exec(ctx, fmt.Sprintf(`INSERT INTO %[1]s.conversations (id, title, last_seq, created_at, updated_at)
SELECT conversation_id, left(min(parts->0->>'text'), 40), max(seq), min(created_at), max(created_at) FROM %[1]s.messages GROUP BY conversation_id`, schema))
	if err != nil {
		return fmt.Errorf("fill conversations: %w", err)
	}
	return nil
}

// fillSearchBaseline gives the baseline the same messages, and as many of other users.
func fillSearchBaseline(ctx context.Context, super *pgx.Conn, schema string) error {
	for i := range searchOthers + 1 {
		user, where := userID("searcher", 0), "true"
		if i > 0 {
			user, where = userID("search other", i), fmt.Sprintf("m.seq %% %d = %d", searchOthers, i-1)
		}
		_, err := super.Exec(ctx, fmt.Sprintf(`INSERT INTO bench_baseline.messages (user_id, conversation_id, seq, created_at, body)
SELECT $1, m.conversation_id, m.seq, m.created_at, m.parts->0->>'text' FROM %s.messages m WHERE %s`, schema, where), user)
		if err != nil {
			return fmt.Errorf("fill baseline: %w", err)
		}
	}
	if _, err := super.Exec(ctx, "CREATE INDEX ON bench_baseline.messages USING gin (tsv)"); err != nil {
		return fmt.Errorf("index baseline: %w", err)
	}
	if _, err := super.Exec(ctx, "VACUUM ANALYZE bench_baseline.messages"); err != nil {
		return fmt.Errorf("analyse baseline: %w", err)
	}
	return nil
}
