package selfrag_test

import (
	"cmp"
	"context"
	"fmt"
	"hash/fnv"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// improviser is a model that makes up an output for every prompt, the same for
// equal text. It writes past the engine's stop, repeats tokens, and lists only some
// of the probabilities.
type improviser struct {
	words  []string // that texts are made of
	long   bool     // segments are like those of training
	closed bool     // texts are single words
}

func (m improviser) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "improviser", Level: reflection.TopN, TopN: 20, LogProbs: true, EndLogProb: true}, nil
}

func (m improviser) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		if err := cmp.Or(ctx.Err(), req.Check()); err != nil {
			yield(generator.Step{}, err)
			return
		}
		text, err := generator.SelfRAGTemplate{OmitPathEvidence: true}.Render(req.Prompt)
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		for i, s := range m.output(text) {
			if i >= req.MaxTokens-1 && s.Finish == generator.Running {
				if yield(s, nil) {
					yield(generator.Step{Finish: generator.FinishLength}, nil)
				}
				return
			}
			if !yield(s, nil) || s.Finish != generator.Running {
				return
			}
			if slices.Contains(req.Stop, s.Token) {
				yield(generator.Step{Finish: generator.FinishStop}, nil)
				return
			}
		}
	}
}

// output returns the whole output for a prompt, of at most 15 tokens.
func (m improviser) output(prompt string) (out []generator.Step) {
	h := fnv.New64a()
	h.Write([]byte(prompt))
	r := rand.New(rand.NewPCG(h.Sum64(), 1))
	word := func() {
		text := m.words[r.IntN(len(m.words))]
		out = append(out, generator.Step{Text: text, LogProb: reflection.ExactLog(-3 * r.Float64())})
	}
	token := func(g reflection.Group) {
		t := g.Tokens()[r.IntN(g.Size())]
		d := listing(r, g, t, m.long)
		out = append(out, generator.Step{Token: t, LogProb: d.Prob(t), Watched: []reflection.Distribution{d}})
	}
	if m.long || m.closed || r.IntN(4) > 0 {
		token(reflection.IsREL)
	} else { // the token of relevance is not the likeliest, or not even listed
		word()
		out[0].Watched = []reflection.Distribution{listing(r, reflection.IsREL, reflection.None, false)}
	}
	out[0].Watched = append(out[0].Watched, listing(r, reflection.Retrieve, reflection.Retrieval, true))
	word()
	if !m.closed && r.IntN(2) == 0 {
		word()
	}
	if m.long {
		token(reflection.IsSUP)
		if r.IntN(3) > 0 {
			d := listing(r, reflection.Retrieve, reflection.Retrieval, true)
			out = append(out, generator.Step{Token: reflection.Retrieval, LogProb: d.Prob(reflection.Retrieval), Watched: []reflection.Distribution{d}})
			return append(out, generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(-1)})
		}
	} else {
		for range r.IntN(5) {
			token([]reflection.Group{reflection.IsSUP, reflection.IsUSE, reflection.Retrieve}[r.IntN(3)])
			if !m.closed && r.IntN(2) == 0 {
				word()
			}
		}
	}
	return append(out, generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(-r.Float64())})
}

// listing returns a server's list for a group: t and, unless all are wanted, some
// others.
func listing(r *rand.Rand, g reflection.Group, t reflection.Token, all bool) reflection.Distribution {
	d := reflection.Distribution{Group: g}
	for _, u := range g.Tokens() {
		if u == t || all || t != reflection.None && r.IntN(2) == 0 || r.IntN(4) == 0 {
			d.Set(u, reflection.ExactLog(-6*r.Float64()-1e-3))
		} else {
			d.Set(u, reflection.AtMostLog(-7))
		}
	}
	return d
}

// The following is written after the formulas of the released scripts, slowly and
// without the packages under test.

// listed returns the log-probability of a token at a step, -100 if it is not listed.
func listedLog(s generator.Step, t reflection.Token) float64 {
	for _, d := range s.Watched {
		if p := d.Prob(t); p.Known == reflection.Exact {
			return p.Log
		}
	}
	return -100
}

// firstOf returns the first step that generated a token of a group.
func firstOf(steps []generator.Step, g reflection.Group) (generator.Step, bool) {
	i := slices.IndexFunc(steps, func(s generator.Step) bool { return s.Token.Group() == g })
	if i < 0 {
		return generator.Step{}, false
	}
	return steps[i], true
}

// average returns the mean of values over the tokens of a group, by their probabilities.
func average(s generator.Step, g reflection.Group, values ...float64) float64 {
	sum := 0.0
	for _, t := range g.Tokens() {
		sum += math.Exp(listedLog(s, t))
	}
	mean := 0.0
	for i, t := range g.Tokens() {
		mean += values[i] * math.Exp(listedLog(s, t)) / sum
	}
	return mean
}

