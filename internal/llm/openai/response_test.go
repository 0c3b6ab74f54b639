package openai_test

import (
	"bytes"
	"testing"

	"twobrains/internal/llm"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/openai"
)

// TestResponses plays what only the Responses API sends.
func TestResponses(t *testing.T) {
	t.Parallel()
	for name, check := range map[string]func(r llmtest.Result) bool{
		"filtered": func(r llmtest.Result) bool { return r.Text == "I" && r.Finish == llm.FinishContentFilter },
		"refusal":  func(r llmtest.Result) bool { return r.Text == "I cannot help with that." },
		"whole-items": func(r llmtest.Result) bool {
			reasoning, ok := r.Parts[0].(llm.Reasoning)
			return ok && reasoning.Text == "" && bytes.Contains(reasoning.Meta, []byte(`"gAAAA-encrypted-reasoning-1"`)) &&
				r.Text == "Hi." && len(r.Sources) == 1 && len(r.Calls) == 1 && string(r.Calls[0].Input) == `{"city":"Paris"}` &&
				r.Finish == llm.FinishToolCalls
		},
		"file": func(r llmtest.Result) bool {
			return string(r.Files[0].Meta) == `{"openai":{"itemId":"ig_1"}}`
		},
		"error-unknown": func(r llmtest.Result) bool { return r.Usage.Output == 12 }, // what a failed reply cost is known too
		"tool": func(r llmtest.Result) bool {
			text, ok := r.Parts[0].(llm.Text)
			return ok && string(text.Meta) == `{"openai":{"itemId":"msg_1","phase":"commentary"}}` && string(r.Calls[0].Meta) == `{"openai":{"itemId":"fc_1"}}`
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := llmtest.NewServer(t, llmtest.Recording(t, "responses/"+name+".sse"))
			r := llmtest.Collect(t.Context(), t, newDialect(t, openai.Options{BaseURL: server.URL}, openai.DialectOpenAI), llmtest.Ask())
			if !check(r) {
				t.Errorf("%+v", r)
			}
		})
	}
}

func refusal(body string) llmtest.Answer {
	return llmtest.Answer{Status: 400, Body: []byte(body), Header: map[string]string{"Content-Type": "application/json"}}
}

// TestAsksForLess: what is not essential is left out once the provider objects to it, each of it once.
func TestAsksForLess(t *testing.T) {
	t.Parallel()
	noSummary := refusal(`{"error":{"message":"Your organization must be verified to generate reasoning summaries.","type":"invalid_request_error","param":"reasoning.summary","code":"unsupported_value"}}`)
	noEncrypted := refusal(`{"error":{"message":"Encrypted content is not supported with this model.","type":"invalid_request_error","param":"include","code":null}}`)
	foreign := refusal(`{"error":{"message":"The encrypted content gAAA... could not be verified.","type":"invalid_request_error","param":null,"code":"invalid_encrypted_content"}}`)
	text := llmtest.Recording(t, "responses/text.sse")
	run := func(t *testing.T, answers ...llmtest.Answer) (llmtest.Result, []llmtest.Request) {
		server := llmtest.NewServer(t, answers...)
		req := conversation()
		req.Effort = llm.EffortLow
		r := llmtest.Collect(t.Context(), t, newDialect(t, openai.Options{BaseURL: server.URL}, openai.DialectOpenAI), req)
		return r, server.Requests()
	}
	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		r, sent := run(t, noSummary, noEncrypted, foreign, text)
		if r.Finish != llm.FinishStop || len(sent) != 4 {
			t.Fatalf("%d requests, %+v", len(sent), r)
		}
		member(t, sent[0].Body, `{"effort":"low","summary":"auto"}`, "reasoning")
		member(t, sent[1].Body, `{"effort":"low"}`, "reasoning")
		member(t, sent[2].Body, `null`, "include")
		for _, gone := range []string{"rs_1", "gAAAA", "msg_1", "ig_1"} {
			if !bytes.Contains(sent[2].Body, []byte(gone)) || bytes.Contains(sent[3].Body, []byte(gone)) {
				t.Errorf("%s: before %s\nafter %s", gone, sent[2].Body, sent[3].Body)
			}
		}
		if !bytes.Contains(sent[3].Body, []byte("and second.")) {
			t.Errorf("lost the text: %s", sent[3].Body)
		}
	})
	t.Run("refused for good", func(t *testing.T) {
		t.Parallel()
		r, sent := run(t, noSummary)
		if llm.KindOf(r.Err) != llm.Failed || len(sent) != 2 {
			t.Errorf("%d requests, %+v", len(sent), r)
		}
	})
}
