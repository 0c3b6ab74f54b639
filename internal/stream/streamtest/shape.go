package streamtest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// shape lists the keys of a chunk type besides type: strings required and optional, other optional keys by kind.
type shape struct {
	strings, optional []string
	flags, object     []string
	required          string // one more key that must be there, of any kind
}

var (
	metaKeys  = []string{"providerMetadata"}
	toolFlags = []string{"dynamic", "providerExecuted"}
	message   = []string{"messageMetadata"}
)

// shapes is the subset that the oldest client in use accepts; it rejects any key that is not listed.
var shapes = map[string]shape{
	"start":                 {strings: []string{"messageId"}, object: message},
	"start-step":            {},
	"finish-step":           {},
	"text-start":            {strings: []string{"id"}, object: metaKeys},
	"text-delta":            {strings: []string{"id", "delta"}, object: metaKeys},
	"text-end":              {strings: []string{"id"}, object: metaKeys},
	"reasoning-start":       {strings: []string{"id"}, object: metaKeys},
	"reasoning-delta":       {strings: []string{"id", "delta"}, object: metaKeys},
	"reasoning-end":         {strings: []string{"id"}, object: metaKeys},
	"tool-input-start":      {strings: []string{"toolCallId", "toolName"}, flags: toolFlags},
	"tool-input-delta":      {strings: []string{"toolCallId", "inputTextDelta"}},
	"tool-input-available":  {strings: []string{"toolCallId", "toolName"}, required: "input", flags: toolFlags},
	"tool-input-error":      {strings: []string{"toolCallId", "toolName", "errorText"}, required: "input", flags: toolFlags},
	"tool-output-available": {strings: []string{"toolCallId"}, required: "output", flags: toolFlags},
	"tool-output-error":     {strings: []string{"toolCallId", "errorText"}, flags: toolFlags},
	"tool-approval-request": {strings: []string{"approvalId", "toolCallId"}},
	"tool-output-denied":    {strings: []string{"toolCallId"}},
	"source-url":            {strings: []string{"sourceId", "url"}, optional: []string{"title"}},
	"file":                  {strings: []string{"url", "mediaType"}},
	"message-metadata":      {required: "messageMetadata", object: message},
	"finish":                {optional: []string{"finishReason"}, object: message},
	"abort":                 {},
	"error":                 {strings: []string{"errorText"}},
}

var finishReasons = []string{"", "stop", "length", "content-filter", "tool-calls", "error", "other"}

func checkShape(c Chunk) error {
	s, ok := shapes[c.Type()]
	if strings.HasPrefix(c.Type(), "data-") && c.Type() != "data-" {
		s, ok = shape{required: "data", optional: []string{"id"}, flags: []string{"transient"}}, true
	}
	if !ok {
		return errors.New("unknown type")
	}
	for _, key := range s.strings {
		if _, ok := c[key].(string); !ok {
			return fmt.Errorf("%s must be a string", key)
		}
	}
	if _, ok := c[s.required]; s.required != "" && !ok {
		return fmt.Errorf("%s is missing", s.required)
	}
	if !slices.Contains(finishReasons, c.text("finishReason")) {
		return errors.New("unknown finishReason")
	}
	for key, value := range c {
		if err := s.check(key, value); err != nil {
			return err
		}
	}
	return noPrototype(map[string]any(c))
}

func (s shape) check(key string, value any) error {
	ok := false
	switch {
	case key == "type" || slices.Contains(s.strings, key):
		ok = true
	case slices.Contains(s.optional, key):
		_, ok = value.(string)
	case slices.Contains(s.flags, key):
		_, ok = value.(bool)
	case slices.Contains(s.object, key):
		_, ok = value.(map[string]any)
	case key == s.required:
		ok = true
	}
	if !ok {
		return fmt.Errorf("key %s is unknown or of the wrong kind", key)
	}
	return nil
}

// noPrototype finds the keys for which clients reject a chunk.
func noPrototype(value any) error {
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			if key == "__proto__" {
				return errors.New("key __proto__")
			}
			if o, ok := member.(map[string]any); ok && key == "constructor" {
				if _, ok := o["prototype"]; ok {
					return errors.New("key constructor.prototype")
				}
			}
			if err := noPrototype(member); err != nil {
				return err
			}
		}
	case []any:
		for _, member := range v {
			if err := noPrototype(member); err != nil {
				return err
			}
		}
	}
	return nil
}
