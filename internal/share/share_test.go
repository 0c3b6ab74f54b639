package share_test

import (
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/problem"
	"twobrains/internal/share"
	"twobrains/internal/tenant"
	"twobrains/internal/testdb"
)

func TestShareIsFrozen(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 4)
	made := b.share(t, "c")
	require.Len(t, made.ID, 22)
	require.Equal(t, "title of c", made.Title)
	require.Equal(t, 4, made.Messages)
	require.WithinDuration(t, made.CreatedAt.AddDate(0, 0, share.DefaultDays), made.ExpiresAt, 2*time.Hour)

	b.exec(t, b.user, "UPDATE S.conversations SET title = 'another', last_seq = 5")
	b.exec(t, b.user, `INSERT INTO S.messages (id, conversation_id, seq, role, parts, status, size) VALUES ('later', 'c', 5, 'user', '[{"type":"text","text":"later"}]', 'complete', 5)`)
	b.exec(t, b.user, `UPDATE S.messages SET parts = '[{"type":"text","text":"edited"}]' WHERE seq = 1`)
	require.Equal(t, "text 1|text 2|text 3|text 4", b.texts(t, made.ID))
	shared, err := b.Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Equal(t, "title of c", shared.Title)
	require.Equal(t, made.ExpiresAt, shared.ExpiresAt)
	require.Empty(t, shared.Messages[0].Model, "a user is no model")
	require.Equal(t, "Model", shared.Messages[1].Model)

	list, err := b.List(t.Context(), b.user)
	require.NoError(t, err)
	require.Equal(t, []share.Share{made}, list)
	require.NoError(t, b.Revoke(t.Context(), b.user, made.ID))
	b.gone(t, made.ID)
	refused(t, b.Revoke(t.Context(), b.user, made.ID), problem.CodeNotFound)
}

// All that a stored message can hold besides what is shown has a canary in it.
func TestSnapshotHoldsWhatIsListedOnly(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.exec(t, b.user, "INSERT INTO S.conversations (id, title, last_seq) VALUES ('conversation-canary', 'the title', 4)")
	parts := `[{"type":"step-start","note":"canary"},
		{"type":"reasoning","text":"canary","providerMetadata":{"openai":{"itemId":"canary"}}},
		{"type":"text","text":"shown","state":"done","providerMetadata":{"x":{"y":"canary"}},"canary":"canary"},
		{"type":"tool-canary-server__look_up","toolCallId":"canary","state":"output-available","input":{"q":"canary"},"output":{"r":"canary"}},
		{"type":"dynamic-tool","toolName":"fetch","toolCallId":"canary","state":"output-error","input":{"q":"canary"},"errorText":"canary"},
		{"type":"source-url","sourceId":"canary","url":"https://canary.test","title":"canary"},
		{"type":"data-note","id":"canary","data":{"x":"canary"}},
		{"type":"file","mediaType":"image/png","url":"/api/attachments/canary","filename":"canary.png"},
		{"type":"file","mediaType":"application/pdf; canary","url":"data:canary"},
		{"type":"unknown","text":"canary"}, {"text":"canary"}, "canary", 7, null]`
	for i, role := range []string{"user", "assistant"} {
		b.exec(t, b.user, `INSERT INTO S.messages (id, conversation_id, seq, role, parts, metadata, status, size)
			VALUES ('message-canary' || $1::int, 'conversation-canary', $1::int, $2, $3::jsonb, '{"model":"known:The model","usage":{"canary":"canary"},"error":"canary"}', 'failed', 5)`, i+1, role, parts)
	}
	b.exec(t, b.user, `INSERT INTO S.messages (id, conversation_id, seq, role, parts, status, size) VALUES ('m3', 'conversation-canary', 3, 'assistant', '[{"type":"reasoning","text":"canary"}]', 'aborted', 0)`)
	b.exec(t, b.user, "INSERT INTO public.user_settings (user_id, custom_instructions) VALUES ($1, 'canary')", b.user.ID())

	made := b.share(t, "conversation-canary")
	require.Equal(t, 2, made.Messages, "of one there is nothing to be shown")
	var stored string
	require.NoError(t, b.super.QueryRow(t.Context(), "SELECT title || snapshot::text FROM public.shares").Scan(&stored))
	shared, err := b.Read(t.Context(), made.ID)
	require.NoError(t, err)
	answer, err := json.Marshal(shared)
	require.NoError(t, err)
	for _, text := range []string{stored, string(answer)} {
		require.NotContains(t, text, "canary")
		require.NotContains(t, text, b.user.ID().String())
	}
	want := []share.Part{
		{Type: share.PartText, Text: "shown"}, {Type: share.PartTool, Name: "look_up"}, {Type: share.PartTool, Name: "fetch"},
		{Type: share.PartFile, Kind: "image"}, {Type: share.PartFile, Kind: "file"},
	}
	require.Equal(t, want, shared.Messages[0].Parts)
	require.Equal(t, want, shared.Messages[1].Parts)
	require.Equal(t, "The model", shared.Messages[1].Model)
}