// referenceScore is the score of a candidate of the short form, or of the long
// form, without the sequence and the utility.
func referenceScore(steps []generator.Step, long bool) float64 {
	score := average(steps[0], reflection.IsREL, 0, 1)
	if s, ok := firstOf(steps, reflection.IsSUP); ok {
		score += average(s, reflection.IsSUP, 1, 0.5, 0)
	}
	if long {
		return score
	}
	if s, ok := firstOf(steps, reflection.IsUSE); ok {
		score += average(s, reflection.IsUSE, -1, -0.5, 0, 0.5, 1)
	}
	logs := 0.0
	for _, s := range steps { // the end token is among them
		logs += s.LogProb.Log
	}
	return score + math.Exp(logs/float64(len(steps)))
}

func textOf(steps []generator.Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.Text)
	}
	return b.String()
}

// rawOf is a segment up to [Retrieval] with its tokens.
func rawOf(steps []generator.Step) string {
	var b strings.Builder
	for _, s := range steps {
		if s.Token == reflection.Retrieval {
			break
		}
		b.WriteString(s.Text + s.Token.String())
	}
	return b.String()
}

func shownAs(p retriever.Passage) string {
	return "[Retrieval]<paragraph>" + p.Title + "\n" + p.Text + "</paragraph>"
}

// referencePrompts are the instructions of the tasks with the question Q.
var referencePrompts = map[string]string{
	"popqa":     "Q",
	"triviaqa":  "Q",
	"fever":     "Is the following statement correct or not? Say true if it's correct; otherwise say false.\n\n## Input:\n\nQ",
	"arc_c":     "Given four answer candidates, A, B, C and D, choose the best answer choice.\n\n### Input:\nQ",
	"arc_easy":  "Given four answer candidates, A, B, C and D, choose the best answer choice.\n\n## Input:\n\nQ",
	"obqa":      "Given four answer candidates, A, B, C and D, choose the best answer choice.\n\n## Input:\n\nQ",
	"trex":      "Given the input format 'Subject Entity [SEP] Relationship Type,' predict the target entity.\n\n## Input:\n\nQ",
	"wow":       "Given a chat history separated by new lines, generates an informative, knowledgeable and engaging response. \n\n## Input:\n\nQ",
	"asqa":      "Answer the following question. The question may be ambiguous and have multiple correct answers, and in that case, you have to provide a long-form answer including all correct answers.## Input:\n\nQ",
	"eli5":      "Provide a paragraph-length response using simple words to answer the following question.## Input:\n\nQ",
	"factscore": "Q",
}

func referencePrompt(task, question string) string {
	return "### Instruction:\n" + strings.TrimSuffix(referencePrompts[task], "Q") + question + "\n\n### Response:\n"
}

// taskModel returns the model for a task.
func taskModel(task string) improviser {
	words := []string{" Paris", " is", " the", " capital", " of", " France"}
	switch task {
	case "fever":
		return improviser{words: []string{"true", "false"}, closed: true}
	case "arc_c":
		return improviser{words: []string{"A", "B", "C", "D"}, closed: true}
	case "asqa", "eli5", "factscore":
		return improviser{words: words, long: true}
	}
	return improviser{words: append(words, ".")}
}

var manyPassages = hits("A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L")

// With WithReleased short answers are those of the released formulas: decision, prompts,
// scores and choice.
func TestReleasedShortForm(t *testing.T) {
	questions := 60
	wanted := map[string]int{"popqa": 10, "triviaqa": 10, "fever": 5, "arc_c": 5, "arc_easy": 10, "obqa": 10, "trex": 10, "wow": 10}
	retrieved, skipped := 0, 0
	for task, k := range wanted {
		m := taskModel(task)
		e := newEngine(t, m, finds(manyPassages...), selfrag.WithReleased(task))
		for q := range questions {
			question := fmt.Sprintf("question %d?", q)
			prompt := referencePrompt(task, question)
			first := m.output(prompt)[0]
			yes, no := listedLog(first, reflection.Retrieval), listedLog(first, reflection.NoRetrieval)
			a := ask(t, e, question)
			if yes/(yes+no) <= 0.2 {
				skipped++
				want := strings.TrimSpace(textOf(m.output(prompt + "[No Retrieval]")))
				if a.Decision.Choice != scoring.ChooseNoRetrieval || !m.closed && a.Text != want {
					t.Fatalf("%s, %s: %v, %q: want no retrieval and %q", task, question, a.Decision.Choice, a.Text, want)
				}
				continue
			}
			retrieved++
			checkShort(t, task+", "+question, a, m, prompt, k, m.closed)
		}
	}
	if retrieved < questions || skipped < questions/4 {
		t.Errorf("%d questions with retrieval, %d without: want more of both", retrieved, skipped)
	}
}

