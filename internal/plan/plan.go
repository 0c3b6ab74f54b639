// Package plan says what a user may take of what the operator pays for. Plans and exceptions are rows that operators write; the view
// public.limits says which apply to whom.
package plan

import (
	"encoding/json"
	"fmt"
	"slices"
)

// Limits of one user. What is nil does not limit. All but Storage concern the operator's keys alone.
type Limits struct {
	// PlanID and PlanName are nil where no plan applies, and the server's configuration does.
	PlanID, PlanName *string
	// Day and Month count messages, by UTC.
	Day, Month *int32
	// Cost is the ceiling of a UTC day, in millionths of a US dollar.
	Cost *int64
	// Tokens are those of a minute, input and output together.
	Tokens *int64
	// Storage is what all data of the user may take, in bytes.
	Storage *int64
	// Models are ids; nil: all.
	Models []string
}

// Configured is what applies to users without a plan, as far as nothing is set for them.
type Configured struct {
	Day, Month int
	// StorageBytes of 0 is no limit.
	StorageBytes int64
}

// Read makes limits of what the query PlanLimits gives.
func Read(row json.RawMessage, c Configured) (l Limits, err error) {
	if err := json.Unmarshal(row, &l); err != nil {
		return l, fmt.Errorf("read limits: %w", err)
	}
	if l.PlanID != nil {
		return l, nil
	}
	if l.Day == nil {
		l.Day = new(clamp(c.Day))
	}
	if l.Month == nil {
		l.Month = new(clamp(c.Month))
	}
	if l.Storage == nil && c.StorageBytes > 0 {
		l.Storage = &c.StorageBytes
	}
	return l, nil
}

// Allows says whether a model may be used with the operator's key.
func (l Limits) Allows(model string) bool { return l.Models == nil || slices.Contains(l.Models, model) }

func clamp(n int) int32 { return int32(min(max(n, 0), 1<<31-1)) }
