package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"twobrains/internal/auth"
	"twobrains/internal/chat"
	"twobrains/internal/problem"
	"twobrains/internal/settings"
	"twobrains/internal/usage"
)

// Session is who the caller is.
type Session struct {
	User            SessionUser `json:"user"`
	ExpiresAt       time.Time   `json:"expiresAt"`
	AuthenticatedAt time.Time   `json:"authenticatedAt" doc:"When the last factor was given."`
	AAL             string      `json:"aal" doc:"aal1, or aal2 after a second factor." example:"aal1"`
	Admin           bool        `json:"admin" doc:"The caller may use /api/admin, perhaps after a second factor."`
	Limits          Limits      `json:"limits"`
	SQL             bool        `json:"sql" doc:"This installation has an SQL console, without which models cannot query the history either."`
}

// Limits bound what a message holds, so that clients can say so before anything is sent.
type Limits struct {
	MessageChars           int `json:"messageChars" doc:"Of the text of a message, in characters." example:"32000"`
	AttachmentBytes        int `json:"attachmentBytes" doc:"Of one file." example:"20971520"`
	MessageAttachmentBytes int `json:"messageAttachmentBytes" doc:"Of all files of a message together." example:"20971520"`
}

// SessionUser names the caller.
type SessionUser struct {
	ID    string `json:"id" format:"uuid"`
	Email string `json:"email" doc:"For display; may be empty."`
}

// Settings is the wire form of settings.Settings.
type Settings struct {
	DefaultModel       *string `json:"defaultModel" doc:"Id of a model; null: none chosen."`
	ReasoningEffort    *string `json:"reasoningEffort" enum:"off,low,medium,high" doc:"Null: left to the model."`
	ToolApproval       *string `json:"toolApproval" enum:"always,never" doc:"When to ask before tools of MCP servers run; null: as each server says."`
	RetentionDays      *int    `json:"retentionDays" doc:"Conversations without a message for as many days are deleted when their owner comes; null: none are."`
	HistoryTool        bool    `json:"historyTool" doc:"Models may ask to query the caller's history in SQL; every query needs consent."`
	Memory             bool    `json:"memory" doc:"The caller's notes go into prompts, and models may ask to change them; every change needs consent."`
	CustomInstructions string  `json:"customInstructions"`
	Preferences        object  `json:"preferences" doc:"What clients want to remember."`
}

// Usage is the wire form of usage.Report.
type Usage struct {
	Plan            *UsagePlan  `json:"plan" doc:"Null: no plan applies, and the limits are those of the server."`
	Day             Quota       `json:"day"`
	Month           Quota       `json:"month"`
	Cost            UsageCost   `json:"cost"`
	TokensPerMinute *int64      `json:"tokensPerMinute" doc:"Input and output together; null: no limit."`
	Items           []UsageItem `json:"items"`
}

// UsagePlan is the plan that says what the caller may take.
type UsagePlan struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// UsageCost is what replies of the UTC day on the operator's keys cost.
type UsageCost struct {
	Used     int64     `json:"usedMicroUsd" doc:"Of replies that have ended, in millionths of a US dollar."`
	Reserved int64     `json:"reservedMicroUsd" doc:"What replies under way may come to; 0 where there is no limit."`
	Limit    *int64    `json:"limitMicroUsd" doc:"Of both together; null: none."`
	ResetsAt time.Time `json:"resetsAt"`
}

// Quota of a UTC day or month.
type Quota struct {
	Used      int       `json:"used"`
	Limit     *int      `json:"limit" doc:"Null: no limit."`
	Remaining *int      `json:"remaining" doc:"Null: no limit."`
	ResetsAt  time.Time `json:"resetsAt"`
}

// UsageItem is the usage of one model on one UTC day with one kind of key.
type UsageItem struct {
	Day               string `json:"day" format:"date"`
	Model             string `json:"model"`
	KeySource         string `json:"keySource" enum:"platform,own"`
	Messages          int64  `json:"messages"`
	InputTokens       int64  `json:"inputTokens" doc:"Cached ones included."`
	CachedInputTokens int64  `json:"cachedInputTokens"`
	OutputTokens      int64  `json:"outputTokens" doc:"Reasoning included."`
	ReasoningTokens   int64  `json:"reasoningTokens"`
	CostMicroUSD      int64  `json:"costMicroUsd" doc:"Millionths of a US dollar."`
}

func (s *Server) accountRoutes() {
	const tag = "Account"
	register(s, operation{
		id: "getSession", method: http.MethodGet, path: "/api/session", tag: tag, summary: "Who am I, and what may a message hold",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*struct{ Body Session }, error) {
		return &struct{ Body Session }{Session{
			User:            SessionUser{ID: user.ID().String(), Email: user.Email()},
			ExpiresAt:       user.ExpiresAt().UTC(),
			AuthenticatedAt: user.AuthenticatedAt().UTC(),
			AAL:             user.AAL(),
			Admin:           s.isAdmin(ctx, user),
			Limits: Limits{
				MessageChars:           s.config.Limits.MaxMessageChars,
				AttachmentBytes:        s.config.Limits.AttachmentMaxBytes,
				MessageAttachmentBytes: chat.MaxFileBytes,
			},
			SQL: !s.config.Storage.ConsoleURL.IsZero(),
		}}, nil
	})

	s.modelRoutes(tag)

	type usageParams struct {
		Days int `query:"days" minimum:"1" maximum:"366" default:"30" doc:"How far back, today included."`
	}
	register(s, operation{
		id: "getUsage", method: http.MethodGet, path: "/api/usage", tag: tag, summary: "Quota and usage",
		codes: []problem.Code{problem.CodeInvalid},
	}, func(ctx context.Context, user auth.User, in *usageParams) (*struct{ Body Usage }, error) {
		report, err := s.usage.Get(ctx, user, in.Days)
		if err != nil {
			return nil, err
		}
		return &struct{ Body Usage }{wireUsage(report)}, nil
	})
	s.settingsRoutes(tag)
}

