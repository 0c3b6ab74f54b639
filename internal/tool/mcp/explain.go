package mcp

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/jsonrpc"
	sdk "github.com/modelcontextprotocol/go-sdk/mcp"

	"twobrains/internal/stream"
	"twobrains/internal/tool/guard"
)

// explain says in our words why a server could not be used.
func explain(err error) *failure {
	f := &failure{cause: err}
	var rpc *jsonrpc.Error
	switch {
	case errors.Is(err, errBudget), errors.Is(err, context.DeadlineExceeded):
		f.text = "did not answer in time"
	case guard.Reason(err) != "":
		f.text = guard.Reason(err)
	case errors.Is(err, context.Canceled):
		f.text = "was not waited for"
	case errors.Is(err, sdk.ErrSessionMissing):
		f.text = "has forgotten the connection"
	case errors.As(err, &rpc):
		f.text = "refused the connection"
	default:
		f.text = "did not answer as an MCP server does"
	}
	return f
}

func explainStatus(code int) string {
	switch {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return "refused access: it needs other headers, or a sign-in that is not supported here"
	case code == http.StatusNotFound, code == http.StatusMethodNotAllowed, code == http.StatusGone:
		return "has nothing at this address, or needs the other transport"
	case code == http.StatusTooManyRequests:
		return "limits requests"
	case code >= http.StatusInternalServerError:
		return "failed"
	}
	return "did not answer as an MCP server does"
}

// refusal is the text of a JSON-RPC error, which is part of a tool's answer: what was wrong with the arguments, for example.
func (r *remote) refusal(err error) (string, bool) {
	var rpc *jsonrpc.Error
	if !errors.As(err, &rpc) {
		return "", false
	}
	text := cut(strings.TrimSpace(stream.SanitizeText(r.scrub(rpc.Message))), 500)
	if text == "" {
		return "", false
	}
	return text, true
}
