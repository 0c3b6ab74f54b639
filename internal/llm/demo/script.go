package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"twobrains/internal/llm"
)

// script is a reply decided beforehand: reasoning, then text, sources and calls, then the end.
type script struct {
	reasoning string
	text      string
	sources   []llm.Source
	calls     []llm.ToolCall
	finish    llm.FinishReason
	fail      error         // ends the reply instead of finish
	stall     bool          // instead of an end, wait until the request is cancelled
	delay     time.Duration // replaces the provider's
}

// plan decides the reply. It looks at the last message, and at the earlier ones for what it is asked to remember.
func plan(req llm.Request) (script, error) {
	if req.Model != Model {
		return script{}, llm.NewError(llm.Failed, errUnknownModel)
	}
	c := read(req)
	if c.files {
		return script{}, llm.NewError(llm.Invalid, nil).WithDetail("The demo model takes no files.")
	}
	if len(c.results) > 0 {
		return script{text: c.resultText(), finish: llm.FinishStop}, nil
	}
	sc := script{finish: llm.FinishStop}
	if c.wantsReasoning() {
		sc.reasoning = c.reasoning()
	}
	if command, argument, ok := c.command(); ok {
		if run, known := commands[command]; known {
			err := run(&sc, c, argument)
			return sc, err
		}
	}
	if c.wantsTool() {
		if slices.ContainsFunc(req.Tools, func(t llm.Tool) bool { return t.Name == calculate.Name }) {
			sc.text = c.toolIntroduction()
			sc.calls, sc.finish = c.callsFor(c.expression()), llm.FinishToolCalls
			return sc, nil
		}
		sc.text = "I would use the calculator now, but this conversation offers me no tools."
		return sc, nil
	}
	sc.text = c.answer()
	return sc, nil
}

// commands are the words that make something happen on purpose; the argument is the word that follows, if any.
var commands = map[string]func(sc *script, c conversation, argument string) error{
	"demo:error": func(sc *script, _ conversation, argument string) error {
		kind := llm.Kind(argument)
		if !slices.Contains(failures, kind) {
			kind = llm.Failed
		}
		sc.text, sc.fail = "This reply fails after these words. ", llm.NewError(kind, errOnPurpose)
		return nil
	},
	"demo:refuse": func(*script, conversation, string) error { return llm.NewError(llm.Refused, errOnPurpose) },
	"demo:cut": func(sc *script, _ conversation, _ string) error {
		sc.text, sc.fail = "This reply breaks off in the middle of a ", llm.NewError(llm.Interrupted, errOnPurpose)
		return nil
	},
	"demo:stall": func(sc *script, _ conversation, _ string) error {
		sc.text, sc.stall = "This reply says no more until it is stopped. ", true
		return nil
	},
	"demo:length": func(sc *script, _ conversation, _ string) error {
		sc.text, sc.finish = "This reply stops because it has reached its", llm.FinishLength
		return nil
	},
	"demo:filter": func(sc *script, _ conversation, _ string) error {
		sc.text, sc.finish = "This reply was stopped by a", llm.FinishContentFilter
		return nil
	},
	"demo:empty": func(*script, conversation, string) error { return nil },
	"demo:slow": func(sc *script, c conversation, argument string) error {
		sc.delay = time.Duration(number(argument, 200, 10_000)) * time.Millisecond
		sc.text = fmt.Sprintf("One word every %d milliseconds: one two three four five six seven eight nine ten.", sc.delay.Milliseconds())
		return nil
	},
	"demo:long": func(sc *script, _ conversation, argument string) error {
		sc.text = longText(number(argument, 200, 20_000))
		return nil
	},
	"demo:source": func(sc *script, _ conversation, _ string) error {
		sc.text = "This answer rests on two sources."
		sc.sources = []llm.Source{
			{ID: "1", URL: "https://example.com/", Title: "Example Domain"},
			{ID: "2", URL: "https://www.postgresql.org/docs/current/ddl-schemas.html", Title: "PostgreSQL: Schemas"},
		}
		return nil
	},
	"demo:remember": func(sc *script, c conversation, _ string) error {
		return c.changeMemory(sc, "demo:remember", "remember")
	},
	"demo:forget": func(sc *script, c conversation, _ string) error { return c.changeMemory(sc, "demo:forget", "forget") },
	"demo:notes": func(sc *script, c conversation, _ string) error {
		sc.text = c.knownNotes()
		return nil
	},
	"demo:parallel": func(sc *script, c conversation, _ string) error {
		sc.calls, sc.finish = c.callsFor("6*7", "2^10", "1/0"), llm.FinishToolCalls
		return nil
	},
	"demo:badcall": func(sc *script, c conversation, _ string) error {
		sc.calls, sc.finish = c.callsFor("6 *"), llm.FinishToolCalls
		sc.calls[0].Malformed = true
		sc.calls[0].Input = json.RawMessage(`"{\"expression\": \"6 *"`)
		return nil
	},
}

var errOnPurpose = errors.New("asked for")

var failures = []llm.Kind{llm.Auth, llm.RateLimited, llm.Overloaded, llm.ContextTooLong, llm.Refused, llm.Interrupted, llm.Failed}

func number(argument string, standard, most int) int {
	n, err := strconv.Atoi(argument)
	if err != nil || n < 1 {
		return standard
	}
	return min(n, most)
}

func longText(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "word%d", i+1)
		if (i+1)%50 == 0 {
			text.WriteString("\n\n")
		} else {
			text.WriteByte(' ')
		}
	}
	return text.String()
}

// callsFor makes one call for each expression, with ids that are new in the conversation.
func (c conversation) callsFor(expressions ...string) []llm.ToolCall {
	calls := make([]llm.ToolCall, len(expressions))
	for i, expression := range expressions {
		input, err := json.Marshal(calculateInput{Expression: expression})
		if err != nil {
			panic(err) // a string always marshals
		}
		calls[i] = llm.ToolCall{ID: "call_demo_" + strconv.Itoa(c.calls+i+1), Name: calculate.Name, Input: input}
	}
	return calls
}

var expressionPattern = regexp.MustCompile(`[-+(]*[0-9.][-+*/%^(). 0-9]*[-+*/%^][-+*/%^(). 0-9]*[0-9)]`)

// written finds the first thing in the newest message that looks like arithmetic.
func (c conversation) written() string {
	found := strings.TrimSpace(expressionPattern.FindString(c.last))
	if len(found) > maxExpression {
		return ""
	}
	return found
}

// expression is what to calculate; questions about time get the seconds of a day.
func (c conversation) expression() string {
	if found := c.written(); found != "" {
		return found
	}
	if c.mentions("time") {
		return "24*60*60"
	}
	return "6*7"
}
