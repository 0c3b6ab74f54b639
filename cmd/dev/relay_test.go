package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHookRelay(t *testing.T) {
	t.Parallel()
	relay, err := startHookRelay(t.Context(), "the key")
	require.NoError(t, err)
	defer relay.stop()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got = r.Method + " " + r.URL.Path + " " + r.Header.Get("X-Hook-Key") + " " + string(body)
		w.WriteHeader(http.StatusTeapot)
	}))
	defer server.Close()
	send := func(method, path, key, body string) int {
		t.Helper()
		request, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), method, relay.url+path, strings.NewReader(body))
		require.NoError(t, err)
		request.Header.Set("X-Hook-Key", key)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer response.Body.Close()
		return response.StatusCode
	}

	require.Equal(t, http.StatusForbidden, send(http.MethodPost, "/hooks/kratos/login", "wrong", ""))
	require.Equal(t, http.StatusNoContent, send(http.MethodPost, "/hooks/kratos/login", "the key", "{}"))
	require.Equal(t, http.StatusBadRequest, send(http.MethodPut, "/target", "the key", "nowhere"))
	require.Equal(t, http.StatusForbidden, send(http.MethodPut, "/target", "wrong", server.URL))
	require.Empty(t, got)

	require.Equal(t, http.StatusNoContent, send(http.MethodPut, "/target", "the key", server.URL))
	require.Equal(t, http.StatusTeapot, send(http.MethodPost, "/hooks/kratos/verified", "the key", `{"a":1}`))
	require.Equal(t, `POST /hooks/kratos/verified the key {"a":1}`, got)

	require.Equal(t, http.StatusNoContent, send(http.MethodPut, "/target", "the key", ""))
	require.Equal(t, http.StatusNoContent, send(http.MethodPost, "/hooks/kratos/login", "the key", ""))
}
