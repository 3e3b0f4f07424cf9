package rag_test

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
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/rag"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// words is the vocabulary of a tiny model; longest is the greatest number of words
// of an answer.
var words = []string{" a", " b", " c", " d"}

const longest = 4

// tiny is a language model whose answers can all be listed. Its distributions
// depend only on the passages of the prompt and on the words before.
type tiny struct {
	seed uint64
	// table replaces the drawn distributions: it returns the probabilities of the
	// words and of the end, or nil for the drawn ones.
	table func(passages, prefix string) []float64
	// hidden leaves tokens of lower probability out of Next.
	hidden float64
	calls  struct{ generate, next, score atomic.Int64 }
}

// dist returns the probabilities of the words and of the end.
func (m *tiny) dist(passages, prefix string) []float64 {
	if m.table != nil {
		if p := m.table(passages, prefix); p != nil {
			return p
		}
	}
	p := make([]float64, len(words)+1)
	if strings.Count(prefix, " ") == longest {
		p[len(words)] = 1
		return p
	}
	h := fnv.New64a()
	fmt.Fprintf(h, "%s\x00%s", passages, prefix)
	random := rand.New(rand.NewPCG(m.seed, h.Sum64()))
	sum := 0.0
	for i := range p {
		p[i] = math.Pow(random.Float64(), 3) + 1e-3
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

func shown(req generator.Request) string { return generator.JoinEvidence(req.Prompt.Evidence) }

func joined(steps []generator.Step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.Text)
	}
	return b.String()
}

// ranked lists all tokens, likeliest first.
func ranked(p []float64) []generator.Alternative {
	list := []generator.Alternative{{End: true, Prob: reflection.ExactValue(p[len(words)])}}
	for i, w := range words {
		list = append(list, generator.Alternative{Text: w, Prob: reflection.ExactValue(p[i])})
	}
	slices.SortStableFunc(list, func(a, b generator.Alternative) int { return cmp.Compare(b.Prob.Log, a.Prob.Log) })
	return list
}

func (m *tiny) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		if err := cmp.Or(req.Check(), ctx.Err()); err != nil {
			yield(generator.Step{}, err)
			return
		}
		m.calls.generate.Add(1)
		prefix := joined(req.After)
		random := rand.New(rand.NewPCG(m.seed, req.Seed))
		usage := generator.Usage{Calls: 1}
		for range req.MaxTokens {
			p := m.dist(shown(req), prefix)
			list := ranked(p)
			chosen := list[0]
			if req.Temperature > 0 {
				x := random.Float64()
				for _, chosen = range list {
					if x -= math.Exp(chosen.Prob.Log); x < 0 {
						break
					}
				}
			}
			usage.GeneratedTokens++
			if chosen.End {
				yield(generator.Step{LogProb: chosen.Prob, Finish: generator.FinishEnd, Usage: usage}, nil)
				return
			}
			prefix += chosen.Text
			if !yield(generator.Step{Text: chosen.Text, LogProb: chosen.Prob, Top: list[:min(req.Alternatives, len(list))]}, ctx.Err()) {
				return
			}
		}
		yield(generator.Step{Finish: generator.FinishLength, Usage: usage}, nil)
	}
}

func (m *tiny) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	m.calls.next.Add(1)
	d := generator.NextDistribution{}
	for _, a := range ranked(m.dist(shown(req), joined(after))) {
		if p, _ := a.Prob.Value(); p < m.hidden {
			d.Rest += p
		} else {
			d.Tokens = append(d.Tokens, a)
		}
	}
	return d, ctx.Err()
}

