package secret_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/secret"
)

func ring(t *testing.T, keys string) *secret.KeyRing {
	t.Helper()
	r, err := secret.ParseKeyRing(secret.New(keys))
	require.NoError(t, err)
	return r
}

func somewhere() secret.Place {
	return secret.Place{User: uuid.New(), Provider: "openai", Record: uuid.New()}
}

func TestSealed(t *testing.T) {
	t.Parallel()
	r := ring(t, "a:"+key("a"))
	at := somewhere()
	for _, value := range []string{"sk-canary", "", string(bytes.Repeat([]byte("x"), 64<<10)), "\x00\xff"} {
		sealed, err := r.Seal(at, secret.New(value))
		require.NoError(t, err)
		require.Equal(t, "a", sealed.KeyID)
		require.Len(t, sealed.Ciphertext, 1+16+12+len(value)+16)
		require.NotContains(t, string(sealed.Ciphertext), "canary")
		again, err := r.Seal(at, secret.New(value))
		require.NoError(t, err)
		require.NotEqual(t, sealed.Ciphertext, again.Ciphertext)
		before := slices.Clone(sealed.Ciphertext)
		opened, err := r.Open(at, sealed)
		require.NoError(t, err)
		require.Equal(t, value, opened.Reveal())
		require.Equal(t, before, sealed.Ciphertext)
	}
}

func TestSealedInTheWrongPlace(t *testing.T) {
	t.Parallel()
	r := ring(t, "a:"+key("a"))
	at := somewhere()
	sealed, err := r.Seal(at, secret.New("sk-canary"))
	require.NoError(t, err)
	for name, wrong := range map[string]secret.Place{
		"user":     {User: uuid.New(), Provider: at.Provider, Record: at.Record},
		"provider": {User: at.User, Provider: "exa", Record: at.Record},
		"record":   {User: at.User, Provider: at.Provider, Record: uuid.New()},
		"swapped":  {User: at.Record, Provider: at.Provider, Record: at.User},
		"mcp":      {User: at.User, Provider: secret.MCP, Record: at.Record},
	} {
		got, err := r.Open(wrong, sealed)
		require.ErrorIs(t, err, secret.ErrMisplaced, name)
		require.True(t, got.IsZero(), name)

		// Whoever forges the digest of the place does not get further.
		own, err := r.Seal(wrong, secret.New("x"))
		require.NoError(t, err)
		forged := append(slices.Clone(own.Ciphertext[:17]), sealed.Ciphertext[17:]...)
		got, err = r.Open(wrong, secret.Sealed{KeyID: "a", Ciphertext: forged})
		require.ErrorIs(t, err, secret.ErrTampered, name)
		require.True(t, got.IsZero(), name)
	}
	for _, nowhere := range []secret.Place{{}, {User: at.User, Record: at.Record}, {User: at.User, Provider: "exa"}, {Provider: "exa", Record: at.Record}} {
		_, err := r.Seal(nowhere, secret.New("x"))
		require.Error(t, err)
		_, err = r.Open(nowhere, sealed)
		require.Error(t, err)
	}
}

func TestSealedTampered(t *testing.T) {
	t.Parallel()
	r := ring(t, "a:"+key("a")+",b:"+key("b"))
	at := somewhere()
	sealed, err := r.Seal(at, secret.New("sk-canary"))
	require.NoError(t, err)
	for i := range sealed.Ciphertext {
		changed := slices.Clone(sealed.Ciphertext)
		changed[i] ^= 1
		got, err := r.Open(at, secret.Sealed{KeyID: "a", Ciphertext: changed})
		want := secret.ErrTampered
		if i >= 1 && i <= 16 {
			want = secret.ErrMisplaced
		}
		require.ErrorIs(t, err, want, "byte %d", i)
		require.True(t, got.IsZero())
		require.NotContains(t, err.Error(), "canary")
	}
	for n := range sealed.Ciphertext {
		_, err := r.Open(at, secret.Sealed{KeyID: "a", Ciphertext: sealed.Ciphertext[:n]})
		require.ErrorIs(t, err, secret.ErrTampered, "cut to %d bytes", n)
	}
	_, err = r.Open(at, secret.Sealed{KeyID: "b", Ciphertext: sealed.Ciphertext})
	require.ErrorIs(t, err, secret.ErrTampered)
	_, err = r.Open(at, secret.Sealed{KeyID: "c", Ciphertext: sealed.Ciphertext})
	require.ErrorIs(t, err, secret.ErrMasterKeyLost)
	_, err = ring(t, "a:"+key("z")).Open(at, sealed)
	require.ErrorIs(t, err, secret.ErrTampered, "another key of the same id")
}

func TestReseal(t *testing.T) {
	t.Parallel()
	at := somewhere()
	old, err := ring(t, "a:"+key("a")).Seal(at, secret.New("sk-canary"))
	require.NoError(t, err)
	both := ring(t, "b:"+key("b")+",a:"+key("a"))
	moved, err := both.Reseal(at, old)
	require.NoError(t, err)
	require.Equal(t, "b", moved.KeyID)
	got, err := ring(t, "b:"+key("b")).Open(at, moved)
	require.NoError(t, err)
	require.Equal(t, "sk-canary", got.Reveal())
	_, err = ring(t, "b:"+key("b")).Reseal(at, old)
	require.ErrorIs(t, err, secret.ErrMasterKeyLost)
}
