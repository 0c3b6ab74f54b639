package llmtest

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"twobrains/internal/llm"
)

// Adapter is what the suite needs to know of an adapter.
type Adapter struct {
	// Dir holds the recordings: a file NAME.sse for each case of replies, byte for byte in the provider's wire format,
	// all telling what the case expects; and context-length.json, the body of a 400.
	Dir string
	// New makes a provider for a replay server at baseURL that gives up on a reply after idle, and waits hardly at all
	// before it repeats a request.
	New func(t *testing.T, baseURL string, idle time.Duration) llm.Provider
	// Long makes a recording of a whole reply whose text comes in one event.
	Long func(text string) []byte

	// Bodies of requests, which these check in the provider's wire format. Image, PDF and TextFile get that of
	// AskAbout with the File of the same name.
	Image, PDF, TextFile func(t *testing.T, body []byte)
	// Turns gets the bodies of the requests that follow reasoning-tools.sse: second is sent within the tool loop, with
	// the result {"degrees":21}; third later, with the answer of text.sse and the user's words "And Rome?". Both are made
	// of what was stored: they must hold what the provider wants to see again of the first reply.
	Turns func(t *testing.T, second, third []byte)

	// Lacks names the cases that the provider's interface has no form for, each with the reason. All others must pass.
	// It is for "file", "sources", "image", "pdf" and "text-file" only.
	Lacks map[string]string
}

// lacks skips a case that the adapter says it lacks.
func (a Adapter) lacks(t *testing.T, name string) {
	t.Helper()
	if reason := a.Lacks[name]; reason != "" {
		if _, err := os.Stat(filepath.Join(a.Dir, name+".sse")); err == nil {
			t.Fatalf("%s is recorded, though said to be lacking: %s", name, reason)
		}
		t.Skip(reason)
	}
}

func (a Adapter) recording(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(a.Dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

const patient = time.Minute

func (a Adapter) replay(t *testing.T, answers ...Answer) Result {
	t.Helper()
	return Collect(t.Context(), t, a.New(t, NewServer(t, answers...).URL, patient), Ask())
}

// Recording answers with a file in testdata.
func Recording(t *testing.T, name string) Answer {
	t.Helper()
	return Answer{Body: Adapter{Dir: "testdata"}.recording(t, name)}
}