// 1-2-3 is the path; 4 answers 1 in another way, 5 follows 4 beside the path.
func TestSharesTheBranchAskedFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 3)
	b.exec(t, b.user, `INSERT INTO S.messages (id, conversation_id, seq, role, parts, status, size, parent_seq, on_path)
		SELECT 'c-' || i, 'c', i, 'assistant', jsonb_build_array(jsonb_build_object('type', 'text', 'text', 'text ' || i)), 'complete', 6, p, false
		FROM (VALUES (4, 1), (5, 4), (6, 0)) v(i, p)`)
	b.talk(t, b.user, "d", 1)
	for leaf, want := range map[string]string{
		"": "text 1|text 2|text 3", "c-3": "text 1|text 2|text 3", "c-2": "text 1|text 2", "c-1": "text 1",
		"c-4": "text 1|text 4", "c-5": "text 1|text 4|text 5", "c-6": "text 6",
	} {
		made, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: "c", MessageID: leaf})
		require.NoError(t, err, leaf)
		require.Equal(t, want, b.texts(t, made.ID), leaf)
	}
	for _, leaf := range []string{"c-9", "d-1", "../c-1", strings.Repeat("x", 65)} {
		_, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: "c", MessageID: leaf})
		refused(t, err, problem.CodeNotFound)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "long", share.MaxMessages+1)
	b.talk(t, b.user, "long-enough", share.MaxMessages)
	b.talk(t, b.user, "large", 2)
	b.exec(t, b.user, `UPDATE S.messages SET size = $1 WHERE conversation_id = 'large'`, share.MaxBytes/2+1)
	// Characters of several bytes: what the JSON takes counts.
	b.talk(t, b.user, "wide", 2)
	b.exec(t, b.user, `UPDATE S.messages SET parts = jsonb_build_array(jsonb_build_object('type', 'text', 'text', repeat('漢', $1::int))), size = $1::int WHERE conversation_id = 'wide'`, share.MaxBytes/5)
	b.exec(t, b.user, "INSERT INTO S.conversations (id) VALUES ('empty')")
	b.talk(t, b.user, "temporary", 2)
	b.exec(t, b.user, "UPDATE S.conversations SET temporary = true WHERE id = 'temporary'")
	stranger := b.ids.User(t, uuid.New())
	_, err := b.DB.Open(t.Context(), stranger)
	require.NoError(t, err)
	b.talk(t, stranger, "theirs", 2)
	for conversation, code := range map[string]problem.Code{
		"long": problem.CodeShareTooLarge, "large": problem.CodeShareTooLarge, "wide": problem.CodeShareTooLarge, "empty": problem.CodeConflict,
		"temporary": problem.CodeTemporaryConversation, "theirs": problem.CodeNotFound, "none": problem.CodeNotFound, "": problem.CodeNotFound,
		"a/b": problem.CodeNotFound,
	} {
		_, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: conversation})
		refused(t, err, code)
	}
	require.Equal(t, share.MaxMessages, b.share(t, "long-enough").Messages)
	for _, days := range []int{-1, 366} {
		_, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: "long-enough", Days: days})
		refused(t, err, problem.CodeInvalid)
	}
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM public.shares"))
	for _, id := range []string{"", "x", strings.Repeat("A", 21), strings.Repeat("A", 22), strings.Repeat("A", 23), strings.Repeat("%", 22), strings.Repeat("A", 100_000)} {
		b.gone(t, id)
		refused(t, b.Revoke(t.Context(), b.user, id), problem.CodeNotFound)
	}
	refused(t, b.Revoke(t.Context(), stranger, b.share(t, "long-enough").ID), problem.CodeNotFound)
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 2)
	made := b.share(t, "c") // statements are prepared
	for range 2 {
		if n := b.wire.During(func() { made = b.share(t, "c") }); n > 2 {
			t.Errorf("sharing took %d round trips", n)
		}
	}
	b.texts(t, made.ID)
	require.EqualValues(t, 1, b.wire.During(func() { b.texts(t, made.ID) }))
}

