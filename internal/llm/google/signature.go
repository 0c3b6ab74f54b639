package google

import (
	"unicode/utf8"

	"twobrains/internal/llm"
	"twobrains/internal/llm/wire"
)

const provider = "google"

// signed is the metadata of a part: the signatures by which the model finds its own thoughts again. They must come back
// on the parts they came on, and only to the model that made them; for another one they are corrupt.
//
// A text that was streamed in pieces is one part here, so each signature says which bytes of the text it came with.
type signed struct {
	Model      string      `json:"model"`
	Signatures []signature `json:"signatures,omitempty"`
}

type signature struct {
	Value string `json:"thoughtSignature"`
	From  int    `json:"from,omitempty"`
	To    int    `json:"to,omitempty"`
}

func (s signed) meta() llm.Metadata { return wire.Meta(provider, s) }

// madeBy reads the signatures of a part that the model made; ok is false for parts of any other.
func madeBy(model string, meta llm.Metadata) (signatures []signature, ok bool) {
	var own signed
	if !wire.ReadMeta(meta, provider, &own) || own.Model != model {
		return nil, false
	}
	return own.Signatures, true
}

// pieces cuts a text into the parts that it was streamed in, as far as their signatures tell them apart. If the text has
// changed so that they do not fit, all of it goes with the last signature.
func pieces(text string, signatures []signature) []part {
	var parts []part
	at := 0
	add := func(to int, value string) {
		piece := text[at:to]
		at = to
		if piece != "" || value != "" {
			parts = append(parts, part{Text: &piece, ThoughtSignature: value})
		}
	}
	for _, s := range signatures {
		if s.From < at || s.To < s.From || s.To > len(text) || !boundary(text, s.From) || !boundary(text, s.To) {
			return []part{{Text: &text, ThoughtSignature: signatures[len(signatures)-1].Value}}
		}
		add(s.From, "")
		add(s.To, s.Value)
	}
	add(len(text), "")
	return parts
}

// boundary reports whether a text can be cut there.
func boundary(text string, at int) bool { return at == len(text) || utf8.RuneStart(text[at]) }

// unsigned stands for the signature of a call that has none, base64 of the words that Google documents for histories
// from elsewhere ("skip_thought_signature_validator"). Without it the whole request is refused.
const unsigned = "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I="

// excuse marks the first call of a step if it is not signed; the calls parallel to it never are.
func excuse(parts []part) {
	for i := range parts {
		if parts[i].FunctionCall != nil {
			if parts[i].ThoughtSignature == "" {
				parts[i].ThoughtSignature = unsigned
			}
			return
		}
	}
}
