package completion_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/chat"
	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
)

// shown is a message as the list of messages gives it.
type shown struct {
	id, role, text string
	// position and count of its versions; 1 and 1 where nothing is said of them.
	position, count int
}

func show(t *testing.T, m chat.Message) shown {
	t.Helper()
	var parts []struct{ Type, Text string }
	require.NoError(t, json.Unmarshal(m.Parts, &parts))
	s := shown{id: m.ID, role: m.Role, position: 1, count: 1}
	for _, p := range parts {
		s.text += p.Text
	}
	var metadata struct {
		Branch *struct{ Position, Count int }
	}
	require.NoError(t, json.Unmarshal(m.Metadata, &metadata))
	if b := metadata.Branch; b != nil {
		require.Greater(t, b.Count, 1, "nothing is said of a single version")
		s.position, s.count = b.Position, b.Count
	}
	return s
}

// path is what the user sees of a conversation.
func (b *testBundle) path(conversation string) (path []shown) {
	b.t.Helper()
	page, err := chat.NewService(chat.Options{DB: b.DB}).Messages(b.t.Context(), b.user, conversation, chat.MessagesParams{Limit: chat.MaxPage})
	require.NoError(b.t, err)
	for _, m := range page.Items {
		path = append(path, show(b.t, m))
	}
	return path
}

