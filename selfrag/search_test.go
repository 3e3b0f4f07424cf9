package selfrag_test

import (
	"context"
	"fmt"
	"iter"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// oracle searches all continuations one after another, by recursion. It shares
// nothing with the engine: it writes its own prompts and computes its own scores,
// from plain probabilities and with the paper's weights.
type oracle struct {
	t         testing.TB
	model     generator.Generator
	find      func(query string) []retriever.Hit
	question  string
	threshold float64 // below 0 retrieves always
	depth     int
	combine   func(scores []float64) float64
	greedy    bool
}

// state is a path as the oracle sees it.
type state struct {
	prompt   []generator.PathSegment
	texts    []string
	scores   []float64
	boundary *reflection.Distribution
	relevant float64 // IsREL score of the passage of the path
	ended    bool
}

// best returns the best score and the text of the answers that begin with s.
func (o *oracle) best(s state) (float64, string) {
	if s.ended || len(s.scores) == o.depth {
		return o.combine(s.scores), strings.Join(s.texts, " ")
	}
	score, text := math.Inf(-1), ""
	step := math.Inf(-1)
	for _, c := range o.children(s) {
		if o.greedy {
			if x := o.combine(c.scores); x > step {
				step = x
				score, text = o.best(c)
			}
			continue
		}
		if x, answer := o.best(c); x > score {
			score, text = x, answer
		}
	}
	return score, text
}

func prob(d reflection.Distribution, t reflection.Token) float64 {
	p, _ := d.Prob(t).Value()
	return p
}

func (o *oracle) complete(req generator.Request) generator.Completion {
	c, err := generator.Complete(context.Background(), o.model, req)
	if err != nil {
		o.t.Fatal(err)
	}
	return c
}

// children lists the continuations of one segment.
func (o *oracle) children(s state) []state {
	prompt := generator.Prompt{Instruction: o.question, Path: s.prompt}
	retrieve, goOn := o.threshold < 0, false
	if o.threshold >= 0 {
		d := s.boundary
		if d == nil {
			c := o.complete(generator.Request{Prompt: prompt, MaxTokens: 1, Watch: []reflection.Group{reflection.Retrieve}})
			d = &c.Steps[0].Watched[0]
		}
		yes, no, cont := prob(*d, reflection.Retrieval), prob(*d, reflection.NoRetrieval), prob(*d, reflection.ContinueEvidence)
		goOn = len(prompt.PathEvidence()) > 0 && cont >= max(yes, no)
		retrieve = yes/(yes+no) > o.threshold
	}
	query := o.question
	if n := len(s.texts); n > 0 {
		query += " " + s.texts[n-1]
	}
	var out []state
	switch {
	case goOn:
		prompt.Force = reflection.ContinueEvidence
		out = append(out, o.child(s, prompt))
	case retrieve:
		for _, h := range o.find(query) {
			prompt.Evidence = []generator.Evidence{{Title: h.Passage.Title, Text: h.Passage.Text}}
			out = append(out, o.child(s, prompt))
		}
	default:
		prompt.Force = reflection.NoRetrieval
		out = append(out, o.child(s, prompt))
	}
	return out
}

// child generates one segment and adds it to the path.
func (o *oracle) child(s state, p generator.Prompt) state {
	c := o.complete(generator.Request{
		Prompt: p, MaxTokens: 200, Watch: reflection.Groups(),
		Stop: []reflection.Token{reflection.NoRetrieval, reflection.Retrieval, reflection.ContinueEvidence},
	})
	seg := generator.PathSegment{Evidence: p.Evidence, Retrieve: p.Force}
	if len(p.Evidence) > 0 {
		seg.Retrieve = reflection.Retrieval
	}
	next := state{relevant: s.relevant, ended: c.Finish == generator.FinishEnd}
	sum, n := 0.0, 0
	rel, sup, use := 0.0, 0.0, 0.0
	if p.Force == reflection.ContinueEvidence {
		rel = s.relevant
	}
	for i, step := range c.Steps {
		lp, _ := step.LogProb.Value()
		sum, n = sum+math.Log(lp), n+1
		seg.Text += step.Text
		d, _ := step.Group(step.Token.Group())
		switch step.Token.Group() {
		case reflection.IsREL:
			if i != 0 {
				o.t.Fatal("IsREL is not first")
			}
			seg.Relevance = step.Token
			rel = prob(d, reflection.Relevant) / (prob(d, reflection.Relevant) + prob(d, reflection.Irrelevant))
			next.relevant = rel
		case reflection.IsSUP:
			seg.Support = step.Token
			f, h, x := prob(d, reflection.FullySupported), prob(d, reflection.PartiallySupported), prob(d, reflection.NoSupport)
			sup = (f + h/2) / (f + h + x)
		case reflection.IsUSE:
			seg.Utility = step.Token
			all := 0.0
			for k, u := range reflection.IsUSE.Tokens() {
				all += prob(d, u)
				use += prob(d, u) * float64(k-2) / 2
			}
			use /= all
		case reflection.Retrieve:
			next.boundary = &d
		}
	}
	if c.Finish == generator.FinishEnd {
		lp, _ := c.End.Value()
		sum, n = sum+math.Log(lp), n+1
	}
	next.prompt = append(append([]generator.PathSegment{}, s.prompt...), seg)
	next.texts = append(append([]string{}, s.texts...), strings.TrimSpace(seg.Text))
	next.scores = append(append([]float64{}, s.scores...), math.Exp(sum/float64(n))+rel+sup+use/2)
	return next
}

// byQuery finds other passages for other queries.
func byQuery(query string) []retriever.Hit {
	list := hits("A", "B", "C")
	for i := range list {
		list[i].Passage.Text += fmt.Sprint(" Found for ", len(query)*(i+1)%7)
	}
	return list
}

var combinations = map[scoring.PathScore]func([]float64) float64{
	scoring.PathMean: func(s []float64) float64 {
		sum := 0.0
		for _, x := range s {
			sum += x
		}
		return sum / float64(len(s))
	},
	scoring.PathSum: func(s []float64) float64 {
		sum := 0.0
		for _, x := range s {
			sum += x
		}
		return sum
	},
	scoring.PathProduct: func(s []float64) float64 {
		product := 1.0
		for _, x := range s {
			product *= x
		}
		return product
	},
}

// With unlimited width the search is exhaustive, with width 1 it is greedy.
func TestSearchAgainstOracle(t *testing.T) {
	for _, path := range []scoring.PathScore{scoring.PathMean, scoring.PathSum, scoring.PathProduct} {
		for _, greedy := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v greedy=%v", path, greedy), func(t *testing.T) {
				rapid.Check(t, func(rt *rapid.T) {
					depth := rapid.IntRange(1, 3).Draw(rt, "depth")
					o := &oracle{
						t: t, model: &generatortest.Random{Seed: rapid.Uint64().Draw(rt, "seed"), MaxSegments: 4},
						find: byQuery, question: "Which?", depth: depth, combine: combinations[path], greedy: greedy,
						threshold: rapid.SampledFrom([]float64{-1, 0.2, 0.5}).Draw(rt, "threshold"),
					}
					wantScore, wantText := o.best(state{})

					mode, threshold := selfrag.Adaptive, o.threshold
					if threshold < 0 {
						mode, threshold = selfrag.Always, 0
					}
					width := 1000
					if greedy {
						width = 1
					}
					index := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
						return retriever.Result{Hits: byQuery(q.Text)}, nil
					})
					a := ask(t, newEngine(t, o.model, index), o.question, selfrag.WithLongForm(width, depth),
						selfrag.WithMode(mode), selfrag.WithThreshold(threshold), selfrag.WithPathScore(path))
					if math.Abs(a.Score-wantScore) > 1e-9 {
						rt.Fatalf("score %.12f (%q), the oracle has %.12f (%q)", a.Score, a.Text, wantScore, wantText)
					}
					joined := strings.Join(texts(a), " ")
					if a.Text != joined || len(a.Trace.Path) == len(a.Segments) && a.Text != wantText {
						rt.Fatalf("text %q, the oracle has %q", a.Text, wantText)
					}
				})
			})
		}
	}
}

