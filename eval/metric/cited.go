package metric

import (
	"context"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// StringEM returns the share of the readings of an ambiguous question that are answered, in
// [0, 1]: one of their gold answers is in the answer, both in the form of [Normalize]. It is
// str_em of ALCE (Gao et al., arXiv 2305.14627). golds holds the gold answers of each reading.
// As there, a gold answer that becomes empty, such as "A", is in every answer. It is 0 without
// readings.
func StringEM(answer string, golds [][]string) float64 {
	answer = Normalize(answer)
	n := 0
	for _, reading := range golds {
		if slices.ContainsFunc(reading, func(g string) bool { return strings.Contains(answer, Normalize(g)) }) {
			n++
		}
	}
	return share(n, len(golds))
}

var (
	citation = regexp.MustCompile(`\[[0-9]+`)
	spaced   = regexp.MustCompile(` \[[0-9]+`)
)

// WithoutCitations returns s without citations such as " [1]" and without what ALCE takes for
// their parts: every "]" and every " |".
func WithoutCitations(s string) string {
	s = citation.ReplaceAllString(spaced.ReplaceAllString(s, ""), "")
	return strings.ReplaceAll(strings.ReplaceAll(s, " |", ""), "]", "")
}

// Entailer judges whether a premise entails a claim: whether the claim is true if
// the premise is. [Citations] calls it in its own goroutine, one judgment after
// another.
type Entailer interface {
	Entails(ctx context.Context, premise, claim string) (bool, error)
}

// Document is a passage that an answer cites.
type Document struct{ Title, Text string }

// CitationScore is what [Citations] found.
type CitationScore struct {
	// Precision is the share of the citations that are needed, 0 if there is none. Recall is
	// the share of the sentences that their citations entail.
	Precision, Recall float64
	// Sentences and Citations are the denominators. A sentence that cites a missing document
	// adds nothing to Citations.
	Sentences, Citations int
}

// Citations returns the citation precision and recall of an answer, given sentence by sentence,
// as ALCE defines them. "[1]" cites docs[0]. Only the first most citations of a sentence count;
// ALCE takes 3, and 0 means all.
//
// A sentence is recalled if the cited documents together entail it. Its text is judged without
// the citations. A citation is needed if its sentence is recalled and it is the only one there,
// or it entails the sentence alone, or the others do not entail it without this one.
//
// The score of an answer without sentences is zero: leave it out of means, as ALCE does.
// Unlike in ALCE, where it cites the last document, "[0]" cites a missing one.
// The error is that of the judge, or ctx.Err().
func Citations(ctx context.Context, sentences []string, docs []Document, most int, judge Entailer) (CitationScore, error) {
	s := CitationScore{Sentences: len(sentences)}
	recalled, needed := 0, 0
	for _, sentence := range sentences {
		if err := ctx.Err(); err != nil {
			return CitationScore{}, err
		}
		cited, ok := cites(sentence, len(docs))
		if !ok {
			continue
		}
		if most > 0 {
			cited = cited[:min(len(cited), most)]
		}
		s.Citations += len(cited)
		c := claim{judge, docs, strings.TrimSpace(WithoutCitations(sentence))}
		all, err := c.entailed(ctx, cited)
		if err != nil {
			return CitationScore{}, err
		}
		if !all {
			continue
		}
		recalled++
		n, err := c.needed(ctx, cited)
		if err != nil {
			return CitationScore{}, err
		}
		needed += n
	}
	s.Recall, s.Precision = share(recalled, s.Sentences), share(needed, s.Citations)
	return s, nil
}

// cites returns the indices of the documents that a sentence cites, and whether there are any
// and all of them are there.
func cites(sentence string, docs int) ([]int, bool) {
	var list []int
	for _, number := range citation.FindAllString(sentence, -1) {
		n, err := strconv.Atoi(number[1:])
		if err != nil || n < 1 || n > docs {
			return nil, false
		}
		list = append(list, n-1)
	}
	return list, len(list) > 0
}

// claim is a sentence to be judged.
type claim struct {
	judge Entailer
	docs  []Document
	text  string
}

func (c claim) entailed(ctx context.Context, cited []int) (bool, error) {
	var premise []string
	for _, i := range cited {
		premise = append(premise, "Title: "+c.docs[i].Title+"\n"+c.docs[i].Text)
	}
	return c.judge.Entails(ctx, strings.Join(premise, "\n"), c.text)
}

// needed counts the citations that are needed, of a sentence that all together entail.
func (c claim) needed(ctx context.Context, cited []int) (int, error) {
	if len(cited) == 1 {
		return 1, nil
	}
	n := 0
	for _, doc := range cited {
		alone, err := c.entailed(ctx, []int{doc})
		if err != nil {
			return 0, err
		}
		if alone {
			n++
			continue
		}
		at := slices.Index(cited, doc) // the first, of a document that is cited twice
		rest, err := c.entailed(ctx, slices.Delete(slices.Clone(cited), at, at+1))
		if err != nil {
			return 0, err
		}
		if !rest {
			n++
		}
	}
	return n, nil
}
