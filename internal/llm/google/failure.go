package google

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

var refusals = wire.Refusals{Parse: parseFailure, Sort: sortFailure}

// status is google.rpc.Status in JSON, whose details are of many types. Members of servers in between may have any type.
type status struct {
	Code    json.RawMessage `json:"code"`
	Message json.RawMessage `json:"message"`
	Status  json.RawMessage `json:"status"`
	Details []struct {
		Reason     string `json:"reason"`     // of ErrorInfo
		RetryDelay string `json:"retryDelay"` // of RetryInfo, "7s" or "7.5s"
	} `json:"details"`
}

// parseFailure reads {"error": {…}}, also as the first element of an array, which is the form of streams without SSE.
// The failure's type is the word of google.rpc.Code, its code the reason of ErrorInfo or else the number.
func parseFailure(body []byte) (wire.Failure, bool) {
	var top struct {
		Error json.RawMessage `json:"error"`
	}
	if body = bytes.TrimSpace(body); len(body) > 0 && body[0] == '[' {
		var list []json.RawMessage
		if json.Unmarshal(body, &list) != nil || len(list) == 0 {
			return wire.Failure{}, false
		}
		body = list[0]
	}
	if json.Unmarshal(body, &top) != nil || len(top.Error) == 0 || string(top.Error) == "null" {
		return wire.Failure{}, false
	}
	var s status
	if json.Unmarshal(top.Error, &s) != nil {
		s = status{Message: top.Error}
	}
	f := wire.Failure{Message: wire.Loose(s.Message), Type: wire.Loose(s.Status), Code: wire.Loose(s.Code)}
	for _, detail := range s.Details {
		if detail.Reason != "" {
			f.Code = detail.Reason
		}
		if delay, err := time.ParseDuration(detail.RetryDelay); err == nil {
			f.RetryAfter = max(f.RetryAfter, delay)
		}
	}
	return f, true
}

var (
	// keyTrouble matches reasons: a wrong key is INVALID_ARGUMENT with the status 400.
	keyTrouble = regexp.MustCompile(`^(API_KEY|ACCESS_TOKEN|CREDENTIALS)_`)
	spent      = regexp.MustCompile(`(?i)credits? (is|are|has been|have been) (depleted|exhausted)|spending (cap|limit)`)
	tooLarge   = regexp.MustCompile(`(?i)number of tokens allowed|payload size exceeds`)
	forbidden  = regexp.MustCompile(`(?i)prohibited use policy|safety (polic|filter)`)
)

// sortFailure knows what is Google's own; the rest are the common rules.
func sortFailure(code int, f wire.Failure) (kind llm.Kind, detail string) {
	badRequest := f.Type == "INVALID_ARGUMENT" || code == http.StatusBadRequest
	switch {
	case keyTrouble.MatchString(f.Code):
		return llm.Auth, ""
	case f.Type == "RESOURCE_EXHAUSTED" && spent.MatchString(f.Message):
		return llm.RateLimited, wire.DetailBudget
	case badRequest && tooLarge.MatchString(f.Message):
		return llm.ContextTooLong, ""
	case badRequest && forbidden.MatchString(f.Message):
		return llm.Refused, ""
	case f.Type == "NOT_FOUND":
		return llm.Failed, wire.DetailModel
	}
	return "", ""
}
