package lexical

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
)

// Term is a form of a word by which the word is found.
type Term struct {
	// Text is equal for words that find each other. It is never empty.
	Text string
	// Start and End delimit the word in the given text, in bytes. Several terms may
	// be at the same place or inside each other: a name and its parts.
	Start, End int
}

// Analyzer turns texts into terms, for passages and queries alike, so that a
// passage is found by the words that it holds.
//
// Contract:
//
//   - Terms come in the order of their Start.
//   - 0 ≤ Start < End ≤ len(text), and no place begins or ends within a
//     character.
//   - Text is not empty.
//   - Equal texts give equal terms. So do texts that differ only in how Unicode
//     writes their characters, apart from the places.
//   - The text of one term's word finds that word: its terms include the term.
//   - Every text has terms, or none, without a panic: also the empty text, bytes
//     that are not UTF-8, and a very long text.
//   - Terms may be called from several goroutines at once.
//
// Package lexicaltest checks it.
type Analyzer interface {
	Terms(text string) iter.Seq[Term]
}

// Analyzers returns the allowed names of [Options].Analyzer.
func Analyzers() []string { return keyword.Names() }

// NewAnalyzer returns the analyzer that [Options].Analyzer names, for inspection or
// to build on it. The error wraps ErrOption.
func NewAnalyzer(name string) (Analyzer, error) {
	if name == "" {
		name = keyword.Auto
	}
	language, ok := keyword.ByName(name)
	if !ok && name != keyword.Auto {
		return nil, fmt.Errorf("%w: Analyzer: unknown analyzer %q: want one of %s", ErrOption, name, strings.Join(keyword.Names(), ", "))
	}
	return named{language, !ok}, nil
}

// named is an analyzer of this module.
type named struct {
	language keyword.Language
	auto     bool // by the language of each text
}

// Terms implements Analyzer.
func (n named) Terms(text string) iter.Seq[Term] {
	return func(yield func(Term) bool) {
		language := n.language
		if n.auto {
			var e keyword.Evidence
			e.Look(text)
			language, _ = e.Language()
		}
		for t := range keyword.Places(text, language) {
			if !yield(Term(t)) {
				return
			}
		}
	}
}

// languagesOf returns the languages of passages. The error is ctx.Err().
func (ix *Index) languagesOf(ctx context.Context, passages []retriever.Passage) ([]keyword.Language, error) {
	languages := make([]keyword.Language, len(passages))
	n, ok := ix.analyzer.(named)
	if !ok {
		return languages, nil
	}
	if !n.auto {
		for i := range languages {
			languages[i] = n.language
		}
		return languages, nil
	}
	seen := make([]*keyword.Evidence, len(passages)) // of passages that are part of a document
	certain := make([]bool, len(passages))
	const step = 64 // neighbors go to one worker, so that two workers seldom write to the same part of memory
	err := parallel(ctx, (len(passages)+step-1)/step, func(k int) error {
		for i := k * step; i < min((k+1)*step, len(passages)); i++ {
			if languages[i], certain[i] = metadataLanguage(passages[i]); certain[i] {
				continue
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			var e keyword.Evidence
			e.Look(passages[i].Title)
			e.Look(passages[i].Text)
			languages[i], certain[i] = e.Language()
			if documentOf(passages[i]) != "" {
				seen[i] = &e
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	byDocument(passages, seen, certain, languages)
	return languages, nil
}

// byDocument sets the languages of passages with little evidence of their own to
// the language of their document.
func byDocument(passages []retriever.Passage, seen []*keyword.Evidence, certain []bool, languages []keyword.Language) {
	var doubtful []int
	for i := range passages {
		if !certain[i] && seen[i] != nil {
			doubtful = append(doubtful, i)
		}
	}
	if len(doubtful) == 0 {
		return
	}
	evidence := map[string]*keyword.Evidence{}
	for i, p := range passages {
		if seen[i] == nil {
			continue
		}
		d := documentOf(p)
		if evidence[d] == nil {
			evidence[d] = new(keyword.Evidence)
		}
		evidence[d].Add(seen[i])
	}
	for _, i := range doubtful {
		if l, ok := evidence[documentOf(passages[i])].Language(); ok {
			languages[i] = l
		}
	}
}

// documentOf names the document that a passage is part of, "" if unknown.
func documentOf(p retriever.Passage) string {
	if p.Source.URI != "" {
		return p.Source.URI
	}
	path, _ := p.Metadata["path"].AsString()
	return path
}

// metadataLanguage returns the language in the metadata of a passage, if it is a known one.
func metadataLanguage(p retriever.Passage) (keyword.Language, bool) {
	for _, field := range [...]string{"language", "lang"} {
		if code, ok := p.Metadata[field].AsString(); ok {
			if l, ok := keyword.Named(code); ok {
				return l, true
			}
		}
	}
	return keyword.Plain, false
}

// query returns the words and terms to search for among passages.
func (ix *Index) query(text string, among *snapshot) (q keyword.Query) {
	n, ok := ix.analyzer.(named)
	if !ok {
		for t := range ix.analyzer.Terms(text) {
			q.Groups = append(q.Groups, keyword.Group{t.Text})
		}
		q.Words = len(q.Groups)
		return q
	}
	keyword.With(func(r *keyword.Reader) { q = r.Query(text, among.queryLanguages(n)) })
	return q
}

// queryLanguages returns the languages of the passages.
func (s *snapshot) queryLanguages(n named) []keyword.Language {
	if !n.auto {
		return []keyword.Language{n.language}
	}
	var list []keyword.Language
	for l := range keyword.Languages() {
		if s.languages[l] > 0 {
			list = append(list, l)
		}
	}
	return list
}
