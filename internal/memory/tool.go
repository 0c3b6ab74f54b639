package memory

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"twobrains/internal/auth"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/tenant"
	"twobrains/internal/tool"
)

// ToolName is what models call.
const ToolName = "update_memory"

const toolDescription = "Changes the notes that the user lets you know in all conversations. Use it when the user asks you to remember or to forget something, " +
	"or says something lasting about themselves that will be useful in other conversations; not for what only matters in this one, and not for " +
	"secrets such as passwords. The user is asked before each change, and may refuse it: do not ask beforehand, and do not try again."

// toolSchema of the tool's arguments. Notes are named by what they say, which is also what the user is asked about: an id could be
// another note's by the time of the answer.
const toolSchema = `{"type":"object","properties":{` +
	`"remember":{"type":"string","description":"The note to save: one fact, in a short sentence that can be understood without this conversation, at most 400 characters."},` +
	`"forget":{"type":"string","description":"The exact text of a saved note to delete, or to replace by remember where both are given."}` +
	`},"additionalProperties":false}`

type toolInput struct {
	Remember string `json:"remember"`
	Forget   string `json:"forget"`
}

// toolOutput says what was done: saved, replaced, forgotten, or known: there was such a note already.
type toolOutput struct {
	Status string `json:"status"`
}

// Tool is what lets a model change the notes of the user whose run in a conversation it is. The user is asked before each change,
// whatever the settings say.
func (s *Service) Tool(user auth.User, conversation string) tool.Tool {
	return tool.Tool{
		Tool:          llm.Tool{Name: ToolName, Description: toolDescription, InputSchema: json.RawMessage(toolSchema)},
		Title:         "Update memory",
		NeedsApproval: true,
		Run: func(ctx context.Context, input json.RawMessage) (tool.Result, error) {
			var in toolInput
			if json.Unmarshal(input, &in) != nil {
				return tool.Result{}, tool.Error("The arguments must be remember, forget, or both, as texts.")
			}
			status, err := s.change(ctx, user, conversation, in)
			if err != nil {
				return tool.Result{}, toolError(err)
			}
			output, err := json.Marshal(toolOutput{status})
			return tool.Result{Output: output}, err
		},
	}
}

// change does what a model asked for and the user has approved.
func (s *Service) change(ctx context.Context, user auth.User, conversation string, in toolInput) (status string, err error) {
	note := Note{ByModel: true, ConversationID: conversation}
	remember, forget := in.Remember != "", strings.TrimSpace(in.Forget) != ""
	if !remember && !forget {
		return "", tool.Error("Give remember, forget, or both.")
	}
	if remember {
		var complaint string
		if note.Content, complaint = clean(in.Remember); complaint == "" && hidden(note.Content) {
			complaint = "must not contain invisible characters" // the user could not see what they approve
		}
		if complaint != "" {
			return "", tool.Error("The note " + complaint + ".")
		}
	}
	err = s.write(ctx, user, func(tx *tenant.Tx, notes []Note) (err error) {
		old := -1
		if forget {
			if old = find(notes, in.Forget); old < 0 {
				return tool.Error("There is no such note; give its text exactly as it is.")
			}
		}
		switch {
		case !remember:
			status = "forgotten"
			s.queueDelete(ctx, tx, notes[old].ID)
		case forget:
			status = "replaced"
			note.ID, note.UpdatedAt = notes[old].ID, s.now()
			s.queueUpdate(ctx, tx, note)
		case find(notes, note.Content) >= 0:
			status = "known"
		default:
			status = "saved"
			_, err = s.add(ctx, tx, notes, note)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("change notes: %w", err)
	}
	return status, nil
}

// hidden says whether a text has characters that show nothing or change the order of others. Two of them are parts of words and emoji.
func hidden(text string) bool {
	return strings.ContainsFunc(text, func(r rune) bool {
		const nonJoiner, joiner = '\u200c', '\u200d'
		return r != '\n' && r != '\t' && r != nonJoiner && r != joiner && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r))
	})
}

// toolError gives a model what it can do something about; all else is said in general.
func toolError(err error) error {
	var safe tool.Error
	if errors.As(err, &safe) {
		return safe
	}
	if problem.HasCode(err, problem.CodeMemoryFull) {
		return tool.Error(problem.From(err).Detail)
	}
	return tool.Error("The notes could not be changed.")
}
