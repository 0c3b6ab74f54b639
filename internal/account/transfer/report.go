package transfer

import (
	"cmp"
	"slices"

	"twobrains/internal/account/archive"
)

// Report says what an import took and what not, and why. It holds counts and ids, no texts.
type Report struct {
	// Kind is empty where the file was refused before it was known.
	Kind          archive.Kind `json:"kind"`
	Conversations Tally        `json:"conversations"`
	Messages      Tally        `json:"messages"`
	Attachments   Tally        `json:"attachments"`
	Memories      Tally        `json:"memories"`
	Skipped       []Skipped    `json:"skipped"`
	// Refused, if not nil, is why the file was not read, or not to its end; what was taken before stays.
	Refused *Refused `json:"refused,omitempty"`
}

// Tally counts what is here now, and what was so before.
type Tally struct {
	Taken   int `json:"taken"`
	Already int `json:"already"`
}

// Skipped counts what was not taken for a reason, with ids of the first ones, as they are where they come from.
type Skipped struct {
	Reason   archive.Reason `json:"reason"`
	Count    int            `json:"count"`
	Examples []string       `json:"examples"`
}

// Refused is a file that could not be read.
type Refused struct {
	Code archive.Code `json:"code"`
	// Where is the entry of the archive; empty: the file itself.
	Where string `json:"where,omitempty"`
}

// maxExamples of one reason; maxExample is their length.
const (
	maxExamples = 5
	maxExample  = 100
)

func (r *Report) skip(reason archive.Reason, id string) {
	i := slices.IndexFunc(r.Skipped, func(s Skipped) bool { return s.Reason == reason })
	if i < 0 {
		i = len(r.Skipped)
		r.Skipped = append(r.Skipped, Skipped{Reason: reason, Examples: []string{}})
	}
	s := &r.Skipped[i]
	s.Count++
	if len(s.Examples) < maxExamples && id != "" {
		s.Examples = append(s.Examples, exampleOf(id))
	}
}

// exampleOf keeps an id that is one; anything else could be a text.
func exampleOf(id string) string {
	plain := []rune(id)
	if len(plain) > maxExample {
		plain = plain[:maxExample]
	}
	for i, c := range plain {
		if c < ' ' || c > '~' {
			plain[i] = '?'
		}
	}
	return string(plain)
}

func (r *Report) sort() {
	slices.SortStableFunc(r.Skipped, func(a, b Skipped) int { return cmp.Compare(b.Count, a.Count) })
	if r.Skipped == nil {
		r.Skipped = []Skipped{}
	}
}