// echo is a model whose text is that of its parent and the title of its passage,
// so that every text tells its whole path.
type echo struct{ depth int }

func (m echo) Generate(_ context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		text := "/"
		if n := len(req.Prompt.Path); n > 0 {
			text = req.Prompt.Path[n-1].Text + "/"
		}
		text += req.Prompt.Evidence[0].Title
		if !yield(generator.Step{Token: reflection.Relevant, LogProb: reflection.ExactLog(-0.1 * float64(len(text)%3))}, nil) ||
			!yield(generator.Step{Text: text, LogProb: reflection.ExactLog(-1)}, nil) {
			return
		}
		if len(req.Prompt.Path)+1 < m.depth {
			if !yield(generator.Step{Token: reflection.Retrieval, LogProb: reflection.ExactLog(-1)}, nil) {
				return
			}
			yield(generator.Step{Finish: generator.FinishStop}, nil)
			return
		}
		yield(generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(-1)}, nil)
	}
}

// No path ever sees the text of another (the released code mixes siblings up).
func TestPathsKeepApart(t *testing.T) {
	m := counting(echo{depth: 6})
	a := run(t, m, finds(hits("A", "B", "C")...), selfrag.WithMode(selfrag.Always), selfrag.WithLongForm(3, 6))
	if len(m.requests) != 3+5*9 {
		t.Errorf("%d requests, want 3 for the first segment and 9 for each of the other five", len(m.requests))
	}
	seen := map[string]bool{}
	for _, req := range m.requests {
		parent := ""
		if text := fmt.Sprint(req.Prompt); seen[text] {
			t.Errorf("two paths have the same prompt: %s", text)
		} else {
			seen[text] = true
		}
		for i, s := range req.Prompt.Path {
			if want := parent + "/" + s.Evidence[0].Title; s.Text != want {
				t.Errorf("segment %d of a prompt is %q, want %q", i+1, s.Text, want)
			}
			parent = s.Text
		}
	}
	parent := ""
	for _, s := range a.Segments {
		if !strings.HasPrefix(s.Text, parent+"/") {
			t.Errorf("the answer goes from %q to %q", parent, s.Text)
		}
		parent = s.Text
	}
}

