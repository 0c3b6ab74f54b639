package transfer_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
	"twobrains/internal/account/transfer"
	"twobrains/internal/auth"
	"twobrains/internal/problem"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func size(text string) string { return `"bytes": ` + strconv.Itoa(len(text)) }

// gpt makes an export of ChatGPT with conversations of so many messages each, one after the other.
func gpt(conversations, messages int, text string) []byte {
	var out bytes.Buffer
	out.WriteByte('[')
	for c := range conversations {
		if c > 0 {
			out.WriteByte(',')
		}
		fmt.Fprintf(&out, `{"title":"c%d","create_time":1712345678,"update_time":1712345679,"id":"id-%[1]d","current_node":"n%d","mapping":{`, c, messages)
		for n := range messages + 1 {
			if n > 0 {
				out.WriteByte(',')
			}
			message, parent, children := "null", "null", "[]"
			if n > 0 {
				parent = fmt.Sprintf(`"n%d"`, n-1)
				role := "assistant"
				if n%2 == 1 {
					role = "user"
				}
				body, _ := json.Marshal(fmt.Sprintf("%s %d", text, n))
				message = fmt.Sprintf(`{"author":{"role":%q},"create_time":%d,"content":{"content_type":"text","parts":[%s]},"recipient":"all"}`, role, 1712345678+n, body)
			}
			if n < messages {
				children = fmt.Sprintf(`["n%d"]`, n+1)
			}
			fmt.Fprintf(&out, `"n%d":{"parent":%s,"children":%s,"message":%s}`, n, parent, children, message)
		}
		out.WriteString("}}")
	}
	out.WriteByte(']')
	return out.Bytes()
}

func (b *testBundle) count(u auth.User, table string) (n int) {
	b.t.Helper()
	require.NoError(b.t, b.super.QueryRow(b.t.Context(), "SELECT count(*) FROM "+schemaOf(u)+"."+table).Scan(&n))
	return n
}

func TestImportIsIdempotentAndGoesOn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.user()
	file := gpt(300, 4, "hello")

	// Broken off half way, as by a process that dies.
	ctx, cancel := context.WithCancel(t.Context())
	a := b.open(file)
	_, err := transfer.Import(ctx, u, a, transfer.ImportOptions{DB: b.DB, Progress: func(int64) { cancel() }})
	require.ErrorIs(t, err, context.Canceled)
	half := b.count(u, "messages")
	require.Positive(t, half)
	require.Less(t, half, 1200)

	report := b.importInto(u, file)
	require.Equal(t, transfer.Tally{Taken: 1200 - half, Already: half}, report.Messages)
	require.Equal(t, 1200, b.count(u, "messages"))
	require.Equal(t, 300, b.count(u, "conversations"))
	report = b.importInto(u, file)
	require.Equal(t, transfer.Tally{Already: 1200}, report.Messages)

	// A later export of the same conversations: what came since goes on with them.
	report = b.importInto(u, gpt(300, 6, "hello"))
	require.Equal(t, transfer.Tally{Taken: 600, Already: 1200}, report.Messages)
	require.Equal(t, 1800, b.count(u, "messages WHERE on_path AND parent_seq = 0 AND versions = 1"))
	require.Equal(t, 300, b.count(u, "conversations WHERE last_seq = 6"))

	// Two at the same time are one.
	other := b.user()
	reports := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := transfer.Import(t.Context(), other, b.open(file), transfer.ImportOptions{DB: b.DB})
			reports <- err
		}()
	}
	require.NoError(t, errors.Join(<-reports, <-reports))
	require.Equal(t, 1200, b.count(other, "messages"))
}

func TestImportMeetsWhatIsThere(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.user()
	b.importInto(u, gpt(2, 4, "hello"))
	var id, message string
	require.NoError(t, b.super.QueryRow(t.Context(), "SELECT conversation_id, id FROM "+schemaOf(u)+".messages WHERE seq = 4 ORDER BY 1 LIMIT 1").Scan(&id, &message))

	// A reply is being made: what is missing there is left out, with the reason.
	b.exec(u, "DELETE FROM {S}.messages WHERE id = $1", message)
	b.exec(u, `INSERT INTO {S}.runs (id, conversation_id, user_message_id, message_id, model, effort, key_source, instance_id, status) VALUES (gen_random_uuid(), $1, 'a', 'b', '', '', 'own', gen_random_uuid(), 'running')`, id)
	report := b.importInto(u, gpt(2, 4, "hello"))
	require.Equal(t, []transfer.Skipped{{Reason: archive.ReasonRunActive, Count: 1, Examples: []string{message}}}, report.Skipped)
	b.exec(u, "DELETE FROM {S}.runs")

	// Its id is that of a message elsewhere.
	b.exec(u, `INSERT INTO {S}.conversations (id, last_seq) VALUES ('mine', 1)`)
	b.exec(u, `INSERT INTO {S}.messages (id, conversation_id, seq, role, parts, status, size) VALUES ($1, 'mine', 1, 'user', '[]', 'complete', 0)`, message)
	report = b.importInto(u, gpt(2, 4, "hello"))
	require.Equal(t, []transfer.Skipped{{Reason: archive.ReasonIDTaken, Count: 1, Examples: []string{message}}}, report.Skipped)

	// No room.
	full := func(context.Context, auth.User, int64) error { return problem.New(problem.CodeStorageFull, "full") }
	report, err := transfer.Import(t.Context(), b.user(), b.open(gpt(1, 4, "hello")), transfer.ImportOptions{DB: b.DB, Admit: full})
	require.NoError(t, err)
	require.Zero(t, report.Messages)
	require.Equal(t, archive.ReasonStorageFull, report.Skipped[0].Reason)
	require.Equal(t, 4, report.Skipped[0].Count)
}

// What breaks off in the middle is reported, and what came before it stays.
func TestImportOfHalfAFile(t *testing.T) {
	t.Parallel()
	b := setup(t)
	u := b.user()
	file := gpt(300, 4, "hello")
	report, err := transfer.Import(t.Context(), u, b.open(file[:len(file)*3/4]), transfer.ImportOptions{DB: b.DB})
	require.NoError(t, err)
	require.Equal(t, &transfer.Refused{Code: archive.CodeIncomplete}, report.Refused)
	require.Positive(t, report.Messages.Taken)
	require.Equal(t, report.Messages.Taken, b.count(u, "messages"))
}

// The figure that is promised is under a minute; the log says what it was.
func TestImportOfFiftyThousandMessages(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("takes seconds")
	}
	b := setup(t)
	u := b.user()
	file := gpt(1000, 50, strings.Repeat("Some words of a message. ", 20))
	start := time.Now()
	report := b.importInto(u, file)
	t.Logf("50,000 messages, %d MB, in %s", len(file)>>20, time.Since(start).Round(time.Millisecond))
	require.Equal(t, 50_000, report.Messages.Taken)
	require.Equal(t, 50_000, b.count(u, "messages"))
}