// tell writes the path as "text", and "text (2/3)" where there are versions.
func tell(path []shown) string {
	var out []string
	for _, m := range path {
		text := m.text
		if m.count > 1 {
			text += fmt.Sprintf(" (%d/%d)", m.position, m.count)
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// versions tells the siblings of a message, the current one in brackets.
func (b *testBundle) versions(conversation, id string) (ids []string, told string) {
	b.t.Helper()
	page, err := chat.NewService(chat.Options{DB: b.DB}).Siblings(b.t.Context(), b.user, conversation, id, chat.SiblingsParams{Limit: chat.MaxPage})
	require.NoError(b.t, err)
	var out []string
	for i, v := range page.Items {
		require.Equal(b.t, i+1, v.Position)
		s := show(b.t, v.Message)
		require.Equal(b.t, []int{i + 1, len(page.Items)}, []int{s.position, s.count})
		text := s.text
		if v.Current {
			text = "[" + text + "]"
		}
		out, ids = append(out, text), append(ids, v.ID)
	}
	return ids, strings.Join(out, ", ")
}

func (b *testBundle) choose(conversation, id string) {
	b.t.Helper()
	page, err := chat.NewService(chat.Options{DB: b.DB}).Select(b.t.Context(), b.user, conversation, id, 0)
	require.NoError(b.t, err)
	var path []shown
	for _, m := range page.Items {
		path = append(path, show(b.t, m))
	}
	require.Equal(b.t, b.path(conversation), path, "the answer is what is listed then")
}

func (b *testBundle) say(text string) { b.provider.say(says(text)) }

// fail lets the model end without a word.
func (b *testBundle) fail() {
	b.provider.say(func(_ context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		yield(nil, llm.NewError(llm.Overloaded, errors.New("status 529")))
	})
}

func (b *testBundle) run(body string) {
	b.t.Helper()
	f, err := b.Start(b.t.Context(), b.user, []byte(body))
	require.NoError(b.t, err)
	read(b.t, f)
}

func edit(conversation, id, text string) string {
	return fmt.Sprintf(`{"id":%q,"messageId":%q,"messages":[{"id":%q,"role":"user","parts":[{"type":"text","text":%q}]}]}`, conversation, id, id, text)
}

// anew makes a reply anew: that of an id, or the last one.
func anew(conversation, id string) string {
	if id == "" {
		return fmt.Sprintf(`{"id":%q,"trigger":"regenerate-message"}`, conversation)
	}
	return fmt.Sprintf(`{"id":%q,"trigger":"regenerate-message","messageId":%q}`, conversation, id)
}

// What the model got to read, as words.
func (b *testBundle) asked() string {
	b.t.Helper()
	var words []string
	for _, m := range b.provider.last(b.t).Messages {
		for _, p := range m.Parts {
			words = append(words, p.(llm.Text).Text)
		}
	}
	return strings.Join(words, ", ")
}

// The rows of the protocol's table that change what there is: send, edit, regenerate the last, one by its id, one by its question's.
func TestEditAndRegenerate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say("a1")
	b.send("c1", "m1", "q1")
	b.say("a2")
	b.send("c1", "m2", "q2")
	before := b.path("c1")

	b.say("a2b")
	b.run(anew("c1", ""))
	require.Equal(t, "q1, a1, q2, a2b (2/2)", tell(b.path("c1")))
	require.Equal(t, "q1, a1, q2", b.asked())
	require.Equal(t, "m2", b.path("c1")[2].id)
	require.NotEqual(t, before[3].id, b.path("c1")[3].id, "a new reply has an id of its own")
	_, told := b.versions("c1", before[3].id)
	require.Equal(t, "a2, [a2b]", told)

	b.say("a1b")
	b.run(anew("c1", before[1].id))
	require.Equal(t, "q1, a1b (2/2)", tell(b.path("c1")))
	require.Equal(t, "q1", b.asked())
	b.say("a1c")
	b.run(anew("c1", "m1"))
	require.Equal(t, "q1, a1c (3/3)", tell(b.path("c1")))

	b.say("a3")
	b.send("c1", "m3", "q3")
	b.say("an answer to the edit")
	b.run(edit("c1", "m1", "edited"))
	require.Equal(t, "edited (2/2), an answer to the edit", tell(b.path("c1")))
	require.Equal(t, "edited", b.asked())
	require.Equal(t, "m1", b.path("c1")[0].id, "clients keep the id of what they edit")
	ids, told := b.versions("c1", "m1")
	require.Equal(t, "q1, [edited]", told)
	require.Equal(t, 3, b.count("SELECT count(*) FROM BRAIN.runs WHERE user_message_id = $1", ids[0]), "the earlier runs answered the earlier version")
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE user_message_id = 'm1'"))
	require.Equal(t, 11, b.count("SELECT count(*) FROM BRAIN.messages"), "nothing is deleted")

	stored := b.messages("c1")
	reply := b.path("c1")[1].id
	_, err := b.Start(t.Context(), b.user, []byte(edit("c1", reply, "forged")))
	require.True(t, problem.HasCode(err, problem.CodeInvalid), "a reply cannot be edited: %v", err)
	require.Equal(t, stored, b.messages("c1"))

	b.choose("c1", ids[0])
	require.Equal(t, "q1 (1/2), a1c (3/3), q3, a3", tell(b.path("c1")), "down to the newest message")
	b.choose("c1", before[3].id)
	require.Equal(t, "q1 (1/2), a1 (1/3), q2, a2 (1/2)", tell(b.path("c1")))
	b.say("a4")
	b.send("c1", "m4", "q4")
	require.Equal(t, "q1, a1, q2, a2, q4", b.asked())
	require.Equal(t, "q1 (1/2), a1 (1/3), q2, a2 (1/2), q4, a4", tell(b.path("c1")))
	b.choose("c1", "m1")
	require.Equal(t, "edited (2/2), an answer to the edit", tell(b.path("c1")))
}

// Messages that are not shown can be edited and answered anew, too: another tab may still show them.
func TestBranchesBesideThePath(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say("a1")
	b.send("c1", "m1", "q1")
	b.say("a2")
	b.send("c1", "m2", "q2")
	b.say("b1")
	b.run(edit("c1", "m1", "e1"))
	require.Equal(t, "e1 (2/2), b1", tell(b.path("c1")))
	b.say("a2b")
	b.run(anew("c1", "m2"))
	require.Equal(t, "q1 (1/2), a1, q2, a2b (2/2)", tell(b.path("c1")))
	b.choose("c1", "m1")
	b.say("a3")
	b.run(edit("c1", "m2", "q2b"))
	require.Equal(t, "q1 (1/2), a1, q2b (2/2), a3", tell(b.path("c1")))
	b.fail()
	b.choose("c1", "m1")
	ids, _ := b.versions("c1", "m2")
	b.run(anew("c1", ids[0]))
	require.Equal(t, "q1 (1/2), a1, q2 (1/2), a2b (2/2)", tell(b.path("c1")), "the newest reply to it, where the new one does not come")
}

// A run that was to bring another reply and brings nothing leaves things as they were.
func TestRegenerationThatBringsNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for i := range 3 {
		b.say(fmt.Sprint("a", i))
		b.send("c1", fmt.Sprint("m", i), fmt.Sprint("q", i))
	}
	b.say("a0b")
	b.run(anew("c1", "m0"))
	replies, _ := b.versions("c1", b.path("c1")[1].id)
	b.choose("c1", replies[0])
	before := tell(b.path("c1"))
	require.Equal(t, "q0, a0 (1/2), q1, a1, q2, a2", before)

	b.fail()
	for _, target := range []string{"", "m0", "m1", "m2", replies[0], replies[1], b.path("c1")[3].id} {
		b.run(anew("c1", target))
		require.Equal(t, before, tell(b.path("c1")), "after %q", target)
	}

	b.provider.say(func(ctx context.Context, _ llm.Request, yield func(llm.Event, error) bool) {
		<-ctx.Done()
		yield(nil, context.Cause(ctx))
	})
	f, err := b.Start(t.Context(), b.user, []byte(anew("c1", "m1")))
	require.NoError(t, err)
	require.Equal(t, "q0, a0 (1/2), q1", tell(b.path("c1")), "while it is under way")
	_, err = b.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	drain(t, f)
	require.Equal(t, before, tell(b.path("c1")), "stopped before its first word")

	b.say("a0c")
	b.run(anew("c1", "m0"))
	require.Equal(t, "q0, a0c (3/3)", tell(b.path("c1")))
	b.fail()
	b.run(edit("c1", "m0", "e0"))
	require.Equal(t, "e0 (2/2)", tell(b.path("c1")), "the user's own words stay")
	b.run(anew("c1", ""))
	require.Equal(t, "e0 (2/2)", tell(b.path("c1")))
	b.say("b0")
	b.run(anew("c1", ""))
	require.Equal(t, "e0 (2/2), b0", tell(b.path("c1")))
}

// The process that was to bring another reply dies: the earlier one is back with the next message.
func TestRegenerationThatDies(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say("a0")
	b.send("c1", "m0", "q0")
	b.say("a1")
	b.send("c1", "m1", "q1")
	b.provider.say(func(ctx context.Context, _ llm.Request, _ func(llm.Event, error) bool) { <-ctx.Done() })
	f, err := b.Start(t.Context(), b.user, []byte(anew("c1", "m0")))
	require.NoError(t, err)
	defer f.Close()
	require.Equal(t, "q0", tell(b.path("c1")))
	_, err = b.Superuser(t).Exec(t.Context(), "DELETE FROM public.instances WHERE id = $1", b.options.InstanceID)
	require.NoError(t, err)
	replica := b.replica()
	b.say("a2")
	next, err := replica.Start(t.Context(), b.user, userText("c1", "m2", "q2"))
	require.NoError(t, err)
	read(t, next)
	require.Equal(t, "q0, a0, q1, a1, q2, a2", tell(b.path("c1")))
	require.Equal(t, "q0, a0, q1, a1, q2", b.asked())
}

// Two edits of a message at once, at two processes: one is made, the other is refused, nothing is half done.
func TestEditsAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say("a")
	services := []*completion.Service{b.Service, b.replica()}
	for round := range 5 {
		conversation, id := fmt.Sprint("c", round), fmt.Sprint("m", round)
		b.send(conversation, id, "q")
		var all sync.WaitGroup
		outcomes := make(chan error, 6)
		for i := range cap(outcomes) {
			all.Go(func() {
				body := edit(conversation, id, fmt.Sprint("e", i))
				if i%3 == 2 {
					body = anew(conversation, "")
				}
				f, err := services[i%2].Start(t.Context(), b.user, []byte(body))
				if err == nil {
					drain(t, f)
				}
				outcomes <- err
			})
		}
		all.Wait()
		close(outcomes)
		made := 0
		for err := range outcomes {
			if err == nil {
				made++
				continue
			}
			require.True(t, problem.HasCode(err, problem.CodeRunActive), "%v", err)
		}
		require.Positive(t, made)
		path := b.path(conversation)
		require.Len(t, path, 2)
		replies := b.count("SELECT count(*) FROM BRAIN.messages WHERE conversation_id = $1 AND role = 'assistant'", conversation)
		require.Equal(t, 1+made, replies, "each that was made brought one reply")
		ids, _ := b.versions(conversation, id)
		for _, version := range ids {
			b.choose(conversation, version)
			require.Len(t, b.path(conversation), 2)
		}
	}
}

