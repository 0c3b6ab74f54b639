package openai

import (
	"encoding/json"
	"regexp"
	"strings"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

var refusals = wire.Refusals{Parse: parseFailure, Sort: sortFailure, RequestID: "X-Request-Id"}

// codeStale stands for the ways in which the Responses API says that an earlier turn's items are not its own, or not
// complete: they came from another organisation's key, or their reply broke off.
const codeStale = "stale_items"

var stale = regexp.MustCompile(`(?i)items are not persisted|could not be (verified|decrypted)|without its required`)

// parseFailure reads {"error": {…}}, {"error": "…"}, and the same members at the top level.
func parseFailure(body []byte) (f wire.Failure, ok bool) {
	type members struct {
		Message json.RawMessage `json:"message"`
		Type    json.RawMessage `json:"type"`
		Code    json.RawMessage `json:"code"`
		Param   json.RawMessage `json:"param"`
	}
	var top struct {
		Error  json.RawMessage `json:"error"`
		Detail json.RawMessage `json:"detail"`
		Object string          `json:"object"`
		members
	}
	if json.Unmarshal(body, &top) != nil {
		return wire.Failure{}, false
	}
	var inner members
	switch {
	case len(top.Error) > 0 && string(top.Error) != "null":
		if json.Unmarshal(top.Error, &inner) != nil {
			inner.Message = top.Error
		}
	case top.Object == "error" || string(top.Type) == `"error"` || (len(top.Message) > 0 && len(top.Code) > 0):
		inner = top.members
	case len(top.Detail) > 0:
		inner.Message = top.Detail
	default:
		return wire.Failure{}, false
	}
	f = wire.Failure{Message: wire.Loose(inner.Message), Type: wire.Loose(inner.Type), Code: wire.Loose(inner.Code), Param: wire.Loose(inner.Param)}
	if f.Code == "invalid_encrypted_content" || stale.MatchString(f.Message) {
		f.Code = codeStale
	}
	return f, true
}

// sortFailure knows the codes that only OpenAI has.
func sortFailure(_ int, f wire.Failure) (llm.Kind, string) {
	switch code := f.Code; {
	case code == "invalid_prompt" || strings.Contains(code, "policy"):
		return llm.Refused, ""
	case code == "slow_down":
		return llm.Overloaded, ""
	case strings.Contains(code, "image_") || strings.HasSuffix(code, "_image") || strings.HasSuffix(code, "image_format") || code == "invalid_file":
		return llm.Failed, "The model provider could not read an attachment."
	}
	return "", ""
}
