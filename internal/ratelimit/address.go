package ratelimit

import "net/netip"

// AddressKey is the key of a client address: an IPv4 address itself; of an IPv6 address its /64, since one client
// usually has all of it.
func AddressKey(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "ip:unknown"
	}
	addr = addr.Unmap().WithZone("")
	if addr.Is4() {
		return "ip:" + addr.String()
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return "ip:unknown"
	}
	return "ip:" + prefix.String()
}
