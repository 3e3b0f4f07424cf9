package generatortest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Random is a small language model whose probabilities are all known: six words,
// the control tokens and an end token. Its distributions are random, but fixed by
// the seed and by the text before the token, prompt included. So equal requests
// give equal steps. It follows the output grammar of Self-RAG: a token of Retrieve
// at the start, IsREL after a passage, words, IsSUP after words that used a
// relevant passage, then a token of Retrieve and another segment, or a token of
// IsUSE and the end. The answer to a [generator.Task] is words and the end.
//
// It sees nothing but the text. So a prompt that forces a token and a prompt after
// which that token was generated have the same continuations.
//
// It is a [generator.Scorer], [generator.NextPredictor], [generator.GroupProber]
// and [generator.Describer]. The zero value is ready to use. Do not change the
// fields after first use; then it is safe for concurrent use.
type Random struct {
	// Seed chooses one of the models.
	Seed uint64
	// MinWords and MaxWords limit the words of a segment, and of the answer to a
	// task: 0 ≤ MinWords ≤ MaxWords. If both are 0 they mean 1 and 4.
	MinWords, MaxWords int
	// MaxSegments is the greatest number of segments of an answer, those of the
	// prompt included; 0 means 3. After the last one only IsUSE may come.
	MaxSegments int
	// Noise is the probability, in [0, 0.5], that is spread evenly over the tokens
	// that the grammar does not allow. With 0 their probability is exactly 0.
	Noise float64
	// Level says which probabilities the model reports. ExactIDs and the zero
	// level: all of them. TopN: those of the N likeliest tokens of a position and
	// the generated one, with a bound for watched tokens below. HardLabels: none,
	// and no power to ask for them.
	Level reflection.Level
	// N is the N of Level TopN, at least 1; ignored otherwise.
	N int
	// Relevance returns, for a passage, the parameters a and b, in [1e-3, 1e6], of
	// a beta distribution. The probability of Relevant is drawn from it, as a share
	// of IsREL: its mean is a/(a+b). Of several passages the first counts. Nil
	// means 1 and 1 for all, the uniform distribution.
	Relevance func(generator.Evidence) (a, b float64)
	// Support and Utility do the same for the other judgments of a segment that
	// uses a passage: the share of FullySupported, with the rest for NoSupport, and
	// the share of Utility5, with the rest for Utility1. Nil draws the
	// probabilities of all tokens of the group like those of words.
	Support, Utility func(generator.Evidence) (a, b float64)
}

// check returns an error that names the field at fault.
func (r *Random) check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("generatortest: Random."+format, args...)
	}
	switch {
	case r.MinWords < 0 || r.MaxWords < r.MinWords:
		return bad("MinWords and MaxWords are %d and %d: want 0 <= MinWords <= MaxWords", r.MinWords, r.MaxWords)
	case r.MaxSegments < 0:
		return bad("MaxSegments is %d: want 0 or more", r.MaxSegments)
	case !(r.Noise >= 0 && r.Noise <= 0.5):
		return bad("Noise is %v: want a number in [0, 0.5]", r.Noise)
	case r.Level > reflection.HardLabels:
		return bad("Level is %v: want exact-ids, top-n or hard-labels", r.Level)
	case r.Level == reflection.TopN && r.N < 1:
		return bad("N is %d: want at least 1", r.N)
	}
	return nil
}

func (r *Random) limits() (minWords, maxWords, maxSegments int) {
	minWords, maxWords, maxSegments = r.MinWords, r.MaxWords, r.MaxSegments
	if maxWords == 0 {
		minWords, maxWords = 1, 4
	}
	if maxSegments == 0 {
		maxSegments = 3
	}
	return minWords, maxWords, maxSegments
}

// judgment is a group whose probabilities are drawn from a beta distribution, as
// the share of one of two tokens.
type judgment struct {
	field     string
	beta      func(generator.Evidence) (a, b float64)
	good, bad reflection.Token
}

func (j judgment) parameters(e generator.Evidence) [2]float64 {
	a, b := j.beta(e)
	return [2]float64{a, b}
}

// uniform is the default beta distribution of relevance.
func uniform(generator.Evidence) (a, b float64) { return 1, 1 }

