// Package config reads the server's configuration: environment variables and nothing else. Every key has one field here,
// with its default, its validation and its documentation beside it; docs/configuration.md is printed from these tags.
package config

import (
	"log/slog"
	"net"
	"strconv"
	"time"

	"twobrains/internal/secret"
)

// Config is the effective configuration. Fields are grouped as the documentation shows them; the tag env names the key,
// envDefault the default, doc what it means, and secret fields may be given as a file by KEY_FILE.
type Config struct {
	Server    Server    `group:"Server"`
	Storage   Storage   `group:"Storage"`
	SignIn    SignIn    `group:"Sign-in"`
	Limits    Limits    `group:"Limits"`
	Models    Models    `group:"Models"`
	Tools     Tools     `group:"Tools"`
	Telemetry Telemetry `group:"Logs and metrics"`
}

// Server says where it listens and how it stops.
type Server struct {
	Env             string        `env:"SERVER_ENV" envDefault:"production" doc:"production or development. Development allows plain http and the mail page."`
	Host            string        `env:"HOST" envDefault:"127.0.0.1" doc:"Address to listen on; 0.0.0.0 in a container."`
	Port            int           `env:"PORT" envDefault:"8080" doc:"Port to listen on."`
	PublicURL       string        `env:"PUBLIC_URL" doc:"Where browsers see the server, without a path: https://chat.example.com. Required in production; http://127.0.0.1:PORT in development."`
	TrustedProxies  Networks      `env:"TRUSTED_PROXIES" doc:"Addresses or networks (CIDR), comma-separated, whose X-Forwarded-For is believed."`
	MaxBodyBytes    int           `env:"MAX_BODY_BYTES" envDefault:"4194304" doc:"Largest request body in bytes (1 KiB to 64 MiB); a larger one is refused with 413."`
	DrainTimeout    time.Duration `env:"DRAIN_TIMEOUT" envDefault:"30s" doc:"How long replies under way may go on after the signal to stop; then they are stored as interrupted."`
	InstanceTimeout time.Duration `env:"INSTANCE_TIMEOUT" envDefault:"15s" doc:"How long a replica may give no sign of life (three in that time) before the others settle its replies (3s to 5m); the same for all replicas."`
}

// Storage says where the brains and the counters are.
type Storage struct {
	DatabaseURL    secret.Secret `env:"DATABASE_URL" need:"database" doc:"PostgreSQL URL of the login that serves requests (twobrains_app). It owns nothing; migrate creates it."`
	OwnerURL       secret.Secret `env:"DATABASE_OWNER_URL" need:"database" doc:"PostgreSQL URL of the login that owns the schemas, for migrations and for provisioning newcomers."`
	ConsoleURL     secret.Secret `env:"DATABASE_CONSOLE_URL" doc:"PostgreSQL URL of the login that runs the SQL of users (twobrains_console), which reads private brains and nothing else; migrate creates it. It may name a replica. Empty: there is no SQL console."`
	AnalystURL     secret.Secret `env:"DATABASE_ANALYST_URL" doc:"PostgreSQL URL of the login that reads the public brain without secrets (twobrains_analyst), for the reports and the SQL console of admins; migrate creates it. It may name a replica. Empty: there are neither."`
	MasterKeys     secret.Secret `env:"MASTER_KEYS" need:"database" doc:"Ring of master keys, id:base64 of 32 random bytes, comma-separated, the primary one first. Whoever loses them loses the private brains."`
	Lanes          int           `env:"TENANT_LANES" envDefault:"16" doc:"Database connections that serve requests (1 to 500). A user always meets the same one."`
	Provisioners   int           `env:"TENANT_PROVISIONERS" envDefault:"4" doc:"Owner connections used at once for newcomers, and again for lazy migrations (1 to 100)."`
	SearchLanguage string        `env:"SEARCH_LANGUAGE" envDefault:"simple" doc:"How search takes words: simple, as they are, or a language of PostgreSQL's (english, german, …), whose endings it ignores then. After a change a user's messages are indexed anew when the user searches."`
	RedisURL       secret.Secret `env:"REDIS_URL" need:"serve" doc:"Redis URL (redis:// or rediss://) of the rate-limit counters and other things shared by replicas."`
}

