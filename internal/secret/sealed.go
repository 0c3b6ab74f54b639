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

// Place is the one row in which a sealed value is valid. A value that was copied elsewhere does not open there.
type Place struct {
	User uuid.UUID
	// Provider is the provider whose key it is, or MCP.
	Provider string
	// Record is the id of the row.
	Record uuid.UUID
}

// MCP stands for the provider where header values of an MCP server are sealed; no provider has this name.
const MCP = "mcp"

// Sealed is a secret as it is stored: what it became, and the master key of the ring under which it did. The bytes are
//
//	version (1) | digest of the place (16) | nonce (12) | AES-256-GCM ciphertext | tag (16)
//
// under a key derived from the master key for the user, with version, key id and place as additional data. The digest
// hides nothing; it tells a value in the wrong place from a damaged one.
type Sealed struct {
	KeyID      string
	Ciphertext []byte
}

// Why a sealed value does not open. Nothing of it was decrypted then.
var (
	// ErrMasterKeyLost: it was sealed under a master key that the ring does not have.
	ErrMasterKeyLost = errors.New("sealed under a master key that is not in the ring")
	// ErrMisplaced: it was sealed for another user, provider or record.
	ErrMisplaced = errors.New("sealed for another place")
	// ErrTampered: it is damaged, or of no known version, or names a master key under which it was not sealed.
	ErrTampered = errors.New("sealed value is damaged")
)

const (
	sealVersion = 1
	digestSize  = 16
	headerSize  = 1 + digestSize
	sealPurpose = "twobrains/sealed/v1"
)

// Seal encrypts a secret for its place under the primary key of the ring. Sealing the same twice gives different bytes.
func (r *KeyRing) Seal(at Place, s Secret) (Sealed, error) {
	if err := at.check(); err != nil {
		return Sealed{}, fmt.Errorf("seal secret: %w", err)
	}
	master := r.Primary()
	aead, err := master.aead(at.User)
	if err != nil {
		return Sealed{}, fmt.Errorf("seal secret: %w", err)
	}
	header := at.header()
	ciphertext := aead.Seal(header, nil, []byte(s.value), at.data(header, master.id)) //nolint:gosec // G407: this AEAD makes its own nonces
	return Sealed{KeyID: master.id, Ciphertext: ciphertext}, nil
}

// Open decrypts what was sealed for the place. Errors wrap ErrMasterKeyLost, ErrMisplaced or ErrTampered.
func (r *KeyRing) Open(at Place, s Sealed) (Secret, error) {
	if err := at.check(); err != nil {
		return Secret{}, fmt.Errorf("open secret: %w", err)
	}
	if len(s.Ciphertext) < headerSize || s.Ciphertext[0] != sealVersion {
		return Secret{}, fmt.Errorf("open secret: %w", ErrTampered)
	}
	header := s.Ciphertext[:headerSize:headerSize]
	if !bytes.Equal(header, at.header()) {
		return Secret{}, fmt.Errorf("open secret: %w", ErrMisplaced)
	}
	master, ok := r.ByID(s.KeyID)
	if !ok {
		return Secret{}, fmt.Errorf("open secret: %w", ErrMasterKeyLost)
	}
	aead, err := master.aead(at.User)
	if err != nil {
		return Secret{}, fmt.Errorf("open secret: %w", err)
	}
	plain, err := aead.Open(nil, nil, s.Ciphertext[headerSize:], at.data(header, master.id))
	if err != nil {
		return Secret{}, fmt.Errorf("open secret: %w", ErrTampered)
	}
	return Secret{string(plain)}, nil
}

// Reseal moves a sealed value under the primary key. Errors are those of Open.
func (r *KeyRing) Reseal(at Place, s Sealed) (Sealed, error) {
	plain, err := r.Open(at, s)
	if err != nil {
		return Sealed{}, err
	}
	return r.Seal(at, plain)
}

func (p Place) check() error {
	if p.User == uuid.Nil || p.Record == uuid.Nil || p.Provider == "" {
		return errors.New("the place lacks its user, provider or record")
	}
	return nil
}

// header is what stands before the nonce.
func (p Place) header() []byte {
	digest := sha256.Sum256(p.data([]byte{sealVersion}, ""))
	return append([]byte{sealVersion}, digest[:digestSize]...)
}

// data is what has to be the same when the value is opened. Only its last two parts vary in length; no id of a key
// holds the zero byte between them.
func (p Place) data(header []byte, keyID string) []byte {
	return bytes.Join([][]byte{[]byte(sealPurpose), header, p.User[:], p.Record[:], []byte(keyID), {0}, []byte(p.Provider)}, nil)
}

// aead is AES-256-GCM with random nonces under the key that belongs to this master key and user.
func (k MasterKey) aead(user uuid.UUID) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, k.key, nil, sealPurpose+"\x00"+user.String(), 32)
	if err != nil {
		return nil, fmt.Errorf("derive key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("make cipher: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}
