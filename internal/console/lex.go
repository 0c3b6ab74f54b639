package console

import (
	"strings"
	"unicode/utf8"

	"twobrains/internal/tenant"
)

// kind of a token.
type kind uint8

const (
	// word: a keyword or a name, folded to lower case as Postgres does. name: the same in quotation marks, as it is.
	word kind = iota
	name
	text
	number
	// symbol: one character of an operator or of punctuation; "::" is one symbol.
	symbol
)

type token struct {
	kind kind
	text string
	// at is where it begins, in bytes.
	at int
}

func (t token) is(symbolText string) bool { return t.kind == symbol && t.text == symbolText }

// identifies: the token is a keyword or a name.
func (t token) identifies() bool { return t.kind == word || t.kind == name }

// lexer takes a query apart by the rules of PostgreSQL's own scanner (src/backend/parser/scan.l), with standard_conforming_strings
// on. What these rules make hard to follow, and no query here needs, it refuses: Unicode escapes, bit strings, strings
// that go on after a line's end, parameters.
type lexer struct {
	sql    string
	at     int
	tokens []token
}

// lex returns the tokens, comments left out.
func lex(sql string) ([]token, error) {
	l := &lexer{sql: sql}
	for {
		if err := l.skip(); err != nil {
			return nil, err
		}
		if l.at >= len(sql) {
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

const (
	stateSyntax    = "42601"
	stateForbidden = "42501"
)

// complain makes an error about the text at a byte.
func complain(sql string, at int, state, message string) error {
	return &tenant.ConsoleError{Message: message, State: state, Position: utf8.RuneCountInString(sql[:at]) + 1}
}

func (l *lexer) syntax(at int, message string) error {
	return complain(l.sql, at, stateSyntax, message)
}

func (l *lexer) peek(n int) byte {
	if l.at+n < len(l.sql) {
		return l.sql[l.at+n]
	}
	return 0
}

// skip passes over white space and comments.
func (l *lexer) skip() error {
	for l.at < len(l.sql) {
		switch c := l.sql[l.at]; {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			l.at++
		case c == '-' && l.peek(1) == '-':
			end := strings.IndexAny(l.sql[l.at:], "\n\r")
			if end < 0 {
				end = len(l.sql) - l.at
			}
			l.at += end
		case c == '/' && l.peek(1) == '*':
			if err := l.skipComment(); err != nil {
				return err
			}
		default:
			return nil
		}
	}
	return nil
}

// skipComment passes over a comment, which may hold others.
func (l *lexer) skipComment() error {
	begin, depth := l.at, 0
	for l.at < len(l.sql) {
		switch {
		case l.sql[l.at] == '/' && l.peek(1) == '*':
			depth++
			l.at += 2
		case l.sql[l.at] == '*' && l.peek(1) == '/':
			depth--
			l.at += 2
			if depth == 0 {
				return nil
			}
		default:
			l.at++
		}
	}
	return l.syntax(begin, "unterminated comment")
}

func isLetter(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c == '_' || c >= 0x80
}
func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func (l *lexer) add(k kind, text string, at int) {
	l.tokens = append(l.tokens, token{kind: k, text: text, at: at})
}

func (l *lexer) next() error {
	switch c := l.sql[l.at]; {
	case isLetter(c):
		return l.word()
	case isDigit(c), c == '.' && isDigit(l.peek(1)):
		return l.number()
	case c == '\'':
		return l.string(l.at, false)
	case c == '"':
		return l.quotedName()
	case c == '$':
		return l.dollar()
	case c == ':' && l.peek(1) == ':':
		l.add(symbol, "::", l.at)
		l.at += 2
	case c < 0x20 || c == 0x7f || c == '\\':
		return l.syntax(l.at, "a character that has no meaning here")
	default:
		l.add(symbol, string(c), l.at)
		l.at++
	}
	return nil
}

// maxName is the longest name, in bytes: Postgres cuts longer ones, so they would not be what they look like.
const maxName = 63

func (l *lexer) word() error {
	begin := l.at
	for l.at < len(l.sql) && (isLetter(l.sql[l.at]) || isDigit(l.sql[l.at]) || l.sql[l.at] == '$') {
		l.at++
	}
	if l.at-begin > maxName {
		return l.syntax(begin, "the name is too long")
	}
	folded := []byte(l.sql[begin:l.at])
	for i, c := range folded {
		if c >= 'A' && c <= 'Z' {
			folded[i] = c + 'a' - 'A'
		}
	}
	text := string(folded)
	quote := l.peek(0)
	switch {
	case quote == '\'' && text == "e":
		return l.string(begin, true)
	case quote == '\'' && (text == "b" || text == "x" || text == "n"):
		return l.syntax(begin, "bit strings and national strings are not available here")
	case text == "u" && quote == '&' && (l.peek(1) == '\'' || l.peek(1) == '"'):
		return l.syntax(begin, "strings and names with Unicode escapes are not available here")
	}
	l.add(word, text, begin)
	return nil
}

func (l *lexer) number() error {
	begin := l.at
	digits := func() {
		for isDigit(l.peek(0)) || l.peek(0) == '_' && isDigit(l.peek(1)) {
			l.at++
		}
	}
	digits()
	if l.peek(0) == '.' {
		l.at++
		digits()
	}
	if e := l.peek(0); (e == 'e' || e == 'E') && (isDigit(l.peek(1)) || (l.peek(1) == '+' || l.peek(1) == '-') && isDigit(l.peek(2))) {
		l.at += 2
		digits()
	}
	if c := l.peek(0); isLetter(c) || c == '$' || c == '.' {
		return l.syntax(begin, "trailing junk after a number")
	}
	l.add(number, l.sql[begin:l.at], begin)
	return nil
}

// string reads up to the closing quotation mark; l.at is at the opening one. With escapes, a backslash takes the next character
// with it.
func (l *lexer) string(begin int, escapes bool) error {
	if n := len(l.tokens); n > 0 && l.tokens[n-1].kind == text {
		return l.syntax(begin, "two strings side by side: join them with ||")
	}
	for l.at++; l.at < len(l.sql); l.at++ {
		switch c := l.sql[l.at]; {
		case c == '\\' && escapes:
			l.at++
		case c == '\'' && l.peek(1) == '\'':
			l.at++
		case c == '\'':
			l.at++
			l.add(text, "", begin)
			return nil
		}
	}
	return l.syntax(begin, "unterminated string")
}

func (l *lexer) quotedName() error {
	begin := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.sql); l.at++ {
		if l.sql[l.at] != '"' {
			b.WriteByte(l.sql[l.at])
			continue
		}
		if l.peek(1) == '"' {
			b.WriteByte('"')
			l.at++
			continue
		}
		l.at++
		switch {
		case b.Len() == 0:
			return l.syntax(begin, "a name of no characters")
		case b.Len() > maxName:
			return l.syntax(begin, "the name is too long")
		}
		l.add(name, b.String(), begin)
		return nil
	}
	return l.syntax(begin, "unterminated name in quotation marks")
}

// dollar reads a string such as $$…$$ or $tag$…$tag$.
func (l *lexer) dollar() error {
	begin := l.at
	end := l.at + 1
	for end < len(l.sql) && (isLetter(l.sql[end]) || end > l.at+1 && isDigit(l.sql[end])) {
		end++
	}
	if end >= len(l.sql) || l.sql[end] != '$' {
		return l.syntax(begin, "there are no parameters here")
	}
	tag := l.sql[l.at : end+1]
	length := strings.Index(l.sql[end+1:], tag)
	if length < 0 {
		return l.syntax(begin, "unterminated string")
	}
	if n := len(l.tokens); n > 0 && l.tokens[n-1].kind == text {
		return l.syntax(begin, "two strings side by side: join them with ||")
	}
	l.at = end + 1 + length + len(tag)
	l.add(text, "", begin)
	return nil
}
