package completion_test

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/completion"
	"twobrains/internal/llm"
	"twobrains/internal/llm/catalog"
	"twobrains/internal/memory"
	"twobrains/internal/settings"
	"twobrains/internal/tool"
)

type memoryBundle struct {
	*testBundle
	notes *memory.Service
}

func withMemory(t *testing.T, change ...func(*completion.Options)) memoryBundle {
	t.Helper()
	var b memoryBundle
	b.testBundle = setup(t, append(change, func(o *completion.Options) {
		b.notes = memory.New(memory.Options{DB: o.DB})
		o.Memory = b.notes
	})...)
	return b
}

// prefer sets what the user wants, no question asked among it.
func (b memoryBundle) prefer(on bool) {
	b.t.Helper()
	never, instructions := settings.ApprovalNever, "Be brief."
	_, err := settings.NewService(settings.Options{DB: b.DB, Catalog: b.options.Catalog}).Update(b.t.Context(), b.user, settings.Patch{
		Memory:       settings.Change[bool]{Set: true, Value: &on},
		ToolApproval: settings.Change[string]{Set: true, Value: &never}, CustomInstructions: settings.Change[string]{Set: true, Value: &instructions},
	})
	require.NoError(b.t, err)
}

func (b memoryBundle) add(content string) {
	b.t.Helper()
	_, err := b.notes.Add(b.t.Context(), b.user, content)
	require.NoError(b.t, err)
}

func (b memoryBundle) contents() []string {
	b.t.Helper()
	notes, err := b.notes.List(b.t.Context(), b.user)
	require.NoError(b.t, err)
	all := make([]string, len(notes))
	for i, n := range notes {
		all[i] = n.Content
	}
	return all
}

func toolNames(req llm.Request) (names []string) {
	for _, t := range req.Tools {
		names = append(names, t.Name)
	}
	return names
}

// temporarily sends to a conversation that leaves no trace.
func (b memoryBundle) temporarily(conversation, id string) {
	b.t.Helper()
	body := strings.Replace(string(userText(conversation, id, "hi")), "{", `{"temporary":true,`, 1)
	f, err := b.Start(b.t.Context(), b.user, []byte(body))
	require.NoError(b.t, err)
	read(b.t, f)
}

func TestMemoryInPrompts(t *testing.T) {
	t.Parallel()
	b := withMemory(t)
	b.add("Likes tea.")
	b.send("c1", "m1", "hello")
	require.Empty(t, b.provider.last(t).System, "off by default")
	require.Equal(t, []string{"double"}, toolNames(b.provider.last(t)))

	b.prefer(true)
	b.send("c1", "m2", "hello")
	system := b.provider.last(t).System
	require.True(t, strings.HasPrefix(system, "Be brief.\n\n"), system)
	require.Contains(t, system, "\n<notes>\n\"Likes tea.\"\n</notes>")
	require.Equal(t, []string{"double", memory.ToolName}, toolNames(b.provider.last(t)))
	for _, stored := range b.messages("c1") {
		require.NotContains(t, stored.Parts+stored.Metadata, "tea")
	}

	me := b.user
	b.user = b.ids.User(t, uuid.New())
	b.prefer(true)
	b.send("c1", "n1", "hello")
	require.Equal(t, "Be brief.", b.provider.last(t).System, "notes are their owner's")
	b.user = me

	// Temporary conversations have nothing to do with notes, also where the client does not say again what they are.
	b.temporarily("t1", "t1")
	require.Equal(t, "Be brief.", b.provider.last(t).System)
	require.Equal(t, []string{"double"}, toolNames(b.provider.last(t)))
	b.send("t1", "t2", "hello")
	require.Equal(t, "Be brief.", b.provider.last(t).System)
	require.Equal(t, []string{"double"}, toolNames(b.provider.last(t)))

	b.prefer(false)
	b.send("c1", "m3", "hello")
	require.Equal(t, "Be brief.", b.provider.last(t).System)
	require.Equal(t, []string{"double"}, toolNames(b.provider.last(t)))
}

// The model of the tests reads 1,800 tokens: notes take a quarter of them at most, and the history yields.
func TestMemoryLeavesRoom(t *testing.T) {
	t.Parallel()
	b := withMemory(t)
	b.prefer(true)
	for i := range 20 {
		b.add(strings.Repeat(string(rune('a'+i)), 390))
	}
	for i := range 8 {
		b.send("c1", "m"+string(rune('a'+i)), strings.Repeat("x", 600))
	}
	request := b.provider.last(t)
	size := len(request.System)
	require.Less(t, size, 1800*3/4+20)
	require.Greater(t, size, 800)
	for _, m := range request.Messages {
		for _, p := range m.Parts {
			size += len(p.(llm.Text).Text)
		}
	}
	require.Less(t, size, 1800*3)
	require.Greater(t, len(request.Messages), 1)
}

