package learned_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/rerank"
	"github.com/goselfrag/goselfrag/retriever/rerank/learned"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
)

var _ rerank.Scorer = (*learned.Scorer)(nil)

func newScorer(t testing.TB, passages []retriever.Passage) *learned.Scorer {
	t.Helper()
	s, err := learned.New(t.Context(), passages)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func score(t testing.TB, s *learned.Scorer, question string, passages []retriever.Passage) []float64 {
	t.Helper()
	scores, err := s.Score(t.Context(), question, passages)
	if err != nil || len(scores) != len(passages) {
		t.Fatalf("%v, %v for %d passages", scores, err, len(passages))
	}
	return scores
}

func TestContract(t *testing.T) {
	retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
		s, err := learned.New(context.Background(), ps)
		if err != nil {
			return nil, err
		}
		return rerank.New(retrievertest.Overlap(ps...), s, rerank.Options{Depth: 4})
	})
}

var harbour = []retriever.Passage{
	{ID: "gallbladder", Title: "Gallbladder", Text: "In vertebrates the gallbladder is a small organ beneath the liver."},
	{ID: "bladder", Title: "Urinary bladder", Text: "In the human body the bladder is a hollow organ, situated on the pelvic floor."},
	{ID: "ebro", Title: "Bridges of the Ebro", Text: "The stone bridge was built in 1702."},
	{ID: "bridges", Title: "Floods", Text: "Nobody knows when bridges over the river Ebro are built next. The old ones were swept away."},
	{ID: "order", Title: "Fish", Text: "The king of fish is the salmon."},
	{ID: "disorder", Title: "Fish", Text: "The fish of the king is a salmon."},
}

// The purpose of the features, with the weights of the module.
func TestOrder(t *testing.T) {
	s := newScorer(t, harbour)
	for _, c := range []struct{ name, question, right, wrong string }{
		{"two words as one", "where is the gall bladder", "gallbladder", "bladder"},
		{"title", "when was the bridge over the Ebro built", "ebro", "bridges"},
		{"order", "king of fish", "order", "disorder"},
		{"misspelt", "where is the galbladder", "gallbladder", "bladder"},
	} {
		at := func(id string) retriever.Passage {
			return harbour[slices.IndexFunc(harbour, func(p retriever.Passage) bool { return p.ID == id })]
		}
		if got := score(t, s, c.question, []retriever.Passage{at(c.right), at(c.wrong)}); !(got[0] > got[1]) {
			t.Errorf("%s: %v for the right one and the wrong one", c.name, got)
		}
	}
}

// A score depends only on the question and the passage, whatever runs at the same
// time.
func TestSameAlone(t *testing.T) {
	s := newScorer(t, harbour)
	if s.Kind() != retriever.Relevance {
		t.Errorf("kind %s", s.Kind())
	}
	const question = "when was the Ebro bridge built?"
	all := score(t, s, question, harbour)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for i, p := range harbour {
				if got, err := s.Score(t.Context(), question, []retriever.Passage{p}); err != nil || got[0] != all[i] {
					t.Errorf("%s alone has %v, %v: want %v", p.ID, got, err, all[i])
				}
			}
		})
	}
	wait.Wait()
	again := score(t, newScorer(t, slices.Clone(harbour)), question, harbour)
	if !reflect.DeepEqual(all, again) {
		t.Errorf("made again: %v, %v", all, again)
	}
	if got := score(t, s, question, nil); len(got) != 0 {
		t.Errorf("no passages have %v", got)
	}
}

func TestCanceled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if s, err := learned.New(ctx, harbour); !errors.Is(err, context.Canceled) || s != nil {
		t.Errorf("New: %v", err)
	}
	s := newScorer(t, harbour)
	if got, err := s.Score(ctx, "x", harbour); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("Score: %v, %v", got, err)
	}
	if got, err := s.Score(&countdown{t.Context(), 3}, "x", harbour); !errors.Is(err, context.Canceled) || got != nil {
		t.Errorf("Score, after two passages: %v, %v", got, err)
	}
}

