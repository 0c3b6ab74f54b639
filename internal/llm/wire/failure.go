package wire

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"twobrains/internal/llm"
)

// statusOverloaded is what some providers answer that have no capacity.
const statusOverloaded = 529

const maxRetryAfter = time.Hour

// refusal is the cause of an *llm.Error that the provider reported.
type refusal struct {
	status   int // 0 within a stream
	text     string
	reported Failure // without its message
}

func (r refusal) Error() string { return r.text }

// Reported returns what the provider said of an error that Refusals made, its prose excepted, for adapters that can
// ask in another way. The zero value is for other errors.
func Reported(err error) Failure {
	var r refusal
	errors.As(err, &r)
	return r.reported
}

// retryAfter reads the header in its forms: milliseconds, seconds, date. 0 where there is none, at most an hour.
func retryAfter(header http.Header) time.Duration {
	wait := time.Duration(0)
	if ms, err := strconv.ParseFloat(header.Get("Retry-After-Ms"), 64); err == nil {
		wait = time.Duration(min(ms, 3.6e6) * float64(time.Millisecond))
	} else if s, err := strconv.ParseFloat(header.Get("Retry-After"), 64); err == nil {
		wait = time.Duration(min(s, 3600) * float64(time.Second))
	} else if at, err := http.ParseTime(header.Get("Retry-After")); err == nil {
		wait = time.Until(at)
	}
	return min(max(wait, 0), maxRetryAfter)
}

// retryable reports whether another try may help: the server could not be reached, or said so by its status. Who gave
// no answer in time is not asked again: it may be at work on the first request.
func retryable(e *llm.Error) bool {
	var r refusal
	if errors.As(e, &r) {
		switch r.status {
		case http.StatusTooManyRequests:
			return e.Detail != DetailBudget
		case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout, statusOverloaded:
			return true
		}
		return false
	}
	var dial *net.OpError
	return errors.As(e, &dial) && dial.Op == "dial"
}

// ConnectionError is for failures below HTTP; an *llm.Error in err's chain is returned as it is. The address of the
// request, which *url.Error holds, is left out.
func ConnectionError(err error) *llm.Error {
	var known *llm.Error
	if errors.As(err, &known) {
		return known
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	e := llm.NewError(llm.Failed, err)
	var timeout net.Error
	var dial *net.OpError
	switch {
	case errors.As(err, &dial) && dial.Op == "dial":
		return e.WithDetail("The model provider cannot be reached.")
	case errors.As(err, &timeout) && timeout.Timeout():
		return e.WithDetail("The model provider did not answer in time.")
	}
	return e
}
