package config

import (
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"twobrains/internal/secret"
)

// derive fills in what follows from other keys.
func (c *Config) derive() {
	if c.Server.PublicURL == "" && c.Development() {
		c.Server.PublicURL = fmt.Sprintf("http://127.0.0.1:%d", c.Server.Port)
	}
	c.Server.PublicURL = strings.TrimRight(c.Server.PublicURL, "/")
	c.SignIn.KratosPublicURL = strings.TrimRight(c.SignIn.KratosPublicURL, "/")
	c.SignIn.KratosAdminURL = strings.TrimRight(c.SignIn.KratosAdminURL, "/")
	for _, base := range []*string{&c.Models.OpenAIBaseURL, &c.Models.AnthropicBaseURL, &c.Models.GoogleBaseURL, &c.Models.ExaBaseURL} {
		*base = strings.TrimRight(*base, "/")
	}
}

var cookieName = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// checker collects sentences; each begins with the key it is about.
type checker struct{ problems []string }

func (ck *checker) want(ok bool, key, format string, args ...any) {
	if !ok {
		ck.problems = append(ck.problems, key+" "+fmt.Sprintf(format, args...))
	}
}

func (c *Config) validate(purpose Purpose) []string {
	ck := &checker{}
	for _, k := range Keys() {
		needed := k.need == "database" && purpose != ForShow || k.need == "serve" && purpose == ForServe
		ck.want(!needed || !c.value(k).IsZero(), k.Name, "is not set")
	}
	c.validateServer(ck, purpose)
	c.validateStorage(ck)
	c.validateSignIn(ck)
	c.validateLimits(ck)
	c.validateModels(ck)
	ck.want(!c.Tools.AllowPrivate || c.Development(), "TOOLS_ALLOW_PRIVATE", "opens the server's own network to its users and is for development only")
	ck.want(c.Telemetry.LogFormat == "json" || c.Telemetry.LogFormat == "text", "LOG_FORMAT", "must be json or text")
	ck.url("OTEL_EXPORTER_OTLP_ENDPOINT", c.Telemetry.TracesURL, "http", "https")
	if listen := c.Telemetry.InternalListen; listen != "off" {
		_, port, err := net.SplitHostPort(listen)
		ck.want(err == nil && port != "", "INTERNAL_LISTEN", "must be host:port, or off")
	}
	return ck.problems
}

