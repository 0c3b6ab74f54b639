package archive_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/account/archive"
)

// outline shows a conversation in short: its messages with what they follow by number, * for those that are shown.
func outline(c archive.Conversation) string {
	numbers := map[string]int{}
	var out strings.Builder
	for i, m := range c.Messages {
		numbers[m.ID] = i + 1
		shown := ""
		if m.Shown {
			shown = "*"
		}
		fmt.Fprintf(&out, "%d%s<%d %s %s\n", i+1, shown, numbers[m.ParentID], m.Role, m.Parts)
	}
	for _, s := range c.Skipped {
		fmt.Fprintf(&out, "- %s %s\n", s.Reason, s.ID)
	}
	return out.String()
}

const gptExport = `[{
  "title": "Deploy\n  timeout", "create_time": 1712345678.5, "update_time": 1712345999, "conversation_id": "11111111-0000-4000-8000-000000000001", "id": "other",
  "current_node": "n9", "is_archived": true, "is_starred": true, "default_model_slug": "gpt-5", "moderation_results": [],
  "mapping": {
    "root": {"id": "root", "message": null, "parent": null, "children": ["sys"]},
    "sys": {"id": "sys", "parent": "root", "children": ["ctx"], "message": {"id": "sys", "author": {"role": "system", "name": null, "metadata": {}}, "create_time": null, "content": {"content_type": "text", "parts": [""]}, "status": "finished_successfully", "weight": 0, "metadata": {"is_visually_hidden_from_conversation": true}, "recipient": "all"}},
    "ctx": {"id": "ctx", "parent": "sys", "children": ["n1"], "message": {"id": "ctx", "author": {"role": "user"}, "content": {"content_type": "user_editable_context", "user_profile": "p", "user_instructions": "i"}, "metadata": {"is_user_system_message": true}, "recipient": "all"}},
    "n1": {"id": "n1", "parent": "ctx", "children": ["n2", "n3"], "message": {"id": "n1", "author": {"role": "user"}, "create_time": 1712345679.25, "content": {"content_type": "multimodal_text", "parts": [{"content_type": "image_asset_pointer", "asset_pointer": "sediment://file_1", "size_bytes": 5}, "What is this?"]}, "metadata": {}, "recipient": "all"}},
    "n2": {"id": "n2", "parent": "n1", "children": [], "message": {"id": "n2", "author": {"role": "assistant"}, "create_time": 1712345680, "content": {"content_type": "text", "parts": ["First try"]}, "metadata": {"model_slug": "gpt-4o"}, "recipient": "all"}},
    "n3": {"id": "n3", "parent": "n1", "children": ["n4"], "message": {"id": "n3", "author": {"role": "assistant"}, "create_time": 1712345681, "content": {"content_type": "thoughts", "thoughts": [{"summary": "s", "content": "Hm."}], "source_analysis_msg_id": "x"}, "metadata": {"model_slug": "gpt-5-thinking"}, "recipient": "all"}},
    "n4": {"id": "n4", "parent": "n3", "children": ["n5"], "message": {"id": "n4", "author": {"role": "assistant"}, "content": {"content_type": "code", "language": "unknown", "text": "search('x')"}, "metadata": {}, "recipient": "browser"}},
    "n5": {"id": "n5", "parent": "n4", "children": ["n6"], "message": {"id": "n5", "author": {"role": "tool", "name": "browser"}, "content": {"content_type": "tether_browsing_display", "result": "r", "summary": "s"}, "metadata": {}, "recipient": "all"}},
    "n6": {"id": "n6", "parent": "n5", "children": ["n7"], "message": {"id": "n6", "author": {"role": "assistant"}, "content": {"content_type": "reasoning_recap", "content": "Thought for 5s"}, "metadata": {}, "recipient": "all"}},
    "n7": {"id": "n7", "parent": "n6", "children": ["n8"], "message": {"id": "n7", "author": {"role": "assistant"}, "create_time": 1712345690, "content": {"content_type": "text", "parts": ["A \u0000 cat", ""]}, "metadata": {}, "recipient": "all"}},
    "n8": {"id": "n8", "parent": "n7", "children": ["n9"], "message": {"id": "n8", "author": {"role": "user"}, "create_time": null, "content": {"content_type": "text", "parts": ["Thanks"]}, "metadata": {}, "recipient": "all"}},
    "n9": {"id": "n9", "parent": "n8", "children": [], "message": {"id": "n9", "author": {"role": "assistant"}, "create_time": 1712345699, "content": {"content_type": "code", "language": "python", "text": "print(1)"}, "metadata": {}, "recipient": "all"}},
    "lost": {"id": "lost", "parent": "lost", "children": ["lost"], "message": {"id": "lost", "author": {"role": "user"}, "content": {"content_type": "text", "parts": ["x"]}}}
  }}, {"title": null, "id": "22222222-0000-4000-8000-000000000002", "mapping": {}}, {"title": "no mapping"}]`

const gptOutline = "1*<0 user [{\"text\":\"What is this?\",\"type\":\"text\"}]\n" +
	"2<1 assistant [{\"text\":\"First try\",\"type\":\"text\"}]\n" +
	"3*<1 assistant [{\"state\":\"done\",\"text\":\"Hm.\",\"type\":\"reasoning\"},{\"text\":\"A \uFFFD cat\",\"type\":\"text\"}]\n" +
	"4*<3 user [{\"text\":\"Thanks\",\"type\":\"text\"}]\n" +
	"5*<4 assistant [{\"text\":\"```python\\nprint(1)\\n```\",\"type\":\"text\"}]\n" +
	"- system ctx\n- file n1\n- tool n4\n- tool n5\n- unreadable lost\n"

