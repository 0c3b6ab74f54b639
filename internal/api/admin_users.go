package api

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"twobrains/internal/admin"
	"twobrains/internal/problem"
)

// AdminUserList is a page of accounts.
type AdminUserList struct {
	Users      []AdminUser `json:"users"`
	NextCursor *string     `json:"nextCursor" doc:"Null: this is the last page."`
}

// AdminUser is the wire form of admin.User.
type AdminUser struct {
	ID         string    `json:"id" format:"uuid"`
	Email      *string   `json:"email"`
	State      string    `json:"state" enum:"active,suspended"`
	CreatedAt  time.Time `json:"createdAt"`
	Plan       *PlanName `json:"plan" doc:"Null: none, so that the configuration says what the account may."`
	Registered bool      `json:"registered" doc:"The account has a private brain."`
}

// PlanName is a plan in few words.
type PlanName struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// AdminAccount is the wire form of admin.Account.
type AdminAccount struct {
	ID        string       `json:"id" format:"uuid"`
	Email     *string      `json:"email"`
	State     string       `json:"state" enum:"active,suspended,gone" doc:"gone: it has data, but Kratos does not know it (any more)."`
	CreatedAt time.Time    `json:"createdAt"`
	Admin     bool         `json:"admin"`
	Brain     *AdminBrain  `json:"brain" doc:"Null: there is none."`
	Plan      AssignedPlan `json:"plan"`
	Usage     AccountUsage `json:"usage"`
	Sessions  *int         `json:"sessions" doc:"Null: not known."`
}

// AdminBrain is the wire form of admin.Brain.
type AdminBrain struct {
	Schema        string     `json:"schema"`
	Version       int32      `json:"version"`
	LatestVersion int32      `json:"latestVersion"`
	State         string     `json:"state" enum:"ok,behind,failed,old-key,being-deleted"`
	Failures      int32      `json:"failures" doc:"Of the last migration, in a row."`
	FailedAt      *time.Time `json:"failedAt"`
	MigratedAt    *time.Time `json:"migratedAt"`
	CreatedAt     time.Time  `json:"createdAt"`
	DiskBytes     int64      `json:"diskBytes" doc:"Indexes and what was deleted but not yet freed included."`
}

// AssignedPlan is what an account may.
type AssignedPlan struct {
	Assigned  *string    `json:"assigned" doc:"Id of the plan that it was given; null: none."`
	Overrides PlanLimits `json:"overrides" doc:"What is otherwise for this account; null members: as the plan has it."`
	Effective PlanLimits `json:"effective"`
	Plan      *PlanName  `json:"plan" doc:"The plan that it has, perhaps as the default one; null: none."`
}

// AccountUsage is the wire form of admin.Usage.
type AccountUsage struct {
	Day struct {
		Messages         int64 `json:"messages"`
		CostMicroUSD     int64 `json:"costMicroUsd"`
		ReservedMicroUSD int64 `json:"reservedMicroUsd" doc:"What replies under way may come to."`
	} `json:"day" doc:"The UTC day, of the operator's keys."`
	Month struct {
		Messages int64 `json:"messages"`
	} `json:"month"`
	Last30Days struct {
		Messages       int64 `json:"messages"`
		Tokens         int64 `json:"tokens"`
		CostMicroUSD   int64 `json:"costMicroUsd"`
		OwnKeyMicroUSD int64 `json:"ownKeyMicroUsd"`
	} `json:"last30Days"`
	LastActiveAt *time.Time `json:"lastActiveAt" doc:"The quarter of an hour in which the last reply began; null: there was none."`
}

