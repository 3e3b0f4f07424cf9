package main

import (
	_ "embed"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/internal/linear/fit"
	"github.com/goselfrag/goselfrag/internal/sentence"
)

// decision is a prompt and whether it needs passages.
type decision struct {
	text     string
	retrieve bool
	written  bool // for this project, rather than from a question set
}

//go:embed decisions.txt
var written string

// writtenDecisions reads the prompts written for the project: a sign, a space,
// and the prompt on each line.
func writtenDecisions() ([]decision, error) {
	var out []decision
	for n, line := range strings.Split(written, "\n") {
		sign, text, ok := strings.Cut(line, " ")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		if !ok || sign != "+" && sign != "-" {
			return nil, fmt.Errorf("decisions.txt, line %d: want + or -, a space and a prompt", n+1)
		}
		out = append(out, decision{text, sign == "+", true})
	}
	return out, nil
}

// retrieveExamples returns the decisions that are not held. The questions of the
// sets together weigh as much as the prompts written for the project.
func (d *data) retrieveExamples(held part, rarity feature.Rarity) []fit.Labelled {
	var out []fit.Labelled
	own, others := 0, 0
	for _, x := range d.decisions {
		if x.written {
			own++
		} else {
			others++
		}
	}
	for i, x := range d.decisions {
		if held.decisions[i] {
			continue
		}
		weight := 1.0
		if !x.written {
			weight = float64(own) / float64(max(1, others))
		}
		out = append(out, fit.Labelled{Row: retrieveRow(x.text, rarity), Class: classOf(x.retrieve), Weight: weight})
	}
	return out
}

func retrieveRow(text string, rarity feature.Rarity) []float64 {
	a := feature.ReadQuestion(text, "")
	q, lex := readQuestion(text, rarity)
	var given uint64
	for _, t := range a.Given {
		given |= q.Holds(lex.Words(t))
	}
	return a.Retrieve(q.Share(given), q.Rarity())
}

// followExamples returns places after a segment: of a question whose supporting
// sentences are known, the first so many of them, by their probability to
// answer, have been said. If others are left, the answer goes on; if none is
// left, it ends. After the best sentence of a passage that does not answer,
// other passages are wanted. Both last cases come also with nothing left unsaid
// in the passage.
func (d *data) followExamples(choice, use *linear.Model, rarity feature.Rarity, in func(i int) bool) []fit.Labelled {
	var out []fit.Labelled
	for i, s := range d.clap {
		if !in(i) {
			continue
		}
		texts := s.Passage.Sentences
		c, q, lex := s.chosen(choice, rarity)
		u := make([]float64, len(texts))
		for k := range texts {
			u[k] = use.Probs(feature.Use(c.z[k], false, c.pi[1+k]))[1]
		}
		order := slices.Clone(s.Support)
		slices.SortStableFunc(order, func(a, b int) int {
			if u[a] > u[b] {
				return -1
			}
			return classOf(u[a] < u[b])
		})
		if len(order) == 0 && c.at >= 0 {
			open := 1 - q.Share(q.Holds(lex.Words(texts[c.at])))
			out = append(out,
				fit.Labelled{Row: feature.Follow(greatest(u, func(k int) bool { return k != c.at }), open, 1, q.Short()), Class: 1, Weight: 1},
				fit.Labelled{Row: feature.Follow(-1, open, 1, q.Short()), Class: 1, Weight: 0.5})
		}
		var covered uint64
		for n, k := range order {
			covered |= q.Holds(lex.Words(texts[k]))
			said, left := order[:n+1], order[n+1:]
			open := 1 - q.Share(covered)
			unsaid := func(k int) bool { return !slices.Contains(said, k) }
			row := feature.Follow(greatest(u, unsaid), open, n+1, q.Short())
			if len(left) > 0 {
				out = append(out, fit.Labelled{Row: row, Class: 0, Weight: 1})
				continue
			}
			out = append(out, fit.Labelled{Row: row, Class: 2, Weight: 1}, fit.Labelled{Row: feature.Follow(-1, open, n+1, q.Short()), Class: 2, Weight: 0.5})
		}
	}
	return out
}

// followShort returns places after the sentence that the model quotes of the
// first passage of questions that ask for a short answer: if it holds the answer, the
// answer ends; if the passage does not hold it, passages are wanted. Together
// they weigh as much as so many examples.
func followShort(choice, use *linear.Model, rarity feature.Rarity, examples []example, weight int) []fit.Labelled {
	var out []fit.Labelled
	for _, e := range examples {
		if len(e.views) == 0 {
			continue
		}
		v := e.views[0]
		c := choose(choice, v)
		class := 2
		if c.at < 0 || !v.right[c.at] && v.any {
			continue
		}
		if !v.any {
			class = 1
		}
		u := make([]float64, len(v.texts))
		for k := range u {
			u[k] = use.Probs(feature.Use(c.z[k], false, c.pi[1+k]))[1]
		}
		q, lex := readQuestion(e.question, rarity)
		if !q.Short() {
			continue // its one gold answer need not be all there is to say
		}
		open := 1 - q.Share(q.Holds(lex.Words(v.texts[c.at])))
		row := feature.Follow(greatest(u, func(k int) bool { return k != c.at }), open, 1, q.Short())
		out = append(out, fit.Labelled{Row: row, Class: class})
	}
	for i := range out {
		out[i].Weight = float64(weight) / float64(len(out))
	}
	return out
}

func greatest(u []float64, in func(int) bool) float64 {
	top := -1.0
	for k, x := range u {
		if in(k) {
			top = max(top, x)
		}
	}
	return top
}

