package secret_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/secret"
)

func TestSecretShowsNothing(t *testing.T) {
	t.Parallel()
	s := secret.New("canary")
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", s, "in", struct{ S secret.Secret }{s})
	encoded, err := json.Marshal(map[string]any{"s": s, "p": &s})
	require.NoError(t, err)
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, s) + fmt.Sprintf(verb, &s) + fmt.Sprintf(verb, struct{ S secret.Secret }{s})
	}
	require.NotContains(t, shown, "canary")
	require.NotContains(t, shown, fmt.Sprintf("%x", "canary"))
	require.Contains(t, shown, "[redacted]")
	require.Equal(t, "canary", s.Reveal())
	require.True(t, secret.Secret{}.IsZero())
}

func key(fill string) string {
	return base64.StdEncoding.EncodeToString([]byte(strings.Repeat(fill, 32)))
}

func TestKeyRing(t *testing.T) {
	t.Parallel()
	ring, err := secret.ParseKeyRing(secret.New("new:" + key("a") + ", old:" + strings.TrimRight(key("b"), "=")))
	require.NoError(t, err)
	require.Equal(t, "new", ring.Primary().ID())
	require.Len(t, ring.Keys(), 2)
	old, ok := ring.ByID("old")
	require.True(t, ok)
	_, ok = ring.ByID("none")
	require.False(t, ok)
	require.Equal(t, "key ring new, old", ring.String())

	derived := ring.Primary().Derive("key", "u_1")
	require.Len(t, derived, 32)
	require.Equal(t, derived, ring.Primary().Derive("key", "u_1"))
	for _, other := range [][]byte{ring.Primary().Derive("key", "u_2"), ring.Primary().Derive("other", "u_1"), old.Derive("key", "u_1"), ring.Primary().Derive("keyu", "_1")} {
		require.NotEqual(t, derived, other)
	}
}

func TestKeyRingRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":   " ",
		"no id":     key("a"),
		"bad id":    "a b:" + key("a"),
		"short":     "k:" + base64.StdEncoding.EncodeToString([]byte("canary")),
		"no base64": "k:canary!",
		"twice":     "k:" + key("a") + ",k:" + key("b"),
		"empty one": "k:" + key("a") + ",",
	} {
		_, err := secret.ParseKeyRing(secret.New(text))
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), "canary", name)
		require.NotContains(t, err.Error(), key("a"), name)
	}
}