// replaySteps are a segment that is text, with the given IsREL score and
// 0.8 for IsSUP.
func replaySteps(text string, rel float64) []generator.Step {
	return generatortest.Segment(rel, text, [3]float64{0.7, 0.2, 0.1}, [5]float64{})
}

// The beam replay of the specification: product of the segment scores, width 2.
func TestBeamReplay(t *testing.T) {
	rel := map[string]float64{"A": 0.9, "B": 0.8, "C": 0.3}
	m := script()
	for id, r := range rel {
		m.Rules = append(m.Rules,
			on(more(replaySteps("One "+id+".", r), 0, 1, 0), generatortest.Depth(0), generatortest.Shows(id)),
			on(replaySteps("Two "+id+".", r), generatortest.Depth(1), generatortest.Shows(id)))
	}
	a := run(t, m, finds(hits("A", "B", "C")...), selfrag.WithMode(selfrag.Always), selfrag.WithLongForm(2, 5),
		selfrag.WithPathScore(scoring.PathProduct), noSequence())

	type node struct {
		parent int
		score  float64
		status selfrag.CandidateStatus
	}
	want := map[int]node{
		1: {0, 1.7, selfrag.Kept}, 2: {0, 1.6, selfrag.Kept}, 3: {0, 1.1, selfrag.Pruned},
		4: {1, 2.89, selfrag.Kept}, 5: {1, 2.72, selfrag.Kept}, 6: {1, 1.87, selfrag.Pruned},
		7: {2, 2.72, selfrag.Pruned}, 8: {2, 2.56, selfrag.Pruned}, 9: {2, 1.76, selfrag.Pruned},
	}
	seen := 0
	for _, e := range a.Trace.Expansions {
		for _, c := range e.Candidates {
			seen++
			w := want[c.Node]
			if e.Parent != w.parent || math.Abs(c.PathScore-w.score) > 1e-9 || c.Status != w.status {
				t.Errorf("node %d: parent %d, score %.12f, %s; want %+v", c.Node, e.Parent, c.PathScore, c.Status, w)
			}
		}
	}
	if seen != len(want) {
		t.Errorf("%d candidates, want %d", seen, len(want))
	}
	if fmt.Sprint(a.Trace.Path) != "[1 4]" || a.Text != "One A. Two A." || math.Abs(a.Score-2.89) > 1e-9 {
		t.Errorf("path %v, %q, score %v", a.Trace.Path, a.Text, a.Score)
	}
	for _, req := range m.Requests() {
		for _, s := range req.Prompt.Path {
			if s.Text != "One "+s.Evidence[0].Title+"." {
				t.Errorf("a prompt holds %q after passage %s", s.Text, s.Evidence[0].Title)
			}
		}
	}
}

// The finished-beam replay of the specification: a complete answer is not dropped
// when another one goes on.
func TestFinishedBeamReplay(t *testing.T) {
	m := script(
		on(replaySteps("A.", 0.99), generatortest.Depth(0), generatortest.Shows("A")),
		on(more(replaySteps("B.", 0.5), 0, 1, 0), generatortest.Depth(0), generatortest.Shows("B")),
		on(more(replaySteps("C.", 0.5), 0, 1, 0), generatortest.Depth(0), generatortest.Shows("C")),
		on(replaySteps("Child.", 0.05), generatortest.Depth(1)),
	)
	a := run(t, m, finds(hits("A", "B", "C")...), selfrag.WithMode(selfrag.Always), selfrag.WithLongForm(2, 5),
		selfrag.WithPathScore(scoring.PathProduct), noSequence())
	if a.Text != "A." || math.Abs(a.Score-1.79) > 1e-9 || a.Stop != selfrag.StopEnd {
		t.Errorf("%q with %v, stopped by %s; want A. with 1.79, stopped by end", a.Text, a.Score, a.Stop)
	}
	if len(a.Trace.Expansions) != 2 || a.Trace.Expansions[1].Parent != 2 {
		t.Fatalf("expansions %+v, want the root and node 2, which wins the tie with node 3", a.Trace.Expansions)
	}
	for _, c := range a.Trace.Expansions[1].Candidates {
		if math.Abs(c.PathScore-1.105) > 1e-9 {
			t.Errorf("child with %v, want 1.105", c.PathScore)
		}
	}
}

