package generatortest_test

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/goselfrag/goselfrag/generator"
	. "github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

// written writes a completion out, control tokens as their literals.
func written(c generator.Completion) string {
	var b strings.Builder
	for _, s := range c.Steps {
		b.WriteString(s.Text + s.Token.String())
	}
	return b.String()
}

// TestRandomFollowsTheGrammar matches whole answers with an expression that was
// written from the paper's format, not from the code.
func TestRandomFollowsTheGrammar(t *testing.T) {
	const (
		words = `( (red|green|blue|one|two|three)){2,3}`
		sup   = `\[(Fully supported|Partially supported|No support / Contradictory)\]`
		use   = `\[Utility:[1-5]\]`
		// After a passage of its own or of the path a segment is judged. A model
		// that generates [Retrieval] gets no passage, so there is no judgment.
		plain = `(\[No Retrieval\]|\[Retrieval\])` + words
		cont  = `\[Continue to Use Evidence\]` + words
		after = `(` + plain + `|` + cont + sup + `)*`
	)
	evidence := showing("Paris", "Paris is the capital of France.")
	forced, path, continued := capital, capital, capital
	forced.Prompt.Force = reflection.NoRetrieval
	path.Prompt.Path = []generator.PathSegment{
		{Text: " red green", Evidence: evidence.Prompt.Evidence, Retrieve: reflection.Retrieval, Relevance: reflection.Relevant, Support: reflection.FullySupported},
		{Text: " red green blue", Retrieve: reflection.NoRetrieval},
	}
	continued.Prompt.Path = path.Prompt.Path[:1]
	continued.Prompt.Force = reflection.ContinueEvidence
	task := generator.Task{Template: generator.MustTaskTemplate("t", "", "{{v}}"), Values: map[string]string{"v": "x"}}
	for _, tt := range []struct {
		name, want string
		req        generator.Request
	}{
		{"decision", `(` + plain + `|` + `\[Continue to Use Evidence\]` + words + `)+` + use, capital},
		{"evidence", `(\[Irrelevant\]` + words + `|\[Relevant\]` + words + sup + `)` + after + use, evidence},
		{"forced", words + `(` + plain + `|` + cont + `)*` + use, forced},
		{"path", `(` + plain + `|` + cont + sup + `)?` + use, path},
		{"continued", words + sup + after + use, continued},
		{"task", words, generator.Request{Task: &task}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			want := regexp.MustCompile(`^` + tt.want + `$`)
			different := make(map[string]bool)
			for seed := range uint64(200) {
				m := &Random{Seed: seed, MinWords: 2, MaxWords: 3}
				req := tt.req
				req.MaxTokens, req.Temperature = 100, float64(seed%2)
				c := complete(t, m, req)
				if c.Finish != generator.FinishEnd || !want.MatchString(written(c)) {
					t.Errorf("seed %d: %v after %s", seed, c.Finish, written(c))
				}
				different[written(c)] = true
			}
			if len(different) < 50 {
				t.Errorf("200 seeds gave %d answers", len(different))
			}
		})
	}
}

// TestRandomIsADistribution enumerates every continuation of a small model: their
// probabilities must sum to 1, and Score must agree with the product along each.
func TestRandomIsADistribution(t *testing.T) {
	for _, req := range []generator.Request{capital, showing("T", "x")} {
		m := &Random{Seed: 7, MinWords: 1, MaxWords: 2, MaxSegments: 1}
		total, leaves := 0.0, 0
		var walk func(after []generator.Step, log float64)
		walk = func(after []generator.Step, log float64) {
			next, err := m.Next(t.Context(), req, after)
			if err != nil {
				t.Fatal(err)
			}
			sum := next.Rest
			for _, a := range next.Tokens {
				p, exact := a.Prob.Value()
				sum += p
				switch {
				case !exact:
					t.Fatalf("%+v is not exact", a)
				case p == 0:
				case a.End:
					leaves++
					total += math.Exp(log + a.Prob.Log)
					if leaves%50 != 0 {
						continue
					}
					c, err := m.Score(t.Context(), req, after, true)
					got, n := c.LogProb(generator.CountAll)
					if err != nil || n != len(after)+1 || math.Abs(got.Log-log-a.Prob.Log) > 1e-9 {
						t.Errorf("score %v of %d tokens, %v; want %v of %d", got, n, err, log+a.Prob.Log, len(after)+1)
					}
				default:
					walk(append(slices.Clone(after), generator.Step{Text: a.Text, Token: a.Token}), log+a.Prob.Log)
				}
			}
			if math.Abs(sum-1) > 1e-12 {
				t.Errorf("after %v the probabilities sum to %v", after, sum)
			}
		}
		walk(nil, 0)
		if math.Abs(total-1) > 1e-9 || leaves < 200 {
			t.Errorf("%d continuations with a probability of %v in all", leaves, total)
		}
	}
}

