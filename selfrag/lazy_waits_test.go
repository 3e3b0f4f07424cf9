package selfrag_test

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// server declares the capabilities of a server that shares prefixes and resumes.
var server = generator.Capabilities{
	Model: "server", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true, SharedPrefix: true, Resumes: true,
}

func gradedServer(f func(*generator.Capabilities)) *generatortest.Script {
	m := graded()
	m.Capabilities = server
	f(&m.Capabilities)
	return m
}

// asked distinguishes the requests of a script.
func asked(m *generatortest.Script) (out []string) {
	for _, r := range m.Requests() {
		if len(r.Prompt.Evidence) > 0 {
			out = append(out, fmt.Sprint(r.Prompt.Evidence[0].Title, " ", r.Prompt.Relevance, " ", r.MaxTokens))
		}
	}
	slices.Sort(out)
	return out
}

// The declared capabilities decide how a candidate waits. By hand: of the three
// candidates of seven tokens B is completed and A and C stop.
func TestLazyWaits(t *testing.T) {
	appraises := selfrag.WithCritic(appraiser{critique.NewTokens(graded()), true})
	tests := map[string]struct {
		caps     func(*generator.Capabilities)
		options  []selfrag.Option
		waits    string // empty if lazy evaluation is off
		asked    []string
		tokens   int
		supposes string
	}{
		"paced": {caps: func(c *generator.Capabilities) { c.Paced = true },
			waits: "unread", asked: []string{"A  200", "B  200", "C  200"}, tokens: 1 + 7 + 1},
		"shared prefix": {caps: func(*generator.Capabilities) {},
			waits: "cut", asked: []string{"A  1", "B  1", "B [Relevant] 199", "C  1"}, tokens: 1 + 7 + 1, supposes: batch},
		"slots": {caps: func(c *generator.Capabilities) { c.SharedPrefix, c.Slots = false, 3 },
			waits: "cut", asked: []string{"A  1", "B  1", "B [Relevant] 199", "C  1"}, tokens: 1 + 7 + 1, supposes: batch},
		"does not resume": {caps: func(c *generator.Capabilities) { c.Resumes = false },
			waits: "cut", asked: []string{"A  1", "B  1", "B  200", "C  1"}, tokens: 1 + 1 + 7 + 1, supposes: batch},
		"samples": {caps: func(*generator.Capabilities) {}, options: []selfrag.Option{selfrag.WithSampling(1, 1)},
			waits: "cut", asked: []string{"A  1", "B  1", "B  200", "C  1"}, tokens: 1 + 1 + 7 + 1,
			supposes: batch + "; the model honors the seed"},
		"call timeout": {caps: func(*generator.Capabilities) {}, options: []selfrag.Option{selfrag.WithCallTimeout(time.Hour)},
			waits: "cut", asked: []string{"A  1", "B  1", "B [Relevant] 199", "C  1"}, tokens: 1 + 7 + 1, supposes: batch},
		"all at once": {caps: func(*generator.Capabilities) {}, options: []selfrag.Option{selfrag.WithLazy(3)},
			waits: "cut", asked: []string{"A  200", "B  200", "C  200"}, tokens: 21, supposes: batch},
		"one token": {caps: func(*generator.Capabilities) {}, options: []selfrag.Option{selfrag.WithMaxTokens(1)},
			waits: "cut", asked: []string{"A  1", "B  1", "C  1"}, tokens: 3, supposes: batch},
		"too few slots": {caps: func(c *generator.Capabilities) { c.SharedPrefix, c.Slots = false, 2 },
			asked: []string{"A  200", "B  200", "C  200"}, tokens: 21},
		"no cache": {caps: func(c *generator.Capabilities) { c.SharedPrefix = false },
			asked: []string{"A  200", "B  200", "C  200"}, tokens: 21},
		// The appraiser gives A 10/15, B 7/15 and C 4/15, and is asked beforehand.
		"no cache, appraised": {caps: func(c *generator.Capabilities) { c.SharedPrefix = false }, options: []selfrag.Option{appraises},
			waits: "unbegun", asked: []string{"A  200"}, tokens: 7, supposes: batch},
		"paced, appraised": {caps: func(c *generator.Capabilities) { c.Paced = true }, options: []selfrag.Option{appraises},
			waits: "unread", asked: []string{"A  200"}, tokens: 7},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			m := gradedServer(tt.caps)
			options := append([]selfrag.Option{always, noSequence(), gradedWeights, selfrag.WithK(3), selfrag.WithLazy(1)}, tt.options...)
			a := run(t, m, finds(hits("A", "B", "C")...), options...)
			s := a.Trace.Settings
			if s.LazyWaits != tt.waits || (s.LazyOff == "") != (tt.waits != "") || s.LazySupposes != tt.supposes {
				t.Errorf("waits %q, off because %q, supposes %q; want %q, supposes %q", s.LazyWaits, s.LazyOff, s.LazySupposes, tt.waits, tt.supposes)
			}
			if got := asked(m); !reflect.DeepEqual(got, tt.asked) {
				t.Errorf("asked for %q, want %q", got, tt.asked)
			}
			if a.Usage.GeneratedTokens != tt.tokens || a.Usage.Calls != len(tt.asked) {
				t.Errorf("%+v, want %d tokens and %d calls", a.Usage, tt.tokens, len(tt.asked))
			}
			if a.Usage.Partial != (tt.waits == "unread" && len(tt.asked) > 1) {
				t.Errorf("%+v: only a stream that is broken off leaves something unknown", a.Usage)
			}
			if r, err := selfrag.Rescore(a.Trace); err != nil || r.Text != a.Text {
				t.Errorf("re-scored: %v, error %v", r, err)
			}
		})
	}
}

