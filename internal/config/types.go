package config

import (
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Rate is a number of things per time, such as 300/1m. The zero value, written "off", is no limit.
type Rate struct {
	Count int
	Per   time.Duration
}

var errRate = errors.New(`want a number per duration such as 300/1m, or off`)

// UnmarshalText reads "300/1m" or "off".
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*r = Rate{}
		return nil
	}
	count, per, _ := strings.Cut(string(text), "/")
	n, err := strconv.Atoi(count)
	if err != nil || n < 1 || n > 1_000_000 {
		return errRate
	}
	d, err := time.ParseDuration(per)
	if err != nil || d < time.Second || d > 24*time.Hour {
		return errRate
	}
	*r = Rate{Count: n, Per: d}
	return nil
}

// String is the form that UnmarshalText reads.
func (r Rate) String() string {
	if r.Count == 0 {
		return "off"
	}
	return fmt.Sprintf("%d/%s", r.Count, short(r.Per))
}

// short writes a duration as people do: 10m, where its String gives 10m0s.
func short(d time.Duration) string {
	text := d.String()
	if trimmed, ok := strings.CutSuffix(text, "m0s"); ok {
		text = trimmed + "m"
	}
	if trimmed, ok := strings.CutSuffix(text, "h0m"); ok {
		text = trimmed + "h"
	}
	return text
}

// Networks is a list of addresses and networks.
type Networks []netip.Prefix

// UnmarshalText reads a comma-separated list.
func (n *Networks) UnmarshalText(text []byte) error {
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		prefix, err := netip.ParsePrefix(part)
		if err != nil {
			address, err := netip.ParseAddr(part)
			if err != nil {
				return fmt.Errorf("%q is neither an address nor a network like 10.0.0.0/8", part)
			}
			prefix = netip.PrefixFrom(address, address.BitLen())
		}
		*n = append(*n, prefix.Masked())
	}
	return nil
}

// String is the form that UnmarshalText reads.
func (n Networks) String() string {
	parts := make([]string, len(n))
	for i, prefix := range n {
		parts[i] = prefix.String()
	}
	return strings.Join(parts, ",")
}

// Contains reports whether an address is in one of the networks.
func (n Networks) Contains(address netip.Addr) bool {
	address = address.Unmap()
	for _, prefix := range n {
		if prefix.Contains(address) {
			return true
		}
	}
	return false
}
