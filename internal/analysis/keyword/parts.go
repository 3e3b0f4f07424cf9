package keyword

import "github.com/goselfrag/goselfrag/internal/analysis/token"

// Part is a word, or a part of one such as the "known" of "well-known", for those that
// compare texts word by word.
type Part struct {
	Term  string // by which the keyword index finds it first; a stop word has one, too
	Lower string // as it is written, in lower case
	Stop  bool
}

// Parts returns the parts of a word of a text in a language, in order, but not what the
// index adds to find the same part by other names. The word is one of a script with
// spaces.
func Parts(word string, s token.Script, of Language) []Part {
	list := piecesOf(word, languageOf(of, s))
	out := make([]Part, 0, len(list))
	for _, p := range list {
		if p.extra {
			continue
		}
		x := Part{Lower: token.Lower(word[p.start:p.end]), Term: p.name, Stop: p.name != ""}
		if !x.Stop {
			x.Term = p.terms[0]
		}
		out = append(out, x)
	}
	return out
}

// GramTerm returns the term of neighboring characters of a script without spaces.
func GramTerm(chars string, s token.Script) string { return string(rune(usual[s])) + chars }

// Cased reports whether the script of a language has capital letters.
func (l Language) Cased() bool {
	switch languages[l].script {
	case token.Latin, token.Cyrillic, token.Greek, token.Armenian:
		return true
	}
	return false
}

// Tag returns the sign that terms of a language begin with.
func (l Language) Tag() string { return string(rune(l)) }

// Code returns the code of a language, or a name for the scripts whose languages are not
// told apart; it is empty for Plain.
func (l Language) Code() string {
	switch l {
	case eastern:
		return "east"
	case southern:
		return "southeast"
	}
	return languages[l].code
}

// WithCode is the inverse of [Language.Code].
func WithCode(code string) (Language, bool) {
	for l := Plain + 1; l <= southern; l++ {
		if l.Code() == code {
			return l, true
		}
	}
	return Plain, false
}