func checkShort(t *testing.T, what string, a *selfrag.Answer, m improviser, prompt string, k int, closed bool) {
	t.Helper()
	list := a.Trace.Expansions[0].Candidates
	if a.Decision.Choice != scoring.ChooseRetrieval || len(list) != k {
		t.Fatalf("%s: %v, %d candidates: want %d", what, a.Decision.Choice, len(list), k)
	}
	best, most := "", math.Inf(-1)
	sums, order := map[string]float64{}, []string{}
	for i := range list {
		steps := m.output(prompt + shownAs(manyPassages[i].Passage))
		want := referenceScore(steps, false)
		if got := list[i].Score; math.Abs(got-want) > 1e-12 {
			t.Fatalf("%s, passage %d: score %v: want %v", what, i, got, want)
		}
		text := textOf(steps)
		if want > most {
			best, most = text, want
		}
		if _, ok := sums[text]; !ok {
			order = append(order, text)
		}
		sums[text] += want
	}
	if !closed {
		if want := strings.TrimSpace(best); a.Text != want || a.Score != list[0].Score && math.Abs(a.Score-most) > 1e-12 {
			t.Fatalf("%s: %q with %v: want %q with %v", what, a.Text, a.Score, want, most)
		}
		return
	}
	option := slices.MaxFunc(order, func(x, y string) int { return cmp.Compare(sums[x], sums[y]) })
	if a.Label != option {
		t.Fatalf("%s: %q: want %q of %v", what, a.Label, option, sums)
	}
}

// node is a path of the released tree search.
type node struct {
	prompt   string // with all its segments
	score    float64
	open     bool
	text     []string
	segments int
}

// With WithReleased long answers have the prompts, scores and paths of the released tree
// search, without its two faults: finished paths stay, and a path has its own text.
func TestReleasedLongForm(t *testing.T) {
	for _, task := range []string{"asqa", "eli5", "factscore"} {
		m := taskModel(task)
		e := newEngine(t, m, finds(manyPassages...), selfrag.WithReleased(task))
		deepest := 0
		for q := range 60 {
			question := fmt.Sprintf("question %d?", q)
			prompt := referencePrompt(task, question)
			first := m.output(prompt)[0]
			yes, no := math.Exp(listedLog(first, reflection.Retrieval)), math.Exp(listedLog(first, reflection.NoRetrieval))
			a := ask(t, e, question)
			if task != "asqa" && yes/(yes+no) <= 0.2 {
				if a.Decision.Choice != scoring.ChooseNoRetrieval {
					t.Fatalf("%s, %s: %v: want no retrieval", task, question, a.Decision.Choice)
				}
				continue
			}
			want := treeSearch(m, prompt)
			want.text = withoutRepeats(want.text) // in the output of the scripts and of the engine
			if got := strings.Join(segmentTexts(a), "|"); got != strings.Join(want.text, "|") || math.Abs(a.Score-want.score) > 1e-12 {
				t.Fatalf("%s, %s: %q with %v: want %q with %v", task, question, got, a.Score, want.text, want.score)
			}
			deepest = max(deepest, want.segments)
		}
		if deepest != 6 {
			t.Errorf("%s: the deepest answer has %d segments: want one of 6", task, deepest)
		}
	}
}

func withoutRepeats(texts []string) (out []string) {
	for _, s := range texts {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func segmentTexts(a *selfrag.Answer) (texts []string) {
	for _, s := range a.Segments {
		texts = append(texts, s.Text)
	}
	return texts
}

// treeSearch is the released search of width 2 and max_depth 7 over 5 passages.
func treeSearch(m improviser, prompt string) node {
	level := []node{{prompt: prompt, score: 1, open: true}}
	for depth := 1; depth < 7; depth++ {
		var next []node
		for _, n := range level {
			if !n.open {
				next = append(next, n)
				continue
			}
			for _, h := range manyPassages[:5] {
				steps := m.output(n.prompt + shownAs(h.Passage))
				_, goesOn := firstOf(steps, reflection.Retrieve)
				next = append(next, node{
					prompt: n.prompt + rawOf(steps), score: n.score * referenceScore(steps, true), open: goesOn,
					text: append(slices.Clip(n.text), strings.TrimSpace(textOf(steps))), segments: n.segments + 1,
				})
			}
		}
		slices.SortStableFunc(next, func(a, b node) int { return cmp.Compare(b.score, a.score) })
		level = next[:2]
	}
	return level[0]
}

func TestReleasedUnknownTask(t *testing.T) {
	_, err := selfrag.New(improviser{}, finds(), selfrag.WithReleased("nq"))
	if err == nil || !strings.Contains(err.Error(), "fever") {
		t.Errorf("got %v: want an error that lists the tasks", err)
	}
}
