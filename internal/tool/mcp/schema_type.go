package mcp

import (
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strings"
)

// typed normalizes what depends on the type.
func (n *normalizer) typed(in map[string]any, depth int) (map[string]any, error) {
	types := typesOf(in)
	branches, union := alternatives(in)
	switch {
	case union && !isObject(in):
		return n.union(branches, depth)
	case len(types) == 1:
		return n.single(types[0], in, depth)
	case len(types) == 0:
		return map[string]any{}, nil
	}
	var list []any
	for _, t := range types {
		one, err := n.single(t, in, depth)
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return map[string]any{"anyOf": list}, nil
}

// isObject: alternatives beside properties only say which of them go together, which no provider takes.
func isObject(in map[string]any) bool {
	properties, ok := in["properties"].(map[string]any)
	return ok && len(properties) > 0
}

func alternatives(in map[string]any) ([]any, bool) {
	for _, key := range []string{"anyOf", "oneOf"} {
		if list, ok := in[key].([]any); ok && len(list) > 0 {
			return list, true
		}
	}
	return nil, false
}

func (n *normalizer) union(branches []any, depth int) (map[string]any, error) {
	var list []any
	for _, b := range branches {
		one, err := n.schema(b, depth+1)
		if err != nil {
			return nil, err
		}
		if inner, ok := one["anyOf"].([]any); ok && len(one) == 1 {
			list = append(list, inner...)
			continue
		}
		list = append(list, one)
	}
	if len(list) == 1 {
		return maps.Clone(list[0].(map[string]any)), nil
	}
	return map[string]any{"anyOf": list}, nil
}

// typesOf lists the types a schema names, or the one that its other keywords imply.
func typesOf(in map[string]any) []string {
	known := []string{"object", "array", "string", "number", "integer", "boolean", "null"}
	var types []string
	add := func(v any) {
		if t, ok := v.(string); ok && slices.Contains(known, t) && !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	switch t := in["type"].(type) {
	case string:
		add(t)
	case []any:
		for _, v := range t {
			add(v)
		}
	}
	if len(types) > 0 {
		return types
	}
	switch {
	case in["properties"] != nil, in["additionalProperties"] != nil:
		return []string{"object"}
	case in["items"] != nil, in["prefixItems"] != nil:
		return []string{"array"}
	}
	if values := enumOf(in); len(values) > 0 && texts(values) != nil {
		return []string{"string"}
	}
	return nil
}

func (n *normalizer) single(t string, in map[string]any, depth int) (map[string]any, error) {
	out := map[string]any{"type": t}
	switch t {
	case "object":
		return out, n.object(out, in, depth)
	case "array":
		return out, n.array(out, in, depth)
	case "string":
		if values := texts(enumOf(in)); values != nil && len(values) <= maxEnum {
			out["enum"] = values
		}
	case "number", "integer":
		copyNumbers(out, in, "minimum", "maximum")
	}
	return out, nil
}

func (n *normalizer) object(out, in map[string]any, depth int) error {
	properties, _ := in["properties"].(map[string]any)
	required, _ := in["required"].([]any)
	wanted := setOf(required)
	kept := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		usable := propertyName.MatchString(name) && name != "__proto__"
		if properties[name] == false || !usable {
			if err := n.count(); err != nil {
				return err
			}
			switch {
			case properties[name] == false:
			case wanted[name]:
				return errNamed
			default:
				n.left = append(n.left, name)
			}
			continue
		}
		property, err := n.schema(properties[name], depth+1)
		if err != nil {
			return err
		}
		kept[name] = property
	}
	if len(kept) > 0 {
		out["properties"] = kept
	}
	var needed []any
	for _, name := range required {
		if text, ok := name.(string); ok && kept[text] != nil && wanted[text] {
			needed = append(needed, name)
			delete(wanted, text)
		}
	}
	if needed != nil {
		out["required"] = needed
	}
	if values, ok := in["additionalProperties"].(map[string]any); ok && len(values) > 0 {
		value, err := n.schema(values, depth+1)
		if err != nil {
			return err
		}
		out["additionalProperties"] = value
	}
	return nil
}

// array keeps one schema for all items: a tuple's items may each be of any of its schemas.
func (n *normalizer) array(out, in map[string]any, depth int) error {
	tuple, ok := in["prefixItems"].([]any)
	if !ok {
		tuple, ok = in["items"].([]any)
	}
	var items map[string]any
	var err error
	if ok && len(tuple) > 0 {
		items, err = n.union(tuple, depth)
	} else {
		items, err = n.schema(in["items"], depth+1)
	}
	if err != nil {
		return err
	}
	out["items"] = items
	copyNumbers(out, in, "minItems", "maxItems")
	return nil
}

func copyNumbers(out, in map[string]any, keys ...string) {
	for _, key := range keys {
		if f, ok := in[key].(float64); ok && !math.IsInf(f, 0) && !math.IsNaN(f) {
			out[key] = f
		}
	}
}

func enumOf(in map[string]any) []any {
	if value, ok := in["const"]; ok {
		return []any{value}
	}
	values, _ := in["enum"].([]any)
	return values
}

// texts returns the values if all are strings, null aside.
func texts(values []any) []any {
	var list []any
	seen := map[string]bool{}
	for _, v := range values {
		switch text := v.(type) {
		case string:
			if !seen[text] {
				seen[text] = true
				list = append(list, v)
			}
		case nil:
		default:
			return nil
		}
	}
	return list
}

// hints are the keywords that are told in words.
var hints = []string{
	"format", "pattern", "minLength", "maxLength", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems", "default",
}

// describe gives the description, and after it what the schema cannot say any more.
func describe(out, in map[string]any) {
	text, _ := in["description"].(string)
	if text == "" {
		text, _ = in["title"].(string)
	}
	text = cut(strings.TrimSpace(text), maxDescription)
	var told []string
	for _, key := range hints {
		if value, ok := in[key]; ok && value != nil && value != false {
			told = append(told, key+": "+inWords(value))
		}
	}
	if values := enumOf(in); len(values) > 0 && out["enum"] == nil {
		told = append(told, "one of: "+inWords(values))
	}
	if told != nil {
		text = strings.TrimSpace(text + " (" + strings.Join(told, "; ") + ")")
	}
	if text != "" {
		out["description"] = text
	}
}

func inWords(value any) string {
	if text, ok := value.(string); ok {
		return cut(text, maxHint)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return "?"
	}
	return cut(string(text), maxHint)
}

// cut shortens a text to a number of characters and shows that it did.
func cut(text string, limit int) string {
	if len(text) <= limit {
		return text
	}
	count := 0
	for i := range text {
		if count++; count > limit-2 {
			rest := text[i:]
			if len([]rune(rest)) <= 2 {
				return text
			}
			return strings.TrimSpace(text[:i]) + " …"
		}
	}
	return text
}