// TestRandomSeesOnlyTheText compares a prompt that forces a token, or has a path,
// with one after which the same was generated.
func TestRandomSeesOnlyTheText(t *testing.T) {
	forced, path := capital, capital
	forced.Prompt.Force = reflection.NoRetrieval
	path.Prompt.Path = []generator.PathSegment{{Retrieve: reflection.NoRetrieval, Text: " red green"}}
	for seed := range uint64(20) {
		m := &Random{Seed: seed, Noise: 0.1}
		for _, tt := range []struct {
			req   generator.Request
			after []generator.Step
		}{
			{forced, []generator.Step{{Token: reflection.NoRetrieval}}},
			{path, []generator.Step{{Token: reflection.NoRetrieval}, {Text: " re"}, {Text: "d green"}}},
		} {
			want, err1 := m.Next(t.Context(), capital, tt.after)
			got, err2 := m.Next(t.Context(), tt.req, nil)
			if d := cmp.Diff(want, got); d != "" || err1 != nil || err2 != nil {
				t.Error(d, err1, err2)
			}
		}
		a, _ := m.Next(t.Context(), capital, nil)
		b, _ := m.Next(t.Context(), showing("T", "x"), nil)
		if cmp.Equal(a, b) {
			t.Error("the evidence makes no difference")
		}
	}
}

// TestRandomRelevance compares the draws with the closed form of the cumulative
// distribution of Beta(a, 1), x^a, and of Beta(1, b), 1-(1-x)^b, by the statistic
// of Kolmogorov and Smirnov; 1.95/sqrt(n) is exceeded once in a thousand.
func TestRandomRelevance(t *testing.T) {
	const n = 1000
	for _, tt := range []struct {
		a, b float64
		cdf  func(float64) float64
	}{
		{1, 1, func(x float64) float64 { return x }},
		{20, 1, func(x float64) float64 { return math.Pow(x, 20) }},
		{0.5, 1, math.Sqrt},
		{1, 6, func(x float64) float64 { return 1 - math.Pow(1-x, 6) }},
		{0.5, 0.5, func(x float64) float64 { return 2 / math.Pi * math.Asin(math.Sqrt(x)) }},
	} {
		m := &Random{Seed: 1, Noise: 0.2, Relevance: func(generator.Evidence) (float64, float64) { return tt.a, tt.b }}
		var draws []float64
		for i := range n {
			d, err := m.GroupProbs(t.Context(), showing("T", fmt.Sprint(i)), nil, reflection.IsREL)
			rel, _ := d.Prob(reflection.Relevant).Value()
			irr, _ := d.Prob(reflection.Irrelevant).Value()
			if err != nil || math.Abs(rel+irr-0.8) > 1e-12 {
				t.Fatalf("%v and %v, %v: want a sum of 0.8", rel, irr, err)
			}
			draws = append(draws, rel/(rel+irr))
		}
		slices.Sort(draws)
		worst := 0.0
		for i, x := range draws {
			worst = max(worst, math.Abs(tt.cdf(x)-float64(i)/n), math.Abs(tt.cdf(x)-float64(i+1)/n))
		}
		if worst > 1.95/math.Sqrt(n) {
			t.Errorf("Beta(%v, %v): distance %v", tt.a, tt.b, worst)
		}
	}
}

