package search

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"twobrains/internal/problem"
)

// words are a query as Postgres takes it.
type words struct {
	// whole are the words that are finished, for websearch_to_tsquery.
	whole string
	// last is the word that may be unfinished, for to_tsquery; empty: there is none.
	last string
	// needle is a word of the query in lower case, by which to find the place in a long text that is worth showing.
	needle string
}

// parse reads a query. The error is CodeInvalid.
func parse(query string) (words, error) {
	invalid := problem.New(problem.CodeInvalid, "Nothing can be searched like this.")
	switch {
	case !utf8.ValidString(query) || strings.ContainsRune(query, 0):
		return words{}, invalid.Field("q", "must be UTF-8 without the character U+0000")
	case utf8.RuneCountInString(query) > MaxQuery:
		return words{}, invalid.Field("q", fmt.Sprintf("must have at most %d characters", MaxQuery))
	case !strings.ContainsFunc(query, isWord):
		return words{}, invalid.Field("q", "must contain a letter or a digit")
	}
	w := words{whole: query}
	for word := range strings.FieldsSeq(query) {
		if !strings.HasPrefix(word, "-") && strings.ContainsFunc(word, isWord) {
			run := strings.FieldsFunc(word, func(r rune) bool { return !isWord(r) })[0]
			w.needle = strings.ToLower(run)
			break
		}
	}
	// Within quotation marks, after a minus and before a space the last word is meant as it stands.
	cut := strings.LastIndexFunc(query, unicode.IsSpace) + 1
	if cut > 0 {
		_, size := utf8.DecodeRuneInString(query[cut-1:])
		cut += size - 1
	}
	last := query[cut:]
	if strings.ContainsFunc(last, isWord) && !strings.ContainsAny(query[cut:], `"`) && strings.Count(query, `"`)%2 == 0 && last[0] != '-' {
		w.whole = query[:cut]
		w.last = "'" + strings.NewReplacer(`'`, `''`, `\`, `\\`).Replace(last) + "':*"
	}
	return w, nil
}

func isWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// Marks around what matches, which no text brings along: SearchMessages takes them out.
const (
	markStart = "\uE000"
	markStop  = "\uE001"
	markAll   = "StartSel=" + markStart + ",StopSel=" + markStop + ",HighlightAll=true"
	markSome  = "StartSel=" + markStart + ",StopSel=" + markStop + `,MaxWords=24,MinWords=12,ShortWord=0,MaxFragments=2,FragmentDelimiter=" … "`
)

// pieces takes a snippet apart at its marks. White space becomes single spaces: a snippet is a line.
func pieces(snippet string) []Piece {
	list := []Piece{}
	add := func(text string, match bool) {
		if text != "" {
			list = append(list, Piece{Text: text, Match: match})
		}
	}
	rest := oneLine(snippet)
	for rest != "" {
		before, marked, found := strings.Cut(rest, markStart)
		add(before, false)
		if !found {
			break
		}
		match, after, _ := strings.Cut(marked, markStop)
		add(match, true)
		rest = after
	}
	return list
}

func oneLine(text string) string { return strings.Join(strings.Fields(text), " ") }
