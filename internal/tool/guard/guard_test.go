package guard

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"code.dny.dev/ssrf"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// get asks and reads everything; production options unless given.
func get(t *testing.T, o Options, url string) (string, error) {
	t.Helper()
	client := NewClient(o)
	defer client.CloseIdleConnections()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	return string(text), err
}

// hosts that lead to what is not public, by whatever spelling.
var hosts = []string{
	"127.0.0.1", "127.1.2.3", "localhost", "a.localhost", "[::1]", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
	"2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.1", "127.0.1", "0", "127.0.0.1.", "localhost.",
	"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "[::ffff:10.0.0.1]", "[::ffff:192.168.1.1]",
	"169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "100.64.0.1", "100.127.255.255", "100.100.100.200",
	"[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2002:a9fe:a9fe::1]", "[2001:0:7f00:1::]",
	"[fc00::1]", "[fdff::1]", "[fe80::1]", "[fe80::1%25lo]", "[fec0::1]", "[ff02::1]", "[2001:db8::1]", "[100::1]",
	"224.0.0.1", "239.255.255.250", "255.255.255.255", "240.0.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1",
	"168.63.129.16", "[::ffff:168.63.129.16]",
}

func TestPrivateAddresses(t *testing.T) {
	t.Parallel()
	for _, host := range hosts {
		raw := "https://" + host + "/mcp"
		_, err := get(t, Options{}, raw)
		require.Error(t, err, raw)
		require.ErrorIs(t, err, ErrAddress, raw)
		require.Equal(t, "is at an address that is not allowed", Reason(err), raw)
		_, err = CheckURL(raw, Options{})
		require.ErrorIs(t, err, ErrAddress, raw)
	}
}

// TestDialledAddresses holds the dialer itself to the matrix, which the check of the form stands before.
func TestDialledAddresses(t *testing.T) {
	t.Parallel()
	o := Options{}.withDefaults()
	for _, host := range hosts {
		addr, err := netip.ParseAddr(strings.Trim(strings.ReplaceAll(host, "%25", "%"), "[]"))
		if err != nil {
			continue
		}
		network := "tcp6"
		if addr.Is4() {
			network = "tcp4"
		}
		require.ErrorIs(t, o.guardian().Safe(network, netip.AddrPortFrom(addr, 443).String(), nil), ssrf.ErrProhibitedIP, host)
	}
	require.NoError(t, o.guardian().Safe("tcp4", "93.184.216.34:443", nil))
	require.NoError(t, o.guardian().Safe("tcp6", "[2606:4700::1111]:8443", nil))
	require.ErrorIs(t, o.guardian().Safe("tcp4", "93.184.216.34:22", nil), ssrf.ErrProhibitedPort)
	require.ErrorIs(t, o.guardian().Safe("udp4", "93.184.216.34:443", nil), ssrf.ErrProhibitedNetwork)
	// Development opens this machine and its network, not the metadata service.
	o.AllowPrivate = true
	require.NoError(t, o.guardian().Safe("tcp4", "127.0.0.1:22", nil))
	require.NoError(t, o.guardian().Safe("tcp6", "[::1]:8080", nil))
	for _, closed := range []string{"169.254.169.254:80", "0.0.0.0:80", "224.0.0.1:80", "100.64.0.1:80"} {
		require.ErrorIs(t, o.guardian().Safe("tcp4", closed, nil), ssrf.ErrProhibitedIP, closed)
	}
	require.NoError(t, o.guardian().Safe("tcp6", "[fd00::1]:80", nil))
	for _, closed := range []string{"fe80::1", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42", "fd00:ec2::254%lo"} {
		require.ErrorIs(t, o.guardian().Safe("tcp6", "["+closed+"]:80", nil), ssrf.ErrProhibitedIP, closed)
		_, err := CheckURL("http://["+strings.ReplaceAll(closed, "%", "%25")+"]/", o)
		require.ErrorIs(t, err, ErrAddress, closed)
	}
}

