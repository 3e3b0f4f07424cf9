package metric_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/testsize"
)

// recorded reads what the original programs printed for texts of our own.
func recorded[T any](t *testing.T, file string) (v T) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err == nil {
		err = json.Unmarshal(text, &v)
	}
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// rouge.json holds what rouge-score 0.1.2 gives with stemming.
func TestRougeRecorded(t *testing.T) {
	cases := recorded[[]struct {
		Answer []string
		Golds  [][]string
		L      float64 `json:"rougeL"`
		LSum   float64 `json:"rougeLsum"`
	}](t, "rouge.json")
	apart := 0
	for _, c := range cases {
		var golds []string
		for _, g := range c.Golds {
			golds = append(golds, strings.Join(g, "\n"))
		}
		if got := metric.RougeLStem(strings.Join(c.Answer, "\n"), golds); math.Abs(got-c.L) > 1e-9 {
			t.Errorf("RougeLStem of %q and %q is %v, want %v", c.Answer, c.Golds, got, c.L)
		}
		if got := metric.RougeLsum(c.Answer, c.Golds); math.Abs(got-c.LSum) > 1e-9 {
			t.Errorf("RougeLsum of %q and %q is %v, want %v", c.Answer, c.Golds, got, c.LSum)
		}
		if c.L != c.LSum {
			apart++
		}
	}
	if len(cases) < 200 || apart < 50 {
		t.Errorf("%d cases, and %d tell the two figures apart", len(cases), apart)
	}
}

// alceCase is an answer with its figures in percent, made by the functions of ALCE's eval.py
// with the judge below and these cuts.
type alceCase struct {
	Sentences []string
	Docs      []metric.Document
	Pairs     [][]string `json:"qa_pairs"`
	Long      []string
	Plain     string  // the text without citations
	Recall    float64 `json:"rec"`
	Recall3   float64 `json:"rec3"`
	Precision float64 `json:"prec"`
	Precise3  float64 `json:"prec3"`
	StrEM     float64 `json:"str_em"`
	RougeLsum float64
}

// words is the judge of the recording: every word of the claim of four or more letters must be
// in the premise.
type words struct{ fail error }

var word = regexp.MustCompile("[a-z0-9]+")

func (w words) Entails(_ context.Context, premise, claim string) (bool, error) {
	n := 0
	for _, s := range word.FindAllString(strings.ToLower(claim), -1) {
		if len(s) > 3 {
			if n++; !strings.Contains(strings.ToLower(premise), s) {
				return false, w.fail
			}
		}
	}
	return n > 0, w.fail
}

func TestALCERecorded(t *testing.T) {
	all := recorded[struct {
		Items []alceCase
		All   struct {
			Recall3   float64 `json:"rec3"`
			Precise3  float64 `json:"prec3"`
			StrEM     float64 `json:"str_em"`
			RougeLsum float64
		}
	}](t, "alce.json")
	var recall, precision, em, rouge []float64
	for i, c := range all.Items {
		if got := metric.WithoutCitations(strings.Join(c.Sentences, " ")); got != c.Plain {
			t.Errorf("item %d: %q, want %q", i, got, c.Plain)
		}
		for _, w := range []struct {
			most              int
			recall, precision float64
		}{{0, c.Recall, c.Precision}, {3, c.Recall3, c.Precise3}} {
			s, err := metric.Citations(t.Context(), c.Sentences, c.Docs, w.most, words{})
			if err != nil || !near(100*s.Recall, w.recall) || !near(100*s.Precision, w.precision) {
				t.Errorf("item %d, at most %d: %+v, %v, want %v and %v", i, w.most, s, err, w.recall, w.precision)
			}
			if w.most == 3 && s.Sentences > 0 {
				recall, precision = append(recall, s.Recall), append(precision, s.Precision)
			}
		}
		em = append(em, metric.StringEM(c.Plain, c.Pairs))
		var plain []string
		for _, s := range c.Sentences {
			plain = append(plain, metric.WithoutCitations(s))
		}
		rouge = append(rouge, metric.RougeLsum(plain, [][]string{{c.Long[0]}, {c.Long[1]}}))
		if !near(100*em[i], c.StrEM) || !near(100*rouge[i], c.RougeLsum) {
			t.Errorf("item %d: str_em %v, ROUGE %v, want %v and %v", i, 100*em[i], 100*rouge[i], c.StrEM, c.RougeLsum)
		}
	}
	for _, f := range []struct {
		name   string
		values []float64
		want   float64
		within float64
	}{
		{"recall", recall, all.All.Recall3, 1e-9}, {"precision", precision, all.All.Precise3, 1e-9}, {"str_em", em, all.All.StrEM, 1e-9},
		{"ROUGE", rouge, all.All.RougeLsum, 0.2}, // the middle of a bootstrap
	} {
		got, err := metric.Mean(f.values)
		if err != nil || math.Abs(100*got-f.want) > f.within || f.want < 5 {
			t.Errorf("%s is %v, %v, want %v", f.name, 100*got, err, f.want)
		}
	}
}

