package completion

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/reflection"
)

// probs fills in the probabilities at the position of t.
func (r *reading) probs(a *modelhttp.Answer, t *Token, s *generator.Step) error {
	if t.LogProb.Known == reflection.Unknown {
		return a.Errorf("the token %q came without its log-probability: set NoProbs for a server that gives none", s.Text+s.Token.String())
	}
	if err := t.LogProb.Check(); err != nil {
		return a.Errorf("the token %q has the %v", s.Text+s.Token.String(), err)
	}
	tempered := r.tempered()
	if tempered {
		s.LogProb = reflection.Prob{}
	}
	watched := (r.tokens == 0 || slices.Contains(r.req.Watch, s.Token.Group())) && len(r.req.Watch) > 0 && !r.plain
	if !watched && (r.req.Alternatives == 0 || tempered) {
		return nil
	}
	var err error
	if r.entries, err = entries(a, r.stream, t, r.entries[:0]); err != nil {
		return err
	}
	if watched {
		if s.Watched, err = r.watched(a, t, s.Token); err != nil {
			return err
		}
	}
	if r.req.Alternatives > 0 && !tempered {
		s.Top = r.alternatives(r.req.Alternatives)
	}
	return nil
}

// tempered reports whether the probabilities of the answer are not the model's own.
func (r *reading) tempered() bool { return r.facts.Tempered && r.req.Temperature > 0 }

// untemper gives the tokens of d, which are all known, the ratios that they had
// before the temperature T: softmax(z/T) to the power of T is softmax(z) up to a
// factor. The factor makes them sum to 1.
func untemper(d *reflection.Distribution, temperature float64) {
	probs := d.Probs[:d.Group.Size()]
	most, sum := math.Inf(-1), 0.0
	for i := range probs {
		probs[i].Log *= temperature
		most = max(most, probs[i].Log)
	}
	if math.IsInf(most, -1) {
		return
	}
	for i := range probs {
		sum += math.Exp(probs[i].Log - most)
	}
	for i := range probs {
		probs[i].Log -= most + math.Log(sum)
	}
}

// entries appends the alternatives of t to list. All must have a log-probability.
func entries(a *modelhttp.Answer, stream Stream, t *Token, list []Entry) ([]Entry, error) {
	list, err := stream.Entries(a, t.Likeliest, list)
	if err != nil {
		return nil, err
	}
	likeliest := len(list)
	if list, err = stream.Entries(a, t.Asked, list); err != nil {
		return nil, err
	}
	for i := range list {
		e := &list[i]
		e.asked = i >= likeliest
		if err := e.LogProb.Check(); err != nil {
			return nil, a.Errorf("the alternative %q has the %v", e.Text, err)
		}
		if e.LogProb.Known == reflection.Unknown {
			return nil, a.Errorf("the alternative %q came without its log-probability", e.Text)
		}
	}
	return list, nil
}

// watched returns the distributions of the watched groups.
func (r *reading) watched(a *modelhttp.Answer, t *Token, generated reflection.Token) ([]reflection.Distribution, error) {
	bound := r.bound(t)
	list := make([]reflection.Distribution, 0, len(r.req.Watch))
	for _, g := range r.req.Watch {
		d := reflection.Distribution{Group: g}
		for _, c := range g.Tokens() {
			p := bound
			if e := r.entry(c); e != nil {
				p = e.LogProb
			} else if c == generated {
				p = t.LogProb
			}
			if p.Known == reflection.Unknown || p.Known == reflection.Bounded && r.exact {
				return nil, a.Errorf("the answer lacks the log-probability of %v", c)
			}
			d.Set(c, p)
		}
		if r.tempered() {
			untemper(&d, r.req.Temperature)
		}
		list = append(list, d)
	}
	return list, nil
}

// bound returns the bound for tokens that are not among the entries: the least of
// the likeliest. Servers add a generated token that is none of these to the list.
// If a server gives fewer than requested, a sampled token may be such an addition.
func (r *reading) bound(t *Token) reflection.Prob {
	natural := 0
	for _, e := range r.entries {
		if !e.asked {
			natural++
		}
	}
	bound := reflection.Prob{}
	for _, e := range r.entries {
		generated := e.ID >= 0 && e.ID == t.ID || e.ID < 0 && e.Text == string(t.Text)
		extra := generated && (natural > r.query.Top || natural < r.query.Top && r.req.Temperature > 0)
		if !e.asked && !extra && (bound.Known == reflection.Unknown || e.LogProb.Log < bound.Log) {
			bound = reflection.AtMostLog(e.LogProb.Log)
		}
	}
	return bound
}

// entry returns the entry of a control token, nil if there is none.
func (r *reading) entry(c reflection.Token) *Entry {
	for i := range r.entries {
		if r.controlOf(&r.entries[i]) == c {
			return &r.entries[i]
		}
	}
	return nil
}

// controlOf returns the control token that e is, or None.
func (r *reading) controlOf(e *Entry) reflection.Token {
	switch {
	case r.plain:
		return reflection.None
	case e.ID >= 0 && r.facts.IDs != nil:
		return r.facts.IDs[e.ID]
	}
	c, _ := reflection.ParseToken(e.Text)
	return c
}

// alternatives returns the likeliest of the entries, at most n. It skips an entry
// that is neither text nor a control token nor the end, such as a part of a
// character without its bytes.
func (r *reading) alternatives(n int) []generator.Alternative {
	slices.SortStableFunc(r.entries, func(a, b Entry) int { return cmp.Compare(b.LogProb.Log, a.LogProb.Log) })
	list := make([]generator.Alternative, 0, min(len(r.entries), n))
	for i := range r.entries {
		e := &r.entries[i]
		alt := generator.Alternative{Token: r.controlOf(e), Prob: e.LogProb}
		switch {
		case e.asked:
			continue
		case alt.Token != reflection.None:
		case r.facts.isEnd(e):
			alt.End = true
		case len(e.Bytes) > 0:
			alt.Bytes = e.Bytes
		case e.Text == "" || strings.ContainsRune(e.Text, utf8.RuneError) || slices.Contains(r.facts.Special, e.Text):
			continue
		default:
			alt.Text = e.Text
		}
		if len(list) == n {
			break
		}
		list = append(list, alt)
	}
	return list
}

// isEnd reports whether e is the end token.
func (f *Facts) isEnd(e *Entry) bool {
	if e.ID >= 0 && f.EndID >= 0 {
		return e.ID == f.EndID
	}
	return e.Text != "" && e.Text == f.EndText
}