// Another process edits again and again while replies are being settled.
func TestEditMeetsSettling(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.Quota = completion.Quota{Day: 1000, Month: 1000} })
	b.say("a")
	b.send("c1", "m0", "q0")
	replica := b.replica()
	deadline := time.Now().Add(20 * time.Second)
	for i := range 20 {
		f, err := b.Start(t.Context(), b.user, userText("c1", fmt.Sprint("n", i), "go on"))
		require.NoError(t, err)
		for {
			again, err := replica.Start(t.Context(), b.user, []byte(edit("c1", "m0", fmt.Sprint("e", i))))
			if err == nil {
				drain(t, again)
				break
			}
			require.True(t, problem.HasCode(err, problem.CodeRunActive), "%v", err)
			require.True(t, time.Now().Before(deadline), "the conversation is free after the reply")
		}
		drain(t, f)
		require.Equal(t, fmt.Sprintf("e%d (%d/%d), a", i, i+2, i+2), tell(b.path("c1")))
	}
	require.Equal(t, 0, b.count("SELECT count(*) FROM BRAIN.runs WHERE status <> 'complete'"))
}

func TestSelectIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.say("a")
	b.send("c1", "m1", "q")
	b.run(anew("c1", ""))
	first, _ := b.versions("c1", b.path("c1")[1].id)
	c := chat.NewService(chat.Options{DB: b.DB})
	for name, tc := range map[string][2]string{
		"unknown message": {"c1", "none"}, "unknown conversation": {"none", first[0]}, "no possible id": {"c1", "a b"},
	} {
		_, err := c.Select(t.Context(), b.user, tc[0], tc[1], 0)
		require.True(t, problem.HasCode(err, problem.CodeNotFound), "%s: %v", name, err)
		_, err = c.Siblings(t.Context(), b.user, tc[0], tc[1], chat.SiblingsParams{})
		require.True(t, problem.HasCode(err, problem.CodeNotFound), "%s: %v", name, err)
	}
	_, err := c.Select(t.Context(), b.ids.User(t, uuid.New()), "c1", first[0], 0)
	require.True(t, problem.HasCode(err, problem.CodeNotFound), "another user's: %v", err)

	b.provider.say(waits)
	defer b.begin(b.Service, "c1", "m2").Close()
	_, err = c.Select(t.Context(), b.user, "c1", first[0], 0)
	require.True(t, problem.HasCode(err, problem.CodeRunActive), "%v", err)
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.runs WHERE status = 'running' AND id = $1", problem.From(err).RunID))
	_, err = b.Stop(t.Context(), b.user, "c1")
	require.NoError(t, err)
	b.choose("c1", first[0])
	require.Equal(t, "q, a (1/2)", tell(b.path("c1")))
}

func TestVersionsAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(o *completion.Options) { o.Quota = completion.Quota{Day: 1000, Month: 1000} })
	b.say("a")
	b.send("c1", "m1", "q")
	for range chat.MaxVersions - 1 {
		b.run(anew("c1", ""))
	}
	require.Equal(t, "q, a (100/100)", tell(b.path("c1")))
	stored := b.count("SELECT count(*) FROM BRAIN.messages")
	_, err := b.Start(t.Context(), b.user, []byte(anew("c1", "")))
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	require.Contains(t, problem.From(err).Detail, "100 versions")
	require.Equal(t, stored, b.count("SELECT count(*) FROM BRAIN.messages"))
	require.Equal(t, "q, a (100/100)", tell(b.path("c1")))
	for i := range chat.MaxVersions - 1 {
		b.run(edit("c1", "m1", fmt.Sprint("e", i)))
	}
	_, err = b.Start(t.Context(), b.user, []byte(edit("c1", "m1", "one more")))
	require.True(t, problem.HasCode(err, problem.CodeConflict), "%v", err)
	b.send("c1", "m2", "but it goes on")
}

func TestDeletingTakesAllBranches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.send("c1", "m1", "q")
	b.run(anew("c1", ""))
	b.run(edit("c1", "m1", "e"))
	require.NoError(t, chat.NewService(chat.Options{DB: b.DB}).Delete(t.Context(), b.user, "c1"))
	require.Zero(t, b.count("SELECT (SELECT count(*) FROM BRAIN.conversations) + (SELECT count(*) FROM BRAIN.messages) + (SELECT count(*) FROM BRAIN.runs)"))
}
