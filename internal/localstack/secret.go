package localstack

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Keep returns the secret kept under a name below dir, making it with create the first time. Files are readable by
// their owner only.
func Keep(dir, name string, create func() string) (string, error) {
	path := filepath.Join(dir, "secret", name)
	text, err := os.ReadFile(path)
	if err == nil && len(text) > 0 {
		return strings.TrimSpace(string(text)), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", fmt.Errorf("create secret directory: %w", err)
	}
	value := create()
	if err := os.WriteFile(path, []byte(value+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("write secret: %w", err)
	}
	return value, nil
}

// Password returns a new random password of 26 letters and digits (130 bits).
func Password() string { return rand.Text() }
