package rewrite_test

import (
	"cmp"
	"context"
	"maps"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// withinEdits reports whether k edits, none on a character of another edit, turn a
// into b: it tries all.
func withinEdits(a, b []rune, k int) bool {
	if len(a) == 0 && len(b) == 0 {
		return true
	}
	if len(a) > 0 && len(b) > 0 && a[0] == b[0] && withinEdits(a[1:], b[1:], k) {
		return true
	}
	if k == 0 {
		return false
	}
	return len(a) > 0 && withinEdits(a[1:], b, k-1) || // delete
		len(b) > 0 && withinEdits(a, b[1:], k-1) || // insert
		len(a) > 0 && len(b) > 0 && withinEdits(a[1:], b[1:], k-1) || // replace
		len(a) > 1 && len(b) > 1 && a[0] == b[1] && a[1] == b[0] && withinEdits(a[2:], b[2:], k-1) // swap
}

// slowCorrect finds the best word by trying all edits of all words.
func slowCorrect(counts map[string]int, word string) string {
	r := []rune(word)
	if counts[word] > 0 || len(r) < 4 {
		return word
	}
	most := 1
	if len(r) > 7 {
		most = 2
	}
	for k := 1; k <= most; k++ {
		var near []string
		for w := range counts {
			if withinEdits(r, []rune(w), k) {
				near = append(near, w)
			}
		}
		slices.SortFunc(near, func(a, b string) int {
			return cmp.Or(cmp.Compare(counts[b], counts[a]), cmp.Compare(a, b))
		})
		if len(near) > 0 {
			return near[0]
		}
	}
	return word
}

func TestCorrectAgreesWithAllEdits(t *testing.T) {
	changed := 0
	rapid.Check(t, func(t *rapid.T) {
		letter := rapid.SampledFrom([]rune("abé"))
		word := rapid.Map(rapid.SliceOfN(letter, 1, 11), func(r []rune) string { return string(r) })
		counts := map[string]int{}
		var ps []retriever.Passage
		known := rapid.SampledFrom(rapid.SliceOfN(word, 1, 30).Draw(t, "known"))
		for range rapid.IntRange(1, 6).Draw(t, "passages") {
			words := rapid.SliceOfN(known, 0, 12).Draw(t, "words")
			ps = append(ps, retriever.Passage{Text: strings.Join(words, " ")})
			for _, w := range slices.Compact(slices.Sorted(slices.Values(words))) {
				counts[w]++
			}
		}
		v := newVocabulary(ps)
		right := slices.Sorted(maps.Keys(counts))
		for range 20 {
			r := rapid.SliceOfN(letter, 4, 11).Draw(t, "word")
			if len(right) > 0 && rapid.Bool().Draw(t, "misspelt") {
				r = []rune(rapid.SampledFrom(right).Draw(t, "right"))
			}
			for range rapid.IntRange(0, 3).Draw(t, "edits") {
				switch at := rapid.IntRange(0, len(r)-1).Draw(t, "place"); {
				case at+1 < len(r) && rapid.Bool().Draw(t, "swap"):
					r[at], r[at+1] = r[at+1], r[at]
				case len(r) > 1 && rapid.Bool().Draw(t, "delete"):
					r = slices.Delete(r, at, at+1)
				default:
					r = slices.Insert(r, at, letter.Draw(t, "letter"))
				}
			}
			w := string(r)
			want := slowCorrect(counts, w)
			if got := v.Correct(w); got != want {
				t.Fatalf("%q becomes %q: want %q of %v", w, got, want, counts)
			}
			if want != w {
				changed++
			}
		}
	})
	if !testing.Short() && changed < 20 { // rapid tries less with -short
		t.Errorf("%d words were corrected: the test tells little", changed)
	}
}

// The list of Fusion is that of reciprocal ranks in exact arithmetic over the lists of the
// question and of the different texts that are not blank.
func TestFusionAgreesWithFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		lists := map[string]string{}
		for _, text := range strings.Fields("q v w x") {
			lists[text] = strings.Join(rapid.Permutation(strings.Fields("a b c d e f")).Draw(t, text)[:rapid.IntRange(0, 6).Draw(t, "length")], " ")
		}
		said := rapid.SliceOfN(rapid.SampledFrom([]string{"v", "w", "x", "q", " V", "W ", "", "\t", "\u200b"}), 0, 7).Draw(t, "said")
		weight, most := rapid.IntRange(1, 3).Draw(t, "weight"), rapid.IntRange(1, 4).Draw(t, "most")
		r, err := rewrite.Fusion(answersFolded(lists), texts{"q": said}, rewrite.FusionOptions{Max: most, OriginalWeight: float64(weight)})
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 9})
		if err != nil {
			t.Fatal(err)
		}
		searched := []string{"q"}
		for _, s := range said {
			plain := strings.ToLower(strings.Trim(s, " \t\u200b"))
			if plain != "" && !slices.Contains(searched, plain) && len(searched) <= most {
				searched = append(searched, plain)
			}
		}
		scores := map[string]*big.Rat{}
		for i, text := range searched {
			for rank, id := range strings.Fields(lists[text]) {
				x := big.NewRat(1, int64(61+rank))
				if i == 0 {
					x.Mul(x, big.NewRat(int64(weight), 1))
				}
				if scores[id] == nil {
					scores[id] = new(big.Rat)
				}
				scores[id].Add(scores[id], x)
			}
		}
		if len(res.Hits) != len(scores) || len(res.Queries) != len(searched)-1 {
			t.Fatalf("%s by %q: want %v by %q", ids(res), res.Queries, scores, searched)
		}
		for i, h := range res.Hits {
			want, _ := scores[h.Passage.ID].Float64()
			if math.Abs(h.Score-want) > 1e-12 {
				t.Fatalf("%s has %v: want %v", h.Passage.ID, h.Score, want)
			}
			if i > 0 && scores[res.Hits[i-1].Passage.ID].Cmp(scores[h.Passage.ID]) < 0 {
				t.Fatalf("%s: %s is ranked too low", ids(res), h.Passage.ID)
			}
		}
	})
}

