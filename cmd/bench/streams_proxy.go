package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// copyVerb makes this program the baseline of streams.
const copyVerb = "copying-proxy"

// copyConfig is what the proxy gets on its standard input.
type copyConfig struct {
	Address string `json:"address"`
	// To is where requests go.
	To string `json:"to"`
}

// copyStreams is the least that a server written in Go with the standard library can do: it sends the request on and copies
// what comes, flushing each piece. It knows no user, stores nothing and lets nobody resume.
func copyStreams(ctx context.Context, c copyConfig, ready func()) error {
	listener, err := net.Listen("tcp", c.Address)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 128}}
	server := &http.Server{ReadHeaderTimeout: 30 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Not r.Body: the answer begins before the transport has seen its end.
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, c.To, bytes.NewReader(body))
		if err != nil {
			http.Error(w, "bad request", http.StatusBadRequest)
			return
		}
		request.Header.Set("Content-Type", "application/json")
		resp, err := client.Do(request)
		if err != nil {
			http.Error(w, "no answer", http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", "text/event-stream")
		flusher := http.NewResponseController(w)
		buffer := make([]byte, 4<<10)
		for {
			n, err := resp.Body.Read(buffer)
			if n > 0 {
				if _, err := w.Write(buffer[:n]); err != nil {
					return
				}
				if err := flusher.Flush(); err != nil {
					return
				}
			}
			if err != nil {
				return
			}
		}
	})}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	ready()
	if err := server.Serve(listener); ctx.Err() == nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
