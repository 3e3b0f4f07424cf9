package hashed

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func fit(t testing.TB, o Options, texts ...string) *Embedder {
	t.Helper()
	e, err := Fit(t.Context(), texts, o)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func dot(a, b []float32) float64 {
	sum := 0.0
	for i := range a {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

// similarity is the cosine of a question and a passage.
func similarity(t testing.TB, e *Embedder, question, passage string) float64 {
	t.Helper()
	q, err := e.EmbedQuery(t.Context(), question)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.EmbedDocuments(t.Context(), []string{passage})
	if err != nil {
		t.Fatal(err)
	}
	return dot(q, d[0])
}

// slowFeatures takes a text of lower-case words with single spaces apart, by strings.
func slowFeatures(text string) (count map[string]float64, words int) {
	count = map[string]float64{}
	last := ""
	for i, w := range strings.Fields(text) {
		bounded := "<" + w + ">"
		count["w"+w]++
		count["p"+bounded[:min(6, len(bounded))]]++
		for n := 3; n <= 4; n++ {
			for at := 0; at+n <= len(bounded); at++ {
				count[fmt.Sprint(n, bounded[at:at+n])]++
			}
		}
		if i > 0 {
			count["2"+last+" "+w]++
		}
		last = w
		words++
	}
	return count, words
}

// slowScore is the formula of the package's comment.
func slowScore(texts []string, q, p string) (score, noise float64) {
	holders := map[string]float64{}
	total := 0
	for _, t := range texts {
		count, words := slowFeatures(t)
		for f := range count {
			holders[f]++
		}
		total += words
	}
	n := float64(len(texts))
	weight := func(f string) float64 {
		share := 0.15
		if f[0] == 'w' || f[0] == 'p' {
			share = 0.5
		}
		k := max(holders[f], 1)
		return share * math.Pow(math.Log(1+(n-k+0.5)/(k+0.5)), 1.5)
	}
	inQ, _ := slowFeatures(q)
	inP, words := slowFeatures(p)
	qq, pp := 0.0, 0.0
	for f, c := range inQ {
		if holders[f] == 0 && f[0] != 'w' {
			continue
		}
		qq += weight(f) * c * c
		if k := inP[f]; k > 0 {
			score += weight(f) * c * k * 3 / (k + 2*(0.25+0.75*float64(words)/(float64(total)/n)))
		}
	}
	for f, k := range inP {
		tf := k * 3 / (k + 2*(0.25+0.75*float64(words)/(float64(total)/n)))
		pp += weight(f) * tf * tf
	}
	return score, math.Sqrt(qq * pp)
}

var vocabulary = strings.Fields("harbour harbours harbourmaster port quay ship ships shipping of the lighthouse light house a")

func sentence(t *rapid.T, label string) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(vocabulary), 1, 12).Draw(t, label), " ")
}

// The inner products are those of the formula, up to the error of the projection,
// whose standard deviation is the product of the lengths over the root of the dimension.
// Few features meet in a coordinate, so that its tails are heavy: ten times that came
// once in some thousand draws.
func TestEstimatesFormula(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := make([]string, rapid.IntRange(1, 6).Draw(t, "texts"))
		for i := range texts {
			texts[i] = sentence(t, "text")
		}
		e, err := Fit(context.Background(), texts, Options{Dim: 1 << 15, Seed: rapid.Uint64().Draw(t, "seed")})
		if err != nil {
			t.Fatal(err)
		}
		q, p := sentence(t, "question"), sentence(t, "passage")
		got := dot(e.project(e.features(q), false), e.project(e.features(p), true))
		want, lengths := slowScore(texts, q, p)
		if bound := 20 * lengths / math.Sqrt(1<<15); math.Abs(got-want) > bound+1e-5 {
			t.Fatalf("%v: want %v, up to %v", got, want, bound)
		}
	})
}

func TestVectors(t *testing.T) {
	texts := []string{"Harbour\nShips lie at the quay.", "Lighthouse\nBuilt in 1871."}
	e := fit(t, Options{Dim: 300, Seed: 7}, texts...)
	if e.Dim() != 300 {
		t.Errorf("Dim %d", e.Dim())
	}
	more := append(texts, "...", "", strings.Repeat("unheard words ", 1000))
	vs, err := e.EmbedDocuments(t.Context(), more)
	if err != nil || len(vs) != len(more) {
		t.Fatal(err)
	}
	for i, v := range vs {
		if l := length(v); len(v) != 300 || math.Abs(l-1) > 1e-6 {
			t.Errorf("%.20q: %d components, length %v", more[i], len(v), l)
		}
	}
	if vs[2][299] != 1 || vs[3][299] != 1 {
		t.Error("a text without words is not the last axis")
	}
	for text, want := range map[string]float64{"Where do ships lie?": 1, "": 0, "?!": 0} {
		q, err := e.EmbedQuery(t.Context(), text)
		if err != nil || len(q) != 300 || math.Abs(length(q)-want) > 1e-6 || q[299] != 0 {
			t.Errorf("%q: length %v, %v", text, length(q), err)
		}
	}
}

