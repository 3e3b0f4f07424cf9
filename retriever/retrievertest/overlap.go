package retrievertest

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"unicode"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// Overlap returns a Retriever over passages. Of passages with the same id only the first
// counts. The score of a passage is the number of different words of the query
// that occur in its title or text, in lower case; passages without any are not
// found. Words are runs of letters and digits. Equal scores are ordered by id.
// It reads every passage for every query, so it is for tests only.
func Overlap(passages ...retriever.Passage) retriever.Retriever {
	type document struct {
		retriever.Passage
		words map[string]bool
	}
	var documents []document
	ids := make(map[string]bool)
	for _, p := range passages {
		if !ids[p.ID] {
			ids[p.ID] = true
			documents = append(documents, document{p, words(p.Title + "\n" + p.Text)})
		}
	}
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		if err := q.Check(); err != nil {
			return retriever.Result{}, err
		}
		if err := ctx.Err(); err != nil {
			return retriever.Result{}, err
		}
		scan, err := filter.NewScan(ctx, q.Filter)
		if err != nil {
			return retriever.Result{}, err
		}
		res := retriever.Result{Scores: retriever.RankOnly}
		asked := words(q.Text)
		for _, d := range documents {
			n := 0
			for w := range asked {
				if d.words[w] {
					n++
				}
			}
			if n > 0 && scan.Match(d.Metadata) {
				res.Hits = append(res.Hits, retriever.Hit{Passage: d.Passage, Score: float64(n)})
			}
		}
		slices.SortFunc(res.Hits, func(a, b retriever.Hit) int {
			return cmp.Or(cmp.Compare(b.Score, a.Score), strings.Compare(a.Passage.ID, b.Passage.ID))
		})
		res.Hits = res.Hits[:min(q.K, len(res.Hits))]
		return res, scan.Err()
	})
}

// words returns the set of words of s in lower case.
func words(s string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsFuncSeq(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		set[w] = true
	}
	return set
}