// countdown is done after n calls of Err.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// weights writes a file with these weights.
func weights(t testing.TB, features []string, row []float64) []byte {
	t.Helper()
	var b bytes.Buffer
	f := &linear.File{Models: map[string]*linear.Model{"rank": {Features: features, Weights: [][]float64{row}}}}
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestLoad(t *testing.T) {
	// Without passages all words are equally rare: the text has two of three.
	good := weights(t, feature.RankNames(), []float64{0, 0, 0, 1, 0, 0, 0})
	s, err := learned.Load(t.Context(), bytes.NewReader(good), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := []retriever.Passage{{ID: "a", Title: "Bern", Text: "The bridge was built by hand."}}
	if got := score(t, s, "Who built the bridges of Bern?", p); math.Abs(got[0]-2.0/3) > 1e-12 {
		t.Errorf("the share of the question in the text is %v, want 2/3", got)
	}

	embedded, err := os.ReadFile("parameters.json")
	if err != nil {
		t.Fatal(err)
	}
	s, err = learned.Load(t.Context(), bytes.NewReader(embedded), harbour)
	if err != nil {
		t.Fatal(err)
	}
	if a, b := score(t, s, "old bridge", harbour), score(t, newScorer(t, harbour), "old bridge", harbour); !slices.Equal(a, b) {
		t.Errorf("loaded %v, embedded %v", a, b)
	}

	other := slices.Clone(feature.RankNames())
	other[0] = "other"
	for name, c := range map[string]struct {
		file string
		want error
	}{
		"empty":          {"", linear.ErrFormat},
		"truncated":      {string(good[:len(good)/2]), linear.ErrTruncated},
		"altered":        {strings.Replace(string(good), "0,1,0", "0,2,0", 1), linear.ErrAltered},
		"newer":          {strings.Replace(string(good), `"version":1`, `"version":9`, 1), linear.ErrNewer},
		"other features": {string(weights(t, other, make([]float64, len(other)))), linear.ErrContent},
	} {
		if s, err := learned.Load(t.Context(), strings.NewReader(c.file), nil); !errors.Is(err, c.want) || s != nil {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := learned.Load(ctx, bytes.NewReader(good), harbour); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

// For any text, every passage has one finite score, and the same again.
func FuzzScore(f *testing.F) {
	f.Add("When was the bridge built?", "Bridges of Bern", "The bridge was built in 1932.")
	f.Add("", "", "")
	f.Add("\x00\xff the İ", "ẞ ǅ \xff", "東京は日本の首都です。 \x00\x00")
	f.Add(strings.Repeat("y", 10_000), "y y", strings.Repeat("the y", 3_000))
	f.Fuzz(func(t *testing.T, question, title, text string) {
		passages := []retriever.Passage{{ID: "a", Title: title, Text: text}, {ID: "b", Text: question}, {ID: "c"}}
		for _, known := range [][]retriever.Passage{nil, passages} {
			s := newScorer(t, known)
			got := score(t, s, question, passages)
			for _, x := range got {
				if math.IsNaN(x) || math.IsInf(x, 0) {
					t.Fatalf("scores %v", got)
				}
			}
			if again := score(t, s, question, passages); !slices.Equal(got, again) {
				t.Fatalf("scores %v, then %v", got, again)
			}
		}
	})
}

// BenchmarkScore scores ten passages of a hundred words. The ratio compares with
// the time of the embedded model for the same.
func BenchmarkScore(b *testing.B) {
	passages := make([]retriever.Passage, 10)
	for i := range passages {
		passages[i] = retriever.Passage{ID: string(rune('a' + i)), Title: "Bridges of the Ebro",
			Text: strings.Repeat("The stone bridge over the river was built in 1702 by masons of the town, after a flood had taken the old one. ", 4)}
	}
	const question = "when was the old stone bridge over the Ebro built"
	s, model := newScorer(b, passages), rerank.ModelScorer{Generator: extractive.New()}
	var own, other time.Duration
	for b.Loop() {
		start := time.Now()
		score(b, s, question, passages)
		own += time.Since(start)
		b.StopTimer()
		start = time.Now()
		if _, err := model.Score(b.Context(), question, passages); err != nil {
			b.Fatal(err)
		}
		other += time.Since(start)
		b.StartTimer()
	}
	b.ReportMetric(float64(other)/float64(own), "×faster-than-model")
}

func BenchmarkNew(b *testing.B) {
	passages := make([]retriever.Passage, 1000)
	for i := range passages {
		passages[i] = retriever.Passage{Text: strings.Repeat("The stone bridge over the river was built by masons after a flood. ", 8)}
	}
	for b.Loop() {
		newScorer(b, passages)
	}
	b.ReportMetric(float64(b.N*len(passages))/b.Elapsed().Seconds(), "passages/s")
}
