package settings

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of preferences.
const (
	// MaxPreferences is counted in bytes of compact JSON, numbers without exponent.
	MaxPreferences = 16 << 10
	maxDepth       = 32
)

// normalizePreferences turns a JSON object into one that jsonb takes and gives back the same: no U+0000, no number beyond
// a double, no depth that could exhaust a stack. The complaint, if there is one, is fit to be shown.
func normalizePreferences(raw json.RawMessage) (_ json.RawMessage, complaint string) {
	var object map[string]any
	if err := json.Unmarshal(raw, &object); err != nil || object == nil {
		return nil, "must be an object, with numbers in the range of a double"
	}
	normal, complaint := normalize(object, maxDepth)
	if complaint != "" {
		return nil, complaint
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(normal); err != nil {
		return nil, "cannot be stored"
	}
	compact := strings.TrimSuffix(text.String(), "\n")
	if len(compact) > MaxPreferences {
		return nil, tooLarge
	}
	return json.RawMessage(compact), ""
}

var tooLarge = fmt.Sprintf("must have at most %d bytes", MaxPreferences)

const noZero = "must not contain the character U+0000"

func normalize(value any, depth int) (_ any, complaint string) {
	if depth == 0 {
		return nil, fmt.Sprintf("must not be nested deeper than %d levels", maxDepth)
	}
	switch v := value.(type) {
	case float64:
		// As jsonb shows it: 1e300 has 301 digits there.
		return json.RawMessage(strconv.AppendFloat(nil, v, 'f', -1, 64)), ""
	case string:
		if strings.ContainsRune(v, 0) {
			return nil, noZero
		}
	case []any:
		for i, item := range v {
			if v[i], complaint = normalize(item, depth-1); complaint != "" {
				return nil, complaint
			}
		}
	case map[string]any:
		for key, item := range v {
			if strings.ContainsRune(key, 0) {
				return nil, noZero
			}
			if v[key], complaint = normalize(item, depth-1); complaint != "" {
				return nil, complaint
			}
		}
	}
	return value, ""
}