func TestRoundTripsOfACompletionWithMemory(t *testing.T) {
	t.Parallel()
	b := withMemory(t)
	b.prefer(true)
	b.add("Likes tea.")
	b.send("c1", "m1", "first")
	b.send("c1", "m2", "warm")
	trips := b.wire.During(func() {
		f, err := b.Start(t.Context(), b.user, userText("c1", "m3", "counted"))
		require.NoError(t, err)
		defer f.Close()
		for {
			if _, err := f.Next(t.Context(), 10*time.Second); errors.Is(err, io.EOF) {
				break
			}
		}
	})
	require.LessOrEqual(t, trips, int64(3))
	require.Contains(t, b.provider.last(t).System, "tea")
}

// A model changes notes only with consent, though its user wants to be asked about nothing.
func TestMemoryTool(t *testing.T) {
	t.Parallel()
	b := withMemory(t)
	b.prefer(true)
	b.add("Likes tea.")
	b.provider.script = calls(
		llm.ToolCall{ID: "yes", Name: memory.ToolName, Input: json.RawMessage(`{"remember":"Has a dog."}`)},
		llm.ToolCall{ID: "no", Name: memory.ToolName, Input: json.RawMessage(`{"remember":"Has a cat."}`)},
		llm.ToolCall{ID: "forget", Name: memory.ToolName, Input: json.RawMessage(`{"forget":"Likes tea."}`)},
		llm.ToolCall{ID: "bad", Name: memory.ToolName, Input: json.RawMessage(`{"forget":"Likes juice."}`)},
	)
	asked := b.send("c1", "m1", "remember my dog")
	ids := map[string]string{}
	for _, call := range []string{"yes", "no", "forget", "bad"} {
		ids[call] = approvalOf(t, asked, call)
	}
	require.Equal(t, []string{"Likes tea."}, b.contents(), "nothing before the answer")
	done, _ := b.goOn(asked, answer{ids["yes"], "yes", true, ""}, answer{ids["no"], "no", false, ""}, answer{ids["forget"], "forget", true, ""}, answer{ids["bad"], "bad", true, ""})
	require.Equal(t, map[string]any{"status": "saved"}, part(done, "yes")["output"])
	require.Equal(t, "output-denied", part(done, "no")["state"])
	require.Equal(t, map[string]any{"status": "forgotten"}, part(done, "forget")["output"])
	require.Equal(t, "output-error", part(done, "bad")["state"])
	require.Equal(t, []string{"Has a dog."}, b.contents())
	require.Equal(t, 1, b.count("SELECT count(*) FROM BRAIN.memories WHERE by_model AND conversation_id = 'c1'"))
	b.send("c2", "m2", "hello")
	require.Contains(t, b.provider.last(t).System, "Has a dog.")

	// Consent does not outlive the setting.
	asked = b.send("c3", "m3", "remember my cat")
	answers := make([]answer, 0, 4)
	for _, call := range []string{"yes", "no", "forget", "bad"} {
		answers = append(answers, answer{approvalOf(t, asked, call), call, true, ""})
	}
	b.prefer(false)
	f, err := b.Start(t.Context(), b.user, respond("c3", asked.ID, answers...))
	require.NoError(t, err)
	f.Close()
	require.Eventually(t, func() bool { return b.Active() == 0 }, 10*time.Second, time.Millisecond)
	require.Equal(t, []string{"Has a dog."}, b.contents())
}

// A title is made without notes, and a model that does no tools still gets to know them.
func TestMemoryOfModelsWithoutTools(t *testing.T) {
	t.Parallel()
	b := withMemory(t, func(o *completion.Options) {
		models, err := catalog.Load(catalog.Options{OpenAIModels: "test"})
		if err != nil {
			panic(err)
		}
		o.Catalog, o.Titles, o.Tools = models, true, map[string][]tool.Tool{}
	})
	b.prefer(true)
	b.add("Likes tea.")
	b.send("c1", "m1", "hello")
	require.Eventually(t, func() bool {
		b.provider.mu.Lock()
		defer b.provider.mu.Unlock()
		return len(b.provider.requests) == 2
	}, 10*time.Second, time.Millisecond)
	b.provider.mu.Lock()
	defer b.provider.mu.Unlock()
	require.Contains(t, b.provider.requests[0].System, "Likes tea.")
	require.Empty(t, b.provider.requests[0].Tools)
	require.NotContains(t, b.provider.requests[1].System, "Likes tea.")
}
