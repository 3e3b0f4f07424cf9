package generatortest

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// symbol is one token of the vocabulary of Random: exactly one field is set.
type symbol struct {
	text  string
	token reflection.Token
	end   bool
}

// vocabulary lists the words, the control tokens and the end token. No word begins
// another word, so a text has at most one division into words.
var vocabulary = func() []symbol {
	var v []symbol
	for _, w := range [...]string{" red", " green", " blue", " one", " two", " three"} {
		v = append(v, symbol{text: w})
	}
	for _, t := range reflection.Tokens() {
		v = append(v, symbol{token: t})
	}
	return append(v, symbol{end: true})
}()

// divide divides text into words of the vocabulary and the pieces between them.
func divide(text string) []symbol {
	var out []symbol
	rest := 0 // where the piece that is no word began
	for i := 0; i < len(text); {
		w := slices.IndexFunc(vocabulary, func(s symbol) bool { return s.text != "" && strings.HasPrefix(text[i:], s.text) })
		if w < 0 {
			i++
			continue
		}
		if rest < i {
			out = append(out, symbol{text: text[rest:i]})
		}
		out = append(out, vocabulary[w])
		i += len(vocabulary[w].text)
		rest = i
	}
	if rest < len(text) {
		out = append(out, symbol{text: text[rest:]})
	}
	return out
}

// phase is a place in the grammar of Self-RAG output.
type phase uint8

const (
	atStart    phase = iota // nothing yet: a token of Retrieve is next
	atEvidence              // a passage was shown: IsREL is next
	inWords
	atBoundary // a segment is complete: Retrieve or IsUSE is next
	atEnd      // the utility was given: the end is next
)

// state is what the next distribution depends on. The context decides the numbers,
// the other fields decide which tokens may come.
type state struct {
	context  strings.Builder // the prompt and everything after it, written out
	phase    phase
	words    int // words of this segment
	segments int // segments so far, this one included
	task     bool
	passages []generator.Evidence // the latest shown
	uses     bool                 // whether the segment uses them
	relevant bool
}

// newState reads a prompt or a task.
func newState(req generator.Request) (*state, error) {
	s := new(state)
	if req.Task != nil {
		messages, err := req.Task.Render()
		s.task, s.phase = true, inWords
		s.context.WriteString(generator.JoinMessages(messages))
		return s, err
	}
	prompt, err := generator.SelfRAGTemplate{}.Render(req.Prompt)
	if err != nil {
		return nil, err
	}
	for _, seg := range req.Prompt.Path {
		if len(seg.Evidence) > 0 {
			s.show(seg.Evidence)
		} else {
			s.follow(symbol{token: seg.Retrieve})
		}
		s.follow(symbol{token: seg.Relevance})
		for _, w := range divide(seg.Text) {
			s.follow(w)
		}
		s.follow(symbol{token: seg.Support})
		s.follow(symbol{token: seg.Utility})
	}
	if len(req.Prompt.Evidence) > 0 {
		s.show(req.Prompt.Evidence)
		s.follow(symbol{token: req.Prompt.Relevance})
	} else {
		s.follow(symbol{token: req.Prompt.Force})
	}
	s.context.WriteString(prompt)
	return s, nil
}

// show begins a segment with passages.
func (s *state) show(list []generator.Evidence) {
	s.begin(atEvidence, true)
	s.passages = list
}

func (s *state) begin(p phase, uses bool) {
	s.phase, s.words, s.uses, s.relevant = p, 0, uses, false
	s.segments++
}

// write continues with a token after the prompt.
func (s *state) write(x symbol) {
	if x.token != reflection.None {
		s.context.WriteString(x.token.String())
	} else {
		s.context.WriteString(generator.Neutralize(x.text))
	}
	s.follow(x)
}

// follow moves to the next place in the grammar.
func (s *state) follow(x symbol) {
	switch x.token.Group() {
	case reflection.Retrieve:
		s.begin(inWords, x.token == reflection.ContinueEvidence && len(s.passages) > 0)
		s.relevant = s.uses
	case reflection.IsREL:
		s.phase, s.relevant = inWords, x.token == reflection.Relevant
	case reflection.IsSUP:
		s.phase = atBoundary
	case reflection.IsUSE:
		s.phase = atEnd
	default:
		if x.text != "" {
			s.phase = inWords
			s.words++
		}
	}
}