const batch = "the model's numbers do not depend on what else it works on"

// A failure in a candidate's second call is the candidate's failure, and the cost
// of both calls counts.
func TestLazySecondCallFails(t *testing.T) {
	m := gradedServer(func(*generator.Capabilities) {})
	fails := generatortest.Rule{When: func(r generator.Request) bool {
		return r.Prompt.Relevance != reflection.None && r.Prompt.Evidence[0].Title == "B"
	}, Err: errAny}
	m.Rules = append([]generatortest.Rule{fails}, m.Rules...)
	e := newEngine(t, m, finds(hits("A", "B", "C")...), always, noSequence(), gradedWeights, selfrag.WithLazy(1))
	if _, err := e.Answer(t.Context(), "q"); !errors.Is(err, errAny) {
		t.Errorf("error %v, want that of the second call", err)
	}
	a := ask(t, e, "q", selfrag.WithMinCandidates(1))
	want := generator.Usage{Calls: 2, PromptTokens: 6, GeneratedTokens: 1, Partial: true}
	if c := a.Trace.Expansions[0].Candidates[1]; a.Text != "Third of four words." || c.Status != selfrag.Failed || c.Usage != want {
		t.Errorf("%q; B %s with %+v, want %+v", a.Text, c.Status, c.Usage, want)
	}
}

// A candidate without a passage of its own has nothing to judge at its first token,
// and is requested in its turn.
func TestLazyWithoutPassage(t *testing.T) {
	for name, say := range map[string]func(*generator.Capabilities){"paced": func(c *generator.Capabilities) { c.Paced = true }, "cut": func(*generator.Capabilities) {}} {
		m := gradedServer(say)
		m.Rules = append(m.Rules, on(generatortest.Words(1, "None."), generatortest.Forces(reflection.NoRetrieval)))
		a := run(t, m, finds(), selfrag.WithMode(selfrag.Never), selfrag.WithLazy(1))
		if a.Text != "None." || a.Usage.Calls != 1 || a.Usage.GeneratedTokens != 2 {
			t.Errorf("%s: %q after %+v", name, a.Text, a.Usage)
		}
	}
}

// The events of a candidate hold each piece of its text once, even if its first
// token is generated twice.
func TestLazyEvents(t *testing.T) {
	text := func(say func(*generator.Capabilities), m *generatortest.Script, options ...selfrag.Option) (out string) {
		m.Capabilities = server
		say(&m.Capabilities)
		e := newEngine(t, m, finds(hits("A")...), append(options, always, selfrag.WithLazy(1))...)
		for ev, err := range e.Stream(t.Context(), "q") {
			if err != nil {
				t.Fatal(err)
			}
			if ev.Kind == selfrag.EventText {
				out += ev.Text
			}
		}
		return out
	}
	judged, plain := on(said("One two.")), on(generatortest.Words(1, "One two."))
	for name, say := range map[string]func(*generator.Capabilities){
		"paced": func(c *generator.Capabilities) { c.Paced = true },
		"cut":   func(*generator.Capabilities) {},
		"anew":  func(c *generator.Capabilities) { c.Resumes = false },
	} {
		if got := text(say, script(judged)); got != "One two." {
			t.Errorf("%s: %q", name, got)
		}
		if got := text(say, script(plain)); got != "One two." {
			t.Errorf("%s, without a token of IsREL: %q", name, got)
		}
		if got := text(say, script(plain), selfrag.WithMaxTokens(1)); got != "One" {
			t.Errorf("%s, one token: %q", name, got)
		}
	}
}
