package search_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/chat"
	"twobrains/internal/problem"
	"twobrains/internal/search"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

type testBundle struct {
	*testdb.Database
	*search.Service
	t     *testing.T
	ids   *authtest.Identities
	user  auth.User
	wire  *testdb.Wire
	chat  *chat.Service
	clock time.Time
}

func setup(t *testing.T, change ...func(*search.Options)) *testBundle {
	t.Helper()
	b := &testBundle{t: t, wire: &testdb.Wire{}, ids: authtest.NewIdentities(t), clock: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	b.Database = testdb.New(t, testdb.Watch(b.wire))
	b.Service = b.service(change...)
	b.chat = chat.NewService(chat.Options{DB: b.DB})
	b.user = b.ids.User(t, uuid.New())
	return b
}

func (b *testBundle) service(change ...func(*search.Options)) *search.Service {
	o := search.Options{DB: b.DB, Patience: time.Minute}
	for _, c := range change {
		c(&o)
	}
	s := search.New(o)
	b.t.Cleanup(s.Close)
	return s
}

// say appends a message, a minute after the one before, as a client that begins or goes on with a conversation.
func (b *testBundle) say(user auth.User, conversation, id, role, text string) {
	b.t.Helper()
	b.clock = b.clock.Add(time.Minute)
	parts, err := json.Marshal([]map[string]string{{"type": "reasoning", "text": "pondering"}, {"type": "text", "text": text}})
	require.NoError(b.t, err)
	b.tx(user, func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tenantdb.New().MessageSend(ctx, tx, tenantdb.MessageSendParams{
			ConversationID: conversation, Title: chat.TitleFrom(text), ID: id, Role: role, Parts: parts,
			Metadata: json.RawMessage("{}"), Status: "complete", Size: int32(len(text)), Now: b.clock,
		})
		return err
	})
}

func (b *testBundle) tx(user auth.User, fn func(context.Context, *tenant.Tx) error) {
	b.t.Helper()
	require.NoError(b.t, b.DB.Tx(b.t.Context(), user, func(tx *tenant.Tx) error { return fn(b.t.Context(), tx) }))
}

// found are the hits of all pages, a title as its conversation, a message as its id.
func (b *testBundle) found(query string) (hits []string) {
	b.t.Helper()
	hits = []string{}
	cursor := ""
	for {
		page, err := b.Search(b.t.Context(), b.user, search.Params{Query: query, Cursor: cursor, Limit: 2})
		require.NoError(b.t, err)
		for _, hit := range page.Items {
			if hit.MessageID == "" {
				hits = append(hits, "title:"+hit.ConversationID)
			} else {
				hits = append(hits, hit.MessageID)
			}
		}
		if cursor = page.NextCursor; cursor == "" {
			return hits
		}
	}
}

