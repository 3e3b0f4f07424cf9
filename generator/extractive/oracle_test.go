package extractive

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

// leaf is one possible output of the tree, as written tokens, with its probability.
type leaf struct {
	tokens []string
	p      float64
}

// leaves lists every possible short or long answer from one passage, by the
// formulas of the package documentation.
func leaves(w *world, long bool) (all []leaf) {
	sum := 0.0
	for _, q := range w.quotes {
		sum += math.Exp(q.z)
	}
	for k, use := range reflection.IsUSE.Tokens() {
		binomial := []float64{1, 4, 6, 4, 1}[k] * math.Pow(0.01, float64(k)) * math.Pow(0.99, float64(4-k))
		all = append(all, leaf{[]string{reflection.Irrelevant.String(), use.String(), ""}, 1 / (sum + 1) / (sum + 1) * binomial})
	}
	for i, q := range w.quotes {
		text := cut(w.spell(q.symbols))
		for _, rel := range reflection.IsREL.Tokens() {
			u, p := q.u, math.Exp(q.z)/(sum+1)
			r, sups := relevant, reflection.IsSUP.Tokens()
			if rel == reflection.Irrelevant {
				u, p = q.uIrrelevant, 1/(sum+1)*math.Exp(q.z)/(sum+1)
				r, sups = irrelevant, []reflection.Token{reflection.None}
			}
			for _, sup := range sups {
				tokens := append([]string{rel.String()}, text...)
				pSup := 1.0
				if sup != reflection.None {
					tokens = append(tokens, sup.String())
					f := w.support(i)
					pSup = f[sup]
				}
				done := 1.0
				if long {
					f := w.follow(i, r)
					onwards, fetch := f[reflection.ContinueEvidence], f[reflection.Retrieval]
					done = 1 - onwards - fetch
					all = append(all,
						leaf{append(tokens[:len(tokens):len(tokens)], reflection.ContinueEvidence.String(), ""), p * pSup * onwards},
						leaf{append(tokens[:len(tokens):len(tokens)], reflection.Retrieval.String(), ""), p * pSup * fetch})
				}
				for k, use := range reflection.IsUSE.Tokens() {
					binomial := []float64{1, 4, 6, 4, 1}[k] * math.Pow(u, float64(k)) * math.Pow(1-u, float64(4-k))
					all = append(all, leaf{append(tokens[:len(tokens):len(tokens)], use.String(), ""), p * pSup * done * binomial})
				}
			}
		}
	}
	return all
}

// ngrams is the background in simple form: counts by string.
type ngrams struct {
	count map[string]float64
	total float64
}

func newNgrams(texts ...string) ngrams {
	n := ngrams{count: map[string]float64{}}
	for _, t := range texts {
		if t == "" {
			continue
		}
		tokens := append(cut(t), "")
		n.total += float64(len(tokens))
		for i := range tokens {
			for length := 1; length <= 3 && i+length <= len(tokens); length++ {
				n.count[strings.Join(tokens[i:i+length], "\x00")]++
			}
		}
	}
	return n
}

// prob returns P_bg(token | the tokens before it); bytes is the length of the
// token if it is text.
func (n ngrams) prob(before []string, token string, bytes int) float64 {
	context := func(k int) (string, float64) {
		if len(before) < k {
			return "", 0
		}
		c := strings.Join(before[len(before)-k:], "\x00")
		return c + "\x00" + token, n.count[c]
	}
	tri, bi, uni := 0.5, 0.3, 0.15
	p := 0.05 / 272 * math.Pow(257, -float64(bytes))
	if gram, c := context(2); c > 0 {
		p += tri * n.count[gram] / c
	} else {
		bi += tri
	}
	if gram, c := context(1); c > 0 {
		p += bi * n.count[gram] / c
	} else {
		uni += bi
	}
	return p + uni*n.count[token]/n.total
}

