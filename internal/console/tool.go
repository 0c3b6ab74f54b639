package console

import (
	"context"
	"encoding/json"
	"strings"
	"sync"

	"twobrains/internal/auth"
	"twobrains/internal/llm"
	"twobrains/internal/problem"
	"twobrains/internal/stream"
	"twobrains/internal/tool"
)

// ToolName is what models call.
const ToolName = "query_my_history"

// toolLimits bound what a model gets to read of a result: less than tool.MaxOutput, and few rows, since models pay for each.
var toolLimits = limits{rows: 200, bytes: 64 << 10}

// toolSchema of the tool's arguments.
const toolSchema = `{"type":"object","properties":{` +
	`"query":{"type":"string","description":"One SELECT (or WITH … SELECT) in PostgreSQL's SQL."}` +
	`},"required":["query"],"additionalProperties":false}`

// Tool is what lets a model query the private brain of the user whose run it is. The user is asked before each query, whatever
// the settings say. False: it cannot be offered now.
func (c *Console) Tool(ctx context.Context, user auth.User) (tool.Tool, bool) {
	if !c.opts.DB.HasConsole() {
		return tool.Tool{}, false
	}
	v, err := c.vocabulary(ctx)
	if err != nil {
		return tool.Tool{}, false
	}
	var turn sync.Mutex // a model may ask for several at once, a user has one at a time
	return tool.Tool{
		Tool:          llm.Tool{Name: ToolName, Description: describeTool(v.described.Tables), InputSchema: json.RawMessage(toolSchema)},
		Title:         "Query my history",
		NeedsApproval: true,
		Run: func(ctx context.Context, input json.RawMessage) (tool.Result, error) {
			var in struct {
				Query string `json:"query"`
			}
			if json.Unmarshal(input, &in) != nil || strings.TrimSpace(in.Query) == "" {
				return tool.Result{}, tool.Error("The argument must be query, a text in SQL.")
			}
			turn.Lock()
			defer turn.Unlock()
			result, err := c.query(ctx, user, in.Query, toolLimits)
			if err != nil {
				return tool.Result{}, toolError(err)
			}
			return toolResult(result)
		},
	}, true
}

func toolResult(r Result) (tool.Result, error) {
	text, err := json.Marshal(struct {
		Columns   []Column        `json:"columns"`
		Rows      json.RawMessage `json:"rows"`
		Truncated bool            `json:"truncated"`
	}{r.Columns, r.Rows, r.Truncated})
	if err != nil {
		return tool.Result{}, tool.Error("The result cannot be shown.")
	}
	clean, err := stream.Sanitize(text)
	if err != nil {
		return tool.Result{}, tool.Error("The result cannot be shown.")
	}
	return tool.Result{Output: clean}, nil
}

// toolError gives a model what it needs to write a better query; all else is said in general.
func toolError(err error) error {
	p := problem.From(err)
	if p.Code == problem.CodeInternal {
		return tool.Error("The query could not be run.")
	}
	text := p.Detail
	if p.SQL != nil && p.SQL.Hint != "" {
		text += " " + p.SQL.Hint
	}
	return tool.Error(stream.SanitizeText(text))
}

// describeTool tells a model what there is to query.
func describeTool(tables []Table) string {
	var b strings.Builder
	b.WriteString("Reads the user's own chat history, files and usage in this app with SQL (PostgreSQL, read-only, one query, at most 200 rows). " +
		"The user is asked before each query, so ask for what answers the question at once, and only when the question is about their history. " +
		"Text of messages: SELECT p->>'text' FROM messages, jsonb_array_elements(parts) AS p WHERE p->>'type' = 'text'. " +
		"Name tables without a schema. Tables:")
	for _, t := range tables {
		if t.Name == "schema_version" || t.Name == "message_search" {
			continue
		}
		b.WriteString("\n" + t.Name + " (")
		for i, column := range t.Columns {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(column.Name + " " + column.Type)
		}
		b.WriteString("): " + t.Comment)
	}
	return b.String()
}