// judgments lists the groups that are drawn from a beta distribution.
func (r *Random) judgments() [3]judgment {
	relevance := r.Relevance
	if relevance == nil {
		relevance = uniform
	}
	return [...]judgment{
		{"Relevance", relevance, reflection.Relevant, reflection.Irrelevant},
		{"Support", r.Support, reflection.FullySupported, reflection.NoSupport},
		{"Utility", r.Utility, reflection.Utility5, reflection.Utility1},
	}
}

// begin checks the model and the request and reads the prompt.
func (r *Random) begin(ctx context.Context, req generator.Request) (*state, error) {
	if err := r.check(); err != nil {
		return nil, err
	}
	if err := req.Check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s, err := newState(req)
	if err != nil {
		return nil, err
	}
	for _, x := range symbols(req.After) {
		s.write(x)
	}
	if len(s.passages) > 0 {
		for _, j := range r.judgments() {
			if j.beta == nil {
				continue
			}
			for _, x := range j.parameters(s.passages[0]) {
				if !(x >= 1e-3 && x <= 1e6) {
					return nil, fmt.Errorf("generatortest: Random.%s of %q gives %v: want a number in [1e-3, 1e6]", j.field, s.passages[0].Title, x)
				}
			}
		}
	}
	return s, nil
}

// Generate implements [generator.Generator].
func (r *Random) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		s, err := r.begin(ctx, req)
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		rng := rand.New(r.source(s.context.String(), req.Seed))
		last := generator.Step{Finish: generator.FinishLength, Usage: generator.Usage{Calls: 1, PromptTokens: promptWords(req)}}
		for i := range req.MaxTokens {
			if err := ctx.Err(); err != nil {
				yield(generator.Step{}, err)
				return
			}
			p := s.next(r)
			at := choose(p, req.Temperature, rng)
			step := r.step(req, p, vocabulary[at], i == 0)
			last.Usage.GeneratedTokens++
			if vocabulary[at].end {
				step.Finish, step.Usage = generator.FinishEnd, last.Usage
				yield(step, nil)
				return
			}
			if !yield(step, nil) {
				return
			}
			s.write(vocabulary[at])
			if slices.Contains(req.Stop, step.Token) {
				last.Finish = generator.FinishStop
				break
			}
		}
		if err := ctx.Err(); err != nil {
			yield(generator.Step{}, err)
			return
		}
		yield(last, nil)
	}
}

// choose returns the index of the likeliest token, the first of equals, or of one
// drawn at the temperature.
func choose(p []float64, temperature float64, rng *rand.Rand) int {
	best := 0
	for i := range p {
		if p[i] > p[best] {
			best = i
		}
	}
	if temperature == 0 {
		return best
	}
	weights := make([]float64, len(p))
	sum := 0.0
	for i := range p {
		weights[i] = math.Exp((math.Log(p[i]) - math.Log(p[best])) / temperature)
		sum += weights[i]
	}
	x := rng.Float64() * sum
	for i, w := range weights {
		if x -= w; x < 0 {
			return i
		}
	}
	return best // rounding used the sum up
}

// step returns what the model reports of the token x under the probabilities p.
func (r *Random) step(req generator.Request, p []float64, x symbol, first bool) generator.Step {
	s := generator.Step{Text: x.text, Token: x.token}
	if r.Level == reflection.HardLabels {
		return s
	}
	s.LogProb = reflection.ExactValue(0) // a piece of text that is no word
	if i := slices.Index(vocabulary, x); i >= 0 {
		s.LogProb = reflection.ExactValue(p[i])
	}
	watched := first || slices.Contains(req.Watch, x.token.Group())
	if !watched && req.Alternatives == 0 {
		return s
	}
	ranked := rank(p)
	known := len(ranked)
	if r.Level == reflection.TopN {
		known = min(known, r.N)
	}
	if watched {
		for _, g := range req.Watch {
			s.Watched = append(s.Watched, distribution(ranked, known, g))
		}
	}
	s.Top = append(s.Top, ranked[:min(known, req.Alternatives)]...)
	return s
}

// rank returns the vocabulary, likeliest first, with ties in its own order.
func rank(p []float64) []generator.Alternative {
	out := make([]generator.Alternative, len(vocabulary))
	for i, x := range vocabulary {
		out[i] = generator.Alternative{Text: x.text, Token: x.token, End: x.end, Prob: reflection.ExactValue(p[i])}
	}
	slices.SortStableFunc(out, func(a, b generator.Alternative) int { return cmp.Compare(b.Prob.Log, a.Prob.Log) })
	return out
}

