package api

import (
	"context"
	"net/http"
	"time"

	"twobrains/internal/admin"
	"twobrains/internal/problem"
)

// PlanLimits is the wire form of admin.Limits.
type PlanLimits struct {
	MessagesPerDay     *int32   `json:"messagesPerDay" required:"false" nullable:"true" minimum:"0" maximum:"2147483647" doc:"By UTC day; null: no limit, or in overrides as the plan has it. The same of the others."`
	MessagesPerMonth   *int32   `json:"messagesPerMonth" required:"false" nullable:"true" minimum:"0" maximum:"2147483647"`
	CostPerDayMicroUSD *int64   `json:"costPerDayMicroUsd" required:"false" nullable:"true" minimum:"0" doc:"Millionths of a US dollar by UTC day."`
	TokensPerMinute    *int64   `json:"tokensPerMinute" required:"false" nullable:"true" minimum:"1" doc:"Input and output together."`
	StorageBytes       *int64   `json:"storageBytes" required:"false" nullable:"true" minimum:"0" doc:"What all data of a user may take."`
	Models             []string `json:"models" required:"false" nullable:"true" maxItems:"500" doc:"Ids of the models that may be used with the operator's keys; null: all; empty: none."`
}

// LimitsInput is PlanLimits as they come in: a member that is misspelt is refused, and does not lift a limit.
type LimitsInput PlanLimits

func (l LimitsInput) limits() admin.Limits {
	return admin.Limits{
		MessagesPerDay: l.MessagesPerDay, MessagesPerMonth: l.MessagesPerMonth, CostPerDay: l.CostPerDayMicroUSD,
		TokensPerMinute: l.TokensPerMinute, StorageBytes: l.StorageBytes, Models: l.Models,
	}
}

func wireLimits(l admin.Limits) PlanLimits {
	return PlanLimits{
		MessagesPerDay: l.MessagesPerDay, MessagesPerMonth: l.MessagesPerMonth, CostPerDayMicroUSD: l.CostPerDay,
		TokensPerMinute: l.TokensPerMinute, StorageBytes: l.StorageBytes, Models: l.Models,
	}
}

// AdminPlanList is all plans.
type AdminPlanList struct {
	Plans      []AdminPlan `json:"plans" doc:"By their ids."`
	Configured PlanLimits  `json:"configured" doc:"Of who has no plan, where none is the default one."`
}

// AdminPlan is the wire form of admin.Plan.
type AdminPlan struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	IsDefault bool       `json:"isDefault" doc:"Who has been given no plan has this one."`
	Limits    PlanLimits `json:"limits"`
	Users     int64      `json:"users" doc:"Accounts that have been given it."`
	CreatedAt time.Time  `json:"createdAt"`
	UpdatedAt time.Time  `json:"updatedAt"`
}

// PlanParam names a plan in a path.
type PlanParam struct {
	ID string `path:"id" maxLength:"40"`
}

func (s *Server) adminPlanRoutes() {
	registerAdmin(s, operation{
		id: "listPlans", method: http.MethodGet, path: "/api/admin/plans", summary: "List plans",
	}, func(ctx context.Context, a admin.Admin, _ *struct{}) (*struct{ Body AdminPlanList }, error) {
		plans, err := s.admin.Plans(ctx, a)
		out := AdminPlanList{Plans: make([]AdminPlan, len(plans)), Configured: wireLimits(s.admin.Configured())}
		for i, p := range plans {
			out.Plans[i] = AdminPlan{
				ID: p.ID, Name: p.Name, IsDefault: p.Default, Limits: wireLimits(p.Limits), Users: p.Users, CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
			}
		}
		return &struct{ Body AdminPlanList }{out}, err
	})

	registerAdmin(s, operation{
		id: "addPlan", method: http.MethodPost, path: "/api/admin/plans", summary: "Make a plan", status: http.StatusNoContent,
		description: "One that is the default takes that from the one that was.", codes: []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		Body struct {
			ID        string      `json:"id" pattern:"^[a-z0-9][a-z0-9_-]{0,39}$" patternDescription:"1 to 40 lower-case letters, digits, dashes or underscores"`
			Name      string      `json:"name" minLength:"1" maxLength:"100"`
			IsDefault bool        `json:"isDefault"`
			Limits    LimitsInput `json:"limits"`
		} `nameHint:"NewPlan"`
	}) (*struct{}, error) {
		return nil, s.admin.AddPlan(ctx, a, admin.Plan{ID: in.Body.ID, Name: in.Body.Name, Default: in.Body.IsDefault, Limits: in.Body.Limits.limits()})
	})

	registerAdmin(s, operation{
		id: "changePlan", method: http.MethodPut, path: "/api/admin/plans/{id}", summary: "Change a plan",
		description: "It counts from the next message of whoever has it.", codes: []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *struct {
		PlanParam
		Body struct {
			Name      string      `json:"name" minLength:"1" maxLength:"100"`
			IsDefault bool        `json:"isDefault"`
			Limits    LimitsInput `json:"limits"`
		} `nameHint:"PlanChange"`
	}) (*struct{}, error) {
		return nil, s.admin.ChangePlan(ctx, a, admin.Plan{ID: in.ID, Name: in.Body.Name, Default: in.Body.IsDefault, Limits: in.Body.Limits.limits()})
	})

	registerAdmin(s, operation{
		id: "removePlan", method: http.MethodDelete, path: "/api/admin/plans/{id}", summary: "Remove a plan",
		description: "One that accounts have been given stays.", codes: []problem.Code{problem.CodeConflict},
	}, func(ctx context.Context, a admin.Admin, in *PlanParam) (*struct{}, error) {
		return nil, s.admin.RemovePlan(ctx, a, in.ID)
	})
}
