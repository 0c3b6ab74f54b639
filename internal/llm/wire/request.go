package wire

import (
	"errors"
	"io"
	"net/http"
	"sync"
)

// Send sends a request with next and lets go of its body as soon as the transport has: net/http keeps a request as long as
// its reply is read, and a body is a whole conversation.
func Send(req *http.Request, next func(*http.Request) (*http.Response, error)) (*http.Response, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return next(req)
	}
	body := &passing{body: req.Body, again: req.GetBody}
	req.Body = body
	if req.GetBody != nil {
		req.GetBody = body.repeat
	}
	res, err := next(req)
	body.mu.Lock()
	defer body.mu.Unlock()
	body.again = nil
	return res, err
}

// passing is a body that is forgotten once it was read or closed. The transport may close it while it reads it.
type passing struct {
	mu   sync.Mutex
	body io.ReadCloser
	// again gives the body once more, until the reply has begun.
	again func() (io.ReadCloser, error)
}

var errPassed = errors.New("request cannot be repeated")

func (p *passing) repeat() (io.ReadCloser, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.again == nil {
		return nil, errPassed
	}
	body, err := p.again()
	if err != nil {
		return nil, err
	}
	return &passing{body: body}, nil
}

// Read implements io.Reader.
func (p *passing) Read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.body == nil {
		return 0, io.EOF
	}
	n, err := p.body.Read(b)
	if errors.Is(err, io.EOF) {
		if err := p.drop(); err != nil {
			return n, err
		}
	}
	return n, err
}

// Close implements io.Closer.
func (p *passing) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.drop()
}

func (p *passing) drop() error {
	if p.body == nil {
		return nil
	}
	body := p.body
	p.body = nil
	return body.Close()
}
