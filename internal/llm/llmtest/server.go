// Package llmtest is for tests of model adapters: a server that replays recorded streams, and the conformance suite
// that every adapter must pass against it.
package llmtest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"
)

// Answer is what the server does with one request.
type Answer struct {
	// Status is 200 if 0.
	Status int
	Header map[string]string
	// Body is sent in pieces of Piece bytes, each flushed; 0 sends it at once.
	Body  []byte
	Piece int
	// Then says what follows the body.
	Then Ending
}

// Ending is what follows an answer's body.
type Ending uint8

const (
	// End ends the response as HTTP wants it.
	End Ending = iota
	// Cut closes the socket without ending the response.
	Cut
	// Stall sends nothing more until the client goes away.
	Stall
)

// Request is what a client sent.
type Request struct {
	Method, Path string
	Header       http.Header
	Body         []byte
}

// Server answers requests from a list, in order; the last answer is repeated.
type Server struct {
	URL string

	mu       sync.Mutex
	answers  []Answer
	requests []Request
	gone     chan struct{} // one value for each client that left during Stall
}

// NewServer starts a server for the test.
func NewServer(t *testing.T, answers ...Answer) *Server {
	t.Helper()
	s := &Server{answers: answers, gone: make(chan struct{}, 100)}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	s.URL = server.URL
	return s
}

// Requests returns what was asked so far.
func (s *Server) Requests() []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Request(nil), s.requests...)
}

// WaitGone waits until a client has left during Stall.
func (s *Server) WaitGone(t *testing.T) {
	t.Helper()
	select {
	case <-s.gone:
	case <-time.After(10 * time.Second):
		t.Fatal("the request was not cancelled")
	}
}

func (s *Server) next(r Request) Answer {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.requests = append(s.requests, r)
	answer := s.answers[0]
	if len(s.answers) > 1 {
		s.answers = s.answers[1:]
	}
	return answer
}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	answer := s.next(Request{Method: r.Method, Path: r.URL.Path, Header: r.Header.Clone(), Body: body})
	w.Header().Set("Content-Type", "text/event-stream")
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	if answer.Then == Cut {
		w.Header().Set("Content-Length", strconv.Itoa(len(answer.Body)+1000))
	}
	w.WriteHeader(max(answer.Status, http.StatusOK))
	flush := http.NewResponseController(w).Flush
	piece := answer.Piece
	if piece == 0 {
		piece = max(len(answer.Body), 1)
	}
	for rest := answer.Body; len(rest) > 0; {
		n := min(piece, len(rest))
		if _, err := w.Write(rest[:n]); err != nil {
			return
		}
		_ = flush()
		rest = rest[n:]
	}
	switch answer.Then {
	case Cut:
		_ = flush()
		panic(http.ErrAbortHandler)
	case Stall:
		_ = flush()
		<-r.Context().Done()
		s.gone <- struct{}{}
	}
}