// chosen returns what the choice makes of the question's own passage.
func (s supported) chosen(choice *linear.Model, rarity feature.Rarity) (chosen, *feature.Question, *feature.Lexicon) {
	q, lex := readQuestion(s.Question, rarity)
	return choose(choice, s.view(rarity)), q, lex
}

func (s supported) view(rarity feature.Rarity) view {
	return viewOf(s.Question, s.Passage.Title, s.Passage.Sentences, rarity, func(i int, _ string) bool { return slices.Contains(s.Support, i) })
}

// Classes of support, as in feature.SupportClasses.
const (
	full = iota
	partial
	none
)

// claim is a text against a passage.
type claim struct {
	text  string
	class int
	clean string // for a text with something swapped: the sentence it was made of
}

// supportExamples returns the claims about the passages that are in.
func (d *data) supportExamples(in func(*set, int) bool) []fit.Labelled {
	var out []fit.Labelled
	d.claims(in, func(sentences []string, claims []claim) {
		lex := feature.NewLexicon(256)
		e := evidenceOf(lex, sentences)
		for _, c := range claims {
			out = append(out, fit.Labelled{Row: e.Support(lex.Words(c.text), feature.LookAt(c.text)), Class: c.class, Weight: 1})
		}
	})
	return out
}

func evidenceOf(lex *feature.Lexicon, sentences []string) *feature.Evidence {
	var words [][]feature.Word
	for _, t := range sentences {
		words = append(words, lex.Words(t))
	}
	return feature.NewEvidence(words)
}

// claims makes claims about the passages that are in, from a random source of
// their own for each passage.
func (d *data) claims(in func(*set, int) bool, each func(sentences []string, claims []claim)) {
	for n, s := range d.sets {
		for i, p := range s.corpus {
			if !in(s, i) {
				continue
			}
			r := rand.New(rand.NewPCG(d.seed, uint64(n)<<32|uint64(i)))
			// What is foreign comes from another passage that is in, too.
			other := i
			for tries := 0; tries < 50 && (other == i || !in(s, other)); tries++ {
				other = r.IntN(len(s.corpus))
			}
			own, foreign := split(p.Text), split(s.corpus[other].Text)
			if len(own) == 0 || other == i || !in(s, other) {
				continue
			}
			each(own, makeClaims(r, own, foreign))
		}
	}
}

func split(text string) []string {
	var out []string
	for _, s := range sentence.Split(text) {
		if t := s.Of(text); len(strings.Fields(t)) >= 6 {
			out = append(out, t)
		}
	}
	return out
}

func makeClaims(r *rand.Rand, own, foreign []string) []claim {
	var out []claim
	for _, t := range pick(r, own, 3) {
		look := feature.LookAt(t)
		class := full
		if look != (feature.Look{}) {
			class = partial
		}
		out = append(out, claim{text: t, class: class})
		words := strings.Fields(t)
		half := words[:len(words)/2+r.IntN(2)]
		out = append(out, claim{text: strings.Join(half, " "), class: partial})
		other := own[r.IntN(len(own))]
		if rest := strings.Fields(other); other != t {
			out = append(out, claim{text: strings.Join(append(slices.Clone(half), rest[len(rest)/2:]...), " "), class: partial})
		}
		if look != (feature.Look{}) {
			continue
		}
		pools := [][]string{own, foreign}
		for _, is := range []feature.Trait{feature.Number, feature.Capital} {
			if x, ok := swapped(r, t, pools[r.IntN(2)], is); ok {
				out = append(out, claim{text: x, class: none, clean: t})
			}
		}
		if x, ok := negated(t); ok {
			out = append(out, claim{text: x, class: none})
		}
	}
	for _, t := range pick(r, foreign, 2) {
		out = append(out, claim{text: t, class: none})
	}
	if len(own) > 1 {
		if k := r.IntN(len(own) - 1); feature.LookAt(own[k]) == (feature.Look{}) && feature.LookAt(own[k+1]) == (feature.Look{}) {
			out = append(out, claim{text: own[k] + " " + own[k+1], class: full})
		}
	}
	return out
}

func pick(r *rand.Rand, from []string, n int) []string {
	from = slices.Clone(from)
	r.Shuffle(len(from), func(i, j int) { from[i], from[j] = from[j], from[i] })
	return from[:min(n, len(from))]
}

// swapped returns text with one number or name, past its first word, replaced by
// another one that stands in one of the texts of pool.
func swapped(r *rand.Rand, text string, pool []string, is feature.Trait) (string, bool) {
	find := func(t string) (at []int, words []string) {
		words = strings.Fields(t)
		lex := feature.NewLexicon(8)
		for i, w := range words {
			x := lex.Words(w)
			if i > 0 && len(x) > 0 && x[0].Term >= 0 && x[0].Is&is != 0 && x[0].Is&feature.Stop == 0 {
				at = append(at, i)
			}
		}
		return at, words
	}
	at, words := find(text)
	var others []string
	for _, t := range pool {
		in, from := find(t)
		for _, i := range in {
			if w := trimMarks(from[i]); !strings.Contains(text, w) {
				others = append(others, w)
			}
		}
	}
	if len(at) == 0 || len(others) == 0 {
		return "", false
	}
	i := at[r.IntN(len(at))]
	words[i] = strings.Replace(words[i], trimMarks(words[i]), others[r.IntN(len(others))], 1)
	return strings.Join(words, " "), true
}

func trimMarks(w string) string { return strings.Trim(w, `.,;:!?()[]{}"'“”‘’`) }

// negated returns text with "not" after its first form of be.
func negated(text string) (string, bool) {
	words := strings.Fields(text)
	for i, w := range words {
		if slices.Contains([]string{"is", "are", "was", "were"}, w) && i+1 < len(words) && words[i+1] != "not" {
			return strings.Join(slices.Insert(words, i+1, "not"), " "), true
		}
	}
	return "", false
}
