package console

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// MaxSQL is the longest query, in bytes.
const MaxSQL = 100_000

// guard looks at a query before Postgres does. It is not what keeps users apart: the seals do, and the login. It keeps away what a
// query could do besides reading its user's rows: name what exists in the catalogs and in other schemas, see what others run, wait,
// lock, disturb, read the key that it is bound to. So it lets through what it knows: one query, names that can only mean tables
// of this private brain, and functions of a list.
//
// It works on tokens, not on a syntax tree: what is a token is the same in all versions of PostgreSQL, and every way to reach a
// function or a table shows there (docs/sql.md).
type guard struct {
	sql    string
	tokens []token
	// columns that there are, and the functions that Postgres has.
	columns, known map[string]bool
	// qualified are functions that are called with their schema. analyst: the query is about the public brain.
	qualified map[string]bool
	analyst   bool
}

// check returns a *tenant.ConsoleError for what may not be run.
func (c *Console) check(sql string, v vocabulary) error {
	switch {
	case len(sql) > MaxSQL:
		return complain(sql, 0, stateSyntax, "the query is too long")
	case !utf8.ValidString(sql):
		return complain(sql, 0, stateSyntax, "the query is not valid UTF-8")
	}
	if at := strings.IndexByte(sql, 0); at >= 0 {
		return complain(sql, at, stateSyntax, "a character that has no meaning here")
	}
	tokens, err := lex(sql)
	if err != nil {
		return err
	}
	g := &guard{sql: sql, tokens: tokens, columns: v.columns, known: v.functions, qualified: v.qualified, analyst: c.opts.Analyst}
	return g.run()
}

const onlyQueries = "only one query can be run here: SELECT, VALUES, TABLE or WITH … SELECT"

func (g *guard) run() error {
	if len(g.tokens) == 0 {
		return complain(g.sql, 0, stateSyntax, "there is no query")
	}
	begin := 0
	for begin < len(g.tokens) && g.tokens[begin].is("(") {
		begin++
	}
	if begin == len(g.tokens) || !beginsQuery(g.tokens[begin]) {
		return g.refuse(min(begin, len(g.tokens)-1), onlyQueries)
	}
	depth := 0
	for i, t := range g.tokens {
		switch {
		case t.is(";"):
			if depth == 0 && g.endsWith(i) {
				continue
			}
			return g.refuse(i, onlyQueries)
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case t.identifies():
			if err := g.name(i); err != nil {
				return err
			}
		}
		if depth < 0 {
			return complain(g.sql, t.at, stateSyntax, "a closing parenthesis too many")
		}
	}
	return nil
}

func beginsQuery(t token) bool {
	return t.kind == word && (t.text == "select" || t.text == "values" || t.text == "table" || t.text == "with")
}

// endsWith reports whether nothing but semicolons comes from a token on.
func (g *guard) endsWith(i int) bool {
	for _, t := range g.tokens[i:] {
		if !t.is(";") {
			return false
		}
	}
	return true
}

func (g *guard) refuse(i int, message string) error {
	return complain(g.sql, g.tokens[i].at, stateForbidden, message)
}

// at gives a token, an empty symbol beyond the ends.
func (g *guard) at(i int) token {
	if i < 0 || i >= len(g.tokens) {
		return token{kind: symbol, at: len(g.sql)}
	}
	return g.tokens[i]
}

func (g *guard) isWord(i int, words ...string) bool {
	t := g.at(i)
	if t.kind != word {
		return false
	}
	for _, w := range words {
		if t.text == w {
			return true
		}
	}
	return false
}

// otherSchemas are names that can only mean what is not in the caller's private brain, if a dot follows.
var otherSchemas = regexp.MustCompile(`^(public|information_schema|brain_template|u_[0-9a-f]{32})$`)

// name judges a keyword or name.
func (g *guard) name(i int) error {
	t := g.tokens[i]
	called := g.at(i + 1).is("(")
	switch {
	case strings.HasPrefix(t.text, "pg_"):
		// All that Postgres's own catalogs hold and all schemas of its own; an unqualified name that does not begin so can only mean
		// a table of the private brain.
		return g.refuse(i, "Postgres's catalogs and administrative functions cannot be reached from here")
	case typesOfSystem[t.text]:
		return g.refuse(i, "the types reg… cannot be used here")
	case g.at(i+1).is(".") && g.analyst && t.text == "public":
		return nil
	case g.at(i+1).is(".") && otherSchemas.MatchString(t.text):
		if g.analyst {
			return g.refuse(i, "only the schemas public and analytics can be read")
		}
		return g.refuse(i, "only the tables of your own private brain can be read; write their names without a schema")
	case g.at(i - 1).is("."):
		return g.attribute(i, called)
	case t.kind == word && t.text == "into":
		return g.refuse(i, onlyQueries)
	case t.kind == word && changing[t.text] && (g.at(i-1).is("(") || g.at(i-1).is(")")):
		return g.refuse(i, onlyQueries)
	case t.kind == word && t.text == "for" && g.isWord(i+1, "update", "share", "no", "key"):
		return g.refuse(i, "rows cannot be locked from here")
	case !called, t.kind == word && beforeParenthesis[t.text], functions[t.text]:
		return nil
	case g.at(i - 1).is("::"), g.isWord(i-1, "as"), g.isWithName(i):
		return nil
	case g.known[t.text]:
		return g.refuse(i, "the function "+t.text+" is not available here")
	}
	return g.refuse(i, "there is no function "+printable(t.text)+" here; write AS before the name of a table that lists its columns")
}

// attribute judges a name after a dot. Besides a column it can mean a function of what is before the dot: (x).f is f(x).
func (g *guard) attribute(i int, called bool) error {
	t := g.tokens[i]
	if called {
		if schema := g.at(i - 2); g.qualified[schema.text+"."+t.text] && schema.identifies() && !g.at(i-3).is(".") {
			return nil
		}
		return g.refuse(i, "functions are called without a schema")
	}
	if g.known[t.text] && !functions[t.text] && !g.columns[t.text] {
		return g.refuse(i, "the function "+t.text+" is not available here")
	}
	return nil
}

// isWithName reports whether a name before a parenthesis is that of a WITH query that lists its columns: name (…) AS (SELECT.
func (g *guard) isWithName(i int) bool {
	if !g.isWord(i-1, "with", "recursive") && !g.at(i-1).is(",") {
		return false
	}
	depth := 0
	for j := i + 1; j < len(g.tokens); j++ {
		switch t := g.tokens[j]; {
		case t.is("("):
			depth++
		case t.is(")"):
			depth--
		case !t.identifies() && !t.is(","):
			return false
		}
		if depth > 0 {
			continue
		}
		j++
		if !g.isWord(j, "as") {
			return false
		}
		j++
		if g.isWord(j, "not") {
			j++
		}
		if g.isWord(j, "materialized") {
			j++
		}
		return g.at(j).is("(") && (beginsQuery(g.at(j+1)) || g.at(j+1).is("("))
	}
	return false
}

// printable keeps a name in a message short.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, name)
}