// TestAgainstEnumeration computes the probability of every token of every output of
// the tree, and of texts that leave it, from the list of leaves and the plain
// counts, and compares it with Score.
func TestAgainstEnumeration(t *testing.T) {
	m := New()
	// Sentences that share beginnings, one the beginning of another, one twice.
	passage := "The bridge was built.\n\nThe bridge was built. In 1932.\n\nThe bridge was\n\nThe bridge fell.\n\nIt was steel."
	question, title := "when was the bridge built", "The bridge"
	texts := []string{question, title}
	for _, s := range sentence.Split(passage) {
		texts = append(texts, s.Of(passage))
	}
	ground := newNgrams(texts...)

	for _, stop := range [][]reflection.Token{nil, reflection.Retrieve.Tokens()} {
		req := about(question, passage)
		req.Prompt.Evidence[0].Title = title
		req.Stop = stop
		w, _, err := m.openWorld(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		all := leaves(w, stop != nil)
		want := map[int]int{0: 5*(3*5+5) + 5, 3: 5*(3*7+7) + 5}[len(stop)]
		if len(all) != want {
			t.Fatalf("%d leaves, want %d", len(all), want)
		}
		total, best := 0.0, ""
		byText := map[string]float64{}
		for _, l := range all {
			total += l.p
			if l.tokens[0] == reflection.Relevant.String() {
				i := strings.Index(strings.Join(l.tokens[1:], ""), "[")
				text := strings.Join(l.tokens[1:], "")[:i]
				byText[text] += l.p
				if best == "" || byText[text] > byText[best] {
					best = text
				}
			}
		}
		if math.Abs(total-1) > 1e-12 {
			t.Errorf("the leaves sum to 1%+g", total-1)
		}
		if got := complete(t, req).Text(); got != best {
			t.Errorf("greedy quotes %q, the likeliest sentence is %q", got, best)
		}

		tested := all
		for _, off := range [][]string{
			{""},
			{"[Relevant]", ""},
			{"[Relevant]", "The", " bridge", " fell", ",", " The", " bridge", " fell", ".", "[Fully supported]", ""},
			{"[Relevant]", "Something", " else", "[Utility:1]", "[Utility:1]", ""},
			{"The", " bridge", ""},
			{"[Irrelevant]", "It", " was", " steel", ".", "[Fully supported]", ""},
		} {
			tested = append(tested, leaf{tokens: off})
		}
		for _, l := range tested {
			c, err := m.Score(t.Context(), req, asSteps(l.tokens), true)
			if err != nil {
				t.Fatal(err)
			}
			for i, token := range l.tokens {
				mass, here := 0.0, 0.0
				for _, other := range all {
					if hasPrefix(other.tokens, l.tokens[:i]) {
						mass += other.p
						if hasPrefix(other.tokens, l.tokens[:i+1]) {
							here += other.p
						}
					}
				}
				bytes := len(token)
				if _, ok := reflection.ParseToken(token); ok {
					bytes = 0
				}
				want := ground.prob(l.tokens[:i], token, bytes)
				if mass > 0 {
					want = (1-1e-3)*here/mass + 1e-3*want
				}
				got := c.End.Log
				if i < len(c.Steps) {
					got = c.Steps[i].LogProb.Log
				}
				if math.Abs(got-math.Log(want)) > 1e-11 {
					t.Errorf("%q, token %d: log-probability %v, want %v", l.tokens, i, got, math.Log(want))
				}
			}
		}
	}
}

// TestAgainstCounts compares the background with plain counts for words with so
// many positions that they are counted ahead.
func TestAgainstCounts(t *testing.T) {
	random := rand.New(rand.NewPCG(7, 7))
	var b strings.Builder
	for range 120 {
		for range 1 + random.IntN(9) {
			b.WriteString([]string{"sea ", "sea ", "ship ", "salt ", "sun "}[random.IntN(5)])
		}
		b.WriteString("ends. ")
	}
	passage, question := b.String(), "sea sea ship"
	texts := []string{question}
	for _, s := range sentence.Split(passage) {
		texts = append(texts, s.Of(passage))
	}
	ground := newNgrams(texts...)
	tokens := append(cut("sea sea sea salt salt ship sun ends. sea gull sea ends ends sea"), "")
	c, err := New().Score(t.Context(), about(question, passage), asSteps(tokens), true)
	if err != nil {
		t.Fatal(err)
	}
	for i := 1; i < len(tokens); i++ { // with the first token the text has left the tree
		got := c.End.Log
		if i < len(c.Steps) {
			got = c.Steps[i].LogProb.Log
		}
		if want := math.Log(ground.prob(tokens[:i], tokens[i], len(tokens[i]))); math.Abs(got-want) > 1e-11 {
			t.Errorf("%q after %q: log-probability %v, want %v", tokens[i], tokens[:i], got, want)
		}
	}
	if n := ground.count[" sea"]; n < 2*many {
		t.Errorf("only %v places", n)
	}
}

// BenchmarkRepeatedWord prints the cost of four times the text, for one repeated
// word: of a passage and a text to score, and of a passage and a path.
func BenchmarkRepeatedWord(b *testing.B) {
	m := New()
	for _, bench := range []struct {
		name string
		ask  func(text string) error
	}{
		{"score", func(text string) error {
			_, err := m.Score(b.Context(), about("what is a", text), []generator.Step{{Text: text}}, true)
			return err
		}},
		{"path", func(text string) error {
			req := about("what is a", text)
			req.Prompt.Path = []generator.PathSegment{{Text: text}}
			_, err := generator.Complete(b.Context(), m, req)
			return err
		}},
	} {
		b.Run(bench.name, func(b *testing.B) {
			var took [2]time.Duration
			for b.Loop() {
				for i, n := range []int{5_000, 20_000} {
					start := time.Now()
					if err := bench.ask(strings.Repeat("a ", n)); err != nil {
						b.Fatal(err)
					}
					took[i] += time.Since(start)
				}
			}
			b.ReportMetric(float64(took[1])/float64(took[0]), "times-for-4x")
		})
	}
}

// asSteps turns written tokens, the last of them the end, into steps.
func asSteps(tokens []string) (out []generator.Step) {
	for _, s := range tokens[:len(tokens)-1] {
		if c, ok := reflection.ParseToken(s); ok {
			out = append(out, generator.Step{Token: c})
		} else {
			out = append(out, generator.Step{Text: s})
		}
	}
	return out
}

func hasPrefix(tokens, prefix []string) bool {
	if len(tokens) < len(prefix) {
		return false
	}
	for i := range prefix {
		if tokens[i] != prefix[i] {
			return false
		}
	}
	return true
}

// TestSamplingFollowsNext draws the first token with many seeds and compares the
// counts with Next by a chi-square test. The seeds are fixed, so the outcome is,
// too; the bound is far beyond the 0.1 % quantile.
func TestSamplingFollowsNext(t *testing.T) {
	m := New()
	req := about("tell me about the bridge", "The old bridge was built by hand. Many old maps show the bridge. Three times the bridge fell. Steel now holds the bridge up.")
	req.Prompt.Path = []generator.PathSegment{{Text: "So.", Evidence: req.Prompt.Evidence}}
	req.Prompt.Evidence, req.Prompt.Force, req.MaxTokens = nil, reflection.ContinueEvidence, 1
	d, err := m.Next(t.Context(), req, nil)
	if err != nil {
		t.Fatal(err)
	}
	const draws = 1500
	for _, temperature := range []float64{0.5, 2} {
		req.Temperature = temperature
		expected, sum := map[string]float64{}, 0.0
		for _, a := range d.Tokens {
			p := math.Exp(a.Prob.Log / temperature)
			expected[a.Text+a.Token.String()] = p
			sum += p
		}
		seen := map[string]float64{}
		for seed := range draws {
			req.Seed = uint64(seed)
			c := complete(t, req)
			key := ""
			if len(c.Steps) > 0 {
				key = c.Steps[0].Text + c.Steps[0].Token.String()
			}
			seen[key]++
		}
		chi2, cells, rareSeen, rare := 0.0, 0.0, 0.0, 0.0
		for key, p := range expected {
			if e := p / sum * draws; e < 5 {
				rare += e
				rareSeen += seen[key]
			} else {
				chi2 += (seen[key] - e) * (seen[key] - e) / e
				cells++
			}
		}
		if rare > 5 {
			chi2 += (rareSeen - rare) * (rareSeen - rare) / rare
			cells++
		}
		if limit := cells + 6*math.Sqrt(2*cells); cells < 3 || chi2 > limit {
			t.Errorf("temperature %v: chi-square %.1f over %v cells, want at most %.1f over 3 or more", temperature, chi2, cells, limit)
		}
	}
}
