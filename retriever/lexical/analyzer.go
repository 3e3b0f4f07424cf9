package lexical

import (
	"context"
	"fmt"
	"iter"
	"strings"

	"github.com/goselfrag/goselfrag/internal/analysis/keyword"
	"github.com/goselfrag/goselfrag/retriever"
)

// Term is what a word of a text is found by.
type Term struct {
	// Text is equal for words that find each other. It is never empty.
	Text string
	// Start and End delimit the word in the text as it was given, in bytes. Several terms
	// may stand at the same place or in each other: a name and its parts.
	Start, End int
}

// Analyzer turns texts into terms: passages and queries alike, so that a passage is found
// by what it holds.
//
// Contract:
//
//   - Terms come in the order of their Start.
//   - 0 ≤ Start < End ≤ len(text), and no place begins or ends within a character.
//   - Text is not empty.
//   - Equal texts give equal terms, and so do texts that differ only in how Unicode writes
//     their characters, apart from the places.
//   - A text of one term's word finds that word: its terms hold the term.
//   - Every text has terms, or none, without a panic: the empty one, one of bytes that are
//     not UTF-8, a very long one.
//   - Terms may be called from several goroutines at once.
//
// Package lexicaltest checks it.
type Analyzer interface {
	Terms(text string) iter.Seq[Term]
}

// Analyzers returns the names that [Options].Analyzer may have.
func Analyzers() []string { return keyword.Names() }

// NewAnalyzer returns the analyzer that [Options].Analyzer names, to look at what it does
// or to build on it. The error wraps ErrOption.
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
	seen := make([]*keyword.Evidence, len(passages)) // of those that are part of a document
	certain := make([]bool, len(passages))
	const step = 64 // neighbors go to one worker: two seldom write to the same part of memory
	err := parallel(ctx, (len(passages)+step-1)/step, func(k int) error {
		for i := k * step; i < min((k+1)*step, len(passages)); i++ {
			if languages[i], certain[i] = given(passages[i]); certain[i] {
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

// byDocument sets the languages of passages that show little of theirs to those that their
// documents show.
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

// documentOf names the document that a passage is part of, "" if it does not say.
func documentOf(p retriever.Passage) string {
	if p.Source.URI != "" {
		return p.Source.URI
	}
	path, _ := p.Metadata["path"].AsString()
	return path
}

// given returns the language that the metadata of a passage says, if it is one that is known.
func given(p retriever.Passage) (keyword.Language, bool) {
	for _, field := range [...]string{"language", "lang"} {
		if code, ok := p.Metadata[field].AsString(); ok {
			if l, ok := keyword.Named(code); ok {
				return l, true
			}
		}
	}
	return keyword.Plain, false
}

// query returns what a query is searched for among passages.
func (ix *Index) query(text string, among *snapshot) (q keyword.Query) {
	n, ok := ix.analyzer.(named)
	if !ok {
		for t := range ix.analyzer.Terms(text) {
			q.Groups = append(q.Groups, keyword.Group{t.Text})
		}
		q.Words = len(q.Groups)
		return q
	}
	keyword.With(func(r *keyword.Reader) { q = r.Query(text, among.queried(n)) })
	return q
}

// queried returns the languages that passages are in.
func (s *snapshot) queried(n named) []keyword.Language {
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
