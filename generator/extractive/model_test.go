package extractive

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parts are the pieces of random texts: words that sentences share, marks that end
// them, reserved strings and unusual characters.
var parts = []string{
	"the", " the", " bridge", " was", " built", " in", " 1932", ".", ". The", ". It", "?", " ", "\n\n", ",", " a", "b",
	"[Relevant]", "</paragraph>", "[Utility:5]", "é", "東", "\U0001F600", "\x00", "\xff", "'",
}

func drawText(t *rapid.T, name string, most int) string {
	return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, most).Draw(t, name), "")
}

// drawRequest returns a valid request of any form.
func drawRequest(t *rapid.T) generator.Request {
	p := generator.Prompt{Instruction: "x" + drawText(t, "question", 8), Input: drawText(t, "input", 2)}
	evidence := func() (out []generator.Evidence) {
		for range rapid.IntRange(1, 2).Draw(t, "passages") {
			out = append(out, generator.Evidence{Title: drawText(t, "title", 2), Text: drawText(t, "passage", 30)})
		}
		return out
	}
	for range rapid.IntRange(0, 2).Draw(t, "segments") {
		s := generator.PathSegment{Text: drawText(t, "segment", 6)}
		if rapid.Bool().Draw(t, "retrieved") {
			s.Evidence = evidence()
		}
		p.Path = append(p.Path, s)
	}
	switch rapid.IntRange(0, 3).Draw(t, "form") {
	case 0:
		p.Evidence = evidence()
	case 1:
		p.Force = reflection.NoRetrieval
	case 2:
		if len(p.PathEvidence()) > 0 {
			p.Force = reflection.ContinueEvidence
		}
	}
	req := generator.Request{Prompt: p, MaxTokens: 200, Watch: reflection.Groups(), Seed: rapid.Uint64().Draw(t, "seed")}
	if rapid.Bool().Draw(t, "long") {
		req.Stop = reflection.Retrieve.Tokens()
	}
	return req
}

// asStep returns the step of an alternative, false for the end.
func asStep(a generator.Alternative) (generator.Step, bool) {
	return generator.Step{Text: a.Text, Token: a.Token}, !a.End
}

// TestEveryHistorySumsToOne draws random histories, on the tree and off it. It
// checks at each position that the distribution sums to one and is sorted, and that
// Score and Next agree on the end and a random token.
func TestEveryHistorySumsToOne(t *testing.T) {
	m := New()
	rapid.Check(t, func(t *rapid.T) {
		req := drawRequest(t)
		var after []generator.Step
		for range rapid.IntRange(1, 12).Draw(t, "length") {
			d, err := m.Next(t.Context(), req, after)
			if err != nil {
				t.Fatal(err)
			}
			sum := d.Rest
			for i, a := range d.Tokens {
				sum += math.Exp(a.Prob.Log)
				if a.Prob.Known != reflection.Exact || math.IsInf(a.Prob.Log, 0) || math.IsNaN(a.Prob.Log) {
					t.Fatalf("%+v is not exact and finite", a)
				}
				if i > 0 && a.Prob.Log > d.Tokens[i-1].Prob.Log {
					t.Fatalf("token %d is likelier than the one before it", i)
				}
			}
			if math.Abs(sum-1) > 1e-12 || d.Rest <= 0 {
				t.Fatalf("after %q: the sum is 1%+g, the rest %g", text(after), sum-1, d.Rest)
			}

			// Mostly one of the likeliest tokens, to stay on the tree for a while.
			i := rapid.IntRange(0, min(3, len(d.Tokens)-1)).Draw(t, "rank")
			if rapid.IntRange(0, 5).Draw(t, "any") == 0 {
				i = rapid.IntRange(0, len(d.Tokens)-1).Draw(t, "rank of all")
			}
			next, ok := asStep(d.Tokens[i])
			// Text is cut as a whole: "  " and "?" are cut as " " and " ?".
			before := text(after[lastControl(after):])
			if !ok || next.Text != "" && !slices.Equal(cut(before+next.Text), append(cut(before), next.Text)) {
				next = generator.Step{Token: reflection.ParagraphEnd}
				i = slices.IndexFunc(d.Tokens, func(a generator.Alternative) bool { return a.Token == next.Token })
			}
			after = append(after, next)
			c, err := m.Score(t.Context(), req, after, false)
			if err != nil {
				t.Fatal(err)
			}
			if got, want := c.Steps[len(c.Steps)-1].LogProb.Log, d.Tokens[i].Prob.Log; math.Abs(got-want) > 1e-12 {
				t.Fatalf("after %q, %+v: Score says %v, Next %v", text(after), next, got, want)
			}
		}
	})
}

func text(steps []generator.Step) string { return generator.Completion{Steps: steps}.Text() }

// lastControl returns the position after the last control token.
func lastControl(steps []generator.Step) int {
	for i := len(steps); i > 0; i-- {
		if steps[i-1].Token != reflection.None {
			return i
		}
	}
	return 0
}