func TestNamesOfPrivateAddresses(t *testing.T) {
	t.Parallel()
	answers := map[string][]netip.Addr{}
	for _, host := range hosts {
		addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
		if err == nil && !addr.Is4In6() {
			answers[fmt.Sprintf("n%d.test", len(answers))] = []netip.Addr{addr}
		}
	}
	_, resolver := newNameServer(t, answers)
	for name, list := range answers {
		_, err := CheckURL("https://"+name, Options{})
		require.NoError(t, err)
		_, err = get(t, Options{Resolver: resolver}, "https://"+name)
		require.ErrorIs(t, err, ssrf.ErrProhibitedIP, list)
		require.Equal(t, "is at an address that is not allowed", Reason(err))
	}
	_, err := get(t, Options{Resolver: resolver}, "https://none.test")
	require.Equal(t, "has a name that cannot be found", Reason(err))
}

// TestRebinding: a name is public when somebody looks, and private when the client dials.
func TestRebinding(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	private := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }))
	defer private.Close()
	public := netip.MustParseAddr("93.184.216.34")
	names, resolver := newNameServer(t, map[string][]netip.Addr{"rebind.test": {public, netip.MustParseAddr("127.0.0.1")}})
	first, err := resolver.LookupNetIP(t.Context(), "ip4", "rebind.test")
	require.NoError(t, err)
	require.Equal(t, []netip.Addr{public}, first)

	at, err := url.Parse(private.URL)
	require.NoError(t, err)
	o := Options{Resolver: resolver, Ports: []uint16{port(t, at)}, TLS: trust(private)}
	_, err = get(t, o, "https://rebind.test:"+at.Port())
	require.ErrorIs(t, err, ssrf.ErrProhibitedIP)
	require.Zero(t, reached.Load())
	require.Equal(t, 2, names.times("rebind.test"))
}

func TestRedirects(t *testing.T) {
	t.Parallel()
	var private atomic.Int64
	inside := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { private.Add(1) }))
	defer inside.Close()
	var referer atomic.Value
	mux := http.NewServeMux()
	site := httptest.NewTLSServer(mux)
	defer site.Close()
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, r.URL.Query().Get("u"), http.StatusTemporaryRedirect)
	})
	mux.HandleFunc("/loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/loop", http.StatusFound) })
	mux.HandleFunc("/end", func(w http.ResponseWriter, r *http.Request) {
		referer.Store(r.Referer())
		_, _ = io.WriteString(w, "end")
	})
	at, err := url.Parse(site.URL)
	require.NoError(t, err)
	o := Options{Ports: []uint16{port(t, at), 443}, TLS: trust(site), site: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}}

	text, err := get(t, o, site.URL+"/to?u=/end&secret=canary")
	require.NoError(t, err)
	require.Equal(t, "end", text)
	require.Empty(t, referer.Load())
	_, err = get(t, o, site.URL+"/loop")
	require.ErrorIs(t, err, ErrRedirects)

	for _, host := range hosts {
		if strings.Contains(host, "127.0.0.1") || host == "[::ffff:7f00:1]" {
			continue // the site itself
		}
		_, err := get(t, o, site.URL+"/to?u="+url.QueryEscape("https://"+host+":"+at.Port()))
		require.ErrorIs(t, err, ErrAddress, host)
	}
	for _, target := range []string{inside.URL, "http://" + at.Host + "/end", "file:///etc/passwd", "gopher://" + at.Host, "https://u:p@" + at.Host + "/end", "https://" + at.Hostname() + ":22"} {
		_, err := get(t, o, site.URL+"/to?u="+url.QueryEscape(target))
		require.ErrorIs(t, err, ErrAddress, target)
	}
	require.Zero(t, private.Load())
}

