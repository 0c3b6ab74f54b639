package mcp

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// maxName is the shortest bound among providers.
const maxName = 64

// separator stands between server and tool. Names of our own tools have none.
const separator = "__"

// slug turns any text into letters, digits, dashes and single underscores that begin with a letter, as all providers take.
func slug(text string) string {
	var b strings.Builder
	gap := false
	for _, r := range text {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-':
			if gap && b.Len() > 0 {
				b.WriteByte('_')
			}
			gap = false
			b.WriteRune(r)
		default:
			gap = true
		}
	}
	s := strings.Trim(b.String(), "-_")
	if s == "" || !isLetter(s[0]) {
		s = strings.TrimSuffix("t_"+s, "_")
	}
	return s
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// mark is a short hash.
func mark(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:6]
}

// prefixes names servers for use in tool names, each in a way of its own. The first of several servers with the same name, in
// the order given, keeps it; so a server that is added later changes no names that are in use.
func prefixes(servers []Server) []string {
	const maxPrefix = 24
	taken := map[string]bool{}
	names := make([]string, len(servers))
	for i, s := range servers {
		name := strings.ToLower(slug(s.Name))
		name = strings.TrimRight(name[:min(len(name), maxPrefix)], "-_")
		if taken[name] {
			name += "_" + mark(s.ID)
		}
		taken[name] = true
		names[i] = name
	}
	return names
}

// toolName names a tool for providers: the same for the same server and tool whatever other tools there are. A name that had to
// be changed or cut says so by a mark, without which two tools could become one.
func toolName(prefix, name string) string {
	changed := slug(name)
	full := prefix + separator + changed
	if changed == name && len(full) <= maxName {
		return full
	}
	end := "_" + mark(name)
	return strings.TrimRight(full[:min(len(full), maxName-len(end))], "-_") + end
}
