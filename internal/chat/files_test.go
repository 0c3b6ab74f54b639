package chat_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/attachment"
	"twobrains/internal/auth"
	"twobrains/internal/auth/authtest"
	"twobrains/internal/chat"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tenantdb"
	"twobrains/internal/testdb"
)

var seeing = catalog.Model{ID: "p:seeing", Name: "Seeing", Provider: "p", Capabilities: catalog.Capabilities{Images: true, Files: true}}

type testBundle struct {
	*testdb.Database
	chat  *chat.Service
	files *attachment.Service
	ids   *authtest.Identities
	user  auth.User
	q     *tenantdb.Queries
}

func setup(t *testing.T) *testBundle {
	t.Helper()
	b := &testBundle{Database: testdb.New(t), ids: authtest.NewIdentities(t), q: tenantdb.New()}
	b.chat = chat.NewService(chat.Options{DB: b.DB})
	b.files = attachment.New(attachment.Options{DB: b.DB, MaxBytes: 20 << 20, TotalBytes: 200 << 20})
	b.user = b.ids.User(t, uuid.New())
	return b
}

func (b *testBundle) upload(t *testing.T, user auth.User, size int) attachment.Attachment {
	t.Helper()
	data := append([]byte("%PDF-1.7\n"), bytes.Repeat([]byte("x"), size-9)...)
	a, err := b.files.Create(t.Context(), user, "a.pdf", "application/pdf", data)
	require.NoError(t, err)
	return a
}

func (b *testBundle) tx(t *testing.T, fn func(*tenant.Tx) error) error {
	t.Helper()
	brain, err := b.DB.Open(t.Context(), b.user)
	require.NoError(t, err)
	return brain.Tx(t.Context(), fn)
}

// send stores a message as a run does, and returns what the claim of its files came to.
func (b *testBundle) send(t *testing.T, conversation string, mediaType string, files ...uuid.UUID) error {
	t.Helper()
	parts := []string{`{"type":"text","text":"look"}`}
	for _, id := range files {
		parts = append(parts, fmt.Sprintf(`{"type":"file","mediaType":%q,"url":%q,"filename":"a.pdf"}`, mediaType, attachment.URL(id)))
	}
	m, err := chat.ParseUserMessage(json.RawMessage(fmt.Sprintf(`{"id":"m_%s","role":"user","parts":[%s]}`, uuid.NewString(), strings.Join(parts, ","))), "message", 100)
	require.NoError(t, err)
	return b.tx(t, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return b.q.MessageSend(t.Context(), db, tenantdb.MessageSendParams{
				ConversationID: conversation, ID: m.ID, Role: "user", Parts: m.Parts, Metadata: json.RawMessage("{}"), Status: "complete", Now: time.Now(),
			})
		})
		claim := chat.QueueClaim(t.Context(), tx, conversation, m)
		if err := tx.Flush(); err != nil {
			return err
		}
		return claim.Check()
	})
}

// read is what a model gets of a conversation.
func (b *testBundle) read(t *testing.T, conversation string, model catalog.Model) ([]llm.Message, error) {
	t.Helper()
	var load *chat.FileLoad
	var rows []tenantdb.MessageHistoryRow
	err := b.tx(t, func(tx *tenant.Tx) error {
		var err error
		rows, err = b.q.MessageHistory(t.Context(), tx, tenantdb.MessageHistoryParams{ConversationID: conversation, RowLimit: 100, Budget: 1 << 40})
		if err != nil {
			return err
		}
		load, err = chat.QueueFiles(t.Context(), tx, rows, model)
		return err
	})
	if err != nil {
		return nil, err
	}
	var messages []llm.Message
	for _, row := range rows {
		made, err := load.Files().Messages(row.Role, row.Parts)
		require.NoError(t, err)
		messages = append(messages, made...)
	}
	return messages, nil
}

func fields(err error) (paths []string) {
	for _, f := range problem.From(err).Fields {
		paths = append(paths, f.Path)
	}
	return paths
}

