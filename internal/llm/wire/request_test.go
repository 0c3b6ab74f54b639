package wire_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"testing"
	"time"
	"weak"

	"twobrains/internal/llm/wire"
)

// TestSendForgets looks for the body of a request whose reply is still being read.
func TestSendForgets(t *testing.T) {
	t.Parallel()
	over := make(chan struct{})
	got := make(chan int, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got <- int(n)
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-over
		_, _ = io.WriteString(w, "end")
	}))
	t.Cleanup(server.Close)
	client := wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(client.CloseIdleConnections)

	const size = 1 << 20
	text := make([]byte, size)
	kept := weak.Make(&text[0])
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	res, err := wire.Send(req, client.Do)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n := <-got; n != size {
		t.Errorf("%d bytes arrived", n)
	}
	deadline := time.Now().Add(10 * time.Second)
	for runtime.GC(); kept.Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the request's body is kept while the reply is read")
		}
		time.Sleep(time.Millisecond)
	}
	close(over)
	if end, err := io.ReadAll(res.Body); err != nil || string(end) != "end" {
		t.Errorf("%q %v", end, err)
	}
}

// TestSendRepeats closes a kept connection as the second request arrives: the transport sends it anew.
func TestSendRepeats(t *testing.T) {
	t.Parallel()
	client := wire.NewHTTPClient(wire.Timeouts{})
	t.Cleanup(client.CloseIdleConnections)
	tries := 0
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://127.0.0.1:1", bytes.NewReader([]byte("text")))
	if err != nil {
		t.Fatal(err)
	}
	res, err := wire.Send(req, func(req *http.Request) (*http.Response, error) {
		for range 2 {
			text, err := io.ReadAll(req.Body)
			if err != nil || string(text) != "text" {
				t.Errorf("%q %v", text, err)
			}
			tries++
			if req.Body, err = req.GetBody(); err != nil {
				t.Error(err)
			}
		}
		return &http.Response{}, nil
	})
	if err != nil || res == nil || tries != 2 {
		t.Fatalf("%v %v, %d tries", res, err, tries)
	}
	if _, err := req.GetBody(); err == nil {
		t.Error("the body can still be had after the reply has begun")
	}
}