// TestGenerateScoreAndNextAgree checks, for greedy and sampled continuations of
// random requests, that Score gives the same steps and that Next and GroupProbs
// agree at every position.
func TestGenerateScoreAndNextAgree(t *testing.T) {
	m := New()
	rapid.Check(t, func(t *rapid.T) {
		req := drawRequest(t)
		req.MaxTokens = 40
		req.Temperature = rapid.SampledFrom([]float64{0, 0.5, 1, 3}).Draw(t, "temperature")
		got, err := generator.Complete(t.Context(), m, req)
		if err != nil {
			t.Fatal(err)
		}
		want, err := m.Score(t.Context(), req, got.Steps, got.Finish == generator.FinishEnd)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.Steps, got.Steps); diff != "" || want.End != got.End {
			t.Fatalf("Generate and Score differ, end %v and %v:\n%s", got.End, want.End, diff)
		}
		for i := range got.Steps {
			d, err := m.Next(t.Context(), req, got.Steps[:i])
			if err != nil {
				t.Fatal(err)
			}
			s := got.Steps[i]
			at := slices.IndexFunc(d.Tokens, func(a generator.Alternative) bool { return !a.End && a.Text == s.Text && a.Token == s.Token })
			if at < 0 || math.Abs(d.Tokens[at].Prob.Log-s.LogProb.Log) > 1e-12 {
				t.Fatalf("position %d: Generate says %v, Next lists it at %d", i, s.LogProb.Log, at)
			}
			for _, w := range s.Watched {
				g, err := m.GroupProbs(t.Context(), req, got.Steps[:i], w.Group)
				if err != nil {
					t.Fatal(err)
				}
				sum := 0.0
				for _, a := range w.Group.Tokens() {
					sum += math.Exp(g.Prob(a).Log)
					if x, y := w.Prob(a).Log-w.Prob(w.Group.Tokens()[0]).Log, g.Prob(a).Log-g.Prob(w.Group.Tokens()[0]).Log; math.Abs(x-y) > 1e-9 {
						t.Fatalf("%v: watched ratio %v, GroupProbs %v", a, x, y)
					}
				}
				if math.Abs(sum-1) > 1e-12 {
					t.Fatalf("%v: GroupProbs sum to %v", w.Group, sum)
				}
			}
		}
	})
}

func (w *world) spell(symbols []symbol) string {
	var b strings.Builder
	for _, s := range symbols {
		b.WriteString(w.lex.text(s))
	}
	return b.String()
}

// TestGreedyTakesTheSentence has a case in which the likeliest first token begins
// two sentences, neither of them the likeliest.
func TestGreedyTakesTheSentence(t *testing.T) {
	m := New()
	req := about("when was the bridge built", "Old maps show the bridge built. Old plans show the bridge built. In 1932 the bridge was built.")
	c := complete(t, req)
	if want := "In 1932 the bridge was built."; c.Text() != want {
		t.Fatalf("quoted %q, want %q", c.Text(), want)
	}
	w, _, err := m.openWorld(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	// Scaled so that the two outweigh the one together.
	for i := range w.quotes {
		w.quotes[i].weight, w.quotes[i].z = 0.3, 0
		if w.spell(w.quotes[i].symbols) == c.Text() {
			w.quotes[i].weight, w.quotes[i].z = 0.4, 1
		}
	}
	h := w.after(w.begin(), symbol(reflection.Relevant))
	logs := w.next(h)
	top := symbol(slices.Index(logs, slices.Max(logs)))
	if w.lex.text(top) != "Old" {
		t.Errorf("the likeliest token is %q, want %q", w.lex.text(top), "Old")
	}
	var plan []symbol
	for _, s := range w.likeliest() {
		if s >= firstText {
			plan = append(plan, s)
		}
	}
	if got := w.spell(plan); got != c.Text() {
		t.Errorf("greedy takes %q, want the likeliest sentence %q", got, c.Text())
	}
}

func TestTaskIsUnsupported(t *testing.T) {
	task := generator.Task{Template: generator.MustTaskTemplate("judge", "", "Say yes."), Values: nil}
	req := generator.Request{Task: &task, MaxTokens: 5}
	_, err := generator.Complete(t.Context(), New(), req)
	if !errors.Is(err, errors.ErrUnsupported) || !strings.Contains(err.Error(), "judge") {
		t.Errorf("got %v, want an error that names the task and wraps errors.ErrUnsupported", err)
	}
	if _, err := New().Next(t.Context(), req, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Next: got %v", err)
	}
}

// A sentence that is wrapped in its passage is quoted on one line, with the same
// support; code and lists are unchanged.
func TestQuotesAreOnOneLine(t *testing.T) {
	for name, c := range map[string]struct{ question, passage, want string }{
		"prose":   {"when was the bridge opened", "The ferry was sold.\nThe bridge was\nopened in\r\n  1932 by the mayor.\nIt is grey.", "The bridge was opened in 1932 by the mayor."},
		"item":    {"when was the bridge opened", "Facts:\n- The bridge was opened\n  in 1932.\n- The ferry was sold.", "- The bridge was opened in 1932."},
		"Chinese": {"大桥何时开通", "渡船已出售。\n大桥于一九\n三二年开通。", "大桥于一九三二年开通。"},
		"code":    {"what does the open function of the bridge return", "open = func bridge() {\n\treturn 1932\n}\n\nThe ferry was sold.", "open = func bridge() {\n\treturn 1932\n}"},
	} {
		t.Run(name, func(t *testing.T) {
			req := about(c.question, c.passage)
			req.MaxTokens = 200
			got, err := generator.Collect(req, New().Generate(t.Context(), req))
			if err != nil {
				t.Fatal(err)
			}
			if got.Text() != c.want {
				t.Errorf("%q, want %q", got.Text(), c.want)
			}
			m := New()
			for _, broken := range []string{c.want, strings.Replace(c.want, " ", "\n", 1)} {
				a, b := m.Support(c.passage, c.want), m.Support(c.passage, broken)
				for _, token := range reflection.IsSUP.Tokens() {
					if a.Prob(token) != b.Prob(token) && name != "code" {
						t.Errorf("%q has other support than %q", broken, c.want)
					}
				}
			}
		})
	}
}
