package mcp

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"twobrains/internal/stream"
)

// Bounds of a tool's schema, which also bound the work on it: what is read, once as it came and again with each reference to
// it; and what is made, references resolved.
const (
	maxSchemaRaw   = 128 << 10 // bytes of JSON, about
	maxSchemaRead  = 1 << 20   // the same, counting again what references refer to
	maxSchemaBytes = 32 << 10
	maxSchemaNodes = 2000 // schemas, and properties that are left out
	maxSchemaDepth = 16
	maxDescription = 4096 // characters, of a tool
	maxHint        = 200  // characters, of a keyword's value in words
	maxEnum        = 500
)

// Why a tool cannot be offered; the texts complete the sentence "its arguments …".
var (
	errCyclic    = errors.New("are described in terms of themselves")
	errReference = errors.New("are described by references that cannot be resolved")
	errLarge     = errors.New("are described at too great a length")
	errDeep      = errors.New("are nested too deep")
	errNoObject  = errors.New("are no object")
	errNamed     = errors.New("have names that models cannot use")
)

// propertyName is what all providers take.
var propertyName = regexp.MustCompile(`^[a-zA-Z0-9_.-]{1,64}$`)

// normalize turns a JSON Schema of whatever draft into one that all providers take: an object at the top, no references, and
// of keywords only type, description, enum, properties, required, additionalProperties with a schema, items, minItems, maxItems,
// minimum, maximum and anyOf. Simple constraints that are lost that way are told in descriptions. left names optional arguments
// that had to be left out.
func normalize(schema any) (_ json.RawMessage, left []string, err error) {
	n := newNormalizer(schema)
	return n.normalize()
}

func newNormalizer(schema any) *normalizer {
	return &normalizer{root: schema, open: map[string]bool{}}
}

func (n *normalizer) normalize() (_ json.RawMessage, left []string, err error) {
	if n.read = sizeOf(n.root, maxSchemaRaw); n.read > maxSchemaRaw {
		return nil, nil, errLarge
	}
	out, err := n.schema(n.root, 0)
	if err != nil {
		return nil, nil, err
	}
	if out, err = top(out); err != nil {
		return nil, nil, err
	}
	text, err := json.Marshal(out)
	if err != nil {
		return nil, nil, fmt.Errorf("write schema: %w", err)
	}
	if text, err = stream.Sanitize(text); err != nil {
		return nil, nil, errDeep
	}
	if len(text) > maxSchemaBytes {
		return nil, nil, errLarge
	}
	return text, n.left, nil
}

// top makes an object of alternatives: it has the arguments of all of them, and requires what all require.
func top(out map[string]any) (map[string]any, error) {
	if branches, ok := out["anyOf"].([]any); ok {
		merged := map[string]any{"type": "object", "properties": map[string]any{}}
		if text, ok := out["description"]; ok {
			merged["description"] = text
		}
		var required []any
		objects := 0
		for _, b := range branches {
			branch, _ := b.(map[string]any)
			if branch["type"] != "object" {
				continue
			}
			own, _ := branch["required"].([]any)
			if objects == 0 {
				required = own
			}
			objects++
			also := setOf(own)
			required = slices.DeleteFunc(slices.Clone(required), func(name any) bool { return !also[name.(string)] })
			mergeProperties(merged, branch)
		}
		if objects == 0 {
			return nil, errNoObject
		}
		if len(required) > 0 {
			merged["required"] = required
		}
		out = merged
	}
	switch out["type"] {
	case nil:
		out["type"] = "object"
	case "object":
	default:
		return nil, errNoObject
	}
	if out["properties"] == nil {
		out["properties"] = map[string]any{}
	}
	delete(out, "enum")
	return out, nil
}

func mergeProperties(into, from map[string]any) {
	source, _ := from["properties"].(map[string]any)
	if len(source) == 0 {
		return
	}
	target, _ := into["properties"].(map[string]any)
	if target == nil {
		target = map[string]any{}
	}
	for name, property := range source {
		if _, ok := target[name]; !ok {
			target[name] = property
		}
	}
	into["properties"] = target
}

type normalizer struct {
	root any
	// read and nodes are counted against maxSchemaRead and maxSchemaNodes.
	read, nodes int
	// open holds the references being resolved on the way down.
	open map[string]bool
	left []string
}

func (n *normalizer) count() error {
	if n.nodes++; n.nodes > maxSchemaNodes {
		return errLarge
	}
	return nil
}

// schema normalizes one schema. What says nothing becomes {}.
func (n *normalizer) schema(v any, depth int) (map[string]any, error) {
	if err := n.count(); err != nil {
		return nil, err
	}
	if depth > maxSchemaDepth {
		return nil, errDeep
	}
	in, ok := v.(map[string]any)
	if !ok {
		return map[string]any{}, nil
	}
	if in["$dynamicRef"] != nil || in["$recursiveRef"] != nil {
		return nil, errReference
	}
	if ref, ok := in["$ref"].(string); ok {
		return n.reference(in, ref, depth)
	}
	out, err := n.typed(in, depth)
	if err != nil {
		return nil, err
	}
	if all, ok := in["allOf"].([]any); ok {
		for _, part := range all {
			p, err := n.schema(part, depth)
			if err != nil {
				return nil, err
			}
			mergeAll(out, p)
		}
	}
	describe(out, in)
	return out, nil
}

// reference replaces a reference by what it refers to, with the keywords beside it.
func (n *normalizer) reference(in map[string]any, ref string, depth int) (map[string]any, error) {
	if n.open[ref] {
		return nil, errCyclic
	}
	target, ok := n.resolve(ref)
	if !ok {
		return nil, errReference
	}
	n.read += len(in) // they are copied at each step of a chain
	if n.read += sizeOf(target, maxSchemaRead-n.read); n.read > maxSchemaRead {
		return nil, errLarge
	}
	merged := map[string]any{}
	if fields, ok := target.(map[string]any); ok {
		maps.Copy(merged, fields)
	}
	for key, value := range in {
		if key != "$ref" {
			merged[key] = value
		}
	}
	n.open[ref] = true
	defer delete(n.open, ref)
	return n.schema(merged, depth)
}

// resolve follows a JSON pointer within the document.
func (n *normalizer) resolve(ref string) (any, bool) {
	pointer, ok := strings.CutPrefix(ref, "#")
	if !ok {
		return nil, false
	}
	pointer, err := url.PathUnescape(pointer)
	if err != nil || (pointer != "" && pointer[0] != '/') {
		return nil, false
	}
	at := n.root
	if pointer == "" {
		return at, true
	}
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.NewReplacer("~1", "/", "~0", "~").Replace(token)
		switch v := at.(type) {
		case map[string]any:
			if at, ok = v[token]; !ok {
				return nil, false
			}
		case []any:
			i, err := strconv.Atoi(token)
			if err != nil || i < 0 || i >= len(v) {
				return nil, false
			}
			at = v[i]
		default:
			return nil, false
		}
	}
	return at, true
}

// mergeAll adds a part of an allOf.
func mergeAll(into, part map[string]any) {
	mergeProperties(into, part)
	if required, ok := part["required"].([]any); ok {
		own, _ := into["required"].([]any)
		has := setOf(own)
		for _, name := range required {
			if !has[name.(string)] {
				own = append(own, name)
			}
		}
		into["required"] = own
	}
	for key, value := range part {
		if _, ok := into[key]; !ok {
			into[key] = value
		}
	}
}