func TestFindsWordsPhrasesAndPrefixes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(b.user, "c1", "m1", "user", "How do I declare income from Übersetzungen?")
	b.say(b.user, "c1", "m2", "assistant", "Income is declared in the annual return, by the end of July.")
	b.say(b.user, "c2", "m3", "user", "July trip to the sea")
	b.say(b.user, "c2", "m4", "assistant", "Pack light. The return ticket is cheaper in an annual pass.")
	other := b.ids.User(t, uuid.New())
	b.say(other, "c1", "x1", "user", "July income of somebody else")

	for query, want := range map[string][]string{
		"july":                   {"title:c2", "m3", "m2"},
		"JULY income":            {"m2"},
		"inc":                    {"title:c1", "m2", "m1"},
		"inc ":                   {},
		"return annual":          {"m4", "m2"},
		`"annual return"`:        {"m2"},
		`"annual return`:         {"m2"},
		"return -ticket":         {"m2"},
		"ticket or trip ":        {"title:c2", "m4", "m3"},
		"übersetz":               {"title:c1", "m1"},
		"pondering":              {},
		"nothing of this":        {},
		"-july":                  {},
		"it's":                   {},
		`'; DROP TABLE x; --\`:   {},
		"a & b | !c <-> (d):*":   {},
		strings.Repeat("x ", 99): {},
	} {
		require.Equal(t, want, b.found(query), query)
	}
}

func TestSnippetMarksWhatMatches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(b.user, "c1", "m1", "user", "A title")
	b.say(b.user, "c1", "m2", "assistant", strings.Repeat("filler words here. ", 3000)+"\nThe <b>needle\uE000</b> is here "+strings.Repeat("and more filler. ", 2000))
	page, err := b.Search(t.Context(), b.user, search.Params{Query: "needle"})
	require.NoError(t, err)
	require.Len(t, page.Items, 1)
	hit := page.Items[0]
	require.Equal(t, "A title", hit.Title)
	require.Equal(t, "assistant", hit.Role)
	require.True(t, hit.Shown)
	require.Equal(t, b.clock, hit.CreatedAt)
	var text, marked strings.Builder
	for _, piece := range hit.Snippet {
		text.WriteString(piece.Text)
		if piece.Match {
			marked.WriteString(piece.Text)
		}
	}
	require.Equal(t, "needle", marked.String())
	require.NotContains(t, text.String(), "\n")
	require.NotContains(t, text.String(), "\uE000")
	require.Less(t, text.Len(), 400)

	page, err = b.Search(t.Context(), b.user, search.Params{Query: "title"})
	require.NoError(t, err)
	require.Equal(t, []search.Piece{{Text: "A "}, {Text: "title", Match: true}}, page.Items[0].Snippet)
	require.Empty(t, page.Items[0].MessageID)
}

// What changes a stored text or a title is found by what it says then.
func TestFollowsChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	q := tenantdb.New()
	b.say(b.user, "c1", "m1", "user", "alpha")
	b.say(b.user, "c1", "m2", "assistant", "beta")
	b.say(b.user, "c1", "m3", "assistant", "delta")
	require.Equal(t, []string{"m2"}, b.found("beta"))

	b.tx(b.user, func(ctx context.Context, tx *tenant.Tx) error {
		_, err := q.RunReplyReplace(ctx, tx, tenantdb.RunReplyReplaceParams{
			ID: "m2", ConversationID: "c1", Parts: json.RawMessage(`[{"type":"text","text":"gamma"}]`), Metadata: json.RawMessage("{}"), Status: "complete", Now: b.clock,
		})
		return err
	})
	require.Empty(t, b.found("beta"))
	require.Equal(t, []string{"m2"}, b.found("gamma"))
	require.Equal(t, []string{"m3"}, b.found("delta"))

	title := "renamed"
	_, err := b.chat.Update(t.Context(), b.user, "c1", chat.Patch{Title: &title})
	require.NoError(t, err)
	require.Equal(t, []string{"m1"}, b.found("alpha"))
	require.Equal(t, []string{"title:c1"}, b.found("renamed"))

	// Another version of m1 takes its id; both are found, by the ids that they have.
	b.tx(b.user, func(ctx context.Context, tx *tenant.Tx) error {
		return q.BranchRename(ctx, tx, tenantdb.BranchRenameParams{ID: "m1", NewID: "m1-before", ConversationID: "c1"})
	})
	require.Equal(t, []string{"m1-before"}, b.found("alpha"))

	require.NoError(t, b.chat.Delete(t.Context(), b.user, "c1"))
	require.Empty(t, b.found("gamma"))
	require.Zero(t, b.rows("WHERE conversation_id <> ''"))
}

// rows counts what is indexed, past the seal.
func (b *testBundle) rows(where string) (n int) {
	b.t.Helper()
	schema := "u_" + strings.ReplaceAll(b.user.ID().String(), "-", "")
	require.NoError(b.t, b.Superuser(b.t).QueryRow(b.t.Context(), "SELECT count(*) FROM "+schema+".message_search "+where).Scan(&n))
	return n
}

func TestTemporaryConversationsAreNotIndexed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(b.user, "c1", "m1", "user", "alpha")
	b.say(b.user, "c2", "m2", "user", "alpha secret")
	b.tx(b.user, func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE conversations SET temporary = true WHERE id = 'c2'")
		return err
	})
	require.Equal(t, []string{"title:c1", "m1"}, b.found("alpha"))
	require.Zero(t, b.rows("WHERE conversation_id = 'c2'"))
}

// Much that is new is indexed in the background, in portions; a search meanwhile says so.
func TestIndexesTheRestInTheBackground(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *search.Options) { o.Batch, o.Patience = 10, time.Nanosecond })
	for c := range 3 {
		for m := range 45 {
			b.say(b.user, fmt.Sprintf("c%d", c), fmt.Sprintf("m%d-%d", c, m), "user", fmt.Sprintf("number%d of conversation", m))
		}
	}
	page, err := b.Search(t.Context(), b.user, search.Params{Query: "number44"})
	require.NoError(t, err)
	require.True(t, page.Indexing)
	require.Eventually(t, func() bool {
		page, err = b.Search(t.Context(), b.user, search.Params{Query: "number44 "})
		return err == nil && !page.Indexing
	}, 20*time.Second, 20*time.Millisecond)
	require.Len(t, page.Items, 3)
	require.Equal(t, "m2-44", page.Items[0].MessageID)
	require.Equal(t, 3*46, b.rows("WHERE conversation_id <> ''"))
	all, err := b.Search(t.Context(), b.user, search.Params{Query: "conversation", Limit: 50})
	require.NoError(t, err)
	require.Len(t, all.Items, 50)
	require.Len(t, b.found("conversation "), 3*45+3)
}

// Many pages, over what is looked at first and what the index is asked for.
func TestPagesThroughFrequentAndRareWords(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *search.Options) { o.Batch = 5000 })
	b.say(b.user, "c", "m0", "user", "first")
	b.tx(b.user, func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO messages (id, conversation_id, seq, role, parts, status, size, created_at)
			SELECT 'm' || n, 'c', n + 1, 'assistant', jsonb_build_array(jsonb_build_object('type', 'text', 'text',
			  'common word' || CASE WHEN n % 100 = 7 THEN ' rare old phrase' WHEN n % 100 = 8 THEN ' old rare phrase' ELSE '' END)), 'complete', 9, '2026-03-02'::timestamptz + n * interval '1 minute'
			FROM generate_series(1, 2000) n`)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE conversations SET last_seq = 2001")
		return err
	})
	var rare []string
	for n := 1907; n > 0; n -= 100 {
		rare = append(rare, fmt.Sprintf("m%d", n+1), fmt.Sprintf("m%d", n))
	}
	require.Equal(t, rare, b.found("rare"))
	var phrase []string
	for n := 1907; n > 0; n -= 100 {
		phrase = append(phrase, fmt.Sprintf("m%d", n))
	}
	require.Equal(t, phrase, b.found(`"rare old"`))
	page, err := b.Search(t.Context(), b.user, search.Params{Query: "comm", Limit: 50})
	require.NoError(t, err)
	require.Len(t, page.Items, 50)
	require.Equal(t, "m2000", page.Items[0].MessageID)
	require.Len(t, b.found("first"), 2)
}