// answersFolded finds the lists of texts whatever their case.
func answersFolded(byText map[string]string) retriever.Retriever {
	plain := answers(byText)
	return retriever.Func(func(ctx context.Context, q retriever.Query) (retriever.Result, error) {
		q.Text = strings.ToLower(q.Text)
		return plain.Retrieve(ctx, q)
	})
}

// Decompose searches for the texts that a traversal of the parts, level by level,
// meets first.
func TestDecomposeAgreesWithWalk(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := strings.Fields("q a b c d e")
		parts := texts{}
		for _, n := range names {
			parts[n] = rapid.SliceOfN(rapid.SampledFrom(append(names, "A", "")), 0, 5).Draw(t, n)
		}
		o := rewrite.DecomposeOptions{Depth: rapid.IntRange(1, 4).Draw(t, "depth"), FanOut: rapid.IntRange(1, 4).Draw(t, "fan-out")}
		inner := map[string]string{"A": "a"}
		for _, n := range names {
			inner[n] = n
		}
		parts["A"] = parts["a"] // a text in capitals is the same question
		r, err := rewrite.Decompose(answers(inner), parts, o)
		if err != nil {
			t.Fatal(err)
		}
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: "q", K: 9})
		if err != nil {
			t.Fatal(err)
		}
		type node struct {
			text  string
			depth int
		}
		met := []string{"q"}
		for queue := []node{{"q", 0}}; len(queue) > 0; queue = queue[1:] {
			n := queue[0]
			if n.depth == o.Depth {
				continue
			}
			var children []string
			for _, p := range parts[n.text] {
				if p = strings.ToLower(p); p != "" && p != n.text && !slices.Contains(children, p) && len(children) < o.FanOut {
					children = append(children, p)
				}
			}
			for _, p := range children {
				if !slices.Contains(met, p) {
					met = append(met, p)
					queue = append(queue, node{p, n.depth + 1})
				}
			}
		}
		if got := strings.ToLower(strings.Join(res.Queries, " ")); got != strings.Join(met[1:], " ") {
			t.Fatalf("%q: want %q", got, met[1:])
		}
	})
}
