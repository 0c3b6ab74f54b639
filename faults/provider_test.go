package faults

import (
	"bytes"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"twobrains/internal/faulttest"
)

// What a provider can do to a reply. One server takes it all, one after the other in one conversation each, and its memory stays
// in bounds.
func TestProviderMisbehaves(t *testing.T) {
	t.Parallel()
	some := func(c *faulttest.Call) {
		c.Begin()
		for i := range 3 {
			c.Say(faulttest.Word(i))
		}
	}
	w := setup(t, faulttest.Words(1, 0), env("RUN_TIMEOUT", "10s"))
	s := w.server()
	noise := bytes.Repeat([]byte("x"), 1<<20)
	for name, c := range map[string]struct {
		script faulttest.Script
		// status of the reply; said is what is stored of it, empty: nothing is.
		status, code, said string
		// kind of the stream's last chunk.
		kind string
		// calls that the provider got; 0: one.
		calls int
		// charged: a message of the quota is used. estimated: the provider gave no figures.
		charged, estimated bool
	}{
		"cuts": {
			script: func(c *faulttest.Call) { some(c); c.Cut() },
			status: "interrupted", code: "provider_interrupted", said: faulttest.WordsText(3), kind: "finish", charged: true, estimated: true,
		},
		"cuts before the first word": {
			script: func(c *faulttest.Call) { c.Begin(); c.Cut() },
			status: "interrupted", code: "provider_interrupted", kind: "error",
		},
		"ends without an end": {
			script: some,
			status: "interrupted", code: "provider_interrupted", said: faulttest.WordsText(3), kind: "finish", charged: true, estimated: true,
		},
		"stalls": {
			script: faulttest.Stalls(3), // RUN_TIMEOUT ends it
			status: "interrupted", code: "provider_interrupted", said: faulttest.WordsText(3), kind: "finish", charged: true, estimated: true,
		},
		"stalls before the first word": {
			script: faulttest.Stalls(0),
			status: "interrupted", code: "provider_interrupted", kind: "error",
		},
		"does not even answer": {
			script: func(c *faulttest.Call) { <-c.Gone() },
			status: "interrupted", code: "provider_interrupted", kind: "error",
		},
		"429, come back in a second": {
			script: func(c *faulttest.Call) { c.Refuse(http.StatusTooManyRequests, "1") },
			status: "failed", code: "provider_rate", kind: "error", calls: 3,
		},
		"429, come back in an hour": {
			script: func(c *faulttest.Call) { c.Refuse(http.StatusTooManyRequests, "3600") },
			status: "failed", code: "provider_rate", kind: "error", calls: 1,
		},
		"500": {
			script: func(c *faulttest.Call) { c.Refuse(http.StatusInternalServerError, "") },
			status: "failed", code: "provider_failed", kind: "error", calls: 3,
		},
		"401": {
			script: func(c *faulttest.Call) { c.Refuse(http.StatusUnauthorized, "") },
			status: "failed", code: "provider_auth", kind: "error",
		},
		"floods without a line's end": {
			script: func(c *faulttest.Call) {
				some(c)
				for c.Raw(noise) {
				}
			},
			status: "interrupted", code: "provider_interrupted", said: faulttest.WordsText(3), kind: "finish", charged: true, estimated: true,
		},
		"floods with comments": {
			script: func(c *faulttest.Call) {
				some(c)
				for c.Raw(bytes.Repeat([]byte(": nothing\n\n"), 10_000)) {
				}
			},
			status: "interrupted", code: "provider_interrupted", said: faulttest.WordsText(3), kind: "finish", charged: true, estimated: true,
		},
		"floods with words": {
			script: func(c *faulttest.Call) {
				for c.Say(strings.Repeat("flood ", 1000)) {
				}
			},
			status: "interrupted", code: "too_large", said: "flood flood", kind: "finish", charged: true, estimated: true,
		},
		"sends garbage": {
			script: func(c *faulttest.Call) { some(c); c.Raw([]byte("data: {\"choices\":[{\"delta\":\n\n")) },
			status: "interrupted", code: "provider_interrupted", said: faulttest.WordsText(3), kind: "finish", charged: true, estimated: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w.provider.On(name, c.script)
			me := w.person()(s)
			end := me.Send("c1", "m1", name).End(t, 60*time.Second).Whole(t)
			require.Equal(t, c.kind, end.Kind)
			for _, text := range []string{end.ErrorText, end.Text} {
				require.NotContains(t, text, "canary")
			}
			calls := w.provider.CallsAbout(name)
			require.Len(t, calls, max(c.calls, 1))
			faulttest.Until(t, 10*time.Second, "the provider is left alone", func() bool { return calls[len(calls)-1].Over() })
			b := w.brain(me)
			messages, runs := b.Conversation("c1")
			require.Len(t, runs, 1)
			require.Equal(t, c.status, runs[0].Status)
			require.NotNil(t, runs[0].Code)
			require.Equal(t, c.code, *runs[0].Code)
			if c.said == "" {
				require.Len(t, messages, 1, "a reply of nothing is not stored")
			} else {
				require.Len(t, messages, 2)
				require.Equal(t, c.status, messages[1].Status)
				require.True(t, strings.HasPrefix(messages[1].Text, c.said), messages[1].Text)
				require.Equal(t, c.status, end.Status)
			}
			require.Equal(t, c.charged, b.DayUsed == 1)
			require.Equal(t, c.estimated, runs[0].Estimated)
			w.says(me, "c1")
		})
	}
	t.Cleanup(func() {
		w.balanced()
		t.Logf("the server's memory had %d MB at most", s.PeakMemory()>>20)
	})
}
