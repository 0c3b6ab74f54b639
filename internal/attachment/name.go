package attachment

import (
	"fmt"
	"mime"
	"strings"
	"unicode"
	"unicode/utf8"

	"twobrains/internal/problem"
)

// MaxName is how many characters a name may have.
const MaxName = 200

// CleanName makes a file's name one that can be stored, shown and offered for saving: the last element of a path of whatever
// system, on one line, without characters that are invisible or turn the direction of writing (they make names look as if
// they ended otherwise), at most MaxName characters with its extension kept. What has no name is called "file". The error is
// a *problem.Error: the name is no UTF-8.
func CleanName(name string) (string, error) {
	if !utf8.ValidString(name) {
		return "", problem.New(problem.CodeInvalid, "The file cannot be named like this.").Field("filename", "must be UTF-8")
	}
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r) && r != '\n' && r != '\r':
			return ' '
		case unicode.IsControl(r), unicode.In(r, unicode.Cf, unicode.Co, unicode.Zl, unicode.Zp):
			return -1
		}
		return r
	}, name)
	name = strings.Join(strings.Fields(name), " ")
	name = shorten(name)
	if strings.Trim(name, ". ") == "" {
		return "file", nil
	}
	return name, nil
}

func shorten(name string) string {
	if utf8.RuneCountInString(name) <= MaxName {
		return name
	}
	extension := []rune(extensionOf(name))
	if len(extension) > 20 {
		extension = nil
	}
	return string([]rune(name)[:MaxName-len(extension)]) + string(extension)
}

// extensionOf is the end of a name from its last dot on, in the case it has.
func extensionOf(name string) string {
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		return name[i:]
	}
	return ""
}

// Disposition is the header Content-Disposition for a stored name (RFC 6266): only images are shown in place. A PDF is
// not: viewers do not open in the sandbox that every attachment is served in.
func Disposition(a Attachment) string {
	kind := "attachment"
	if IsImage(a.MediaType) {
		kind = "inline"
	}
	name := a.Name
	if name == "" {
		name = "file"
		if all, err := mime.ExtensionsByType(a.MediaType); err == nil && len(all) > 0 {
			name += all[len(all)-1]
		}
	}
	plain := strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f || r == '"' || r == '\\' || r == '%' {
			return '_'
		}
		return r
	}, name)
	header := fmt.Sprintf(`%s; filename="%s"`, kind, plain)
	if plain != name {
		header += "; filename*=UTF-8''" + encodeExtended(name)
	}
	return header
}

// encodeExtended is the value-chars of RFC 8187.
func encodeExtended(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("!#$&+-.^_`|~", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}
