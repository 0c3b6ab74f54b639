// Package doctor looks at a deployment as a stranger would who has its configuration: logins, settings of Postgres and Redis, what Kratos
// and the site show to the world, certificates, clocks. It changes nothing and reads no user's data. What is said of single private brains
// is the kernel's (twobrains tenant doctor).
package doctor

import (
	"cmp"
	"context"
	"slices"
	"time"

	"twobrains/internal/secret"
	"twobrains/internal/tenant"
)

// Level says how bad a finding is.
type Level string

// The levels, worst first. Failure: it does not work, or not safely. Warning: it will hurt. Note: worth knowing.
const (
	Failure Level = "failure"
	Warning Level = "warning"
	Note    Level = "note"
	Good    Level = "ok"
)

var order = []Level{Failure, Warning, Note, Good}

// Finding is what one check found.
type Finding struct {
	Level Level `json:"level"`
	// Check is the stable name of what was looked at: "redis-policy".
	Check string `json:"check"`
	Found string `json:"found"`
	// Advice says what to do; empty for what is good.
	Advice string `json:"advice,omitempty"`
}

// Options are what is looked at. What is zero is passed over.
type Options struct {
	Production bool
	// PublicURL is where browsers find the site.
	PublicURL      string
	TrustedProxies int // how many networks

	DB                           *tenant.DB
	AppURL, OwnerURL, ConsoleURL secret.Secret
	MasterKeys                   secret.Secret
	// Connections is how many a server opens at most.
	Connections int

	RedisURL secret.Secret

	KratosPublicURL, KratosAdminURL string

	// Clock is time.Now unless a test says otherwise.
	Clock func() time.Time
}

// patience bounds each check.
const patience = 10 * time.Second

type examination struct {
	Options
	findings []Finding
}

// Examine runs all checks and returns what they found, worst first.
func Examine(ctx context.Context, o Options) []Finding {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	e := &examination{Options: o}
	for _, check := range []func(context.Context){e.config, e.migrations, e.postgres, e.logins, e.redis, e.kratos, e.site} {
		within, cancel := context.WithTimeout(ctx, patience)
		check(within)
		cancel()
	}
	slices.SortStableFunc(e.findings, func(a, b Finding) int {
		return cmp.Compare(slices.Index(order, a.Level), slices.Index(order, b.Level))
	})
	return e.findings
}

func (e *examination) report(level Level, check, found, advice string) {
	e.findings = append(e.findings, Finding{level, check, found, advice})
}

func (e *examination) good(check, found string) { e.report(Good, check, found, "") }

// strict is Failure in production and a Note elsewhere: for what is right on one's own machine.
func (e *examination) strict() Level {
	if e.Production {
		return Failure
	}
	return Note
}
