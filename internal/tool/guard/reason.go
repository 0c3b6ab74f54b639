package guard

import (
	"context"
	"crypto/tls"
	"errors"
	"net"

	"code.dny.dev/ssrf"
)

// Why an exchange was refused or cut off by the guard.
var (
	// ErrAddress: the URL, or what it leads to, is not allowed.
	ErrAddress = errors.New("address is not allowed")
	// ErrRedirects: there were too many.
	ErrRedirects = errors.New("too many redirects")
	// ErrTooLarge: the answer has more bytes than are allowed.
	ErrTooLarge = errors.New("answer is too large")
	// ErrTimeout: the answer was not complete in time.
	ErrTimeout = errors.New("answer took too long")
)

// Reason says in a few words of ours, which complete the sentence "the server …", why an exchange failed. It repeats nothing
// of the error, which may hold URLs and addresses. Empty: for no reason known here.
func Reason(err error) string {
	var (
		dns    *net.DNSError
		cert   *tls.CertificateVerificationError
		record tls.RecordHeaderError
		alert  tls.AlertError
		op     *net.OpError
	)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrAddress), errors.Is(err, ssrf.ErrProhibitedIP), errors.Is(err, ssrf.ErrProhibitedPort),
		errors.Is(err, ssrf.ErrProhibitedNetwork), errors.Is(err, ssrf.ErrInvalidHostPort):
		return "is at an address that is not allowed"
	case errors.Is(err, ErrRedirects):
		return "redirects too often"
	case errors.Is(err, ErrTooLarge):
		return "answered too much"
	case errors.Is(err, ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return "did not answer in time"
	case errors.As(err, &dns):
		return "has a name that cannot be found"
	case errors.As(err, &cert):
		return "has no valid certificate"
	case errors.As(err, &record), errors.As(err, &alert):
		return "does not speak TLS as it should"
	case errors.As(err, &op):
		return "cannot be reached"
	}
	return ""
}