func TestCitations(t *testing.T) {
	docs := []metric.Document{{"Vell", "The bridge opened."}, {"Tarn", "Salt is sold."}, {"Orla", "Nothing."}}
	for name, c := range map[string]struct {
		sentence          string
		recall, precision float64
		citations         int
	}{
		"none":         {"The bridge opened.", 0, 0, 0},
		"one":          {"The bridge opened [1].", 1, 1, 1},
		"wrong":        {"The bridge opened [2].", 0, 0, 1},
		"not there":    {"The bridge opened [1][4].", 0, 0, 0},
		"zero":         {"The bridge opened [0].", 0, 0, 0},
		"huge":         {"The bridge opened [99999999999999999999].", 0, 0, 0},
		"one too many": {"The bridge opened [1][3].", 1, 0.5, 2},
		"both needed":  {"The bridge opened and salt is sold [1][2].", 1, 1, 2},
		"twice":        {"The bridge opened [1][1].", 1, 1, 2},
		"fourth":       {"The bridge opened and salt is sold [1] [3] [3] [2].", 0, 0, 3},
	} {
		s, err := metric.Citations(t.Context(), []string{c.sentence}, docs, 3, words{})
		if err != nil || s.Recall != c.recall || s.Precision != c.precision || s.Citations != c.citations {
			t.Errorf("%s: %+v, %v", name, s, err)
		}
	}
	broken := errors.New("broken")
	for _, sentence := range []string{"The bridge opened [1].", "The bridge opened [3][1]."} {
		if _, err := metric.Citations(t.Context(), []string{sentence}, docs, 0, words{broken}); !errors.Is(err, broken) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := metric.Citations(ctx, []string{"x"}, docs, 0, words{}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// trec is a query with what trec_eval, by pytrec_eval, gives for it.
type trec struct {
	Grades map[string]int
	Run    map[string]float64
	Values map[string]float64
}

func (q trec) scored() []metric.Scored {
	var list []metric.Scored
	for _, id := range slices.Sorted(maps.Keys(q.Run)) {
		list = append(list, metric.Scored{ID: id, Score: q.Run[id]})
	}
	return list
}

// values returns the figures of a query under the names of trec_eval.
func (q trec) values(t *testing.T, ranked []string) map[string]float64 {
	var relevant []string
	gains := map[string]float64{}
	for id, g := range q.Grades {
		if gains[id] = float64(max(g, 0)); g > 0 {
			relevant = append(relevant, id)
		}
	}
	v := map[string]float64{"map": metric.AveragePrecision(ranked, relevant), "recip_rank": metric.ReciprocalRank(ranked, relevant, 0)}
	var err error
	if v["ndcg"], err = metric.NDCG(ranked, gains, 0); err != nil {
		t.Fatal(err)
	}
	for _, k := range []int{1, 5, 10} {
		v[fmt.Sprint("recall_", k)] = metric.Recall(ranked, relevant, k)
		if v[fmt.Sprint("ndcg_cut_", k)], err = metric.NDCG(ranked, gains, k); err != nil {
			t.Fatal(err)
		}
	}
	return v
}

func TestTRECRecorded(t *testing.T) {
	all := recorded[struct {
		Queries []trec
		Printed map[string]string
	}](t, "trec_eval.json")
	sums := map[string]float64{}
	for i, q := range all.Queries {
		got := q.values(t, metric.TRECOrder(q.scored()))
		for name, want := range q.Values {
			if sums[name] += got[name]; math.Abs(got[name]-want) > 1e-9 {
				t.Errorf("query %d: %s is %v, want %v", i, name, got[name], want)
			}
		}
	}
	for name, want := range all.Printed {
		if got := strconv.FormatFloat(sums[name]/float64(len(all.Queries)), 'f', 4, 64); got != want {
			t.Errorf("%s prints %s, want %s", name, got, want)
		}
	}
	if len(all.Printed) < 9 {
		t.Errorf("%d figures", len(all.Printed))
	}
}

// slow computes the figures of a query from their definitions, by counting for each passage
// how many come before it.
func slow(q trec) map[string]float64 {
	before := func(a, b string) bool {
		x, y := float32(q.Run[a]), float32(q.Run[b])
		return x > y || x == y && a > b
	}
	place := map[string]int{}
	for a := range q.Run {
		place[a] = 1
		for b := range q.Run {
			if before(b, a) {
				place[a]++
			}
		}
	}
	relevant := 0
	for _, g := range q.Grades {
		if g > 0 {
			relevant++
		}
	}
	v := map[string]float64{}
	for id, g := range q.Grades {
		at, found := place[id]
		if g <= 0 || !found {
			continue
		}
		hits := 0
		for other, g := range q.Grades {
			if p, found := place[other]; g > 0 && found && p <= at {
				hits++
			}
		}
		v["map"] += float64(hits) / float64(at) / float64(relevant)
		v["recip_rank"] = max(v["recip_rank"], 1/float64(at))
		for _, k := range []int{1, 5, 10} {
			if at <= k {
				v[fmt.Sprint("recall_", k)] += 1 / float64(relevant)
			}
		}
	}
	for name, k := range map[string]int{"ndcg": 1 << 30, "ndcg_cut_1": 1, "ndcg_cut_5": 5, "ndcg_cut_10": 10} {
		got, ideal := 0.0, 0.0
		for id, g := range q.Grades {
			if at, found := place[id]; found && at <= k && g > 0 {
				got += float64(g) * math.Ln2 / math.Log(float64(at+1))
			}
		}
		grades := slices.SortedFunc(maps.Values(q.Grades), func(a, b int) int { return cmp.Compare(b, a) })
		for i, g := range grades {
			if i < k && g > 0 {
				ideal += float64(g) * math.Ln2 / math.Log(float64(i+2))
			}
		}
		if ideal > 0 {
			v[name] = got / ideal
		}
	}
	return v
}

func TestTRECAgainstSlow(t *testing.T) {
	random := rand.New(rand.NewPCG(9, 9))
	for range testsize.Of(500, 20000) {
		q := trec{Grades: map[string]int{}, Run: map[string]float64{}}
		for range random.IntN(15) {
			q.Grades[fmt.Sprint("d", random.IntN(12))] = random.IntN(5) - 1
		}
		for range random.IntN(20) {
			q.Run[fmt.Sprint("d", random.IntN(14))] = float64(random.IntN(4)) + float64(random.IntN(2))*1e-12 // ties
		}
		list := q.scored()
		random.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
		got, want := q.values(t, metric.TRECOrder(list)), slow(q)
		for name, v := range got {
			if math.Abs(v-want[name]) > 1e-9 {
				t.Fatalf("%s of %+v is %v, want %v", name, q, v, want[name])
			}
		}
	}
}
