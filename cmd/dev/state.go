package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// state is what a running stack tells the other verbs, in .dev/state.json, readable by its owner only.
type state struct {
	PID      int    `json:"pid"`
	URL      string `json:"url"`
	OwnerURL string `json:"ownerUrl"` // Postgres as twobrains_owner
	MailKey  string `json:"mailKey"`
	// KratosAdminURL is Kratos's admin door.
	KratosAdminURL string `json:"kratosAdminUrl"`
}

func (c *checkout) statePath() string { return filepath.Join(c.dev, "state.json") }

func (c *checkout) writeState(s state) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("encode state: %w", err)
	}
	if err := os.WriteFile(c.statePath(), append(text, '\n'), 0o600); err != nil {
		return fmt.Errorf("write state: %w", err)
	}
	return nil
}

func (c *checkout) readState() (state, error) {
	var s state
	text, err := os.ReadFile(c.statePath())
	if errors.Is(err, os.ErrNotExist) {
		return s, errors.New("nothing runs here; start it in another terminal: make dev")
	}
	if err != nil {
		return s, fmt.Errorf("read state: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		return s, fmt.Errorf("read %s: %w", c.statePath(), err)
	}
	return s, nil
}
