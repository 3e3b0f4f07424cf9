package rewrite

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/account"
	"github.com/goselfrag/goselfrag/retriever"
)

// RM3Options changes the words that are added. The zero value is ready to use.
type RM3Options struct {
	// Hits is how many hits of the first search words are taken from, from 1 to 1000; 0
	// means 10.
	Hits int
	// Words is how many words are added, from 1 to 100; 0 means 10.
	Words int
	// OriginalWeight is the weight of the question against the words, from 0.05 to 1; 1
	// adds none. 0 means 0.5.
	OriginalWeight float64
	// AllowMissing gives what the first search found if the second fails, which
	// Result.Missing then names "rm3".
	AllowMissing bool
}

// commonest is the greatest share of passages that hold a word which is added.
const commonest = 0.1

// repeats is how often the question stands in the text that is searched for.
const repeats = 10

// RM3 returns a Retriever that searches r twice: for the question, and for the question
// with words of the hits (pseudo-relevance feedback by the relevance model RM3,
// Abdul-Jaleel et al., "UMass at TREC 2004"). With α = OriginalWeight a word has the
// weight
//
//	α · P(w | question) + (1−α) · Σ P(w | d) · P(d | question)
//
// over the first hits d, where P(w | d) is the share of w in the words of d and
// P(d | question) the share of the score of d, or of 1/rank if a score is not above 0 or
// scores are RankOnly. The sum runs over the Words words with the greatest sums that
// stand in at most a tenth of the passages of v and in at least two characters, and is
// normalised over them; sums that are equal in twelve decimals are ordered by the
// alphabet. P(w | question) is the share of w in the words of the question of which the
// same is true; its other words weigh as much as these, beside the formula.
//
// r is asked by text alone, so that weights become repetitions: r must count a word
// that stands twice in a query twice, as the index of package lexical does. The text,
// which is none for people, stands in the account of the context (package account);
// Result.Queries is that of the first search. If the first search finds nothing there is
// no second.
//
// The error of RM3 wraps ErrOption.
func RM3(r retriever.Retriever, v *Vocabulary, o RM3Options) (retriever.Retriever, error) {
	if isNil(r) {
		return nil, fmt.Errorf("%w: RM3: the retriever is nil", ErrOption)
	}
	if v == nil {
		return nil, fmt.Errorf("%w: RM3: the vocabulary is nil", ErrOption)
	}
	var err error
	if o.Hits, err = within("Hits", o.Hits, 10, 1000); err != nil {
		return nil, err
	}
	if o.Words, err = within("Words", o.Words, 10, 100); err != nil {
		return nil, err
	}
	if o.OriginalWeight == 0 {
		o.OriginalWeight = 0.5
	}
	if !(o.OriginalWeight >= 0.05 && o.OriginalWeight <= 1) { // true for NaN, too
		return nil, fmt.Errorf("%w: OriginalWeight is %v: want 0.05 to 1, or 0 for 0.5", ErrOption, o.OriginalWeight)
	}
	return &rm3{r, v, o}, nil
}

type rm3 struct {
	inner retriever.Retriever
	words *Vocabulary
	o     RM3Options
}

// Retrieve implements retriever.Retriever.
func (r *rm3) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	if err := q.Check(); err != nil {
		return retriever.Result{}, err
	}
	wanted, question := q.K, q.Text
	q.K = max(q.K, r.o.Hits)
	first, err := r.inner.Retrieve(ctx, q)
	feedback := retriever.Result{Hits: first.Hits[:min(r.o.Hits, len(first.Hits))], Scores: first.Scores}
	first.Hits = slices.Clip(first.Hits[:min(wanted, len(first.Hits))])
	if err != nil || len(first.Hits) == 0 {
		return first, err
	}
	text := r.expand(question, feedback)
	if text == question {
		return first, nil
	}
	q.K, q.Text = wanted, text
	again, step := account.Begin(ctx, "rm3")
	step.Note(text)
	res, err := r.inner.Retrieve(again, q)
	step.Fail(err)
	if err == nil {
		res.Missing = append(first.Missing, res.Missing...)
		res.Queries = first.Queries // those of the second search are made of a text for no one
		return res, nil
	}
	if err = fmt.Errorf("rewrite: RM3: the second search: %w", cut(ctx, err)); ctx.Err() != nil || !r.o.AllowMissing {
		return first, err
	}
	first.Missing = append(first.Missing, retriever.Missing{Part: "rm3", Reason: err.Error()})
	return first, nil
}

// expand returns the text of the second search.
func (r *rm3) expand(question string, feedback retriever.Result) string {
	sums := make(map[string]float64)
	for i, share := range shares(feedback) {
		list := words(feedback.Hits[i].Passage)
		for _, w := range list {
			if r.rare(w) {
				sums[w] += share / float64(len(list))
			}
		}
	}
	for w, x := range sums {
		sums[w] = math.Round(x*1e12) / 1e12 // sums that are equal but for rounding are equal
	}
	order := slices.SortedFunc(maps.Keys(sums), func(a, b string) int {
		return cmp.Or(cmp.Compare(sums[b], sums[a]), strings.Compare(a, b))
	})
	order = order[:min(r.o.Words, len(order))]
	total := 0.0
	for _, w := range order {
		total += sums[w]
	}
	if !(total > 0) { // true for NaN, too
		return question
	}
	asked := 0 // words of the question
	for _, w := range wordsOf(question) {
		if r.rare(w) {
			asked++
		}
	}
	room := repeats * float64(max(asked, 1)) * (1 - r.o.OriginalWeight) / r.o.OriginalWeight
	var added []string
	for _, w := range order {
		for range int(math.Round(room * sums[w] / total)) {
			added = append(added, w)
		}
	}
	if len(added) == 0 {
		return question
	}
	return strings.Repeat(question+"\n", repeats) + strings.Join(added, " ")
}

// rare reports whether a word tells passages apart.
func (r *rm3) rare(w string) bool {
	return utf8.RuneCountInString(w) >= 2 && float64(r.words.Count(w)) <= commonest*float64(r.words.passages)
}

// shares returns P(d | question) of each hit.
func shares(res retriever.Result) []float64 {
	list := make([]float64, len(res.Hits))
	byRank := res.Scores == retriever.RankOnly || slices.ContainsFunc(res.Hits, func(h retriever.Hit) bool { return !(h.Score > 0) })
	total := 0.0
	for i, h := range res.Hits {
		list[i] = h.Score
		if byRank {
			list[i] = 1 / float64(i+1)
		}
		total += list[i]
	}
	for i := range list {
		list[i] /= total
	}
	return list
}