func TestStops(t *testing.T) {
	always := selfrag.WithMode(selfrag.Always)
	long := selfrag.WithLongForm(1, 2)
	utilityThenMore := more(append(said("Done."), generatortest.Judge(reflection.IsUSE, 0, 0, 0, 0, 1)), 0, 1, 0)
	tests := []struct {
		name    string
		model   *generatortest.Script
		options []selfrag.Option
		text    string
		stop    selfrag.StopReason
	}{
		{"end", script(on(said("Done."))), []selfrag.Option{always, long}, "Done.", selfrag.StopEnd},
		{"depth", script(on(more(said("On."), 0, 1, 0), generatortest.Depth(0)), on(more(said("And on."), 0, 1, 0))), []selfrag.Option{always, long}, "On. And on.", selfrag.StopDepth},
		{"length", script(on(said("a b c d e f"))), []selfrag.Option{always, long, selfrag.WithMaxTokens(3)}, "a b", selfrag.StopLength},
		{"short form at its boundary", script(on(more(said("On."), 0, 1, 0))), []selfrag.Option{always}, "On.", selfrag.StopEnd},
		{"text past the boundary is left out", script(on(append(more(said("On."), 0, 1, 0), generatortest.Words(1, " More.")...))), []selfrag.Option{always}, "On.", selfrag.StopEnd},
		{"utility completes an answer", script(on(utilityThenMore)), []selfrag.Option{always, long}, "Done.", selfrag.StopEnd},
		{"a segment without text ends the answer", script(on(more(said("On."), 0, 1, 0), generatortest.Depth(0)), on(said(" "))), []selfrag.Option{always, long}, "On.", selfrag.StopEnd},
		{"nothing at all", script(on(nil)), []selfrag.Option{always}, "", selfrag.StopRejected},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			a := run(t, tt.model, finds(hits("A")...), tt.options...)
			if a.Text != tt.text || a.Stop != tt.stop {
				t.Errorf("%q, stopped by %s; want %q, stopped by %s", a.Text, a.Stop, tt.text, tt.stop)
			}
		})
	}
}

// A model without control tokens ends a segment with FinishStop and no token. It
// is then asked whether to retrieve.
func TestSegmentsWithoutBoundaryTokens(t *testing.T) {
	stop := generator.Step{Finish: generator.FinishStop}
	m := script(
		on(generatortest.Decision(0), generatortest.Decides(), generatortest.Depth(0)),
		on(generatortest.Decision(1), generatortest.Decides(), generatortest.Depth(1)),
		on(append(generatortest.Words(1, "One."), stop), generatortest.Forces(reflection.NoRetrieval)),
		on(generatortest.Words(1, "Two."), generatortest.Shows("A")),
	)
	a := run(t, m, finds(hits("A")...), selfrag.WithLongForm(1, 3))
	if a.Text != "One. Two." || a.Stop != selfrag.StopEnd {
		t.Errorf("%q, stopped by %s", a.Text, a.Stop)
	}
}

// The query for a later segment is the question and the segment before it, unless
// the passages are fixed.
func TestQueries(t *testing.T) {
	for _, fixed := range []bool{false, true} {
		t.Run(fmt.Sprint("fixed=", fixed), func(t *testing.T) {
			var queries []string
			index := retriever.Func(func(_ context.Context, q retriever.Query) (retriever.Result, error) {
				queries = append(queries, q.Text)
				return retriever.Result{Hits: hits("A")}, nil
			})
			m := script(on(more(said("One."), 0, 1, 0), generatortest.Depth(0)), on(more(said("Two."), 0, 1, 0), generatortest.Depth(1)), on(said("Three.")))
			options := []selfrag.Option{selfrag.WithMode(selfrag.Always), selfrag.WithLongForm(1, 3)}
			want := []string{"What is it?", "What is it? One.", "What is it? Two."}
			if fixed {
				options = append(options, selfrag.WithFixedPassages(true))
				want = want[:1]
			}
			a := run(t, m, index, options...)
			if fmt.Sprint(queries) != fmt.Sprint(want) {
				t.Errorf("queries %q, want %q", queries, want)
			}
			for i, e := range a.Trace.Expansions {
				if e.Query != want[min(i, len(want)-1)] {
					t.Errorf("expansion %d says it asked %q", i, e.Query)
				}
			}
		})
	}
}
