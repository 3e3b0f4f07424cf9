package keyword

import "github.com/goselfrag/goselfrag/internal/analysis/token"

// Part is a word, or a part of one such as the "known" of "well-known", for code
// that compares texts word by word.
type Part struct {
	Term  string // the first term by which the keyword index finds it; a stop word has one, too
	Lower string // the written form in lower case
	Stop  bool
}

// Parts returns the parts of a word of a text in a language, in order, without the
// alternative names that the index adds for the same part. The word is of a script
// with spaces.
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

// Tag returns the byte that terms of a language begin with.
func (l Language) Tag() string { return string(rune(l)) }

// Code returns the code of a language, or a name for the scripts that are not
// divided into languages; it is empty for Plain.
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
