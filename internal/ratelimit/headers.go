package ratelimit

import (
	"fmt"
	"strconv"
	"time"
)

// Headers sets what a response should say about a decision: RateLimit and RateLimit-Policy in the form of
// draft-ietf-httpapi-ratelimit-headers-10 and, if it was a refusal, Retry-After in whole seconds.
//
// The quota q is the burst, and the window w the seconds in which all of it is replenished, so that q/w is the sustained rate
// and the remaining units r never exceed q.
func Headers(d Decision, set func(name, value string)) {
	l := d.Limit
	if l.Name == "" {
		return
	}
	window := time.Duration(float64(l.Period) / float64(l.Rate) * float64(l.Burst))
	set("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=%d`, l.Name, l.Burst, seconds(window)))
	set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, l.Name, d.Remaining, seconds(d.ResetAfter)))
	if !d.Allowed {
		set("Retry-After", strconv.FormatInt(max(1, seconds(d.RetryAfter)), 10))
	}
}

// seconds rounds up: who waits that long has waited long enough.
func seconds(d time.Duration) int64 {
	return int64((d + time.Second - 1) / time.Second)
}
