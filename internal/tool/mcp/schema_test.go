package mcp

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func normalized(t *testing.T, schema string) (string, []string, error) {
	t.Helper()
	var in any
	require.NoError(t, json.Unmarshal([]byte(schema), &in), schema)
	out, left, err := normalize(in)
	return string(out), left, err
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	const empty = `{"properties":{},"type":"object"}`
	for in, want := range map[string]string{
		`{}`: empty, `null`: empty, `true`: empty, `{"type":"object"}`: empty, `[]`: empty,
		`{"$schema":"http://json-schema.org/draft-07/schema#","$id":"x","type":"object","additionalProperties":false,"title":"T"}`:             `{"description":"T","properties":{},"type":"object"}`,
		`{"type":"object","properties":{"a":{"type":"string","format":"uri","default":"x","description":"D."}},"required":["a","gone","a",5]}`: `{"properties":{"a":{"description":"D. (format: uri; default: x)","type":"string"}},"required":["a"],"type":"object"}`,
		`{"properties":{"a":{"type":["string","null"]}}}`:                                                                                                                                                                 `{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"null"}]}},"type":"object"}`,
		`{"properties":{"a":{"const":"x"},"b":{"enum":[1,2]},"c":{"enum":["u","v",null]}}}`:                                                                                                                               `{"properties":{"a":{"enum":["x"],"type":"string"},"b":{"description":"(one of: [1,2])"},"c":{"enum":["u","v"],"type":"string"}},"type":"object"}`,
		`{"properties":{"a":{"type":"integer","minimum":1,"maximum":9,"exclusiveMinimum":0}}}`:                                                                                                                            `{"properties":{"a":{"description":"(exclusiveMinimum: 0)","maximum":9,"minimum":1,"type":"integer"}},"type":"object"}`,
		`{"properties":{"a":{"type":"array"},"b":{"items":[{"type":"string"},{"type":"number"}]},"c":{"prefixItems":[{"type":"string"}],"minItems":1}}}`:                                                                  `{"properties":{"a":{"items":{},"type":"array"},"b":{"items":{"anyOf":[{"type":"string"},{"type":"number"}]},"type":"array"},"c":{"items":{"type":"string"},"minItems":1,"type":"array"}},"type":"object"}`,
		`{"$defs":{"P":{"type":"object","properties":{"x":{"type":"number"}}}},"properties":{"a":{"$ref":"#/$defs/P","description":"here"},"b":{"$ref":"#/$defs/P"}}}`:                                                    `{"properties":{"a":{"description":"here","properties":{"x":{"type":"number"}},"type":"object"},"b":{"properties":{"x":{"type":"number"}},"type":"object"}},"type":"object"}`,
		`{"$ref":"#/definitions/A%20b~1c","definitions":{"A b/c":{"type":"object","properties":{"x":{"type":"boolean"}}}}}`:                                                                                               `{"properties":{"x":{"type":"boolean"}},"type":"object"}`,
		`{"allOf":[{"properties":{"a":{"type":"string"}},"required":["a"]},{"properties":{"b":{"type":"string"}}}]}`:                                                                                                      `{"properties":{"a":{"type":"string"},"b":{"type":"string"}},"required":["a"],"type":"object"}`,
		`{"oneOf":[{"type":"object","properties":{"a":{"type":"string"},"k":{"type":"string"}},"required":["k","a"]},{"type":"object","properties":{"b":{"type":"string"},"k":{"type":"string"}},"required":["b","k"]}]}`: `{"properties":{"a":{"type":"string"},"b":{"type":"string"},"k":{"type":"string"}},"required":["k"],"type":"object"}`,
		`{"type":"object","properties":{"a":{"type":"string"}},"anyOf":[{"required":["a"]},{"required":["b"]}],"not":{},"if":{}}`:                                                                                         `{"properties":{"a":{"type":"string"}},"type":"object"}`,
		`{"type":"object","additionalProperties":{"type":"string"}}`:                                                                                                                                                      `{"additionalProperties":{"type":"string"},"properties":{},"type":"object"}`,
		`{"properties":{"a":{"anyOf":[{"type":"string"},{"anyOf":[{"type":"number"},{"type":"null"}]}]},"b":{"type":"nonsense"},"c":false,"d":true}}`:                                                                     `{"properties":{"a":{"anyOf":[{"type":"string"},{"type":"number"},{"type":"null"}]},"b":{},"d":{}},"type":"object"}`,
		`{"properties":{"a":{"description":"x\u0000y"}}}`:                                                                                                                                                                 "{\"properties\":{\"a\":{\"description\":\"x\uFFFDy\"}},\"type\":\"object\"}",
	} {
		got, left, err := normalized(t, in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
		require.Empty(t, left, in)
	}
}

func TestNormalizeNames(t *testing.T) {
	t.Parallel()
	got, left, err := normalized(t, `{"properties":{"a b":{},"__proto__":{},"`+strings.Repeat("x", 65)+`":{},"ok":{}}}`)
	require.NoError(t, err)
	require.JSONEq(t, `{"properties":{"ok":{}},"type":"object"}`, got)
	require.Len(t, left, 3)
	_, _, err = normalized(t, `{"properties":{"a b":{}},"required":["a b"]}`)
	require.ErrorIs(t, err, errNamed)
}

func TestNormalizeRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"type":"object","properties":{"a":`, 40) + `{}` + strings.Repeat(`}}`, 40)
	// Each definition uses the next one twice: 2^30 nodes, if followed.
	var bomb strings.Builder
	bomb.WriteString(`{"properties":{"a":{"$ref":"#/$defs/d0"}},"$defs":{`)
	for i := range 30 {
		fmt.Fprintf(&bomb, `"d%d":{"anyOf":[{"$ref":"#/$defs/d%d"},{"$ref":"#/$defs/d%d"}]},`, i, i+1, i+1)
	}
	bomb.WriteString(`"d30":{}}}`)
	var wide strings.Builder
	for i := range 3000 {
		fmt.Fprintf(&wide, `"p%d":{"type":"string"},`, i)
	}
	for in, want := range map[string]error{
		`{"properties":{"self":{"$ref":"#"}}}`: errCyclic,
		`{"$ref":"#"}`:                         errCyclic,
		`{"properties":{"a":{"$ref":"#/$defs/A"}},"$defs":{"A":{"properties":{"b":{"$ref":"#/$defs/B"}}},"B":{"items":{"$ref":"#/$defs/A"}}}}`: errCyclic,
		`{"properties":{"a":{"$ref":"https://example.com/schema"}}}`:                                                                           errReference,
		`{"properties":{"a":{"$ref":"#/$defs/none"}}}`:                                                                                         errReference,
		`{"properties":{"a":{"$ref":"#name"}}}`:                                                                                                errReference,
		`{"properties":{"a":{"$dynamicRef":"#x"}}}`:                                                                                            errReference,
		`{"type":"string"}`: errNoObject,
		`{"anyOf":[{"type":"string"},{"type":"number"}]}`: errNoObject,
		deep:          errDeep,
		bomb.String(): errDeep,
		`{"properties":{` + wide.String() + `"z":{}}}`:                          errLarge,
		`{"properties":{"a":{"enum":["` + strings.Repeat("x", 40<<10) + `"]}}}`: errLarge,
	} {
		_, _, err := normalized(t, in)
		require.ErrorIs(t, err, want, "%.100s", in)
	}
}

func FuzzNormalize(f *testing.F) {
	for _, seed := range []string{
		`{"type":["object","null"],"required":[{"a":1},"a"],"properties":{"a":{"$ref":"#/properties/b"},"b":{"allOf":[{"required":["x"]},{"enum":[[1],{}]}]}}}`,
		`{"anyOf":[{"$ref":"#/anyOf/1"},{"properties":{"a":false}}],"$ref":"#/x~0~1"}`,
		`{"items":[{"prefixItems":[true]}],"const":{},"enum":5,"minimum":"x","default":[[[]]]}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var in any
		if json.Unmarshal([]byte(text), &in) != nil {
			return
		}
		out, _, err := normalize(in)
		if err != nil {
			return
		}
		var top struct {
			Type       string
			Properties map[string]any
			Ref        any `json:"$ref"`
		}
		if json.Unmarshal(out, &top) != nil || top.Type != "object" || top.Properties == nil || top.Ref != nil || len(out) > maxSchemaBytes {
			t.Errorf("%s became %s", text, out)
		}
	})
}