// What vectors are made of must not change unnoticed: stored ones would not fit.
func TestVectorsAreStable(t *testing.T) {
	texts := []string{"Harbour\nShips lie at the quay.", "Lighthouse\nBuilt in 1871 by Ada Kerr.", "東京は日本の首都です。"}
	e := fit(t, Options{Dim: 64}, texts...)
	vs, err := e.EmbedDocuments(t.Context(), texts)
	if err != nil {
		t.Fatal(err)
	}
	q, err := e.EmbedQuery(t.Context(), "Who built the harbour of 東京?")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ got, want []float32 }{
		{q, []float32{0.03677872, 0.13362065, -0.08908044, 0.03677872, 0.0077615, -0.0077615, 0.0077615, 0.08131894, -0.20717809, -0.08908044, 0, 0.04454022}},
		{vs[0], []float32{-0.02145516, 0.12091687, -0.10103344, 0.08265521, 0.06654429, -0.01455016, 0.01455016, -0.13832037, -0.03044847, -0.08648328, -0.04515569, 0.1821279}},
	} {
		for i, want := range c.want {
			if math.Abs(float64(c.got[i]-want)) > 1e-6 {
				t.Errorf("component %d is %v: want %v", i, c.got[i], want)
			}
		}
	}
	again := fit(t, Options{Dim: 64}, texts...)
	if d := cmp.Diff(vs, must(again.EmbedDocuments(t.Context(), texts))); d != "" {
		t.Errorf("fitted again:\n%s", d)
	}
	other := fit(t, Options{Dim: 64, Seed: 1}, texts...)
	if cmp.Equal(vs, must(other.EmbedDocuments(t.Context(), texts))) {
		t.Error("another seed gives the same vectors")
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Which of two passages is nearer to a question.
func TestKnowsSpelling(t *testing.T) {
	texts := []string{"the quay", "a ship", "the light of the house", "harbours of the coast", "coast guard", "on the coast", "東京は日本の首都です", "大阪は日本の都市です", "ภาษาไทย"}
	e := fit(t, Options{Dim: 4096}, texts...)
	for _, c := range []struct{ question, near, far string }{
		{"harbour", "harbours of the coast", "the quay"},
		{"HARBOUR", "harbours of the coast", "the quay"},
		{"habours", "harbours of the coast", "coast guard"},                     // a slip
		{"the light", "the light of the house", "the quay"},                     // a rare word
		{"coast guard", "coast guard", "guard of the coast"},                    // the order of words
		{"Zanzibar", "ships from Zanzibar", "ships from Venice"},                // in no text of Fit
		{"coast", "coast\non the way to a ship", "way\non the coast to a ship"}, // the title
		{"首都", "東京は日本の首都です", "大阪は日本の都市です"},
		{"ไทย", "ภาษาไทย", "日本"},
		{"caf\u00e9", "the caf\u00e9", "the cave"},
	} {
		near, far := similarity(t, e, c.question, c.near), similarity(t, e, c.question, c.far)
		if near <= far+0.01 {
			t.Errorf("%q: %v to %q, but %v to %q", c.question, near, c.near, far, c.far)
		}
	}
}

func TestReader(t *testing.T) {
	words := func(text string) (n int) { return featuresOf(text, 0).words }
	for text, want := range map[string]int{
		"": 0, "...": 0, "one": 1, "Ada's 2 ships": 4, "\xff": 0, "a\xffb": 2, "e\u0301t\u00e9": 1,
		"東": 1, "東京": 1, "東京都": 2, "東 京": 2, "Go言語": 2, "Go言": 2, "言Go": 2, "言語Go版": 3,
		"title\ntext": 3, "\ntext": 1, "title\n": 2,
	} {
		if got := words(text); got != want {
			t.Errorf("%q: %d words, want %d", text, got, want)
		}
	}
	same := func(a, b string) bool { return slices.Equal(featuresOf(a, 0).hashes, featuresOf(b, 0).hashes) }
	if !same("Ada, KERR!", "ada kerr") || same("ada kerr", "kerr ada") || !same("言語Go", "言語 go") || same("adakerr", "ada kerr") || !same("the\u0301", "th\u00e9") {
		t.Error("features differ where they should not, or do not")
	}
}

// A text that says more than all that the embedder was fitted to.
func TestLongerThanFitted(t *testing.T) {
	e := fit(t, Options{}, "the ships", "the ships", "the ships")
	for _, text := range []string{"zebra quagga", "ships zebra quagga okapi"} {
		v := must(e.EmbedDocuments(t.Context(), []string{text}))[0]
		if l := length(v); math.Abs(l-1) > 1e-6 || v[len(v)-1] != 0 {
			t.Errorf("%q: length %v, last component %v", text, l, v[len(v)-1])
		}
	}
}

func TestNoTexts(t *testing.T) {
	e := fit(t, Options{})
	if e.Dim() != 2048 {
		t.Errorf("Dim %d", e.Dim())
	}
	if near, far := similarity(t, e, "harbour", "the harbour"), similarity(t, e, "harbour", "the quay"); near < far+0.1 {
		t.Errorf("%v and %v", near, far)
	}
}

func TestRefuses(t *testing.T) {
	for _, dim := range []int{-1, 1, 63, 1<<16 + 1} {
		if e, err := Fit(t.Context(), nil, Options{Dim: dim}); !errors.Is(err, ErrOption) || e != nil {
			t.Errorf("Dim %d: %v", dim, err)
		}
	}
}

// countdown is done when it has been asked n times.
type countdown struct {
	context.Context
	mu sync.Mutex
	n  int
}

func (c *countdown) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

func TestCanceled(t *testing.T) {
	texts := slices.Repeat([]string{"ships"}, 600)
	for _, n := range []int{0, 1, 255, 256, 400, 600, 900, 1199} {
		if e, err := Fit(&countdown{Context: t.Context(), n: n}, texts, Options{}); !errors.Is(err, context.Canceled) || e != nil {
			t.Errorf("after %d checks: %v", n, err)
		}
	}
	e := fit(t, Options{}, "ships")
	if vs, err := e.EmbedDocuments(&countdown{Context: t.Context(), n: 5}, texts); !errors.Is(err, context.Canceled) || vs != nil {
		t.Errorf("documents: %v", err)
	}
	if v, err := e.EmbedQuery(&countdown{Context: t.Context()}, "ships"); !errors.Is(err, context.Canceled) || v != nil {
		t.Errorf("query: %v", err)
	}
}

func FuzzEmbed(f *testing.F) {
	f.Add("Harbour\nShips lie at the quay.", "harbours")
	f.Add("東京は日本の首都です。", "\xff ﾊﾟ Go言")
	f.Add("\n\n\x00", "İ ẞ ǅ")
	f.Fuzz(func(t *testing.T, text, question string) {
		e := fit(t, Options{Dim: 64}, text)
		vs, err := e.EmbedDocuments(t.Context(), []string{text, question})
		if err != nil {
			t.Fatal(err)
		}
		q, err := e.EmbedQuery(t.Context(), question)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range vs {
			if l := length(v); !(math.Abs(l-1) < 1e-4) {
				t.Fatalf("length %v", l)
			}
		}
		if l := length(q); !(math.Abs(l-1) < 1e-4) && l != 0 {
			t.Fatalf("length of the question %v", l)
		}
	})
}

// Passages of a hundred words.
func benchmarkTexts() []string {
	texts := make([]string, 1000)
	for i := range texts {
		var b strings.Builder
		for w := range 100 {
			fmt.Fprintf(&b, "w%dx%d ", w, (i*w)%(w+1))
		}
		texts[i] = b.String()
	}
	return texts
}

func BenchmarkFit(b *testing.B) {
	texts := benchmarkTexts()
	for b.Loop() {
		must(Fit(b.Context(), texts, Options{}))
	}
	b.ReportMetric(float64(b.N*len(texts))/b.Elapsed().Seconds(), "passages/s")
}

func BenchmarkEmbedDocuments(b *testing.B) {
	texts := benchmarkTexts()
	e := fit(b, Options{}, texts...)
	for b.Loop() {
		must(e.EmbedDocuments(b.Context(), texts))
	}
	b.ReportMetric(float64(b.N*len(texts))/b.Elapsed().Seconds(), "passages/s")
}