func TestChatGPT(t *testing.T) {
	t.Parallel()
	for name, file := range map[string][]byte{
		"bare":          []byte(gptExport),
		"with a mark":   []byte("\xef\xbb\xbf" + gptExport),
		"ZIP":           pack(t, entry{"chat.html", "<html>"}, entry{"conversations.json", gptExport}, entry{"user.json", "{}"}, entry{"file_1-cat.png", "x"}),
		"ZIP of shards": pack(t, entry{"x/conversations-000.json", gptExport}, entry{"x/conversations-001.json", "[]"}),
	} {
		all, err := readAll(file)
		require.NoError(t, err, name)
		require.Len(t, all, 3, name)
		c := all[0]
		require.Equal(t, gptOutline, outline(c), name)
		require.Equal(t, "Deploy timeout", c.Title)
		require.True(t, c.Pinned)
		require.NotNil(t, c.ArchivedAt)
		require.Equal(t, "2024-04-05T19:34:39.25Z", c.Messages[0].CreatedAt.Format("2006-01-02T15:04:05.999999Z"))
		require.Equal(t, c.Messages[2].CreatedAt, c.Messages[3].CreatedAt, "a time that is missing is the one before")
		require.JSONEq(t, `{"importedFrom":"chatgpt","originalModel":"gpt-4o"}`, string(c.Messages[1].Metadata))
		require.Empty(t, all[1].Messages)
		require.Equal(t, []archive.Skip{{Reason: archive.ReasonUnreadable, ID: "conversation 3"}}, all[2].Skipped)
		again, err := readAll(file)
		require.NoError(t, err)
		require.Equal(t, all, again, "ids are always the same")
	}
}

const claudeExport = `[{
  "uuid": "aaaaaaaa-0000-4000-8000-000000000001", "name": "Plan", "summary": "", "created_at": "2026-03-01T10:00:00.123456Z", "updated_at": "2026-03-01T11:00:00Z", "account": {"uuid": "x"},
  "chat_messages": [
    {"uuid": "h1", "text": "Hello", "content": [{"start_timestamp": null, "type": "text", "text": "Hello", "citations": []}], "sender": "human", "created_at": "2026-03-01T10:00:00Z", "updated_at": "2026-03-01T10:00:00Z",
     "attachments": [{"file_name": "notes.txt", "file_size": 5, "file_type": "txt", "extracted_content": "my notes"}], "files": [{"file_name": "cat.png"}], "parent_message_uuid": "00000000-0000-4000-8000-000000000000"},
    {"uuid": "a1", "text": "Hi", "content": [{"type": "thinking", "thinking": "Greet."}, {"type": "tool_use", "name": "artifacts", "input": {}}, {"type": "tool_result", "name": "artifacts", "content": []}, {"type": "text", "text": "Hi"}], "sender": "assistant", "created_at": "2026-03-01T10:00:05Z", "attachments": [], "files": [], "parent_message_uuid": "h1"},
    {"uuid": "a2", "text": "Hi again", "content": [{"type": "text", "text": "Hi again"}], "sender": "assistant", "created_at": "2026-03-01T10:00:06Z", "parent_message_uuid": "h1"},
    {"uuid": "h2", "text": "", "content": [], "sender": "human", "created_at": "2026-03-01T10:00:07Z", "parent_message_uuid": "a2"},
    {"uuid": "a3", "text": "", "content": [{"type": "text", "text": "Still here?"}], "sender": "assistant", "created_at": "bad", "parent_message_uuid": "h2"},
    {"uuid": "z", "sender": "nobody", "text": "x"}
  ]},
  {"uuid": "aaaaaaaa-0000-4000-8000-000000000002", "name": "Older", "created_at": "2024-01-01T00:00:00Z", "updated_at": "2024-01-01T00:00:00Z",
   "chat_messages": [{"uuid": "o1", "text": "One", "sender": "human", "created_at": "2024-01-01T00:00:00Z"}, {"uuid": "o2", "text": "Two", "sender": "assistant", "created_at": "2024-01-01T00:00:01Z"}]}]`

func TestClaude(t *testing.T) {
	t.Parallel()
	for name, file := range map[string][]byte{
		"bare": []byte(claudeExport),
		"ZIP":  pack(t, entry{"conversations.json", claudeExport}, entry{"users.json", "[]"}, entry{"projects.json", "[]"}, entry{"manifest.json", `{"user_id":"x"}`}),
	} {
		all, err := readAll(file)
		require.NoError(t, err, name)
		require.Len(t, all, 2)
		require.Equal(t, "1*<0 user [{\"text\":\"Hello\",\"type\":\"text\"},{\"text\":\"[notes.txt]\\n\\nmy notes\",\"type\":\"text\"}]\n"+
			"2<1 assistant [{\"state\":\"done\",\"text\":\"Greet.\",\"type\":\"reasoning\"},{\"text\":\"Hi\",\"type\":\"text\"}]\n"+
			"3*<1 assistant [{\"text\":\"Hi again\",\"type\":\"text\"}]\n"+
			"4*<3 assistant [{\"text\":\"Still here?\",\"type\":\"text\"}]\n"+
			"- file h1\n- tool a1\n- tool a1\n- empty h2\n- unreadable z\n", outline(all[0]))
		require.Equal(t, "1*<0 user [{\"text\":\"One\",\"type\":\"text\"}]\n2*<1 assistant [{\"text\":\"Two\",\"type\":\"text\"}]\n", outline(all[1]))
	}
}
