package feature

import (
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
)

// kind is the kind of answer that a question asks for.
type kind int

const (
	askWho kind = iota
	askWhen
	askWhere
	askNumber
	askWhy
	askHow
	askDefinition
	askWhat
	askOther
	kinds
)

var kindNames = [kinds]string{"who", "when", "where", "number", "why", "how", "definition", "what", "other"}

// headNouns lists the nouns after "what" and "which" by the kind that they ask for.
var headNouns = [...]struct {
	kind  kind
	nouns string
}{
	{askWhen, "year years date day month time century decade season era"},
	{askWhere, "country countries city state place county continent region province town district river island nation location area"},
	{askNumber, "number percentage percent population age temperature amount height length distance speed size rate score"},
	{askWho, "person actor actress singer president king queen player man woman artist author writer band team company director character people group"},
}

var kindOfNoun = func() map[string]kind {
	m := map[string]kind{}
	for _, h := range headNouns {
		for w := range strings.FieldsSeq(h.nouns) {
			m[w] = h.kind
		}
	}
	return m
}()

// kindOf returns the kind of a question to passages in a language.
func kindOf(a Asked, of keyword.Language) kind {
	if c := of.Code(); c != "en" {
		return cueKind(a, c)
	}
	words := a.Words
	for i, word := range words {
		next := ""
		if i+1 < len(words) {
			next = words[i+1]
		}
		switch word {
		case "who", "whom", "whose":
			return askWho
		case "when":
			return askWhen
		case "where":
			return askWhere
		case "why":
			return askWhy
		case "define", "meaning":
			return askDefinition
		case "how":
			switch next {
			case "many", "much", "old", "long", "far", "tall", "big", "high", "fast", "often", "large", "deep", "heavy", "wide":
				return askNumber
			}
			return askHow
		case "what", "which":
			for _, w := range words[i+1 : min(i+4, len(words))] {
				if k, ok := kindOfNoun[w]; ok {
					return k
				}
			}
			if (next == "is" || next == "are" || next == "s") && len(words) <= i+6 {
				return askDefinition
			}
			return askWhat
		}
	}
	return askOther
}

// wanted holds the traits of a word that can be the answer; 0 if any content word
// can.
var wanted = [kinds]lexicon.Trait{
	askWho: lexicon.Capital, askWhen: lexicon.Year | lexicon.Month, askWhere: lexicon.Capital, askNumber: lexicon.Number, askWhat: lexicon.Capital | lexicon.Number, askOther: lexicon.Capital | lexicon.Number,
}
