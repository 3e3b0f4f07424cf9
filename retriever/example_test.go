package retriever_test

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/filter"
)

// A custom retriever: one function that finds passages.
func ExampleFunc() {
	shelf := []retriever.Passage{
		{ID: "1", Text: "Go was announced in 2009.", Metadata: filter.Metadata{"lang": filter.String("en")}},
		{ID: "2", Text: "Go wurde 2009 vorgestellt.", Metadata: filter.Metadata{"lang": filter.String("de")}},
	}
	r := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		if err := q.Check(); err != nil {
			return retriever.Result{}, err
		}
		scan, err := filter.NewScan(ctx, q.Filter)
		if err != nil {
			return retriever.Result{}, err
		}
		out := retriever.Result{Scores: retriever.RankOnly}
		for _, p := range shelf {
			if len(out.Hits) < q.K && strings.Contains(p.Text, q.Text) && scan.Match(p.Metadata) {
				out.Hits = append(out.Hits, retriever.Hit{Passage: p})
			}
		}
		return out, scan.Err()
	})

	expr, err := filter.Parse(`lang = "de"`)
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := r.Retrieve(context.Background(), retriever.Query{Text: "2009", K: 5, Filter: expr})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range res.Hits {
		fmt.Println(h.Passage.ID, h.Passage.Text)
	}
	// Output:
	// 2 Go wurde 2009 vorgestellt.
}

// Two rankings of the same shelf become one; each hit names its sources.
func ExampleFuse() {
	a, b, c := retriever.Passage{ID: "a"}, retriever.Passage{ID: "b"}, retriever.Passage{ID: "c"}
	hybrid, err := retriever.Fuse([]retriever.Part{
		{Name: "words", Retriever: retriever.List(a, b, c)},
		{Name: "meaning", Retriever: retriever.List(b, c), Weight: 0.5},
	}, retriever.FuseOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := hybrid.Retrieve(context.Background(), retriever.Query{Text: "anything", K: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, h := range res.Hits {
		fmt.Printf("%s %.5f\n", h.Passage.ID, h.Score)
		for _, p := range h.Parts {
			fmt.Printf("  %s: rank %d gives %.5f\n", p.Part, p.Rank, p.Value)
		}
	}
	// Output:
	// b 0.02433
	//   words: rank 2 gives 0.01613
	//   meaning: rank 1 gives 0.00820
	// c 0.02394
	//   words: rank 3 gives 0.01587
	//   meaning: rank 2 gives 0.00806
}

// Questions about law go to the statutes, all others to the rest. Results are
// cached for an hour.
func ExampleRoute() {
	statutes := retriever.List(retriever.Passage{ID: "law-1"}, retriever.Passage{ID: "law-2"})
	general := retriever.List(retriever.Passage{ID: "wiki-1"})
	routed, err := retriever.Route(
		retriever.RouteRules{List: []retriever.RouteRule{{Part: "statutes", When: func(q retriever.Query) bool { return strings.Contains(q.Text, "law") }}}},
		[]retriever.Part{{Name: "statutes", Retriever: statutes}, {Name: "general", Retriever: general}},
		retriever.RouteOptions{Fallback: "general"},
	)
	if err != nil {
		fmt.Println(err)
		return
	}
	cache, err := retriever.NewCache(routed, retriever.CacheOptions{Size: 100, Age: time.Hour})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, text := range []string{"What does the law say?", "Who built the tower?"} {
		res, err := cache.Retrieve(context.Background(), retriever.Query{Text: text, K: 1})
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(res.Hits[0].Passage.ID, "from", res.Hits[0].Parts[0].Part)
	}
	// Output:
	// law-1 from statutes
	// wiki-1 from general
}

// The best passages are at the ends, where a model reads best.
func ExampleReorderHits() {
	var hits []retriever.Hit
	for _, id := range []string{"d1", "d2", "d3", "d4", "d5", "d6"} {
		hits = append(hits, retriever.Hit{Passage: retriever.Passage{ID: id}})
	}
	for _, h := range retriever.ReorderHits(hits) {
		fmt.Print(h.Passage.ID, " ")
	}
	// Output: d1 d3 d5 d6 d4 d2
}

// A store without filters, here a list of passages, is asked for more hits until
// enough of them pass.
func ExamplePostFilter() {
	var shelf []retriever.Passage
	for i := range 30 {
		shelf = append(shelf, retriever.Passage{ID: fmt.Sprint(i), Metadata: filter.Metadata{"page": filter.Int(int64(i))}})
	}
	store := retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		fmt.Println("asked for", q.K)
		return retriever.List(shelf...).Retrieve(ctx, q)
	})
	r, err := retriever.PostFilter(store, retriever.PostFilterOptions{Bound: 1000})
	if err != nil {
		fmt.Println(err)
		return
	}
	expr := filter.Compare{Field: "page", Op: filter.Ge, Value: filter.Int(20)}
	res, err := r.Retrieve(context.Background(), retriever.Query{K: 2, Filter: expr})
	for _, h := range res.Hits {
		fmt.Println(h.Passage.ID)
	}
	fmt.Println(err)
	// Output:
	// asked for 8
	// asked for 32
	// 20
	// 21
	// <nil>
}
