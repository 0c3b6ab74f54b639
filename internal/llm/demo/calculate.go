package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"

	"twobrains/internal/llm"
)

// Registered is a tool together with what runs it.
type Registered struct {
	llm.Tool
	Run llm.ToolRunner
}

// Tools are the built-in tools. They touch nothing outside the process and may be offered to any model.
func Tools() []Registered { return []Registered{{Tool: calculate, Run: runCalculate}} }

var calculate = llm.Tool{
	Name:        "calculate",
	Description: "Evaluates an arithmetic expression with + - * / % ^ and parentheses, and returns the result.",
	InputSchema: json.RawMessage(`{"type":"object","properties":{"expression":{"type":"string","maxLength":200,"description":"For example: 12 * (3 + 4)"}},"required":["expression"],"additionalProperties":false}`),
}

type calculateInput struct {
	Expression string `json:"expression"`
}

// calculateOutput holds the result as text: up to 15 significant digits, which JSON numbers would not keep for everyone.
type calculateOutput struct {
	Expression string `json:"expression"`
	Result     string `json:"result"`
}

var errInput = errors.New(`the input must be {"expression": "…"} with at most 200 characters`)

func runCalculate(_ context.Context, input json.RawMessage) (json.RawMessage, error) {
	dec := json.NewDecoder(bytes.NewReader(input))
	dec.DisallowUnknownFields()
	var in calculateInput
	if err := dec.Decode(&in); err != nil || in.Expression == "" || len(in.Expression) > maxExpression {
		return nil, errInput
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errInput
	}
	result, err := evaluate(in.Expression)
	if err != nil {
		return nil, err
	}
	return json.Marshal(calculateOutput{Expression: in.Expression, Result: result})
}
