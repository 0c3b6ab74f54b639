package secret_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"twobrains/internal/secret"
)

const purpose = secret.Purpose("twobrains/test/v1")

func TestSealFor(t *testing.T) {
	t.Parallel()
	r := ring(t, "a:"+key("a")+",b:"+key("b"))
	record := uuid.New()
	for _, plain := range []string{"", "canary", string(make([]byte, 1000))} {
		sealed, err := r.SealFor(purpose, record, []byte(plain))
		require.NoError(t, err)
		require.Equal(t, "a", sealed.KeyID)
		require.Len(t, sealed.Ciphertext, 1+12+len(plain)+16)
		again, err := r.SealFor(purpose, record, []byte(plain))
		require.NoError(t, err)
		require.NotEqual(t, sealed.Ciphertext, again.Ciphertext)
		opened, err := r.OpenFor(purpose, record, sealed)
		require.NoError(t, err)
		require.Equal(t, plain, string(opened))
		old, err := ring(t, "b:"+key("b")+",a:"+key("a")).OpenFor(purpose, record, sealed)
		require.NoError(t, err)
		require.Equal(t, plain, string(old))
	}
}

func TestSealForOpensNowhereElse(t *testing.T) {
	t.Parallel()
	r := ring(t, "a:"+key("a")+",b:"+key("b"))
	record := uuid.New()
	sealed, err := r.SealFor(purpose, record, []byte("canary"))
	require.NoError(t, err)
	for i := range sealed.Ciphertext {
		changed := slices.Clone(sealed.Ciphertext)
		changed[i] ^= 1
		_, err := r.OpenFor(purpose, record, secret.Sealed{KeyID: "a", Ciphertext: changed})
		require.ErrorIs(t, err, secret.ErrTampered, "byte %d", i)
		_, err = r.OpenFor(purpose, record, secret.Sealed{KeyID: "a", Ciphertext: sealed.Ciphertext[:i]})
		require.ErrorIs(t, err, secret.ErrTampered, "cut to %d", i)
	}
	_, err = r.OpenFor(purpose, uuid.New(), sealed)
	require.ErrorIs(t, err, secret.ErrTampered)
	_, err = r.OpenFor(purpose+"x", record, sealed)
	require.ErrorIs(t, err, secret.ErrTampered)
	_, err = r.OpenFor(purpose, record, secret.Sealed{KeyID: "b", Ciphertext: sealed.Ciphertext})
	require.ErrorIs(t, err, secret.ErrTampered)
	_, err = r.OpenFor(purpose, record, secret.Sealed{KeyID: "c", Ciphertext: sealed.Ciphertext})
	require.ErrorIs(t, err, secret.ErrMasterKeyLost)
	_, err = ring(t, "a:"+key("z")).OpenFor(purpose, record, sealed)
	require.ErrorIs(t, err, secret.ErrTampered, "another key of the same id")

	at := somewhere()
	placed, err := r.Seal(at, secret.New("canary"))
	require.NoError(t, err)
	_, err = r.OpenFor(purpose, at.Record, placed)
	require.ErrorIs(t, err, secret.ErrTampered)
	_, err = r.Open(at, sealed)
	require.Error(t, err)
	for _, nothing := range []struct {
		p  secret.Purpose
		id uuid.UUID
	}{{"", record}, {purpose, uuid.Nil}, {"twobrains/sealed/v1", record}} {
		_, err := r.SealFor(nothing.p, nothing.id, nil)
		require.Error(t, err)
		_, err = r.OpenFor(nothing.p, nothing.id, sealed)
		require.Error(t, err)
	}
}