// SignIn says where Kratos is and what it is told.
type SignIn struct {
	KratosPublicURL    string        `env:"KRATOS_PUBLIC_URL" need:"serve" doc:"Kratos's public API, as this server reaches it."`
	KratosAdminURL     string        `env:"KRATOS_ADMIN_URL" need:"serve" doc:"Kratos's admin API, as this server reaches it. It asks for no password: keep it away from everybody else."`
	KratosDatabaseURL  secret.Secret `env:"KRATOS_DATABASE_URL" doc:"PostgreSQL URL of a login for Kratos's database that may remove mails, for the deletion of accounts; see docs/deletion.md. Empty: mails that were sent stay with Kratos."`
	DeletionFreshFor   time.Duration `env:"DELETION_FRESH_FOR" envDefault:"10m" doc:"How long after signing in an account may be deleted without signing in again (1m to 24h)."`
	AdminSecondFactor  time.Duration `env:"ADMIN_SECOND_FACTOR_FOR" envDefault:"0s" doc:"How long after giving a second factor an admin may use /api/admin (1m to 24h); 0: admins need none."`
	KratosHookKey      secret.Secret `env:"KRATOS_HOOK_KEY" need:"serve" doc:"What Kratos sends as X-Hook-Key to /hooks/kratos (at least 16 characters)."`
	SessionCookie      string        `env:"SESSION_COOKIE" envDefault:"ory_kratos_session" doc:"Name of the session cookie, as in Kratos's configuration; with the prefix __Host- in production."`
	SessionTTL         time.Duration `env:"SESSION_TTL" envDefault:"15s" doc:"How long a confirmed session is believed without asking Kratos again (1s to 5m)."`
	LoginPerIP         Rate          `env:"LOGIN_LIMIT_IP" envDefault:"60/10m" doc:"Sign-in attempts per IP address. Attempts are refused while Redis is away."`
	LoginPerIdentifier Rate          `env:"LOGIN_LIMIT_IDENTIFIER" envDefault:"10/10m" doc:"Sign-in attempts per e-mail address: codes asked for and guesses."`
	LoginPerFlow       Rate          `env:"LOGIN_LIMIT_FLOW" envDefault:"15/10m" doc:"Attempts within one sign-in flow, and of one session to become more."`
	DevMailKey         secret.Secret `env:"DEV_MAIL_KEY" doc:"Development only: accepts Kratos's mail at /dev/mail (header X-Mail-Key) and shows it there."`
}

// Limits bound what one user, one address and one process may take.
type Limits struct {
	QuotaDay             int           `env:"QUOTA_DAY" envDefault:"50" doc:"Messages a user may send per UTC day on the operator's keys, where no plan applies (docs/plans.md); 0 allows none."`
	QuotaMonth           int           `env:"QUOTA_MONTH" envDefault:"500" doc:"The same per UTC month."`
	PerUser              Rate          `env:"RATE_LIMIT_USER" envDefault:"300/1m" doc:"API requests per user."`
	PerIP                Rate          `env:"RATE_LIMIT_IP" envDefault:"1200/1m" doc:"API requests per IP address (IPv6: per /64)."`
	AIPerUser            Rate          `env:"RATE_LIMIT_AI_USER" envDefault:"20/1m" doc:"Messages sent to a model per user."`
	AIPerIP              Rate          `env:"RATE_LIMIT_AI_IP" envDefault:"100/1m" doc:"Messages sent to a model per IP address."`
	SQLPerUser           Rate          `env:"RATE_LIMIT_SQL_USER" envDefault:"60/1m" doc:"SQL queries per user."`
	SQLTimeout           time.Duration `env:"SQL_TIMEOUT" envDefault:"5s" doc:"Longest duration of a SQL query (100ms to 20s)."`
	SQLMaxRows           int           `env:"SQL_MAX_ROWS" envDefault:"10000" doc:"Most rows of a result of SQL (1 to 100,000)."`
	SQLMaxBytes          int           `env:"SQL_MAX_BYTES" envDefault:"10485760" doc:"Largest result of SQL, in bytes of JSON (1 KiB to 64 MiB)."`
	SQLQueries           int           `env:"SQL_QUERIES" envDefault:"4" doc:"SQL queries that run at once in this process (1 to 100); each takes a connection, and a user has one at a time."`
	MaxMessageChars      int           `env:"MAX_MESSAGE_CHARS" envDefault:"32000" doc:"Longest message of a user, in characters (1 to 1,000,000)."`
	AttachmentMaxBytes   int           `env:"ATTACHMENT_MAX_BYTES" envDefault:"20971520" doc:"Largest attachment in bytes (1 KiB to 64 MiB); MAX_BODY_BYTES does not concern uploads."`
	AttachmentTotalBytes int           `env:"ATTACHMENT_TOTAL_BYTES" envDefault:"524288000" doc:"All attachments of a user together, in bytes (ATTACHMENT_MAX_BYTES to 1 TiB)."`
	StorageBytes         int64         `env:"STORAGE_LIMIT_BYTES" envDefault:"1073741824" doc:"What all data of a user may take, in bytes (1 MiB to 1 PiB), files included, where no plan applies; 0 sets no limit."`
	JobWorkers           int           `env:"JOB_WORKERS" envDefault:"2" doc:"Exports, imports and deletions of accounts that this process does at once (1 to 64)."`
	ImportMaxBytes       int64         `env:"IMPORT_MAX_BYTES" envDefault:"2147483648" doc:"Largest file that is imported, in bytes (1 MiB to 1 TiB)."`
	ExportKeep           time.Duration `env:"EXPORT_KEEP" envDefault:"72h" doc:"How long the file of an export can be downloaded (1h to 720h)."`
	MaxStreams           int           `env:"MAX_STREAMS" envDefault:"10000" doc:"Replies under way in this process, and streams open at once; more are refused with 503. A stream takes a descriptor for its client and one for its provider."`
	RunLogBytes          int64         `env:"RUN_LOG_BYTES" envDefault:"536870912" doc:"Memory for the streams of replies under way, and for a minute after, in bytes (1 MiB to 1 TiB); while it is used up, messages are refused with 503."`
	RunTimeout           time.Duration `env:"RUN_TIMEOUT" envDefault:"10m" doc:"Longest duration of one reply (10s to 2h)."`
}

