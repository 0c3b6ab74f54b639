// Package secret keeps what must never be printed, and the ring of master keys from which every other key derives.
package secret

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret is a string that shows itself to nobody by accident: formatting, logging and JSON all give "[redacted]".
type Secret struct{ value string }

// New wraps a value.
func New(value string) Secret { return Secret{value} }

// Reveal returns the value. Every call is a place to review.
func (s Secret) Reveal() string { return s.value }

// IsZero reports whether nothing is wrapped.
func (s Secret) IsZero() bool { return s.value == "" }

// String gives "[redacted]", or nothing for an empty secret.
func (s Secret) String() string {
	if s.value == "" {
		return ""
	}
	return redacted
}

// Format redacts under every verb, %#v included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue redacts in structured logs.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText redacts in JSON and other encodings.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads a secret from configuration.
func (s *Secret) UnmarshalText(text []byte) error {
	s.value = string(text)
	return nil
}