func TestLanguageIsChangedByIndexingAnew(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(b.user, "c1", "m1", "user", "He was running late")
	require.Empty(t, b.found("runs "))
	b.Service = b.service(func(o *search.Options) { o.Language = "english" })
	require.Equal(t, []string{"title:c1", "m1"}, b.found("runs "))
	require.Equal(t, 3, b.rows(""))
}

func TestSteadySearchIsOneRoundTrip(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say(b.user, "c1", "m1", "user", "alpha")
	require.Len(t, b.found("alpha"), 2)
	require.EqualValues(t, 1, b.wire.During(func() { require.Len(t, b.found("alpha"), 2) }))
}

func TestRefusesWhatIsNoSearch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, p := range []search.Params{
		{Query: ""}, {Query: "   "}, {Query: "?!"}, {Query: "a\x00b"}, {Query: "\xff"}, {Query: strings.Repeat("ä", search.MaxQuery+1)},
		{Query: "a", Limit: -1}, {Query: "a", Limit: search.MaxPage + 1},
	} {
		_, err := b.Search(t.Context(), b.user, p)
		require.True(t, problem.HasCode(err, problem.CodeInvalid), "%+v: %v", p, err)
	}
	for _, cursor := range []string{"x", "bSAxIGMx", "bSB4IGMxIDE", "bSA5OTk5OTk5OTk5OTk5OTk5OTk5IGMgMQ", strings.Repeat("a", 300), "eCAxIGMgMQ"} {
		_, err := b.Search(t.Context(), b.user, search.Params{Query: "a", Cursor: cursor})
		require.True(t, problem.HasCode(err, problem.CodeBadRequest), "%s: %v", cursor, err)
	}
}

// The seal keeps conditions on words from an index; the function gets there all the same. Only counters tell, since nothing but the
// function's owner sees its plans.
func TestReachesTheIndex(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *search.Options) { o.Batch = 5000 })
	b.say(b.user, "c", "m0", "user", "needle in the oldest")
	b.tx(b.user, func(ctx context.Context, tx *tenant.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO messages (id, conversation_id, seq, role, parts, status, size, created_at)
			SELECT 'm' || n, 'c', n + 1, 'assistant', jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'some words of message' || n)),
			  'complete', 9, '2026-03-02'::timestamptz + n * interval '1 minute' FROM generate_series(1, 10000) n`)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, "UPDATE conversations SET last_seq = 10001")
		return err
	})
	require.Equal(t, []string{"title:c", "m0"}, b.found("needle"))
	schema := "u_" + strings.ReplaceAll(b.user.ID().String(), "-", "")
	super := b.Superuser(t)
	counters := func() (index, sequential int) {
		b.tx(b.user, func(ctx context.Context, tx *tenant.Tx) error {
			_, err := tx.Exec(ctx, "SELECT pg_stat_force_next_flush()")
			return err
		})
		b.tx(b.user, func(context.Context, *tenant.Tx) error { return nil }) // what the transaction before counted is told by now
		require.NoError(t, super.QueryRow(t.Context(), `SELECT i.idx_scan, t.seq_scan FROM pg_stat_all_indexes i JOIN pg_stat_all_tables t USING (relid)
			WHERE i.schemaname = $1 AND i.indexrelname = 'message_search_words'`, schema).Scan(&index, &sequential))
		return index, sequential
	}
	index, sequential := counters()
	require.Equal(t, []string{"title:c", "m0"}, b.found("needle"))
	indexAfter, sequentialAfter := counters()
	require.Greater(t, indexAfter, index)
	require.Equal(t, sequential, sequentialAfter)
}
