// Package tool is what models may call in a run, wherever it comes from: tools of MCP servers (package mcp), web search
// (package exa), or our own.
package tool

import (
	"context"
	"encoding/json"

	"twobrains/internal/llm"
)

// MaxOutput bounds what a tool may answer, in bytes of JSON: what a model can still read in one turn, and what a stored
// message can hold of.
const MaxOutput = 256 << 10

// Tool is a tool in a run.
type Tool struct {
	llm.Tool
	// Title is for people; never empty.
	Title string
	// Server names the MCP server that has the tool, for people; empty for our own.
	Server string
	// NeedsApproval: the user is asked before each call.
	NeedsApproval bool
	// Dynamic: the tool is not known to clients beforehand, as those of MCP servers.
	Dynamic bool
	// Run runs one call. It is safe for concurrent use. The input is a JSON object chosen by the model; the error is an Error.
	Run func(ctx context.Context, input json.RawMessage) (Result, error)
}

// Result of a call.
type Result struct {
	// Output is clean (stream.Sanitize) and has at most MaxOutput bytes.
	Output json.RawMessage
	// Sources that the output rests on, to be shown as such. Their ids are unique within the result only.
	Sources []llm.Source
}

// Error is a failure of a call in words that the model and the user may read.
type Error string

// Error implements error.
func (e Error) Error() string { return string(e) }
