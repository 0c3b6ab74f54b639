package anthropic

import (
	"encoding/json"
	"net/http"
	"regexp"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

// refusals sorts {"type": "error", "error": {"type": "…_error", "message": "…"}}, as a body and as an event.
var refusals = wire.Refusals{Parse: parseFailure, Sort: sortFailure, RequestID: "Request-Id"}

func parseFailure(body []byte) (wire.Failure, bool) {
	var top struct {
		Type  string          `json:"type"`
		Error json.RawMessage `json:"error"`
	}
	if json.Unmarshal(body, &top) != nil {
		return wire.Failure{}, false
	}
	if len(top.Error) == 0 || string(top.Error) == "null" {
		return wire.Failure{}, top.Type == "error"
	}
	var inner struct {
		Type    json.RawMessage `json:"type"`
		Message json.RawMessage `json:"message"`
	}
	if json.Unmarshal(top.Error, &inner) != nil {
		return wire.Failure{Message: wire.Loose(top.Error)}, true
	}
	return wire.Failure{Type: wire.Loose(inner.Type), Message: wire.Loose(inner.Message)}, true
}

var (
	// spent matches an invalid_request_error: there is no type of its own for an account or workspace without money.
	spent = regexp.MustCompile(`(?i)credit balance|reached your (specified )?(workspace )?(API )?usage limits?`)
	// noRoom is said where the prompt fits but not with max_tokens added.
	noRoom = regexp.MustCompile(`(?i)exceeds? (the )?context limit`)
)

func sortFailure(status int, f wire.Failure) (kind llm.Kind, detail string) {
	switch {
	case status >= http.StatusInternalServerError:
		return "", ""
	case spent.MatchString(f.Message):
		return llm.RateLimited, wire.DetailBudget
	case noRoom.MatchString(f.Message):
		return llm.ContextTooLong, ""
	}
	return "", ""
}
