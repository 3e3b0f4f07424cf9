package metric

import (
	"cmp"
	"math"
	"slices"
)

// The functions of this file look at the first k places of ranked, a list of ids,
// best first; k below 1 means all places. An id that is given twice counts at its
// first place only, and the second still takes up a place. An id that is twice in
// relevant is one id. If nothing is relevant the result is 0, as in trec_eval when it
// is told to count such queries: leave them out of means, or say that they are in.

// Scored is an id with its score in a ranking.
type Scored struct {
	ID    string
	Score float64
}

// TRECOrder returns the ids of list in the order in which trec_eval looks at them, whatever
// their order in its file: by score, and ids of one score by id, both descending. Scores are
// compared as float32, as there, so that two which differ by less are one; ids are compared
// byte by byte.
func TRECOrder(list []Scored) []string {
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b Scored) int {
		return cmp.Or(cmp.Compare(float32(b.Score), float32(a.Score)), cmp.Compare(b.ID, a.ID))
	})
	ids := make([]string, len(list))
	for i, s := range list {
		ids[i] = s.ID
	}
	return ids
}

// hits yields the first k places of ranked, from 1, with the id at each; ids that
// came before are left out.
func hits(ranked []string, k int) func(yield func(int, string) bool) {
	return func(yield func(int, string) bool) {
		if k >= 1 && k < len(ranked) {
			ranked = ranked[:k]
		}
		seen := make(map[string]bool, len(ranked))
		for i, id := range ranked {
			if seen[id] {
				continue
			}
			seen[id] = true
			if !yield(i+1, id) {
				return
			}
		}
	}
}

func set(ids []string) map[string]bool {
	m := make(map[string]bool, len(ids))
	for _, id := range ids {
		m[id] = true
	}
	return m
}

// Recall returns the share of the relevant ids that are among the first k of
// ranked, in [0, 1]. k below 1 means all of ranked. It is 0 if nothing is relevant.
func Recall(ranked, relevant []string, k int) float64 {
	want := set(relevant)
	n := 0
	for _, id := range hits(ranked, k) {
		if want[id] {
			n++
		}
	}
	return float64(n) / float64(max(len(want), 1))
}

// ReciprocalRank returns 1 / the place of the first relevant id among the first k of
// ranked, and 0 if there is none. k below 1 means all of ranked. Its mean over queries
// is MRR, or MRR@k.
func ReciprocalRank(ranked, relevant []string, k int) float64 {
	want := set(relevant)
	for place, id := range hits(ranked, k) {
		if want[id] {
			return 1 / float64(place)
		}
	}
	return 0
}

// AveragePrecision returns the sum, over the relevant ids in ranked, of the precision
// at their places, divided by the number of relevant ids, in [0, 1]. It is 0 if
// nothing is relevant. Its mean over queries is MAP.
func AveragePrecision(ranked, relevant []string) float64 {
	want := set(relevant)
	n, sum := 0, 0.0
	for place, id := range hits(ranked, 0) {
		if want[id] {
			n++
			sum += float64(n) / float64(place)
		}
	}
	return sum / float64(max(len(want), 1))
}

// NDCG returns the normalized discounted cumulative gain of the first k of ranked, in
// [0, 1], as trec_eval's ndcg_cut computes it:
//
//	DCG = Σ gain(place i) / log2(i + 1),   i = 1 … k
//
// divided by the DCG of the ideal list, which is also cut at k, so that a list of k
// can reach 1 however many ids are relevant. (Järvelin and Kekäläinen, "Cumulated
// gain-based evaluation of IR techniques", 2002, with the discount that also holds
// for the first places.) gains holds the gain of each id, ids not in it have 0; k below
// 1 means all of ranked and all of gains. It is 0 if no gain is above 0. The error, an
// *[InputError], says that a gain is not in [0, 1e100].
func NDCG(ranked []string, gains map[string]float64, k int) (float64, error) {
	ideal := make([]float64, 0, len(gains))
	var wrong []string
	for id, g := range gains {
		if !(g >= 0 && g <= limit) { // false for NaN, too
			wrong = append(wrong, id)
		}
		ideal = append(ideal, g)
	}
	if len(wrong) > 0 {
		id := slices.Min(wrong)
		return 0, inputError("NDCG", "the gain of %q is %v: want a number in [0, 1e100]", id, gains[id])
	}
	slices.Sort(ideal)
	slices.Reverse(ideal)
	if k >= 1 && k < len(ideal) {
		ideal = ideal[:k]
	}
	best := 0.0
	for i, g := range ideal {
		best += g / discount(i+1)
	}
	if best == 0 {
		return 0, nil
	}
	got := 0.0
	for place, id := range hits(ranked, k) {
		got += gains[id] / discount(place)
	}
	return min(1, got/best), nil // rounding could exceed 1
}

func discount(place int) float64 { return math.Log2(float64(place) + 1) }
