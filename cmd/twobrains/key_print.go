package main

import (
	"github.com/google/uuid"

	"twobrains/internal/tenant"
)

// The stable forms of --json.
type keyStatusJSON struct {
	Keys []keyUseJSON `json:"keys"`
}

type keyUseJSON struct {
	KeyID   string `json:"key_id"`
	Known   bool   `json:"known"`
	Primary bool   `json:"primary"`
	OwnKeys int64  `json:"own_keys"`
	Headers int64  `json:"mcp_headers"`
	Brains  int64  `json:"private_brains"`
}

type rotatedJSON struct {
	Vault    string               `json:"vault"`
	UserID   uuid.UUID            `json:"user_id"`
	Provider string               `json:"provider"`
	ID       uuid.UUID            `json:"id"`
	KeyID    string               `json:"key_id"`
	Outcome  tenant.RotateOutcome `json:"outcome"`
	Error    string               `json:"error,omitempty"`
}

func rotatedOf(r tenant.Rotated) rotatedJSON {
	j := rotatedJSON{Vault: r.Vault, UserID: r.Place.User, Provider: r.Place.Provider, ID: r.Place.Record, KeyID: r.KeyID, Outcome: r.Outcome}
	if r.Err != nil {
		j.Error = r.Err.Error()
	}
	return j
}

type rotateSummaryLine struct {
	Summary rotateSummary `json:"summary"`
}

type rotateSummary struct {
	DryRun     bool  `json:"dry_run"`
	Done       int   `json:"done"`
	Changed    int   `json:"changed"`
	Unreadable int   `json:"unreadable"`
	Busy       int   `json:"busy"`
	Left       int64 `json:"left"`
}

func (s *rotateSummary) count(outcome tenant.RotateOutcome) {
	switch outcome {
	case tenant.RotateDone:
		s.Done++
	case tenant.RotateChanged:
		s.Changed++
	case tenant.RotateUnreadable:
		s.Unreadable++
	case tenant.RotateBusy:
		s.Busy++
	}
}