func (c *Config) validateServer(ck *checker, purpose Purpose) {
	s := c.Server
	ck.want(s.Env == production || s.Env == development, "SERVER_ENV", "must be production or development")
	ck.between("PORT", s.Port, 1, 65535)
	ck.between("MAX_BODY_BYTES", s.MaxBodyBytes, 1<<10, 64<<20)
	ck.lasting("DRAIN_TIMEOUT", s.DrainTimeout, time.Second, time.Hour)
	ck.lasting("INSTANCE_TIMEOUT", s.InstanceTimeout, 3*time.Second, 5*time.Minute)
	if s.PublicURL == "" {
		ck.want(purpose != ForServe, "PUBLIC_URL", "is not set")
		return
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil || u.Host == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" ||
		(u.Scheme != "http" && u.Scheme != "https") {
		ck.want(false, "PUBLIC_URL", "must be http(s)://host[:port] without a path")
		return
	}
	ip := net.ParseIP(u.Hostname())
	loopback := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	ck.want(u.Scheme == "https" || loopback || c.Development(), "PUBLIC_URL", "must be https in production")
}

// languages are the text search configurations that PostgreSQL has had since version 15.
var languages = strings.Fields("simple arabic armenian basque catalan danish dutch english finnish french german greek hindi hungarian " +
	"indonesian irish italian lithuanian nepali norwegian portuguese romanian russian serbian spanish swedish tamil turkish yiddish")

func (c *Config) validateStorage(ck *checker) {
	s := c.Storage
	for key, value := range map[string]secret.Secret{"DATABASE_URL": s.DatabaseURL, "DATABASE_OWNER_URL": s.OwnerURL, "DATABASE_CONSOLE_URL": s.ConsoleURL, "DATABASE_ANALYST_URL": s.AnalystURL} {
		ck.url(key, value.Reveal(), "postgres", "postgresql")
	}
	ck.url("REDIS_URL", s.RedisURL.Reveal(), "redis", "rediss", "unix")
	if !s.MasterKeys.IsZero() {
		_, err := secret.ParseKeyRing(s.MasterKeys)
		ck.want(err == nil, "MASTER_KEYS", "is invalid: %v", err)
	}
	ck.between("TENANT_LANES", s.Lanes, 1, 500)
	ck.between("TENANT_PROVISIONERS", s.Provisioners, 1, 100)
	ck.want(slices.Contains(languages, s.SearchLanguage), "SEARCH_LANGUAGE", "must be one of %s", strings.Join(languages, ", "))
}

func (c *Config) validateSignIn(ck *checker) {
	s := c.SignIn
	ck.url("KRATOS_PUBLIC_URL", s.KratosPublicURL, "http", "https")
	ck.url("KRATOS_ADMIN_URL", s.KratosAdminURL, "http", "https")
	ck.url("KRATOS_DATABASE_URL", s.KratosDatabaseURL.Reveal(), "postgres", "postgresql")
	ck.lasting("DELETION_FRESH_FOR", s.DeletionFreshFor, time.Minute, 24*time.Hour)
	ck.want(s.AdminSecondFactor == 0 || s.AdminSecondFactor >= time.Minute && s.AdminSecondFactor <= 24*time.Hour, "ADMIN_SECOND_FACTOR_FOR", "must be 0, or between 1m and 24h")
	ck.want(s.KratosHookKey.IsZero() || len(s.KratosHookKey.Reveal()) >= 16, "KRATOS_HOOK_KEY", "must have at least 16 characters")
	ck.want(cookieName.MatchString(s.SessionCookie), "SESSION_COOKIE", "must be a cookie name of letters, digits, dot, dash and underscore")
	ck.lasting("SESSION_TTL", s.SessionTTL, time.Second, 5*time.Minute)
	for key, rate := range map[string]Rate{
		"LOGIN_LIMIT_IP": s.LoginPerIP, "LOGIN_LIMIT_IDENTIFIER": s.LoginPerIdentifier, "LOGIN_LIMIT_FLOW": s.LoginPerFlow,
	} {
		ck.want(rate.Count > 0, key, "cannot be off: Kratos has no limit of its own")
	}
	ck.want(s.DevMailKey.IsZero() || c.Development(), "DEV_MAIL_KEY", "shows sign-in codes and is for development only")
	ck.want(s.DevMailKey.IsZero() || len(s.DevMailKey.Reveal()) >= 8, "DEV_MAIL_KEY", "must have at least 8 characters")
}

func (c *Config) validateLimits(ck *checker) {
	l := c.Limits
	ck.between("QUOTA_DAY", l.QuotaDay, 0, 1_000_000_000)
	ck.between("QUOTA_MONTH", l.QuotaMonth, 0, 1_000_000_000)
	ck.between("MAX_MESSAGE_CHARS", l.MaxMessageChars, 1, 1_000_000)
	ck.between("ATTACHMENT_MAX_BYTES", l.AttachmentMaxBytes, 1<<10, 64<<20)
	ck.between("ATTACHMENT_TOTAL_BYTES", l.AttachmentTotalBytes, l.AttachmentMaxBytes, 1<<40)
	ck.want(l.StorageBytes == 0 || l.StorageBytes >= 1<<20 && l.StorageBytes <= 1<<50, "STORAGE_LIMIT_BYTES", "must be 0, or between %d and %d", 1<<20, 1<<50)
	ck.lasting("SQL_TIMEOUT", l.SQLTimeout, 100*time.Millisecond, 20*time.Second)
	ck.between("SQL_MAX_ROWS", l.SQLMaxRows, 1, 100_000)
	ck.between("SQL_MAX_BYTES", l.SQLMaxBytes, 1<<10, 64<<20)
	ck.between("SQL_QUERIES", l.SQLQueries, 1, 100)
	ck.want(l.ImportMaxBytes >= 1<<20 && l.ImportMaxBytes <= 1<<40, "IMPORT_MAX_BYTES", "must be between %d and %d", 1<<20, 1<<40)
	ck.lasting("EXPORT_KEEP", l.ExportKeep, time.Hour, 720*time.Hour)
	ck.between("JOB_WORKERS", l.JobWorkers, 1, 64)
	ck.between("MAX_STREAMS", l.MaxStreams, 1, 1_000_000)
	ck.want(l.RunLogBytes >= 1<<20 && l.RunLogBytes <= 1<<40, "RUN_LOG_BYTES", "must be between 1048576 and 1099511627776")
	ck.lasting("RUN_TIMEOUT", l.RunTimeout, 10*time.Second, 2*time.Hour)
}

func (c *Config) validateModels(ck *checker) {
	m := c.Models
	ck.url("OPENAI_BASE_URL", m.OpenAIBaseURL, "http", "https")
	ck.url("ANTHROPIC_BASE_URL", m.AnthropicBaseURL, "http", "https")
	ck.url("GOOGLE_BASE_URL", m.GoogleBaseURL, "http", "https")
	ck.url("EXA_BASE_URL", m.ExaBaseURL, "http", "https")
	ck.want(m.Demo == "auto" || m.Demo == "on" || m.Demo == "off", "DEMO_MODEL", "must be auto, on or off")
	ck.want(m.DemoDelay >= 0 && m.DemoDelay <= 10*time.Second, "DEMO_DELAY", "must be between 0 and 10s")
}

func (ck *checker) between(key string, n, low, high int) {
	ck.want(n >= low && n <= high, key, "must be between %d and %d", low, high)
}

func (ck *checker) lasting(key string, d, low, high time.Duration) {
	ck.want(d >= low && d <= high, key, "must be between %s and %s", short(low), short(high))
}

// url checks a URL that may hold a password, so nothing of it is repeated. Absent is somebody else's matter.
func (ck *checker) url(key, value string, schemes ...string) {
	if value == "" {
		return
	}
	u, err := url.Parse(value)
	ok := err == nil && (u.Host != "" || u.Path != "" && u.Scheme != "http" && u.Scheme != "https")
	known := false
	for _, s := range schemes {
		known = known || ok && u.Scheme == s
	}
	ck.want(known, key, "must be a URL beginning with %s://", strings.Join(schemes, ":// or "))
}