// With parameters of almost no spread, support and utility have the given values,
// for a segment that uses a passage and for no other.
func TestRandomSupportAndUtility(t *testing.T) {
	m := &Random{
		Seed: 1, MaxSegments: 1,
		Relevance: func(generator.Evidence) (a, b float64) { return 1e6, 1 },
		Support:   func(generator.Evidence) (a, b float64) { return 9e5, 1e5 },
		Utility:   func(generator.Evidence) (a, b float64) { return 3e5, 7e5 },
	}
	req := showing("T", "x")
	req.MaxTokens, req.Watch = 20, reflection.Groups()
	c := complete(t, m, req)
	for _, tt := range []struct {
		group reflection.Group
		want  []float64
	}{
		{reflection.IsSUP, []float64{0.9, 0, 0.1}},
		{reflection.IsUSE, []float64{0.7, 0, 0, 0, 0.3}},
	} {
		_, at := c.First(tt.group)
		if at < 0 {
			t.Fatalf("no token of %v in %+v", tt.group, c)
		}
		d, _ := c.Steps[at].Group(tt.group)
		sum := 0.0
		for _, p := range d.Probs[:tt.group.Size()] {
			sum += math.Exp(p.Log)
		}
		for i, want := range tt.want {
			if got := math.Exp(d.Probs[i].Log) / sum; math.Abs(got-want) > 0.01 {
				t.Errorf("token %d of %v has the share %v, want %v", i, tt.group, got, want)
			}
		}
	}
	req = capital
	req.Prompt.Force, req.MaxTokens, req.Watch = reflection.NoRetrieval, 20, reflection.Groups()
	c = complete(t, m, req)
	_, at := c.First(reflection.IsUSE)
	if d, _ := c.Steps[at].Group(reflection.IsUSE); d.Prob(reflection.Utility3).Log < -50 {
		t.Errorf("without a passage the utility is %+v", d)
	}
}

