package tenant

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/google/uuid"

	"twobrains/internal/secret"
)

// templateSchema is on the search path of a connection that is bound to nobody. It has the tables of a private brain, so
// that statements can be prepared before they are bound, and a seal that no key opens.
const templateSchema = "brain_template"

// schemaName is "u_" and the 32 hex digits of the user's id: found without a look-up, and nothing personal in it.
func schemaName(id uuid.UUID) string {
	var b [34]byte
	b[0], b[1] = 'u', '_'
	hex.Encode(b[2:], id[:])
	return string(b[:])
}

// deriveKey gives the key that opens the seal of a schema. It travels as a bind parameter only; the database keeps its
// hash.
func deriveKey(master secret.MasterKey, schema string) string {
	return hex.EncodeToString(master.Derive("key", schema))
}

// lockOf is the hash by which the seal recognises a key.
func lockOf(key string) []byte {
	sum := sha256.Sum256([]byte(key))
	return sum[:]
}
