package llm_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"twobrains/internal/llm"
	"twobrains/internal/problem"
)

func TestErrorFaces(t *testing.T) {
	t.Parallel()
	cause := errors.New("status 418, request abc")
	for kind, code := range map[llm.Kind]problem.Code{
		llm.Auth: problem.CodeProviderAuth, llm.RateLimited: problem.CodeProviderRate, llm.Overloaded: problem.CodeProviderOverloaded,
		llm.ContextTooLong: problem.CodeContextTooLong, llm.Refused: problem.CodeProviderRefused, llm.Interrupted: problem.CodeProviderInterrupted,
		llm.Failed: problem.CodeProviderFailed, llm.Invalid: problem.CodeInvalid, "unheard of": problem.CodeProviderFailed,
	} {
		err := fmt.Errorf("run step: %w", llm.NewError(kind, cause).After(3*time.Second))
		face := problem.From(err)
		if face.Code != code || face.RetryAfter != 3*time.Second || face.Detail == "" || face.Code.Info().Status == http.StatusInternalServerError {
			t.Errorf("%s: %+v", kind, face)
		}
		if strings.Contains(face.Detail, "418") || !errors.Is(err, cause) || !errors.Is(face, cause) || llm.KindOf(err) != kind {
			t.Errorf("%s: the cause is for the log: %+v", kind, face)
		}
	}
	if face := problem.From(llm.NewError(llm.Invalid, nil).WithDetail("No files.")); face.Detail != "No files." {
		t.Errorf("detail %q", face.Detail)
	}
	if kind := llm.KindOf(cause); kind != "" {
		t.Errorf("kind of a foreign error: %q", kind)
	}
	var other *url.Error
	if errors.As(error(llm.NewError(llm.Failed, nil)), &other) {
		t.Error("As matches anything")
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	sum := llm.Usage{Input: 1, CachedInput: 2, Output: 3, Reasoning: 4}.Plus(llm.Usage{Input: 10, CachedInput: 20, Output: 30, Reasoning: 40})
	if sum != (llm.Usage{Input: 11, CachedInput: 22, Output: 33, Reasoning: 44}) || sum.IsZero() || !(llm.Usage{}).IsZero() {
		t.Errorf("%+v", sum)
	}
	if llm.Effort("").Valid() || llm.Effort("max").Valid() || !llm.EffortOff.Valid() {
		t.Error("efforts")
	}
}
