package openai_test

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/llm/llmtest"
	"twobrains/internal/llm/openai"
	"twobrains/internal/secret"
)

const (
	imageURL = "data:image/png;base64," + llmtest.ImageBase64
	pdfURL   = "data:application/pdf;base64,JVBERi0xLjQKJSVFT0YK"
	textFile = `<file name=\"notes.txt\">\nBuy milk.\n</file>`
)

func maker(dialect openai.Dialect) func(t *testing.T, baseURL string, idle time.Duration) llm.Provider {
	return func(t *testing.T, baseURL string, idle time.Duration) llm.Provider {
		return newDialect(t, openai.Options{BaseURL: baseURL + "/v1", Key: secret.New("sk-test"), IdleTimeout: idle}, dialect)
	}
}

// member checks that a member of a body, by its place, is what the JSON text says.
func member(t *testing.T, body []byte, want string, place ...any) {
	t.Helper()
	var got, expected any
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(want), &expected); err != nil {
		t.Fatal(err)
	}
	for _, step := range place {
		switch at := step.(type) {
		case string:
			object, _ := got.(map[string]any)
			got = object[at]
		case int:
			list, _ := got.([]any)
			if at >= len(list) {
				t.Fatalf("%v: only %d values", place, len(list))
			}
			got = list[at]
		}
	}
	if !reflect.DeepEqual(got, expected) {
		text, err := json.Marshal(got)
		t.Errorf("%v is\n%s (%v), want\n%s", place, text, err, want)
	}
}

func TestChatConformance(t *testing.T) {
	t.Parallel()
	content := func(want string) func(t *testing.T, body []byte) {
		return func(t *testing.T, body []byte) {
			member(t, body, `[{"role":"user","content":[`+want+`,{"type":"text","text":"What is this?"}]}]`, "messages")
		}
	}
	llmtest.Run(t, llmtest.Adapter{
		Dir: "testdata",
		New: maker(openai.DialectCompatible),
		Long: func(text string) []byte {
			return []byte(`data: {"choices":[{"index":0,"delta":{"content":"` + text + `"},"finish_reason":"stop"}]}` + "\n\ndata: [DONE]\n\n")
		},
		Image:    content(`{"type":"image_url","image_url":{"url":"` + imageURL + `"}}`),
		PDF:      content(`{"type":"file","file":{"filename":"paper.pdf","file_data":"` + pdfURL + `"}}`),
		TextFile: content(`{"type":"text","text":"` + textFile + `"}`),
		Turns: func(t *testing.T, second, third []byte) {
			call := `"tool_calls":[{"id":"call_Ab1","type":"function","function":{"name":"get_weather","arguments":"{\"city\":\"Paris\"}"}}]`
			member(t, second, `[{"role":"user","content":"Hi"},
				{"role":"assistant","reasoning_content":"First this, then that.",`+call+`},
				{"role":"tool","tool_call_id":"call_Ab1","content":"{\"degrees\":21}"}]`, "messages")
			member(t, third, `[{"role":"user","content":"Hi"},
				{"role":"assistant",`+call+`},
				{"role":"tool","tool_call_id":"call_Ab1","content":"{\"degrees\":21}"},
				{"role":"assistant","content":"Hello, wörld 😀!"},
				{"role":"user","content":"And Rome?"}]`, "messages")
		},
	})
}

func TestResponsesConformance(t *testing.T) {
	t.Parallel()
	content := func(want string) func(t *testing.T, body []byte) {
		return func(t *testing.T, body []byte) {
			member(t, body, `[{"role":"user","content":[`+want+`,{"type":"input_text","text":"What is this?"}]}]`, "input")
		}
	}
	llmtest.Run(t, llmtest.Adapter{
		Dir: "testdata/responses",
		New: maker(openai.DialectOpenAI),
		Long: func(text string) []byte {
			return []byte(`data: {"type":"response.output_text.delta","item_id":"msg_1","output_index":0,"content_index":0,"delta":"` + text + `"}` + "\n\n" +
				`data: {"type":"response.completed","response":{"status":"completed"}}` + "\n\n")
		},
		Image:    content(`{"type":"input_image","detail":"auto","image_url":"` + imageURL + `"}`),
		PDF:      content(`{"type":"input_file","filename":"paper.pdf","file_data":"` + pdfURL + `"}`),
		TextFile: content(`{"type":"input_text","text":"` + textFile + `"}`),
		Turns: func(t *testing.T, second, third []byte) {
			loop := `{"role":"user","content":[{"type":"input_text","text":"Hi"}]},
				{"type":"reasoning","id":"rs_1","encrypted_content":"gAAAA-encrypted-reasoning-1",
					"summary":[{"type":"summary_text","text":"First this,"},{"type":"summary_text","text":" then that."}]},
				{"type":"function_call","id":"fc_1","call_id":"call_Ab1","name":"get_weather","arguments":"{\"city\":\"Paris\"}"},
				{"type":"function_call_output","call_id":"call_Ab1","output":"{\"degrees\":21}"}`
			member(t, second, `[`+loop+`]`, "input")
			member(t, third, `[`+loop+`,
				{"type":"message","role":"assistant","id":"msg_1","status":"completed","phase":"final_answer",
					"content":[{"type":"output_text","text":"Hello, wörld 😀!","annotations":[]}]},
				{"role":"user","content":[{"type":"input_text","text":"And Rome?"}]}]`, "input")
			member(t, second, `["reasoning.encrypted_content"]`, "include")
			member(t, second, `false`, "store")
		},
	})
}
