// Retriever answers from a retriever of its own, which prefers news to old texts. Its test
// runs the contract suite of package retrievertest.
//
//	go run ./examples/retriever
package main

import (
	"cmp"
	"context"
	"fmt"
	"log"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
	"github.com/goselfrag/goselfrag/selfrag"
)

// News finds the passages that share a word with the query, the newest first. The time of
// a passage is its metadata field "date"; without one it is older than any other. Equal
// times are in the order of the ids. It is safe for concurrent use.
type News struct {
	passages []retriever.Passage // the newest first
	words    []map[string]bool   // of each
}

// NewNews returns a retriever over passages with different ids.
func NewNews(passages []retriever.Passage) *News {
	n := &News{passages: slices.Clone(passages)}
	slices.SortFunc(n.passages, func(a, b retriever.Passage) int {
		return cmp.Or(date(b).Compare(date(a)), strings.Compare(a.ID, b.ID))
	})
	for _, p := range n.passages {
		n.words = append(n.words, words(p.Title+" "+p.Text))
	}
	return n
}

// Retrieve implements retriever.Retriever.
func (n *News) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	res := retriever.Result{Scores: retriever.RankOnly}
	if err := cmp.Or(q.Check(), ctx.Err()); err != nil {
		return res, err
	}
	scan, err := filter.NewScan(ctx, q.Filter)
	if err != nil {
		return res, err
	}
	asked := slices.Collect(maps.Keys(words(q.Text)))
	for i, p := range n.passages {
		if !scan.Match(p.Metadata) { // before the cut to K
			continue
		}
		if slices.ContainsFunc(asked, func(w string) bool { return n.words[i][w] }) {
			res.Hits = append(res.Hits, retriever.Hit{Passage: p, Score: float64(len(n.passages) - i)})
		}
		if len(res.Hits) == q.K {
			break
		}
	}
	return res, scan.Err()
}

func date(p retriever.Passage) time.Time {
	t, _ := p.Metadata["date"].AsTime()
	return t
}

func words(text string) map[string]bool {
	set := map[string]bool{}
	for _, w := range strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
		set[w] = true
	}
	return set
}

func main() {
	on := func(year int) filter.Metadata {
		return filter.Metadata{"date": filter.Time(time.Date(year, time.May, 1, 0, 0, 0, 0, time.UTC))}
	}
	engine, err := selfrag.New(extractive.New(), NewNews([]retriever.Passage{
		{ID: "old", Text: "The ferry to Brannock leaves at nine.", Metadata: on(2019)},
		{ID: "new", Text: "The ferry to Brannock leaves at ten.", Metadata: on(2025)},
	}), selfrag.WithK(1))
	if err != nil {
		log.Fatal(err)
	}
	answer, err := engine.Answer(context.Background(), "When does the ferry to Brannock leave?")
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(answer)
}
