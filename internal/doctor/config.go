package doctor

import (
	"context"
	"net/url"
	"strings"
)

// developmentKey is the master key of compose.yaml, which everybody can read there.
const developmentKey = "ZGV2ZWxvcG1lbnQgb25seTogMzIgYnl0ZXMgbG9uZy4="

// developmentPassword begins and ends those of compose.yaml.
const developmentPassword = "development-"

func (e *examination) config(context.Context) {
	if !e.Production {
		e.report(Note, "config-environment", "SERVER_ENV is development", "set SERVER_ENV=production where real users are")
	}
	if strings.Contains(e.MasterKeys.Reveal(), developmentKey) {
		e.report(e.strict(), "config-master-key", "MASTER_KEYS has the key that is printed in compose.yaml",
			"make one (openssl rand -base64 32), put it first, and run: twobrains key rotate")
	} else {
		e.good("config-master-key", "the master keys are your own")
	}
	known := false
	for name, text := range map[string]string{
		"DATABASE_URL": e.AppURL.Reveal(), "DATABASE_OWNER_URL": e.OwnerURL.Reveal(), "DATABASE_CONSOLE_URL": e.ConsoleURL.Reveal(),
	} {
		if u, err := url.Parse(text); err == nil && u.User != nil {
			if password, _ := u.User.Password(); strings.HasPrefix(password, developmentPassword) {
				known = true
				e.report(e.strict(), "config-password", name+" has the password that is printed in compose.yaml", "choose another one, and run: twobrains migrate up")
			}
		}
	}
	if !known {
		e.good("config-password", "no password of the logins is a known one")
	}
	if e.Production && e.TrustedProxies == 0 && strings.HasPrefix(e.PublicURL, "https:") {
		e.report(Warning, "config-proxies", "TRUSTED_PROXIES is empty, and TLS ends before this server",
			"name the proxy's network, or all clients share its address and its limits")
	}
}
