package lexical

import (
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/blevesearch/bleve/v2/analysis"
	"github.com/blevesearch/bleve/v2/analysis/analyzer/standard"
	"github.com/blevesearch/bleve/v2/analysis/lang/cjk"
	"github.com/blevesearch/bleve/v2/analysis/lang/en"
	"github.com/blevesearch/bleve/v2/registry"
	"golang.org/x/text/unicode/norm"
)

// Only bleve's packages for analysis are imported: its own indexes and their
// storage stay out of the program.
var analysers = []string{en.AnalyzerName, cjk.AnalyzerName, standard.Name}

func analyser(name string) (analysis.Analyzer, error) {
	if !slices.Contains(analysers, name) {
		return nil, fmt.Errorf("%w: WithAnalyzer: unknown analyser %q: want one of %s", ErrOption, name, strings.Join(analysers, ", "))
	}
	a, err := registry.NewCache().AnalyzerNamed(name)
	if err != nil {
		return nil, fmt.Errorf("%w: WithAnalyzer: %q: %w", ErrOption, name, err)
	}
	if d, ok := a.(*analysis.DefaultAnalyzer); ok && name == en.AnalyzerName {
		d.TokenFilters = slices.Insert(d.TokenFilters, len(d.TokenFilters)-1, analysis.TokenFilter(longWords{}))
	}
	return parted{a}, nil
}

// parted is an analyser of text however Unicode writes its characters. A colon of any
// width parts words: by the rules that bleve follows "note:river" would be one.
type parted struct{ of analysis.Analyzer }

var colons = strings.NewReplacer(":", " ", "\ufe13", " ", "\ufe55", " ", "\uff1a", " ")

// Analyze implements analysis.Analyzer.
func (p parted) Analyze(text []byte) analysis.TokenStream {
	return p.of.Analyze([]byte(colons.Replace(norm.NFC.String(string(text)))))
}

// longestStemmed is the length, in bytes, of the longest word that is stemmed.
const longestStemmed = 64

// longWords keeps the stemmer from long words: it takes time by the square of a run of
// the letter y, minutes for one of 100,000.
type longWords struct{}

// Filter implements analysis.TokenFilter.
func (longWords) Filter(tokens analysis.TokenStream) analysis.TokenStream {
	for _, t := range tokens {
		t.KeyWord = t.KeyWord || len(t.Term) > longestStemmed
	}
	return tokens
}

// terms is the terms of one text in order, one after another in one slice: it
// is far smaller than the analyser's tokens.
type terms struct {
	text []byte
	ends []int
}

func (t terms) all() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		start := 0
		for _, end := range t.ends {
			if !yield(t.text[start:end]) {
				return
			}
			start = end
		}
	}
}

// termsOf analyses a text.
func (ix *Index) termsOf(text string) terms {
	tokens := ix.analyser.Analyze([]byte(text))
	t := terms{ends: make([]int, 0, len(tokens))}
	for _, tok := range tokens {
		if len(tok.Term) > 0 {
			t.text = append(t.text, tok.Term...)
			t.ends = append(t.ends, len(t.text))
		}
	}
	return t
}