func TestClaim(t *testing.T) {
	t.Parallel()
	b := setup(t)
	a := b.upload(t, b.user, 100)
	require.NoError(t, b.send(t, "c", "application/pdf", a.ID))
	require.NoError(t, b.send(t, "c", "application/pdf", a.ID), "again in the same conversation")

	err := b.send(t, "other", "application/pdf", a.ID)
	require.Equal(t, []string{"message.parts[1].url"}, fields(err), "%v", err)
	_, err = b.chat.Get(t.Context(), b.user, "other")
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "the refused message is stored: %v", err)

	theirs := b.upload(t, b.ids.User(t, uuid.New()), 100)
	for name, id := range map[string]uuid.UUID{"another's": theirs.ID, "unknown": uuid.New()} {
		fresh := b.upload(t, b.user, 100)
		err := b.send(t, "c", "application/pdf", fresh.ID, id)
		require.True(t, problem.HasCode(err, problem.CodeInvalid), "%s: %v", name, err)
		require.Equal(t, []string{"message.parts[2].url"}, fields(err), name)
		require.NoError(t, b.send(t, "fresh-"+name[:3], "application/pdf", fresh.ID), "a refused message claims nothing")
	}
	fresh := b.upload(t, b.user, 100)
	err = b.send(t, "c", "image/png", fresh.ID)
	require.Equal(t, []string{"message.parts[1].mediaType"}, fields(err))

	big, small := b.upload(t, b.user, chat.MaxFileBytes), b.upload(t, b.user, 100)
	err = b.send(t, "c", "application/pdf", big.ID, small.ID)
	require.Equal(t, []string{"message.parts"}, fields(err), "%v", err)
	require.NoError(t, b.send(t, "c", "application/pdf", big.ID))
}

func TestDeletingAConversationDeletesItsFiles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	gone, kept, loose := b.upload(t, b.user, 100), b.upload(t, b.user, 100), b.upload(t, b.user, 100)
	require.NoError(t, b.send(t, "c1", "application/pdf", gone.ID))
	require.NoError(t, b.send(t, "c2", "application/pdf", kept.ID))
	made := uuid.New()
	store := func(conversation string) {
		require.NoError(t, b.tx(t, func(tx *tenant.Tx) error {
			chat.QueueStore(ctx, tx, conversation, tenantdb.AttachmentStoreParams{ID: made, MediaType: "image/png", Data: []byte("image"), Now: time.Now()})
			return nil
		}))
	}
	store("c1")
	_, err := b.files.Get(ctx, b.user, made)
	require.NoError(t, err)

	require.NoError(t, b.chat.Delete(ctx, b.user, "c1"))
	for _, id := range []uuid.UUID{gone.ID, made} {
		_, err := b.files.Get(ctx, b.user, id)
		require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	}
	for _, a := range []attachment.Attachment{kept, loose} {
		_, err := b.files.Get(ctx, b.user, a.ID)
		require.NoError(t, err)
	}
	// A reply that ends after that leaves no file behind.
	store("c1")
	_, err = b.files.Get(ctx, b.user, made)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
}

// A model gets the newest files that fit, and words in place of the others.
func TestFilesOfAHistory(t *testing.T) {
	t.Parallel()
	b := setup(t)
	oldest, old, deleted, newest := b.upload(t, b.user, 9<<20), b.upload(t, b.user, 9<<20), b.upload(t, b.user, 100), b.upload(t, b.user, 9<<20)
	for _, a := range []attachment.Attachment{oldest, old, deleted, newest} {
		require.NoError(t, b.send(t, "c", "application/pdf", a.ID))
	}
	require.NoError(t, b.files.Delete(t.Context(), b.user, deleted.ID))
	messages, err := b.read(t, "c", seeing)
	require.NoError(t, err)
	note := llm.Text{Text: "[attachment a.pdf is no longer included]"}
	require.Len(t, messages, 4)
	require.Equal(t, note, messages[0].Parts[1])
	require.Equal(t, note, messages[2].Parts[1])
	for _, i := range []int{1, 3} {
		file, ok := messages[i].Parts[1].(llm.File)
		require.True(t, ok)
		require.Equal(t, "application/pdf", file.MediaType)
		require.Equal(t, "a.pdf", file.Name)
		require.Len(t, file.Data, 9<<20)
	}

	blind := catalog.Model{Name: "Blind", Provider: "p"}
	_, err = b.read(t, "c", blind)
	require.True(t, problem.HasCode(err, problem.CodeInvalid), "%v", err)
	require.Equal(t, []string{"modelId"}, fields(err))
	require.Equal(t, "Blind cannot read PDFs; choose another model, or leave the file out.", problem.From(err).Detail)
	// Only what is asked now is a reason to refuse.
	require.NoError(t, b.send(t, "c", "application/pdf"))
	messages, err = b.read(t, "c", blind)
	require.NoError(t, err)
	require.Equal(t, note, messages[3].Parts[1])
}