// due returns the sets of tokens that may come next, as conditions.
func (s *state) due(r *Random) []func(symbol) bool {
	minWords, maxWords, maxSegments := r.limits()
	group := func(g reflection.Group) func(symbol) bool {
		return func(x symbol) bool { return x.token.Group() == g }
	}
	words := func(x symbol) bool { return x.text != "" }
	end := func(x symbol) bool { return x.end }
	boundary := []func(symbol) bool{group(reflection.IsUSE)}
	if s.segments < maxSegments {
		boundary = append(boundary, group(reflection.Retrieve))
	}
	switch s.phase {
	case atStart:
		return []func(symbol) bool{group(reflection.Retrieve)}
	case atEvidence:
		return []func(symbol) bool{group(reflection.IsREL)}
	case atBoundary:
		return boundary
	case atEnd:
		return []func(symbol) bool{end}
	}
	var sets []func(symbol) bool
	if s.words < maxWords {
		sets = append(sets, words)
	}
	if s.words >= minWords {
		switch {
		case s.task:
			sets = append(sets, end)
		case s.uses && s.relevant:
			sets = append(sets, group(reflection.IsSUP))
		default:
			sets = append(sets, boundary...)
		}
	}
	return sets
}

// next returns the probabilities of the vocabulary, in its order.
func (s *state) next(r *Random) []float64 {
	rng := rand.New(r.source(s.context.String()))
	p := make([]float64, len(vocabulary))
	sum := 0.0
	for _, in := range s.due(r) {
		set := make([]float64, len(vocabulary))
		setSum := 0.0
		for i, x := range vocabulary {
			if in(x) {
				set[i] = rng.ExpFloat64()
				setSum += set[i]
			}
		}
		if j, ok := s.judgment(r, in); ok {
			share := beta(rng, j.parameters(s.passages[0]))
			for i, x := range vocabulary {
				switch {
				case x.token == j.good:
					set[i] = share
				case x.token == j.bad:
					set[i] = 1 - share
				default:
					set[i] = 0
				}
			}
			setSum = 1
		}
		weight := rng.ExpFloat64()
		sum += weight
		for i := range set {
			p[i] += weight * set[i] / setSum
		}
	}
	others := 0
	for i := range p {
		if p[i] /= sum; p[i] == 0 {
			others++
		}
	}
	for i := range p {
		if p[i] > 0 {
			p[i] *= 1 - r.Noise
		} else {
			p[i] = r.Noise / float64(others)
		}
	}
	return p
}

// judgment returns the judgment of a passage that a set of tokens belongs to, if
// its probabilities are drawn from a beta distribution.
func (s *state) judgment(r *Random, in func(symbol) bool) (judgment, bool) {
	for _, j := range r.judgments() {
		if j.beta != nil && s.uses && in(symbol{token: j.good}) {
			return j, true
		}
	}
	return judgment{}, false
}

// source returns a source of randomness that depends only on the model, a context
// and the salt.
func (r *Random) source(context string, salt ...uint64) rand.Source {
	b := binary.LittleEndian.AppendUint64(nil, r.Seed)
	for _, x := range salt {
		b = binary.LittleEndian.AppendUint64(b, x)
	}
	h := sha256.Sum256(append(b, context...))
	return rand.NewPCG(binary.LittleEndian.Uint64(h[:]), binary.LittleEndian.Uint64(h[8:]))
}

// beta draws from the beta distribution with the parameters ab, both above 0, as
// the share of one of two gamma variates.
func beta(rng *rand.Rand, ab [2]float64) float64 {
	x, y := logGamma(rng, ab[0]), logGamma(rng, ab[1])
	return 1 / (1 + math.Exp(y-x))
}

// logGamma draws the logarithm of a gamma variate of shape a by the method of
// Marsaglia and Tsang (2000). The logarithm does not underflow for small a.
func logGamma(rng *rand.Rand, a float64) float64 {
	if a < 1 {
		return logGamma(rng, a+1) + math.Log(1-rng.Float64())/a
	}
	d := a - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := rng.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-rng.Float64()) < x*x/2+d-d*v+d*math.Log(v) {
			return math.Log(d * v)
		}
	}
}