func TestURLForms(t *testing.T) {
	t.Parallel()
	for raw, want := range map[string]string{
		"http://example.com/mcp":                 "must begin with https://",
		"ftp://example.com":                      "must begin with https://",
		"file:///etc/passwd":                     "must begin with https://",
		"gopher://example.com":                   "must begin with https://",
		"javascript:alert(1)":                    "must begin with https://",
		"example.com/mcp":                        "must begin with https://",
		"":                                       "must begin with https://",
		"https://":                               "names no host",
		"https://:443/":                          "names no host",
		"https:example.com":                      "names no host",
		"https://user@example.com/":              "must not hold a user name or password; use a header",
		"https://user:pass@example.com/":         "must not hold a user name or password; use a header",
		"https://127.0.0.1@example.com/":         "must not hold a user name or password; use a header",
		"https://example.com/#x":                 "must not have a fragment",
		"https://example.com:22/":                "names a port that is not allowed",
		"https://example.com:0/":                 "names no valid port",
		"https://example.com:99999/":             "names no valid port",
		"https://exämple.com/":                   "must name its host in ASCII",
		"https://example.com/\x00":               "cannot be read",
		"https://[::1/":                          "cannot be read",
		"https://" + strings.Repeat("a", MaxURL): fmt.Sprintf("must have at most %d bytes", MaxURL),
	} {
		_, err := CheckURL(raw, Options{})
		require.EqualError(t, err, want, raw)
		require.ErrorIs(t, err, ErrAddress)
	}
	for raw, want := range map[string]string{
		"HTTPS://Example.COM:443":        "https://example.com/",
		"https://example.com:8443/A?b=C": "https://example.com:8443/A?b=C",
		"https://1.1.1.1/mcp":            "https://1.1.1.1/mcp",
		"https://[2606:4700::1111]/":     "https://[2606:4700::1111]/",
		"https://0x.example.com/":        "https://0x.example.com/",
		"https://123.example.com":        "https://123.example.com/",
	} {
		u, err := CheckURL(raw, Options{})
		require.NoError(t, err, raw)
		require.Equal(t, want, u.String())
	}
	u, err := CheckURL("http://LOCALHOST:80/mcp", Options{AllowPrivate: true})
	require.NoError(t, err)
	require.Equal(t, "http://localhost/mcp", u.String())
	require.Equal(t, "http://localhost", Origin(u))
}

func TestBounds(t *testing.T) {
	t.Parallel()
	stop := make(chan struct{})
	mux := http.NewServeMux()
	answer := func(kind string, n int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", kind)
			w.WriteHeader(http.StatusOK)
			_ = http.NewResponseController(w).Flush() // no length then
			_, _ = w.Write(bytes.Repeat([]byte("x"), n))
		}
	}
	mux.HandleFunc("/fits", answer("text/plain", 1000))
	mux.HandleFunc("/large", answer("text/plain", 1001))
	mux.HandleFunc("/stream", answer("text/event-stream; charset=utf-8", 2000))
	mux.HandleFunc("/long-stream", answer("text/event-stream", 2001))
	mux.HandleFunc("/said", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "10000000")
		_, _ = w.Write(make([]byte, 1000))
	})
	mux.HandleFunc("/headers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Large", strings.Repeat("x", 100<<10))
	})
	wait := func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	}
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-stop:
		case <-r.Context().Done():
		}
	})
	mux.HandleFunc("/stalls", wait)
	mux.HandleFunc("/stream-stalls", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		wait(w, r)
	})
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(stop)
	o := Options{AllowPrivate: true, MaxBody: 1000, MaxStream: 2000}
	text, err := get(t, o, server.URL+"/fits")
	require.NoError(t, err)
	require.Len(t, text, 1000)
	text, err = get(t, o, server.URL+"/stream")
	require.NoError(t, err)
	require.Len(t, text, 2000)
	for path, passed := range map[string]int{"/large": 1000, "/long-stream": 2000, "/said": 0} {
		text, err = get(t, o, server.URL+path)
		require.ErrorIs(t, err, ErrTooLarge, path)
		require.Len(t, text, passed, path)
		require.Equal(t, "answered too much", Reason(err))
	}
	_, err = get(t, o, server.URL+"/headers")
	require.Error(t, err)

	o.Timeout, o.StreamTimeout = 50*time.Millisecond, 100*time.Millisecond
	for _, path := range []string{"/silent", "/stalls", "/stream-stalls"} {
		_, err = get(t, o, server.URL+path)
		require.ErrorIs(t, err, ErrTimeout, path)
		require.Equal(t, "did not answer in time", Reason(err))
	}
}

func TestReasons(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.NotFoundHandler())
	_, err := get(t, Options{AllowPrivate: true}, server.URL)
	require.Equal(t, "has no valid certificate", Reason(err))
	server.Close()
	_, err = get(t, Options{AllowPrivate: true}, server.URL)
	require.Equal(t, "cannot be reached", Reason(err))
	require.Empty(t, Reason(nil))
	require.Empty(t, Reason(errors.New("x")))
}

func port(t *testing.T, u *url.URL) uint16 {
	t.Helper()
	n, err := strconv.ParseUint(u.Port(), 10, 16)
	require.NoError(t, err)
	return uint16(n)
}

func trust(server *httptest.Server) *tls.Config {
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	return &tls.Config{RootCAs: roots, ServerName: "example.com", MinVersion: tls.VersionTLS12}
}