// distribution returns what is known of g if the first known of ranked are exact:
// the others are at most as likely as the last of these.
func distribution(ranked []generator.Alternative, known int, g reflection.Group) reflection.Distribution {
	d := reflection.Distribution{Group: g}
	for i, a := range ranked {
		if i < known {
			d.Set(a.Token, a.Prob)
		} else {
			d.Set(a.Token, reflection.AtMostLog(ranked[known-1].Prob.Log))
		}
	}
	return d
}

// ask begins a call of a power: after is what follows the prompt. The fields of req
// for generating only are ignored.
func (r *Random) ask(ctx context.Context, req generator.Request, after []generator.Step) (*state, []symbol, error) {
	if r.Level == reflection.HardLabels {
		return nil, nil, fmt.Errorf("generatortest: a Random of hard labels gives no probabilities: %w", errors.ErrUnsupported)
	}
	req.MaxTokens, req.Temperature, req.Stop = 1, 0, nil
	s, err := r.begin(ctx, req)
	if err != nil {
		return nil, nil, err
	}
	for i, a := range after {
		if a.Text != "" && a.Token != reflection.None || a.Token > reflection.NoSupport {
			return nil, nil, fmt.Errorf("%w: step %d holds text %q and token %v: want one of them", generator.ErrRequest, i, a.Text, a.Token)
		}
	}
	return s, symbols(after), nil
}

// symbols cuts steps into the model's own tokens.
func symbols(steps []generator.Step) []symbol {
	var list []symbol
	text := ""
	for i := range steps {
		text += steps[i].Text
		if t := steps[i].Token; t != reflection.None {
			list = append(append(list, divide(text)...), symbol{token: t})
			text = ""
		}
	}
	return append(list, divide(text)...)
}

// Score implements [generator.Scorer]. Text that is no word of the model has
// probability 0.
func (r *Random) Score(ctx context.Context, req generator.Request, steps []generator.Step, end bool) (generator.Completion, error) {
	s, list, err := r.ask(ctx, req, steps)
	if err != nil {
		return generator.Completion{}, err
	}
	c := generator.Completion{Finish: generator.FinishLength, Usage: generator.Usage{Calls: 1, PromptTokens: promptWords(req) + len(list)}}
	for i, x := range list {
		c.Steps = append(c.Steps, r.step(req, s.next(r), x, i == 0))
		s.write(x)
	}
	if end {
		c.Finish = generator.FinishEnd
		c.End = r.step(req, s.next(r), symbol{end: true}, false).LogProb
	}
	return c, nil
}

// Next implements [generator.NextPredictor]. It lists the whole vocabulary.
func (r *Random) Next(ctx context.Context, req generator.Request, after []generator.Step) (generator.NextDistribution, error) {
	s, list, err := r.ask(ctx, req, after)
	if err != nil {
		return generator.NextDistribution{}, err
	}
	for _, x := range list {
		s.write(x)
	}
	return generator.NextDistribution{Tokens: rank(s.next(r))}, nil
}

// GroupProbs implements [generator.GroupProber]. The probabilities are not
// normalized within the group.
func (r *Random) GroupProbs(ctx context.Context, req generator.Request, after []generator.Step, g reflection.Group) (reflection.Distribution, error) {
	if g.Size() == 0 {
		return reflection.Distribution{}, fmt.Errorf("%w: %v is not a group: want Retrieve, IsREL, IsSUP or IsUSE", generator.ErrRequest, g)
	}
	next, err := r.Next(ctx, req, after)
	return distribution(next.Tokens, len(next.Tokens), g), err
}

// Describe implements [generator.Describer].
func (r *Random) Describe(context.Context) (generator.Capabilities, error) {
	if err := r.check(); err != nil {
		return generator.Capabilities{}, err
	}
	c := generator.Capabilities{
		Model:        "random",
		Level:        max(r.Level, reflection.ExactIDs),
		LogProbs:     r.Level != reflection.HardLabels,
		EndLogProb:   r.Level != reflection.HardLabels,
		Paced:        true,
		Resumes:      true,
		Template:     generator.SelfRAGTemplate{}.Name(),
		TemplateHash: generator.SelfRAGTemplate{}.Hash(),
	}
	if r.Level == reflection.TopN {
		c.TopN = r.N
	}
	return c, nil
}
