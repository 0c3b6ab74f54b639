package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
)

// MasterKey is one key of the ring.
type MasterKey struct {
	id  string
	key []byte
}

// ID names the key; it is stored beside what was made with it.
func (k MasterKey) ID() string { return k.id }

// Derive returns HMAC-SHA256(master key, purpose || 0x00 || subject): 32 bytes that belong to one purpose and subject.
func (k MasterKey) Derive(purpose, subject string) []byte {
	mac := hmac.New(sha256.New, k.key)
	mac.Write([]byte(purpose))
	mac.Write([]byte{0})
	mac.Write([]byte(subject))
	return mac.Sum(nil)
}

// KeyRing holds the master keys: the first is primary and makes everything new, the others still open what they made.
type KeyRing struct{ keys []MasterKey }

var keyID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,32}$`)

// ParseKeyRing reads "id:key,id:key". A key is at least 32 bytes in base64 (standard or URL alphabet, padded or not).
// Errors never repeat a key.
func ParseKeyRing(s Secret) (*KeyRing, error) {
	if strings.TrimSpace(s.value) == "" {
		return nil, errors.New("no master key given: it takes id:base64 of 32 random bytes, for example from: echo \"k1:$(openssl rand -base64 32)\"")
	}
	ring := &KeyRing{}
	seen := map[string]bool{}
	for i, part := range strings.Split(s.value, ",") {
		id, encoded, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || !keyID.MatchString(id) {
			return nil, fmt.Errorf("master key %d: want id:base64, the id of 1 to 32 letters, digits, dot, dash or underscore", i+1)
		}
		key, err := decodeKey(encoded)
		if err != nil {
			return nil, fmt.Errorf("master key %q: %w", id, err)
		}
		if seen[id] {
			return nil, fmt.Errorf("master key %q is given twice", id)
		}
		seen[id] = true
		ring.keys = append(ring.keys, MasterKey{id: id, key: key})
	}
	return ring, nil
}

// Primary is the key that makes everything new.
func (r *KeyRing) Primary() MasterKey { return r.keys[0] }

// Keys returns all keys, the primary one first.
func (r *KeyRing) Keys() []MasterKey { return r.keys }

// ByID finds a key.
func (r *KeyRing) ByID(id string) (MasterKey, bool) {
	for _, k := range r.keys {
		if k.id == id {
			return k, true
		}
	}
	return MasterKey{}, false
}

// String names the ring's key ids only.
func (r *KeyRing) String() string {
	ids := make([]string, len(r.keys))
	for i, k := range r.keys {
		ids[i] = k.id
	}
	return "key ring " + strings.Join(ids, ", ")
}

func decodeKey(encoded string) ([]byte, error) {
	trimmed := strings.TrimRight(strings.TrimSpace(encoded), "=")
	key, err := base64.RawStdEncoding.DecodeString(trimmed)
	if err != nil {
		key, err = base64.RawURLEncoding.DecodeString(trimmed)
	}
	if err != nil {
		return nil, errors.New("not base64")
	}
	if len(key) < 32 {
		return nil, fmt.Errorf("%d bytes, want at least 32", len(key))
	}
	return key, nil
}