// Models says who answers.
type Models struct {
	OpenAIKey        secret.Secret `env:"OPENAI_API_KEY" doc:"Key of the OpenAI-compatible provider."`
	OpenAIBaseURL    string        `env:"OPENAI_BASE_URL" envDefault:"https://api.openai.com/v1" doc:"Its base URL; any OpenAI-compatible server will do (Ollama, vLLM, LiteLLM), which may need no key."`
	OpenAIModels     string        `env:"OPENAI_MODELS" doc:"Models offered from it instead of the built-in ones, over chat completions unless it is OpenAI itself; see docs/models.md for the form."`
	AnthropicKey     secret.Secret `env:"ANTHROPIC_API_KEY" doc:"Key of Anthropic."`
	AnthropicBaseURL string        `env:"ANTHROPIC_BASE_URL" envDefault:"https://api.anthropic.com" doc:"Where Anthropic's API is, without a version."`
	GoogleKey        secret.Secret `env:"GOOGLE_API_KEY" doc:"Key of Google's Gemini API."`
	GoogleBaseURL    string        `env:"GOOGLE_BASE_URL" envDefault:"https://generativelanguage.googleapis.com" doc:"Where Google's Gemini API is, without a version."`
	ExaBaseURL       string        `env:"EXA_BASE_URL" envDefault:"https://api.exa.ai" doc:"Where the search of Exa is."`
	File             string        `env:"MODELS_FILE" doc:"File with the list of models instead of the built-in one; see docs/models.md for the form."`
	DefaultModel     string        `env:"DEFAULT_MODEL" doc:"Id of the model for who has chosen none, such as openai:gpt-6-luna."`
	Titles           bool          `env:"TITLES" envDefault:"true" doc:"Lets a cheap model of the same provider name new conversations; without, their first words do."`
	Demo             string        `env:"DEMO_MODEL" envDefault:"auto" doc:"The built-in demo model: on, off, or auto (on as long as no provider is configured). Off without one, only users with keys of their own get answers."`
	DemoDelay        time.Duration `env:"DEMO_DELAY" envDefault:"15ms" doc:"Pause of the demo model between words (0 to 10s)."`
}

// Tools says what tools may reach.
type Tools struct {
	AllowPrivate bool   `env:"TOOLS_ALLOW_PRIVATE" envDefault:"false" doc:"Lets MCP servers be at private and loopback addresses, over plain http and at any port. For development only: users could reach whatever this machine can."`
	MCPCatalog   string `env:"MCP_CATALOG" doc:"File with the built-in MCP servers instead of the embedded list; see docs/tools.md for the form."`
}

// Telemetry says how it tells about itself.
type Telemetry struct {
	LogLevel       slog.Level `env:"LOG_LEVEL" envDefault:"INFO" doc:"DEBUG, INFO, WARN or ERROR."`
	LogFormat      string     `env:"LOG_FORMAT" envDefault:"json" doc:"json or text."`
	InternalListen string     `env:"INTERNAL_LISTEN" envDefault:"127.0.0.1:9090" doc:"Address of the internal listener with /metrics and /debug/pprof; off for none. It asks for no password."`
	TracesURL      string     `env:"OTEL_EXPORTER_OTLP_ENDPOINT" doc:"Base URL of an OpenTelemetry collector (OTLP over HTTP, usually port 4318) that traces are sent to; empty for none. OpenTelemetry's other variables (OTEL_TRACES_SAMPLER, OTEL_EXPORTER_OTLP_HEADERS, …) count then; see docs/observability.md."`
}

// Development reports whether SERVER_ENV says so.
func (c *Config) Development() bool { return c.Server.Env == development }

// Listen is the address of the public listener.
func (c *Config) Listen() string {
	return net.JoinHostPort(c.Server.Host, strconv.Itoa(c.Server.Port))
}

// OpenAI reports whether the OpenAI-compatible provider is configured: with a key, or as a server of one's own.
func (c *Config) OpenAI() bool {
	return !c.Models.OpenAIKey.IsZero() || c.Models.OpenAIBaseURL != openAIBaseURL
}

// Platform reports whether any provider of models is configured.
func (c *Config) Platform() bool {
	return c.OpenAI() || !c.Models.AnthropicKey.IsZero() || !c.Models.GoogleKey.IsZero()
}

// DemoModel reports whether the demo model answers.
func (c *Config) DemoModel() bool {
	return c.Models.Demo == "on" || c.Models.Demo == "auto" && !c.Platform()
}

const (
	development   = "development"
	production    = "production"
	openAIBaseURL = "https://api.openai.com/v1"
)
