package demo

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"twobrains/internal/llm"
)

// conversation is what the model makes of a request.
type conversation struct {
	last    string // the newest message's text, in case it is the user's
	results []llm.ToolResult
	inputs  map[string]string // of all calls, by id
	calls   int
	users   int // the user's messages, the newest included
	replies int
	name    string // what the user called themselves, outside the newest message
	told    string // the same, in the newest message
	first   string // the user's first message
	system  int    // words of instructions
	effort  llm.Effort
	files   bool
	notes   []string // of the user's, from the instructions
	tools   []string // what may be called
}

var namePattern = regexp.MustCompile(`(?i)\b(?:my name is|call me|i am called)\s+([\pL][\pL'-]{0,39})`)

func read(req llm.Request) conversation {
	c := conversation{inputs: map[string]string{}, effort: req.Effort, system: len(strings.Fields(req.System))}
	for _, t := range req.Tools {
		c.tools = append(c.tools, t.Name)
	}
	c.notes = notesIn(req.System)
	for i, message := range req.Messages {
		newest := i == len(req.Messages)-1
		text := ""
		for _, part := range message.Parts {
			switch p := part.(type) {
			case llm.Text:
				text += p.Text
			case llm.ToolCall:
				c.calls++
				c.inputs[p.ID] = string(p.Input)
			case llm.ToolResult:
				if newest {
					c.results = append(c.results, p)
				}
			case llm.File:
				c.files = c.files || newest
			}
		}
		switch message.Role {
		case llm.RoleUser:
			c.user(text, newest)
		case llm.RoleAssistant:
			c.replies++
		}
	}
	return c
}

func (c *conversation) user(text string, newest bool) {
	if c.users == 0 {
		c.first = text
	}
	c.users++
	said := ""
	if found := namePattern.FindStringSubmatch(text); found != nil {
		said = found[1]
	}
	if newest {
		c.last, c.told = text, said
	} else if said != "" {
		c.name = said
	}
}

var wordPattern = regexp.MustCompile(`[\pL']+`)

// mentions reports whether the newest message has one of the words, in any case, as a whole word.
func (c conversation) mentions(words ...string) bool {
	for _, found := range wordPattern.FindAllString(strings.ToLower(c.last), -1) {
		for _, word := range words {
			if found == word {
				return true
			}
		}
	}
	return false
}

// command finds the first word that begins with "demo:", and the word after it.
func (c conversation) command() (name, argument string, ok bool) {
	fields := strings.Fields(strings.ToLower(c.last))
	for i, field := range fields {
		if strings.HasPrefix(field, "demo:") {
			if i+1 < len(fields) {
				argument = fields[i+1]
			}
			return field, argument, true
		}
	}
	return "", "", false
}

func (c conversation) wantsReasoning() bool {
	switch c.effort {
	case llm.EffortOff:
		return false
	case llm.EffortLow, llm.EffortMedium, llm.EffortHigh:
		return true
	}
	return c.mentions("think", "thinking", "reason", "reasoning")
}

func (c conversation) wantsTool() bool {
	return c.mentions("tool", "tools", "time", "calculate", "calculator", "compute") ||
		(c.mentions("what's", "what", "how") && c.written() != "")
}

func (c conversation) reasoning() string {
	text := fmt.Sprintf("The user wrote %d words. ", len(strings.Fields(c.last)))
	if c.effort == llm.EffortMedium || c.effort == llm.EffortHigh {
		text += fmt.Sprintf("Before that there were %d messages of theirs and %d replies of mine, which I take into account. ", c.users-1, c.replies)
	}
	if c.effort == llm.EffortHigh {
		text += "I check whether they ask for the calculator, for something they told me before, or for one of my special words. "
	}
	return text + "I know what to answer."
}

// resultText answers with what the tools gave.
func (c conversation) resultText() string {
	var text strings.Builder
	for _, result := range c.results {
		var input calculateInput
		_ = json.Unmarshal([]byte(c.inputs[result.CallID]), &input)
		var output calculateOutput
		switch {
		case result.IsError && result.Name != calculate.Name:
			var reason string
			_ = json.Unmarshal(result.Output, &reason)
			fmt.Fprintf(&text, "The tool %s could not be used: %s\n\n", code(result.Name), reason)
		case result.IsError:
			var reason string
			_ = json.Unmarshal(result.Output, &reason)
			fmt.Fprintf(&text, "The calculator could not do %s: %s\n\n", code(input.Expression), reason)
		case json.Unmarshal(result.Output, &output) == nil && output.Result != "":
			fmt.Fprintf(&text, "%s = **%s**\n\n", code(input.Expression), output.Result)
		default:
			fmt.Fprintf(&text, "The tool %s answered:\n\n```json\n%.500s\n```\n\n", code(result.Name), result.Output)
		}
	}
	return strings.TrimSpace(text.String())
}

func code(s string) string {
	if s = strings.ReplaceAll(s, "`", "'"); s == "" {
		return "that"
	}
	return "`" + s + "`"
}