// As many at once as nobody makes: the cap holds, and who is refused is told why.
func TestCapHoldsForSimultaneousShares(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 1)
	b.share(t, "c")
	b.exec(t, b.user, `INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at)
		SELECT lpad(i::text, 22, '0'), $1, 'c', i, '', '[]', 1, now() + interval '1 day' FROM generate_series(2, 95) i`, b.user.ID())
	second := share.New(share.Options{DB: b.Kernel(t)})
	var made, limited sync.Map
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			service := []*share.Service{b.Service, second}[i%2]
			sh, err := service.Create(t.Context(), b.user, share.CreateParams{ConversationID: "c"})
			switch {
			case err == nil:
				made.Store(sh.ID, true)
			case problem.HasCode(err, problem.CodeShareLimit):
				limited.Store(i, true)
			default:
				t.Error(err)
			}
		})
	}
	all.Wait()
	require.Equal(t, share.MaxShares, b.count(t, "SELECT count(*) FROM public.shares"))
	n := 0
	limited.Range(func(any, any) bool { n++; return true })
	require.Equal(t, 16-5, n)

	// What has expired makes room, and so does revoking.
	b.exec(t, b.user, "UPDATE public.shares SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second' WHERE slot = 50")
	b.share(t, "c")
	_, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: "c"})
	refused(t, err, problem.CodeShareLimit)
	made.Range(func(id, _ any) bool { require.NoError(t, b.Revoke(t.Context(), b.user, id.(string))); return false })
	b.share(t, "c")
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 1)
	kept, expired := b.share(t, "c"), b.share(t, "c")
	require.NoError(t, b.Tidy(t.Context()))
	require.Equal(t, 2, b.count(t, "SELECT count(*) FROM public.shares"))
	b.exec(t, b.user, "UPDATE public.shares SET created_at = now() - interval '2 days', expires_at = now() - interval '1 second' WHERE id = $1", expired.ID)
	b.gone(t, expired.ID)
	refused(t, b.Revoke(t.Context(), b.user, expired.ID), problem.CodeNotFound)
	list, err := b.List(t.Context(), b.user)
	require.NoError(t, err)
	require.Equal(t, []share.Share{kept}, list)
	require.Equal(t, 2, b.count(t, "SELECT count(*) FROM public.shares"))
	require.NoError(t, b.Tidy(t.Context()))
	require.Equal(t, 1, b.count(t, "SELECT count(*) FROM public.shares"))
	require.Equal(t, "text 1", b.texts(t, kept.ID))
}

