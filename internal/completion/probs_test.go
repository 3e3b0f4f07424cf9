package completion_test

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/completion"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestEndLogProb(t *testing.T) {
	for name, events := range map[string][]wire{
		"by itself":         {word(1, "a"), {Tokens: []wireToken{{ID: 2, Log: -0.25}}}, end},
		"in the last event": {word(1, "a"), {Tokens: []wireToken{{ID: 2, Log: -0.25}}, Finish: generator.FinishEnd, Ended: true}},
	} {
		c, err := ask(t, serve(t, dialect{facts: ids}, completion.Settings{}, events...), nil)
		if err != nil || c.End != reflection.ExactLog(-0.25) || len(c.Steps) != 1 {
			t.Errorf("%s: %+v, %v", name, c, err)
		}
	}
}

// TestBounds: below the top N a token is bounded by the N-th, not by a generated
// token that was added to the list.
func TestBounds(t *testing.T) {
	f := ids
	f.Level, f.TopN = reflection.TopN, 2
	log := func(x float64) *float64 { return &x }
	for _, c := range []struct {
		name string
		top  []wireEntry
		want [2]reflection.Prob // Irrelevant, Relevant
		says string
	}{
		{"both listed", []wireEntry{{300, "", log(-1)}, {301, "", log(-2)}}, [2]reflection.Prob{reflection.ExactLog(-2), reflection.ExactLog(-1)}, ""},
		{"one listed", []wireEntry{{300, "", log(-1)}, {5, "x", log(-2)}}, [2]reflection.Prob{reflection.AtMostLog(-2), reflection.ExactLog(-1)}, ""},
		{"out of order", []wireEntry{{5, "x", log(-2)}, {300, "", log(-1)}}, [2]reflection.Prob{reflection.AtMostLog(-2), reflection.ExactLog(-1)}, ""},
		{"generated on top", []wireEntry{{6, "y", log(-1)}, {5, "x", log(-2)}, {300, "", log(-7)}}, [2]reflection.Prob{reflection.AtMostLog(-2), reflection.ExactLog(-7)}, ""},
		{"generated not listed", []wireEntry{{6, "y", log(-1)}, {5, "x", log(-2)}}, [2]reflection.Prob{reflection.AtMostLog(-2), reflection.ExactLog(-0.5)}, ""},
		{"generated on top, by text", []wireEntry{{-1, "y", log(-1)}, {-1, "x", log(-2)}, {-1, "[Relevant]", log(-7)}}, [2]reflection.Prob{reflection.AtMostLog(-2), reflection.ExactLog(-7)}, ""},
		{"impossible", []wireEntry{{300, "", log(-1)}, {301, "", log(-9999)}}, [2]reflection.Prob{reflection.ExactLog(math.Inf(-1)), reflection.ExactLog(-1)}, ""},
		{"no list", nil, [2]reflection.Prob{}, "lacks the log-probability of [Irrelevant]"},
		{"without number", []wireEntry{{300, "", nil}}, [2]reflection.Prob{}, "without its log-probability"},
		{"above zero", []wireEntry{{300, "", log(0.5)}}, [2]reflection.Prob{}, "log-probability 0.5"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := serve(t, dialect{facts: f}, completion.Settings{}, wire{Text: "[Relevant]", Tokens: []wireToken{{ID: 300, Text: str("[Relevant]"), Log: -0.5, Top: c.top}}}, end)
			got, err := ask(t, m, func(r *generator.Request) { r.Watch = []reflection.Group{reflection.IsREL} })
			if c.says != "" {
				if err == nil || !strings.Contains(err.Error(), c.says) {
					t.Errorf("%v: want an error that says %q", err, c.says)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			d, _ := got.Steps[0].Group(reflection.IsREL)
			if d.Probs[0] != c.want[0] || d.Probs[1] != c.want[1] {
				t.Errorf("%v, want %v", d.Probs[:2], c.want)
			}
		})
	}
}

// TestBoundOfFewer: if a server gives fewer alternatives than requested, and the
// sampled token in addition, the least of the alternatives bounds the others.
func TestBoundOfFewer(t *testing.T) {
	f := ids
	f.Level, f.TopN = reflection.TopN, 20
	log := func(x float64) *float64 { return &x }
	top := []wireEntry{{6, "y", log(-1)}, {5, "x", log(-2)}, {7, "z", log(-9)}}
	for temperature, want := range map[float64]reflection.Prob{0: reflection.AtMostLog(-9), 1: reflection.AtMostLog(-2)} {
		m := serve(t, dialect{facts: f}, completion.Settings{}, wire{Text: "z", Tokens: []wireToken{{ID: 7, Text: str("z"), Log: -9, Top: top}}}, end)
		got, err := ask(t, m, func(r *generator.Request) { r.Watch, r.Temperature = []reflection.Group{reflection.IsREL}, temperature })
		if err != nil {
			t.Fatal(err)
		}
		if d, _ := got.Steps[0].Group(reflection.IsREL); d.Probs[0] != want || d.Probs[1] != want {
			t.Errorf("temperature %v: %v, want %v", temperature, d.Probs[:2], want)
		}
	}
}

// TestExactOrNothing: at the level of exact ids a bound is not enough.
func TestExactOrNothing(t *testing.T) {
	f := ids
	f.Level = reflection.ExactIDs
	x := -1.0
	m := serve(t, dialect{facts: f}, completion.Settings{}, wire{Tokens: []wireToken{{ID: 300, Log: -1, Top: []wireEntry{{300, "", &x}, {5, "x", &x}}}}}, end)
	if _, err := ask(t, m, func(r *generator.Request) { r.Watch = []reflection.Group{reflection.IsREL} }); err == nil || !strings.Contains(err.Error(), "[Irrelevant]") {
		t.Errorf("%v: want an error that names the token", err)
	}
}

// TestQuery: the query follows from what is wanted and available.
func TestQuery(t *testing.T) {
	top, exact := ids, ids
	top.Level, top.TopN, exact.Level = reflection.TopN, 20, reflection.ExactIDs
	limited := top
	limited.MaxTop = 20
	watch := []reflection.Group{reflection.IsREL}
	for _, c := range []struct {
		name   string
		facts  completion.Facts
		s      completion.Settings
		change func(*generator.Request)
		top    int
		watch  []int32
		probs  bool
	}{
		{"nothing", top, completion.Settings{}, nil, 0, nil, true},
		{"watched", top, completion.Settings{}, func(r *generator.Request) { r.Watch = watch }, 20, nil, true},
		{"watched by id", exact, completion.Settings{}, func(r *generator.Request) { r.Watch = watch }, 0, []int32{301, 300}, true},
		{"alternatives", top, completion.Settings{}, func(r *generator.Request) { r.Alternatives = 3 }, 3, nil, true},
		{"both", top, completion.Settings{}, func(r *generator.Request) { r.Alternatives, r.Watch = 30, watch }, 30, nil, true},
		{"more than the server gives", limited, completion.Settings{}, func(r *generator.Request) { r.Alternatives = 30 }, 20, nil, true},
		{"hard labels", top, completion.Settings{NoProbs: true}, func(r *generator.Request) { r.Alternatives, r.Watch = 30, watch }, 0, nil, false},
		{"no tokens", exact, completion.Settings{NoTokens: true, Template: generator.SelfRAGTemplate{}}, func(r *generator.Request) { r.Watch = watch }, 0, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			var list []completion.Query
			m := serve(t, dialect{facts: c.facts, queries: &list}, c.s, end)
			if _, err := ask(t, m, c.change); err != nil {
				t.Fatal(err)
			}
			if q := list[0]; q.Top != c.top || !cmp.Equal(q.Watch, c.watch) || q.Probs != c.probs || q.MaxTokens != 10 {
				t.Errorf("%+v: want top %d, watch %v, probs %t", q, c.top, c.watch, c.probs)
			}
		})
	}
}

// Parts of characters are identified by their bytes. A token without text for
// another reason is none of them.
func TestPiecesOfCharacters(t *testing.T) {
	raw := `[{"id":1,"token":" a","bytes":[32,97],"logprob":-1},
		{"id":2,"token":"\ufffd","bytes":[226],"logprob":-2},
		{"id":3,"bytes":[32,195],"token":" \ufffd","logprob":-3},
		{"id":4,"token":"","bytes":[91,65,93],"logprob":-4},
		{"id":5,"token":"\ufffd","bytes":[239,191,189],"logprob":-5},
		{"id":6,"token":"\ufffd","bytes":"4oI=","logprob":-6},
		{"id":7,"token":"\ufffd","logprob":-7}]`
	list, err := completion.ReadEntries(nil, []byte(raw), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"", "\xe2", " \xc3", "", "", "", ""}
	for i, e := range list {
		if string(e.Bytes) != want[i] {
			t.Errorf("%d: %x, want %x", e.ID, e.Bytes, want[i])
		}
	}
}
