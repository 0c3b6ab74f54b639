package demo

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"twobrains/internal/llm"
)

// memoryTool is what the server calls the tool that changes the user's notes.
const memoryTool = "update_memory"

// notesIn reads the notes that stand in instructions, one a line as a JSON string.
func notesIn(system string) (notes []string) {
	_, rest, ok := strings.Cut(system, "<notes>\n")
	if !ok {
		return nil
	}
	list, _, _ := strings.Cut(rest, "</notes>")
	for line := range strings.Lines(list) {
		var note string
		if json.Unmarshal([]byte(line), &note) == nil {
			notes = append(notes, note)
		}
	}
	return notes
}

// after is the newest message behind a command, as it was written.
func (c conversation) after(command string) string {
	for i := range c.last {
		if len(c.last)-i >= len(command) && strings.EqualFold(c.last[i:i+len(command)], command) {
			return strings.TrimSpace(c.last[i+len(command):])
		}
	}
	return ""
}

// changeMemory asks for a change of the notes: remember or forget what follows the command.
func (c conversation) changeMemory(sc *script, command, member string) error {
	if !slices.Contains(c.tools, memoryTool) {
		sc.text = "I would change your notes now, but you do not let me: the settings have a switch for that, and temporary chats have none."
		return nil
	}
	input, err := json.Marshal(map[string]string{member: c.after(command)})
	if err != nil {
		return fmt.Errorf("write arguments: %w", err)
	}
	sc.text = "I ask you before I change your notes.\n\n"
	sc.calls = []llm.ToolCall{{ID: "call_demo_" + strconv.Itoa(c.calls+1), Name: memoryTool, Input: input}}
	sc.finish = llm.FinishToolCalls
	return nil
}

// knownNotes says which notes there are.
func (c conversation) knownNotes() string {
	if len(c.notes) == 0 {
		return "You let me know no notes."
	}
	text := fmt.Sprintf("You let me know %d:\n", len(c.notes))
	for _, note := range c.notes {
		text += "\n- " + strings.ReplaceAll(note, "\n", " ")
	}
	return text
}