// What models make counts against the user's total, and is left out where it would exceed it.
func TestFilesThatModelsMakeFitTheTotal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.upload(t, b.user, 10_000)
	require.NoError(t, b.send(t, "c", ""))
	fits, large, small, unbounded := uuid.New(), uuid.New(), uuid.New(), uuid.New()
	require.NoError(t, b.tx(t, func(tx *tenant.Tx) error {
		for _, f := range []tenantdb.AttachmentStoreParams{
			{ID: fits, Data: make([]byte, 10_000), TotalBytes: 20_000},
			{ID: large, Data: make([]byte, 10_000), TotalBytes: 24_096},
			{ID: small, Data: []byte("counts as 4 KiB"), TotalBytes: 24_095},
			{ID: unbounded, Data: make([]byte, 10_000)},
		} {
			f.MediaType, f.Now = "image/png", time.Now()
			chat.QueueStore(ctx, tx, "c", f)
		}
		return nil
	}))
	for _, id := range []uuid.UUID{fits, unbounded} {
		_, err := b.files.Get(ctx, b.user, id)
		require.NoError(t, err)
	}
	for _, id := range []uuid.UUID{large, small} {
		_, err := b.files.Get(ctx, b.user, id)
		require.True(t, problem.HasCode(err, problem.CodeNotFound), "%v", err)
	}
	small = uuid.New()
	require.NoError(t, b.tx(t, func(tx *tenant.Tx) error {
		chat.QueueStore(ctx, tx, "c", tenantdb.AttachmentStoreParams{ID: small, MediaType: "image/png", Data: []byte("x"), Now: time.Now(), TotalBytes: 30_000 + 4096})
		return nil
	}))
	_, err := b.files.Get(ctx, b.user, small)
	require.NoError(t, err)
}

func TestTakes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		model     catalog.Model
		mediaType string
		want      bool
	}{
		{catalog.Model{}, "text/plain", true},
		{catalog.Model{}, "application/json", true},
		{catalog.Model{}, "image/png", false},
		{catalog.Model{}, "application/pdf", false},
		{seeing, "image/webp", true},
		{seeing, "image/gif", true},
		{seeing, "application/pdf", true},
		{seeing, "image/svg+xml", false},
		{seeing, "application/octet-stream", false},
		{catalog.Model{Provider: "google", Capabilities: seeing.Capabilities}, "image/gif", false},
		{catalog.Model{Capabilities: catalog.Capabilities{Images: true}}, "application/pdf", false},
	} {
		if got := chat.Takes(tc.model, tc.mediaType); got != tc.want {
			t.Errorf("%+v, %s: %v", tc.model.Capabilities, tc.mediaType, got)
		}
	}
}

// What a model made goes back to models of its own provider, with the metadata that they want.
func TestFilesThatModelsMade(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	require.NoError(t, b.send(t, "c", ""))
	id := uuid.New()
	parts := fmt.Sprintf(`[{"type":"step-start"},{"type":"text","text":"","providerMetadata":{"p":{"sig":"s"}}},`+
		`{"type":"file","mediaType":"image/png","url":%q,"providerMetadata":{"p":{"id":1}}}]`, attachment.URL(id))
	require.NoError(t, b.tx(t, func(tx *tenant.Tx) error {
		tenant.Queue(tx, func(db tenant.DBTX) (int64, error) {
			return b.q.MessageAppend(ctx, db, tenantdb.MessageAppendParams{
				ID: "r", ConversationID: "c", Role: "assistant", Parts: json.RawMessage(parts), Metadata: json.RawMessage("{}"), Status: "complete", Now: time.Now(),
			})
		})
		chat.QueueStore(ctx, tx, "c", tenantdb.AttachmentStoreParams{ID: id, MediaType: "image/png", Data: []byte("an image"), Now: time.Now()})
		return nil
	}))
	require.NoError(t, b.send(t, "c", ""))
	messages, err := b.read(t, "c", seeing)
	require.NoError(t, err)
	require.Len(t, messages, 3)
	reply := messages[1]
	require.Len(t, reply.Parts, 2, "empty text with metadata is kept")
	require.JSONEq(t, `{"p":{"sig":"s"}}`, string(reply.Parts[0].(llm.Text).Meta))
	file := reply.Parts[1].(llm.File)
	require.JSONEq(t, `{"p":{"id":1}}`, string(file.Meta))
	file.Meta = nil
	require.Equal(t, llm.File{MediaType: "image/png", Data: []byte("an image")}, file)

	messages, err = b.read(t, "c", catalog.Model{Provider: "other", Capabilities: seeing.Capabilities})
	require.NoError(t, err)
	require.False(t, reflect.DeepEqual(reply, messages[1]))
	require.Len(t, messages[1].Parts, 1)
}