func TestDeletingAConversationEndsItsShares(t *testing.T) {
	t.Parallel()
	b := setup(t)
	stranger := b.ids.User(t, uuid.New())
	_, err := b.DB.Open(t.Context(), stranger)
	require.NoError(t, err)
	b.talk(t, stranger, "c", 1)
	theirs, err := b.Create(t.Context(), stranger, share.CreateParams{ConversationID: "c"})
	require.NoError(t, err)
	b.talk(t, b.user, "c", 1)
	b.talk(t, b.user, "d", 1)
	first, second, other := b.share(t, "c"), b.share(t, "c"), b.share(t, "d")
	require.NoError(t, b.chat.Delete(t.Context(), b.user, "c"))
	b.gone(t, first.ID)
	b.gone(t, second.ID)
	require.Equal(t, "text 1", b.texts(t, other.ID))
	require.Equal(t, "text 1", b.texts(t, theirs.ID), "somebody else's conversation of the same id")
}

// Whichever comes first, no share is left of a conversation that is gone.
func TestSharingWhileTheConversationIsDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 20 {
		id := "c" + string(rune('a'+i))
		b.talk(t, b.user, id, 3)
		var both sync.WaitGroup
		both.Go(func() {
			_, err := b.Create(t.Context(), b.user, share.CreateParams{ConversationID: id})
			if err != nil && !problem.HasCode(err, problem.CodeNotFound) && !problem.HasCode(err, problem.CodeConflict) {
				t.Error(err)
			}
		})
		both.Go(func() {
			if err := b.chat.Delete(t.Context(), b.user, id); err != nil {
				t.Error(err)
			}
		})
		both.Wait()
	}
	require.Zero(t, b.count(t, "SELECT count(*) FROM public.shares"))
}

func TestRevokedWhileItIsRead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 2)
	made := b.share(t, "c")
	var readers sync.WaitGroup
	revoked := make(chan struct{})
	for range 4 {
		readers.Go(func() {
			for ended := false; !ended; {
				select {
				case <-revoked:
					ended = true // one more time, after which there must be nothing
				default:
				}
				shared, err := b.Read(t.Context(), made.ID)
				switch {
				case err == nil && ended:
					t.Error("read after it was revoked")
				case err == nil && len(shared.Messages) != 2:
					t.Error("read half of it")
				case err != nil && !problem.HasCode(err, problem.CodeNotFound):
					t.Error(err)
				}
			}
		})
	}
	require.NoError(t, b.Revoke(t.Context(), b.user, made.ID))
	close(revoked)
	readers.Wait()
}

// A tombstone hides shares at once, those too that a unit of work which is still under way adds after it.
func TestDeletedAccountShowsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 2)
	made := b.share(t, "c")
	require.NoError(t, b.DB.Tx(t.Context(), b.user, func(tx *tenant.Tx) error {
		if _, err := tx.Exec(t.Context(), "INSERT INTO public.shares (id, user_id, conversation_id, slot, title, snapshot, messages, expires_at) "+
			"SELECT repeat('x', 22), user_id, 'c', 77, '', '[]', 1, now() + interval '1 day' FROM public.tenants"); err != nil {
			return err
		}
		b.condemn(t, b.user)
		return nil
	}))
	require.Equal(t, 2, b.count(t, "SELECT count(*) FROM public.shares"), "they are removed later")
	b.gone(t, made.ID)
	b.gone(t, strings.Repeat("x", 22))
	_, err := b.List(t.Context(), b.user)
	refused(t, err, problem.CodeAccountDeleted)
}

// Who looks opens no brain: it needs no key that opens one.
func TestReadingNeedsNoMasterKey(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.talk(t, b.user, "c", 1)
	made := b.share(t, "c")
	foreign := b.Kernel(t, func(o *tenant.Options) { o.Keys = testdb.Keys(t, "foreign") })
	_, err := foreign.Open(t.Context(), b.user)
	require.Error(t, err)
	shared, err := share.New(share.Options{DB: foreign}).Read(t.Context(), made.ID)
	require.NoError(t, err)
	require.Len(t, shared.Messages, 1)
}
