package guard

import (
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// MaxURL is counted in bytes.
const MaxURL = 2000

// refusal is a complaint about a URL, fit to be shown.
type refusal string

func (r refusal) Error() string { return string(r) }

// Is makes every refusal an ErrAddress.
func (refusal) Is(target error) bool { return target == ErrAddress }

// CheckURL says whether a URL is of a form that a client of these options asks at all, and returns it in a normal form: host
// in lower case, no default port, a path of at least "/". An error matches ErrAddress, and its text completes the sentence "the
// URL …". What its name resolves to is not asked: that is decided when the client dials.
func CheckURL(raw string, o Options) (*url.URL, error) {
	if len(raw) > MaxURL {
		return nil, refusal(fmt.Sprintf("must have at most %d bytes", MaxURL))
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, refusal("cannot be read")
	}
	if err := o.withDefaults().check(u); err != nil {
		return nil, err
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	if p := u.Port(); p == defaultPort(u.Scheme) || p == "" {
		u.Host = strings.TrimSuffix(strings.TrimSuffix(u.Host, ":"+p), ":")
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u, nil
}

// Origin of a normal URL: scheme, host and port.
func Origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

func defaultPort(scheme string) string {
	if scheme == "http" {
		return "80"
	}
	return "443"
}

func (o Options) check(u *url.URL) error {
	switch scheme := strings.ToLower(u.Scheme); {
	case scheme != "https" && scheme != "http":
		return refusal("must begin with https://")
	case scheme == "http" && !o.AllowPrivate:
		return refusal("must begin with https://")
	case u.User != nil:
		return refusal("must not hold a user name or password; use a header")
	case u.Hostname() == "":
		return refusal("names no host")
	case u.Fragment != "":
		return refusal("must not have a fragment")
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return refusal("must name its host in ASCII")
	}
	port := u.Port()
	if port == "" {
		port = defaultPort(strings.ToLower(u.Scheme))
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil || n == 0 {
		return refusal("names no valid port")
	}
	if !o.AllowPrivate && !slices.Contains(o.Ports, uint16(n)) {
		return refusal("names a port that is not allowed")
	}
	if addr, err := netip.ParseAddr(host); err == nil {
		if o.guardian().SafeAddr(addr.Unmap()) != nil || addr.Zone() != "" {
			return refusal("leads to an address that is not public")
		}
		return nil
	}
	if numeric(host) || (!o.AllowPrivate && (host == "localhost" || strings.HasSuffix(host, ".localhost"))) {
		return refusal("leads to an address that is not public")
	}
	return nil
}

// numeric tells hosts that some resolvers read as IPv4 addresses in decimal, octal or hexadecimal: those whose last label is
// a number, which no name of the Internet is.
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last == "" || strings.Trim(last, "0123456789") == ""
}