func (s *Server) settingsRoutes(tag string) {
	type output struct{ Body Settings }
	register(s, operation{
		id: "getSettings", method: http.MethodGet, path: "/api/settings", tag: tag, summary: "Get settings",
	}, func(ctx context.Context, user auth.User, _ *struct{}) (*output, error) {
		got, err := s.settings.Get(ctx, user)
		return &output{wireSettings(got)}, err
	})

	type update struct {
		Body struct {
			DefaultModel       maybe[string] `json:"defaultModel,omitempty"`
			ReasoningEffort    maybe[string] `json:"reasoningEffort,omitempty" enum:"off,low,medium,high"`
			ToolApproval       maybe[string] `json:"toolApproval,omitempty" enum:"always,never"`
			RetentionDays      maybe[int]    `json:"retentionDays,omitempty" minimum:"1" maximum:"3650"`
			HistoryTool        maybe[bool]   `json:"historyTool,omitempty"`
			Memory             maybe[bool]   `json:"memory,omitempty"`
			CustomInstructions maybe[string] `json:"customInstructions,omitempty" maxLength:"8000"`
			Preferences        maybe[object] `json:"preferences,omitempty" doc:"Replaced as a whole; at most 16 KiB of JSON, 32 levels."`
		} `nameHint:"SettingsUpdate"`
	}
	register(s, operation{
		id: "updateSettings", method: http.MethodPatch, path: "/api/settings", tag: tag, summary: "Change settings",
		description: "Members that are left out stay as they are; null resets.",
	}, func(ctx context.Context, user auth.User, in *update) (*output, error) {
		patch := settings.Patch{
			DefaultModel:       settings.Change[string]{Set: in.Body.DefaultModel.set, Value: in.Body.DefaultModel.value},
			ReasoningEffort:    settings.Change[string]{Set: in.Body.ReasoningEffort.set, Value: in.Body.ReasoningEffort.value},
			ToolApproval:       settings.Change[string]{Set: in.Body.ToolApproval.set, Value: in.Body.ToolApproval.value},
			RetentionDays:      settings.Change[int]{Set: in.Body.RetentionDays.set, Value: in.Body.RetentionDays.value},
			HistoryTool:        settings.Change[bool]{Set: in.Body.HistoryTool.set, Value: in.Body.HistoryTool.value},
			Memory:             settings.Change[bool]{Set: in.Body.Memory.set, Value: in.Body.Memory.value},
			CustomInstructions: settings.Change[string]{Set: in.Body.CustomInstructions.set, Value: in.Body.CustomInstructions.value},
			Preferences:        settings.Change[json.RawMessage]{Set: in.Body.Preferences.set},
		}
		if p := in.Body.Preferences.value; p != nil {
			patch.Preferences.Value = &p.RawMessage
		}
		got, err := s.settings.Update(ctx, user, patch)
		return &output{wireSettings(got)}, err
	})
}

func wireSettings(s settings.Settings) Settings {
	return Settings{
		DefaultModel: s.DefaultModel, ReasoningEffort: s.ReasoningEffort, ToolApproval: s.ToolApproval, RetentionDays: s.RetentionDays, HistoryTool: s.HistoryTool,
		Memory: s.Memory, CustomInstructions: s.CustomInstructions, Preferences: object{s.Preferences},
	}
}

func wireUsage(r usage.Report) Usage {
	quota := func(q usage.Quota) Quota {
		return Quota{Used: q.Used, Limit: q.Limit, Remaining: q.Remaining(), ResetsAt: q.ResetsAt}
	}
	out := Usage{
		Day: quota(r.Day), Month: quota(r.Month), TokensPerMinute: r.TokensPerMinute, Items: make([]UsageItem, len(r.Items)),
		Cost: UsageCost{Used: r.Cost.Used, Reserved: r.Cost.Reserved, Limit: r.Cost.Limit, ResetsAt: r.Cost.ResetsAt},
	}
	if r.PlanID != nil {
		out.Plan = &UsagePlan{ID: *r.PlanID, Name: *r.PlanName}
	}
	for i, item := range r.Items {
		out.Items[i] = UsageItem{
			Day: item.Day.Format(time.DateOnly), Model: item.Model, KeySource: item.KeySource, Messages: item.Messages,
			InputTokens: item.InputTokens, CachedInputTokens: item.CachedInputTokens,
			OutputTokens: item.OutputTokens, ReasoningTokens: item.ReasoningTokens, CostMicroUSD: item.CostMicroUSD,
		}
	}
	return out
}
