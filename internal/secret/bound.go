package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"errors"
	"fmt"

	"github.com/google/uuid"
)

// Purpose keeps apart what is sealed for different ends: what was sealed for one opens for no other. It is a constant of the
// program, such as "twobrains/run-ticket/v1".
type Purpose string

// SealFor encrypts a few bytes that belong to one record, for one purpose, under the primary key of the ring. Unlike Seal it
// needs no user, so that it can say who the user is. The bytes are
//
//	version (1) | nonce (12) | AES-256-GCM ciphertext | tag (16)
//
// under a key that HKDF derives from the master key for this purpose and record alone; version, key id, purpose and record are
// additional data.
func (r *KeyRing) SealFor(p Purpose, record uuid.UUID, plain []byte) (Sealed, error) {
	if err := p.check(record); err != nil {
		return Sealed{}, fmt.Errorf("seal for a purpose: %w", err)
	}
	master := r.Primary()
	aead, err := master.aeadFor(p, record)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal for a purpose: %w", err)
	}
	ciphertext := aead.Seal([]byte{sealVersion}, nil, plain, p.data(record, master.id)) //nolint:gosec // G407: this AEAD makes its own nonces
	return Sealed{KeyID: master.id, Ciphertext: ciphertext}, nil
}

// OpenFor decrypts what SealFor has sealed. Errors wrap ErrMasterKeyLost or ErrTampered; what was sealed for another purpose or
// record is ErrTampered too.
func (r *KeyRing) OpenFor(p Purpose, record uuid.UUID, s Sealed) ([]byte, error) {
	if err := p.check(record); err != nil {
		return nil, fmt.Errorf("open for a purpose: %w", err)
	}
	if len(s.Ciphertext) == 0 || s.Ciphertext[0] != sealVersion {
		return nil, fmt.Errorf("open for a purpose: %w", ErrTampered)
	}
	master, ok := r.ByID(s.KeyID)
	if !ok {
		return nil, fmt.Errorf("open for a purpose: %w", ErrMasterKeyLost)
	}
	aead, err := master.aeadFor(p, record)
	if err != nil {
		return nil, fmt.Errorf("open for a purpose: %w", err)
	}
	plain, err := aead.Open(nil, nil, s.Ciphertext[1:], p.data(record, master.id))
	if err != nil {
		return nil, fmt.Errorf("open for a purpose: %w", ErrTampered)
	}
	return plain, nil
}

func (p Purpose) check(record uuid.UUID) error {
	if p == "" || p == sealPurpose || record == uuid.Nil {
		return errors.New("the purpose or the record is missing")
	}
	return nil
}

// data is what has to be the same when the value is opened. No purpose and no id of a key holds a zero byte.
func (p Purpose) data(record uuid.UUID, keyID string) []byte {
	return bytes.Join([][]byte{{sealVersion}, []byte(p), {0}, []byte(keyID), {0}, record[:]}, nil)
}

func (k MasterKey) aeadFor(p Purpose, record uuid.UUID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.key, nil, string(p)+"\x00"+string(record[:]), 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
