package mcp

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var valid = regexp.MustCompile(`^[a-zA-Z][a-zA-Z0-9_-]{0,63}$`)

func TestPrefixes(t *testing.T) {
	t.Parallel()
	servers := []Server{
		{ID: "1", Name: "Linear"}, {ID: "2", Name: "linear"}, {ID: "3", Name: "日本"}, {ID: "4", Name: "中国"}, {ID: "5", Name: "9 lives!"},
		{ID: "6", Name: strings.Repeat("Long Name ", 9)}, {ID: "7", Name: "a__b--"}, {ID: "8", Name: ""},
	}
	got := prefixes(servers)
	require.Equal(t, []string{"linear", "linear_" + mark("2"), "t", "t_" + mark("4"), "t_9_lives", "long_name_long_name_long", "a_b", "t_" + mark("8")}, got)
	// One that is added later changes no other.
	require.Equal(t, got[:3], prefixes(servers[:3]))
	for _, name := range got {
		require.Regexp(t, valid, name)
		require.NotContains(t, name, separator)
	}
}

func TestToolNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, "linear__list_issues", toolName("linear", "list_issues"))
	require.Equal(t, "linear__get-sum", toolName("linear", "get-sum"))
	seen := map[string]string{}
	for _, name := range []string{"a.b", "a/b", "a b", "a_b", "a__b", "_a_b", "a-b", "日本", "", "__proto__", "9", strings.Repeat("x", 200), strings.Repeat("x", 201), "x" + strings.Repeat(".", 300)} {
		full := toolName("linear_abcdef", name)
		require.Regexp(t, valid, full, name)
		require.Equal(t, full, toolName("linear_abcdef", name))
		require.Empty(t, seen[full], name)
		seen[full] = "taken"
	}
}
