package openai

import (
	"testing"

	"twobrains/internal/llm"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]llm.Kind{
		`{"error":{"message":"m","type":"insufficient_quota","code":"insufficient_quota"}}`:                         llm.RateLimited,
		`{"error":{"message":"m","type":"invalid_request_error","code":"model_not_found"}}`:                         llm.Failed,
		`{"error":{"message":"m","type":"invalid_request_error","code":"content_policy_violation"}}`:                llm.Refused,
		`{"error":{"message":"Unknown parameter: 'safety_identifier'.","type":"invalid_request_error","code":"x"}}`: llm.Failed,
		`{"error":{"message":"The response was filtered due to … content management policy","code":400}}`:           llm.Refused,
		`{"error":"the request exceeds the available context size, try increasing it"}`:                             llm.ContextTooLong,
		`{"object":"error","message":"This model's maximum context length is 10 tokens","code":400}`:                llm.ContextTooLong,
		`{"detail":"Not Found"}`:                          llm.Failed,
		`{"error":{"code":429}}`:                          llm.RateLimited,
		`{"error":{"code":"503"}}`:                        llm.Overloaded,
		`{"error":{"code":401,"message":"m"}}`:            llm.Auth,
		`{"error":{}}`:                                    llm.Failed,
		`{"error":["?"]}`:                                 llm.Failed,
		`{"error":{"code":402,"message":"more credits"}}`: llm.RateLimited,
		`{"type":"error","message":"m","param":null,"sequence_number":3}`:   llm.Failed,
		`{"type":"error","code":"server_is_overloaded","message":"m"}`:      llm.Overloaded,
		`{"type":"error","code":"slow_down","message":"m"}`:                 llm.Overloaded,
		`{"error":{"code":"invalid_prompt","message":"m"}}`:                 llm.Refused,
		`{"error":{"code":"image_content_policy_violation","message":"m"}}`: llm.Refused,
		`{"error":{"code":"invalid_image_url","message":"m"}}`:              llm.Failed,
	} {
		f, ok := parseFailure([]byte(body))
		if !ok {
			t.Errorf("%s: not seen as an error", body)
		}
		if got := refusals.Error(f).Kind; got != want {
			t.Errorf("%s: %s, want %s", body, got, want)
		}
	}
	for _, body := range []string{``, `[]`, `"x"`, `{}`, `{"error":null}`, `{"choices":[],"message":"m"}`, `{"object":"chat.completion.chunk"}`} {
		if f, ok := parseFailure([]byte(body)); ok {
			t.Errorf("%s: %+v", body, f)
		}
	}
}