// TestRandomSamples compares frequencies at a temperature with the probabilities
// to the power of its inverse.
func TestRandomSamples(t *testing.T) {
	const n = 4000
	m := &Random{Seed: 3, Noise: 0.1}
	next, err := m.Next(t.Context(), capital, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, temperature := range []float64{0.5, 1, 2} {
		count := make(map[string]int)
		for seed := range uint64(n) {
			req := capital
			req.MaxTokens, req.Temperature, req.Seed = 1, temperature, seed
			c := complete(t, m, req)
			if c.Finish == generator.FinishEnd {
				count["end"]++
				continue
			}
			count[written(c)]++
			if p := c.Steps[0].LogProb; !slices.ContainsFunc(next.Tokens, func(a generator.Alternative) bool {
				return a.Text == c.Steps[0].Text && a.Token == c.Steps[0].Token && a.Prob == p
			}) {
				t.Fatalf("%q has %v, which is not its probability before temperature", written(c), p)
			}
		}
		sum := 0.0
		for _, a := range next.Tokens {
			sum += math.Exp(a.Prob.Log / temperature)
		}
		for _, a := range next.Tokens {
			name := a.Text + a.Token.String()
			if a.End {
				name = "end"
			}
			p := math.Exp(a.Prob.Log/temperature) / sum
			if got := float64(count[name]) / n; math.Abs(got-p) > 5*math.Sqrt(p*(1-p)/n)+1e-9 {
				t.Errorf("temperature %v: %q came at %v, want %v", temperature, name, got, p)
			}
		}
	}
}

func TestRandomLevels(t *testing.T) {
	req := showing("T", "x")
	req.MaxTokens, req.Alternatives = 40, 9
	bounded := 0
	for seed := range uint64(50) {
		exact := complete(t, &Random{Seed: seed, Noise: 0.3}, req)
		top := complete(t, &Random{Seed: seed, Noise: 0.3, Level: reflection.TopN, N: 4}, req)
		hard := complete(t, &Random{Seed: seed, Noise: 0.3, Level: reflection.HardLabels}, req)
		if written(exact) != written(top) || written(exact) != written(hard) {
			t.Fatalf("seed %d: the level changes the answer", seed)
		}
		if d := cmp.Diff(HardLabels(exact.Steps), hard.Steps); d != "" {
			t.Error(d)
		}
		for i, s := range exact.Steps {
			got := top.Steps[i]
			if got.LogProb != s.LogProb || len(got.Watched) != len(s.Watched) || len(got.Top) != 4 || len(s.Top) != 9 {
				t.Fatalf("seed %d, step %d: %+v", seed, i, got)
			}
			fourth := s.Top[3].Prob.Log
			for j, d := range s.Watched {
				if !d.Exact() {
					t.Errorf("%+v is not exact", d)
				}
				for k, p := range d.Probs[:d.Group.Size()] {
					q := got.Watched[j].Probs[k]
					switch {
					case p.Log > fourth && q != p:
						t.Errorf("%v in the top 4 became %v", p, q)
					case p.Log < fourth && q != reflection.AtMostLog(fourth):
						t.Errorf("%v below the top 4 became %v, want at most %v", p, q, fourth)
					case p.Log < fourth:
						bounded++
					}
				}
			}
		}
	}
	if bounded == 0 {
		t.Error("no probability was bounded: the test shows nothing")
	}
}

func TestRandomPowers(t *testing.T) {
	req := showing("T", "x")
	m := &Random{Noise: 0.1}
	hard := &Random{Level: reflection.HardLabels}
	if _, err := hard.Score(t.Context(), req, nil, true); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("score: %v", err)
	}
	if _, err := hard.Next(t.Context(), req, nil); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("next: %v", err)
	}
	if _, err := hard.GroupProbs(t.Context(), req, nil, reflection.IsREL); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("group: %v", err)
	}
	both := []generator.Step{{Text: "a", Token: reflection.Relevant}}
	if _, err := m.Score(t.Context(), req, both, false); !errors.Is(err, generator.ErrRequest) {
		t.Errorf("text and token: %v", err)
	}
	if _, err := m.GroupProbs(t.Context(), req, nil, reflection.NoGroup); !errors.Is(err, generator.ErrRequest) {
		t.Errorf("no group: %v", err)
	}
	c, err := m.Score(t.Context(), req, []generator.Step{{Text: " red, green"}}, false)
	if err != nil || len(c.Steps) != 3 || c.Steps[1].Text != "," || !math.IsInf(c.Steps[1].LogProb.Log, -1) || c.Text() != " red, green" || c.Finish != generator.FinishLength {
		t.Errorf("text that is no word: %+v, %v", c, err)
	}
	for level, want := range map[reflection.Level]generator.Capabilities{
		reflection.LevelUnstated: {Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true},
		reflection.TopN:          {Level: reflection.TopN, TopN: 5, LogProbs: true, EndLogProb: true},
		reflection.HardLabels:    {Level: reflection.HardLabels},
	} {
		got, err := (&Random{Level: level, N: 5}).Describe(t.Context())
		want.Model, want.Template, want.TemplateHash = "random", got.Template, got.TemplateHash
		want.Paced, want.Resumes = true, true
		if got != want || err != nil || got.TemplateHash == "" {
			t.Errorf("%v: %+v, %v", level, got, err)
		}
	}
}

func TestRandomRefusesBadFields(t *testing.T) {
	for want, m := range map[string]*Random{
		"MinWords":  {MinWords: 3, MaxWords: 2},
		"-1 and 2":  {MinWords: -1, MaxWords: 2},
		"Segments":  {MaxSegments: -1},
		"Noise":     {Noise: math.NaN()},
		"0.6":       {Noise: 0.6},
		"Level":     {Level: reflection.Heuristic},
		"N is 0":    {Level: reflection.TopN},
		"Relevance": {Relevance: func(generator.Evidence) (float64, float64) { return 1, math.NaN() }},
		"Support":   {Support: func(generator.Evidence) (float64, float64) { return 0, 1 }},
		"Utility":   {Utility: func(generator.Evidence) (float64, float64) { return 1, 1e7 }},
	} {
		_, err := generator.Complete(t.Context(), m, showing("T", "x"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v: want it to name %s", err, want)
		}
	}
	if _, err := (&Random{Noise: 2}).Describe(t.Context()); err == nil {
		t.Error("a bad model describes itself")
	}
}