// AccountParam names an account in a path.
type AccountParam struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) adminUserRoutes() {
	registerAdmin(s, operation{
		id: "listAccounts", method: http.MethodGet, path: "/api/admin/users", summary: "List accounts",
		description: "All that can sign in, the one with the id or e-mail address given, or those whose address begins with q.",
		codes:       []problem.Code{problem.CodeBadRequest, problem.CodeInvalid},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		Q      string `query:"q" maxLength:"320"`
		Cursor string `query:"cursor" maxLength:"100"`
		Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"100"`
	}) (*struct{ Body AdminUserList }, error) {
		users, next, err := s.admin.Users(ctx, a, in.Q, in.Cursor, in.Limit)
		out := AdminUserList{Users: make([]AdminUser, len(users)), NextCursor: orNull(next)}
		for i, u := range users {
			out.Users[i] = AdminUser{
				ID: u.ID.String(), Email: orNull(u.Email), State: admin.StateOf(u.Account), CreatedAt: u.CreatedAt.UTC(), Plan: (*PlanName)(u.Plan), Registered: u.Registered,
			}
		}
		return &struct{ Body AdminUserList }{out}, err
	})

	registerAdmin(s, operation{
		id: "getAccount", method: http.MethodGet, path: "/api/admin/users/{id}", summary: "Look at an account",
		description: "What it is, may and has used: never what is in its private brain. That it was looked at is noted in the audit.",
	}, func(ctx context.Context, a admin.Admin, in *AccountParam) (*struct{ Body AdminAccount }, error) {
		account, err := s.admin.Account(ctx, a, in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body AdminAccount }{wireAccount(account)}, nil
	})

	registerAdmin(s, operation{
		id: "assignPlan", method: http.MethodPut, path: "/api/admin/users/{id}/plan", summary: "Say what an account may",
	}, func(ctx context.Context, a admin.Admin, in *struct {
		AccountParam
		Body struct {
			PlanID    *string     `json:"planId" required:"true" nullable:"true" maxLength:"40" doc:"Null: the default one."`
			Overrides LimitsInput `json:"overrides"`
		} `nameHint:"PlanAssignment"`
	}) (*struct{}, error) {
		return nil, s.admin.Assign(ctx, a, in.ID, in.Body.PlanID, in.Body.Overrides.limits())
	})

	registerAdmin(s, operation{
		id: "suspendAccount", method: http.MethodPost, path: "/api/admin/users/{id}/suspend", summary: "Suspend an account",
		description: "Nobody can sign in to it, its sessions are ended at once, its replies under way are stopped. Its data stay.",
		codes:       []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		AccountParam
		Body struct {
			Reason string `json:"reason" minLength:"1" maxLength:"1000" doc:"For the audit; the account is not told."`
		} `nameHint:"Suspension"`
	}) (*struct{}, error) {
		return nil, s.admin.Suspend(ctx, a, in.ID, in.Body.Reason)
	})

	registerAdmin(s, operation{
		id: "reinstateAccount", method: http.MethodPost, path: "/api/admin/users/{id}/reinstate", summary: "Reinstate a suspended account",
	}, func(ctx context.Context, a admin.Admin, in *AccountParam) (*struct{}, error) {
		return nil, s.admin.Reinstate(ctx, a, in.ID)
	})

	registerAdmin(s, operation{
		id: "signOutAccount", method: http.MethodDelete, path: "/api/admin/users/{id}/sessions", summary: "End all sessions of an account",
	}, func(ctx context.Context, a admin.Admin, in *AccountParam) (*struct{}, error) {
		return nil, s.admin.SignOut(ctx, a, in.ID)
	})

	registerAdmin(s, operation{
		id: "migrateAccount", method: http.MethodPost, path: "/api/admin/users/{id}/migrate", summary: "Migrate the private brain of an account again",
		description: "Whatever failed before, without waiting for the time of the next try. The answer says what came of it.",
	}, func(ctx context.Context, a admin.Admin, in *AccountParam) (*struct{ Body AdminBrain }, error) {
		brain, err := s.admin.Migrate(ctx, a, in.ID)
		if err != nil {
			return nil, err
		}
		return &struct{ Body AdminBrain }{*wireBrain(&brain)}, nil
	})
}

func wireAccount(account admin.Account) AdminAccount {
	out := AdminAccount{
		ID: account.ID.String(), Email: orNull(account.Email), State: account.State, CreatedAt: account.CreatedAt.UTC(), Admin: account.Admin,
		Brain: wireBrain(account.Brain),
		Plan: AssignedPlan{
			Assigned: account.Assigned, Overrides: wireLimits(account.Exceptions), Effective: wireLimits(account.Effective), Plan: (*PlanName)(account.Plan),
		},
		Sessions: account.Sessions,
	}
	u := account.Usage
	out.Usage.Day.Messages, out.Usage.Day.CostMicroUSD, out.Usage.Day.ReservedMicroUSD = u.DayMessages, u.DayCost, u.DayReserved
	out.Usage.Month.Messages = u.MonthMessages
	last := &out.Usage.Last30Days
	last.Messages, last.Tokens, last.CostMicroUSD, last.OwnKeyMicroUSD = u.Messages, u.Tokens, u.Cost, u.OwnKeyCost
	out.Usage.LastActiveAt = u.LastActiveAt
	return out
}

func wireBrain(b *admin.Brain) *AdminBrain {
	if b == nil {
		return nil
	}
	return &AdminBrain{
		Schema: b.Schema, Version: b.Version, LatestVersion: b.LatestVersion, State: b.State, Failures: b.Failures, FailedAt: b.FailedAt,
		MigratedAt: b.MigratedAt, CreatedAt: b.CreatedAt.UTC(), DiskBytes: b.DiskBytes,
	}
}
