package rewrite_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/dense/hashed"
	"github.com/goselfrag/goselfrag/retriever/retrievertest"
	"github.com/goselfrag/goselfrag/retriever/rewrite"
)

// plane embeds texts by a table; a text that is not in it fails.
type plane map[string][]float32

func (p plane) EmbedQuery(ctx context.Context, text string) ([]float32, error) {
	if v, ok := p[text]; ok {
		return v, ctx.Err()
	}
	return nil, errBoom
}

func (p plane) EmbedDocuments(ctx context.Context, texts []string) (list [][]float32, err error) {
	for _, t := range texts {
		v, err := p.EmbedQuery(ctx, t)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

var infinity = float32(math.Inf(1))

// The texts of three parts, and queries in every direction.
var directions = plane{
	"law 1": {1, 0}, "law 2": {0, 2}, "news": {-3, 0}, "archive": {0.5, 0},
	"east": {7, 0}, "north": {0, 1}, "west": {-1e-30, 0}, "south": {0, -1e30}, "north-east": {1, 1}, "south-west": {-1, -1},
	"zero": {0, 0}, "long": {1, 0, 0}, "short": {1}, "none": {}, "nan": {float32(math.NaN()), 1}, "infinite": {1, infinity}, "\ufffd": {1, 0},
}

var choices = []rewrite.Examples{{Part: "law", Texts: []string{"law 1", "law 2"}}, {Part: "news", Texts: []string{"news"}}, {Part: "archive", Texts: []string{"archive"}}}

// heard is an observer that records which steps begin.
type heard struct{ steps []string }

func (h *heard) Start(ctx context.Context, s observe.Step) (context.Context, func(observe.End)) {
	h.steps = append(h.steps, string(s.Kind)+" "+s.Name)
	return ctx, nil
}

// Observers receive the embedding of the query.
func TestNearestEmbeds(t *testing.T) {
	n := must[*rewrite.NearestRouter](t)(rewrite.NewNearestRouter(t.Context(), directions, choices, rewrite.NearestOptions{Threshold: 0.9}))
	var h heard
	if _, err := n.Route(observe.With(t.Context(), &h), retriever.Query{Text: "east"}); err != nil || !slices.Equal(h.steps, []string{"embedding query"}) {
		t.Errorf("%q, %v", h.steps, err)
	}
}

func TestNearest(t *testing.T) {
	for _, c := range []struct {
		text      string
		threshold float64
		max       int
		want      string
	}{
		{"east", 0.9, 0, "law"}, // and archive, as similar, which comes after it
		{"east", 0.9, 2, "law archive"},
		{"east", 1, 9, "law archive"},
		{"east", -1, 9, "law archive news"},
		{"north", 0.9, 3, "law"}, // by its second text
		{"north", -0.5, 3, "law news archive"},
		{"west", 0.9, 3, "news"},
		{"west", -1, 3, "news law archive"},
		{"south", 0.1, 3, ""},
		{"south", -1, 1, "law"}, // all have 0: its first text is at a right angle
		{"north-east", 0.7, 3, "law archive"},
		{"north-east", 0.71, 3, ""}, // the cosine of 45° is 0.7071
		{"south-west", 0.7, 3, "news"},
		{"zero", -1, 3, ""},
		{"", -1, 3, ""},
		{" \n", -1, 3, ""},
		{"\xff", 0.9, 1, "law"},
	} {
		n := must[*rewrite.NearestRouter](t)(rewrite.NewNearestRouter(t.Context(), directions, choices, rewrite.NearestOptions{Threshold: c.threshold, Max: c.max}))
		names, err := n.Route(t.Context(), retriever.Query{Text: c.text, K: 1})
		if err != nil || strings.Join(names, " ") != c.want || c.want == "" && names != nil {
			t.Errorf("%q from %v, at most %d: %q, %v: want %q", c.text, c.threshold, c.max, names, err, c.want)
		}
	}
}

// The options of a retriever decide what happens without a route.
func TestNearestRoutes(t *testing.T) {
	n := must[*rewrite.NearestRouter](t)(rewrite.NewNearestRouter(t.Context(), directions, choices, rewrite.NearestOptions{Threshold: 0.9, Max: 2}))
	var parts []retriever.Part
	for _, name := range []string{"archive", "law", "news"} {
		parts = append(parts, retriever.Part{Name: name, Retriever: retriever.List(retriever.Passage{ID: name})})
	}
	for _, c := range []struct {
		text string
		o    retriever.RouteOptions
		want string
		err  error
	}{
		{"east", retriever.RouteOptions{}, "archive law", nil}, // in the order of parts
		{"west", retriever.RouteOptions{Fallback: "law"}, "news", nil},
		{"south", retriever.RouteOptions{}, "", retriever.ErrNoRoute},
		{"south", retriever.RouteOptions{Fallback: "law"}, "law", nil},
		{"south", retriever.RouteOptions{EmptyWithoutRoute: true}, "", nil},
		{"", retriever.RouteOptions{}, "", retriever.ErrNoRoute},
		{"unknown", retriever.RouteOptions{}, "", errBoom},
		{"unknown", retriever.RouteOptions{}, "", retriever.ErrRouter},
		{"nan", retriever.RouteOptions{}, "", rewrite.ErrVector},
		{"unknown", retriever.RouteOptions{Fallback: "law", Fuse: retriever.FuseOptions{AllowMissing: true}}, "law", nil},
	} {
		r := must[retriever.Retriever](t)(retriever.Route(n, parts, c.o))
		res, err := r.Retrieve(t.Context(), retriever.Query{Text: c.text, K: 5})
		if ids(res) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%q, %+v: %s, %v: want %q, %v", c.text, c.o, ids(res), err, c.want, c.err)
		}
	}
}

// short returns the vectors of all texts but the last, and one twice if there is
// only one.
type short struct{ plane }

func (s short) EmbedDocuments(ctx context.Context, texts []string) ([][]float32, error) {
	list, err := s.plane.EmbedDocuments(ctx, texts)
	if len(list) == 1 {
		return append(list, list[0]), err
	}
	return list[:len(list)-1], err
}

func TestNearestErrors(t *testing.T) {
	one := func(texts ...string) []rewrite.Examples { return []rewrite.Examples{{Part: "a", Texts: texts}} }
	fine := rewrite.NearestOptions{Threshold: 0.5}
	for name, c := range map[string]struct {
		e       rewrite.Embedder
		choices []rewrite.Examples
		o       rewrite.NearestOptions
		want    error
	}{
		"nil":             {nil, choices, fine, rewrite.ErrOption},
		"nil typed":       {(*hashed.Embedder)(nil), choices, fine, rewrite.ErrOption},
		"no choices":      {directions, nil, fine, rewrite.ErrOption},
		"no name":         {directions, []rewrite.Examples{{Texts: []string{"news"}}}, fine, rewrite.ErrOption},
		"two names":       {directions, append(one("news"), one("news")...), fine, rewrite.ErrOption},
		"no texts":        {directions, one(), fine, rewrite.ErrOption},
		"blank text":      {directions, one("news", " "), fine, rewrite.ErrOption},
		"no threshold":    {directions, choices, rewrite.NearestOptions{}, rewrite.ErrOption},
		"threshold":       {directions, choices, rewrite.NearestOptions{Threshold: 1.1}, rewrite.ErrOption},
		"threshold low":   {directions, choices, rewrite.NearestOptions{Threshold: -1.1}, rewrite.ErrOption},
		"threshold NaN":   {directions, choices, rewrite.NearestOptions{Threshold: math.NaN()}, rewrite.ErrOption},
		"max":             {directions, choices, rewrite.NearestOptions{Threshold: 0.5, Max: -1}, rewrite.ErrOption},
		"embedder":        {directions, one("unknown"), fine, errBoom},
		"too few vectors": {short{directions}, choices, fine, rewrite.ErrVector},
		"too many":        {short{directions}, one("news"), fine, rewrite.ErrVector},
		"lengths":         {directions, one("news", "long"), fine, rewrite.ErrVector},
		"no components":   {directions, one("none"), fine, rewrite.ErrVector},
		"zeros":           {directions, one("zero"), fine, rewrite.ErrVector},
		"NaN":             {directions, one("nan"), fine, rewrite.ErrVector},
		"infinite":        {directions, one("infinite"), fine, rewrite.ErrVector},
	} {
		if _, err := rewrite.NewNearestRouter(t.Context(), c.e, c.choices, c.o); !errors.Is(err, c.want) {
			t.Errorf("%s: %v: want %v", name, err, c.want)
		}
	}
	n := must[*rewrite.NearestRouter](t)(rewrite.NewNearestRouter(t.Context(), directions, choices, fine))
	for text, want := range map[string]error{"unknown": errBoom, "long": rewrite.ErrVector, "short": rewrite.ErrVector, "none": rewrite.ErrVector, "nan": rewrite.ErrVector, "infinite": rewrite.ErrVector} {
		if names, err := n.Route(t.Context(), retriever.Query{Text: text}); !errors.Is(err, want) || names != nil {
			t.Errorf("%s: %q, %v: want %v", text, names, err, want)
		}
	}
}

func TestNearestCanceled(t *testing.T) {
	n := must[*rewrite.NearestRouter](t)(rewrite.NewNearestRouter(t.Context(), directions, choices, rewrite.NearestOptions{Threshold: 0.5}))
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, text := range []string{"east", ""} {
		if _, err := n.Route(ctx, retriever.Query{Text: text}); !errors.Is(err, context.Canceled) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if _, err := rewrite.NewNearestRouter(ctx, directions, choices, rewrite.NearestOptions{Threshold: 0.5}); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// The names are those of a slow second implementation, which compares by the angle.
func TestNearestAgreesWithAngles(t *testing.T) {
	component := rapid.Float32Range(-4, 4)
	rapid.Check(t, func(t *rapid.T) {
		p, n := plane{}, 0
		draw := func() []float32 {
			v := []float32{component.Draw(t, "x"), component.Draw(t, "y")}
			if math.Hypot(float64(v[0]), float64(v[1])) < 0.01 {
				v[0] = 1
			}
			return v
		}
		angle := func(v []float32) float64 { return math.Atan2(float64(v[1]), float64(v[0])) }
		var list []rewrite.Examples
		for i := range rapid.IntRange(1, 4).Draw(t, "choices") {
			e := rewrite.Examples{Part: fmt.Sprint(i)}
			for range rapid.IntRange(1, 3).Draw(t, "texts") {
				n++
				e.Texts = append(e.Texts, fmt.Sprintf("text %d", n))
				p[e.Texts[len(e.Texts)-1]] = draw()
			}
			list = append(list, e)
		}
		p["q"] = draw()
		router, err := rewrite.NewNearestRouter(context.Background(), p, list, rewrite.NearestOptions{Threshold: -1, Max: 9})
		if err != nil {
			t.Fatal(err)
		}
		similar, err := router.Similarities(context.Background(), "q")
		if err != nil || len(similar) != len(list) {
			t.Fatal(similar, err)
		}
		for i, e := range list {
			want := -1.0
			for _, text := range e.Texts {
				want = max(want, math.Cos(angle(p[text])-angle(p["q"])))
			}
			if math.Abs(similar[i]-want) > 1e-9 {
				t.Fatalf("choice %d has %v: want %v", i, similar[i], want)
			}
		}
		names, err := router.Route(context.Background(), retriever.Query{Text: "q"})
		falling := slices.IsSortedFunc(names, func(a, b string) int {
			i, j := int(a[0]-'0'), int(b[0]-'0')
			if similar[i] == similar[j] {
				return i - j
			}
			return map[bool]int{true: -1, false: 1}[similar[i] > similar[j]]
		})
		if err != nil || len(names) != len(list) || !falling {
			t.Fatalf("%q by %v, %v", names, similar, err)
		}
	})
}

func nearestOverCorpus(t testing.TB, o rewrite.NearestOptions) *rewrite.NearestRouter {
	t.Helper()
	e := must[*hashed.Embedder](t)(hashed.Fit(t.Context(), []string{"The river floods in spring.", "Ships carry cargo."}, hashed.Options{}))
	return must[*rewrite.NearestRouter](t)(rewrite.NewNearestRouter(t.Context(), e, []rewrite.Examples{
		{Part: "a", Texts: []string{"Which river floods in spring?", "river"}}, {Part: "b", Texts: []string{"Where do ships go?"}},
	}, o))
}

func TestNearestContract(t *testing.T) {
	n := nearestOverCorpus(t, rewrite.NearestOptions{Threshold: 0.1, Max: 2})
	retrievertest.TestRetriever(t, func(ps []retriever.Passage) (retriever.Retriever, error) {
		r := retrievertest.Overlap(ps...)
		return retriever.Route(n, []retriever.Part{{Name: "a", Retriever: r}, {Name: "b", Retriever: r}}, retriever.RouteOptions{Fallback: "a"})
	})
}

func TestNearestIsRepeatable(t *testing.T) {
	n := nearestOverCorpus(t, rewrite.NearestOptions{Threshold: -1, Max: 2})
	q := retriever.Query{Text: "Do ships go up the river in spring?", K: 3}
	first, err := n.Route(t.Context(), q)
	if err != nil || len(first) != 2 {
		t.Fatal(first, err)
	}
	for range 1000 {
		if again, err := n.Route(t.Context(), q); err != nil || !reflect.DeepEqual(first, again) {
			t.Fatalf("%q, then %q, %v", first, again, err)
		}
	}
}