func (m *tiny) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	m.calls.score.Add(1)
	c := generator.Completion{Finish: generator.FinishLength}
	prefix := ""
	for _, s := range steps {
		if s.Token != reflection.None && prefix == "" {
			c.Steps = append(c.Steps, generator.Step{Token: s.Token, LogProb: reflection.ExactValue(0.5)})
			continue
		}
		i := slices.Index(words, s.Text)
		if i < 0 {
			return c, fmt.Errorf("%q is no word", s.Text)
		}
		c.Steps = append(c.Steps, generator.Step{Text: s.Text, LogProb: reflection.ExactValue(m.dist(shown(req), prefix)[i])})
		prefix += s.Text
	}
	if end {
		c.Finish, c.End = generator.FinishEnd, reflection.ExactValue(m.dist(shown(req), prefix)[len(words)])
	}
	return c, ctx.Err()
}

func (m *tiny) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "tiny", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true}, nil
}

// The powers of tiny one by one.
type (
	generates struct{ m *tiny }
	predicts  struct{ generates } // and Next
	scores    struct{ generates } // and Score
)

func (g generates) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return g.m.Generate(ctx, req)
}
func (g generates) Describe(ctx context.Context) (generator.Capabilities, error) {
	return g.m.Describe(ctx)
}
func (g predicts) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	return g.m.Next(ctx, req, after)
}
func (g scores) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	return g.m.Score(ctx, req, steps, end)
}

// answers lists every whole answer.
func answers() []string {
	list := []string{""}
	for at := 0; at < len(list); at++ {
		if strings.Count(list[at], " ") < longest {
			for _, w := range words {
				list = append(list, list[at]+w)
			}
		}
	}
	return list
}

// cutWords cuts an answer into tokens.
func cutWords(y string) []string {
	var list []string
	for y != "" {
		list = append(list, y[:2])
		y = y[2:]
	}
	return list
}

// given is p(y|x,z), the end included if it is set.
func (m *tiny) given(passage, y string, end bool) float64 {
	p, prefix := 1.0, ""
	for _, w := range cutWords(y) {
		p *= m.dist(passage, prefix)[slices.Index(words, w)]
		prefix += w
	}
	if end {
		p *= m.dist(passage, prefix)[len(words)]
	}
	return p
}

// corpus is a retriever whose passages have the given scores.
type corpus struct {
	kind   retriever.ScoreKind
	scores []float64
}

func (c corpus) texts() []string {
	var list []string
	for i := range c.scores {
		list = append(list, fmt.Sprintf("passage %d", i))
	}
	return list
}

func (c corpus) Retrieve(ctx context.Context, q retriever.Query) (retriever.Result, error) {
	r := retriever.Result{Scores: c.kind}
	for i, text := range c.texts() {
		if len(r.Hits) < q.K {
			r.Hits = append(r.Hits, retriever.Hit{Passage: retriever.Passage{ID: fmt.Sprint(i), Text: text}, Score: c.scores[i]})
		}
	}
	return r, ctx.Err()
}

// prior is the softmax of the scores over t.
func (c corpus) prior(t float64) []float64 {
	p := make([]float64, len(c.scores))
	sum := 0.0
	for i, s := range c.scores {
		p[i] = math.Exp(s / t)
		sum += p[i]
	}
	for i := range p {
		p[i] /= sum
	}
	return p
}

var three = corpus{retriever.InnerProduct, []float64{1.3, 0.4, 0.1}}

type build func(generator.Generator, retriever.Retriever, ...rag.Option) (*rag.Decoder, error)

var constructors = map[string]build{"standard": rag.NewStandard, "sequence": rag.NewSequence, "token": rag.NewToken}

func decoder(t testing.TB, f build, m generator.Generator, r retriever.Retriever, options ...rag.Option) *rag.Decoder {
	t.Helper()
	d, err := f(m, r, options...)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask answers a question that must not fail.
func ask(t testing.TB, f build, m generator.Generator, r retriever.Retriever, options ...rag.Option) *selfrag.Answer {
	t.Helper()
	a, err := decoder(t, f, m, r, options...).Answer(t.Context(), "question?")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func near(a, b float64) bool { return math.Abs(a-b) <= 1e-12 }

func value(p reflection.Prob) float64 {
	if p.Known != reflection.Exact {
		return math.NaN()
	}
	v, _ := p.Value()
	return v
}
