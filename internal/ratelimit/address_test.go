package ratelimit_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"twobrains/internal/ratelimit"
)

func TestAddressKey(t *testing.T) {
	t.Parallel()
	for ip, want := range map[string]string{
		"203.0.113.1":           "ip:203.0.113.1",
		"::ffff:203.0.113.1":    "ip:203.0.113.1",
		"2001:db8:1:2:3:4:5:6":  "ip:2001:db8:1:2::/64",
		"2001:db8:1:2::":        "ip:2001:db8:1:2::/64",
		"fe80::1%eth0":          "ip:fe80::/64",
		"::1":                   "ip:::/64",
		"":                      "ip:unknown",
		"0x7f000001":            "ip:unknown",
		"203.0.113.1, 10.0.0.1": "ip:unknown",
	} {
		require.Equal(t, want, ratelimit.AddressKey(ip), ip)
	}
}
