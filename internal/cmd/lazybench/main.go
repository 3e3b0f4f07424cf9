// Command lazybench measures what lazy evaluation saves.
//
//	go run ./internal/cmd/lazybench [-n 1000] [-json] [-flat]
//	go run ./internal/cmd/lazybench -corpus passages.jsonl -questions questions.jsonl
//
// It asks n questions of a seeded, simulated model over 10 passages, 3 of them
// relevant, with every candidate completed and lazily, and prints ratios of full
// evaluation to lazy evaluation, above 1 where lazy evaluation is cheaper:
// generated tokens, with a 95 % interval (bootstrap over questions), prompts read,
// calls, and steps. Steps are the simulated latency: tokens generated one after
// another if all candidates of a wave are decoded side by side at no extra cost.
// The last column is the share of questions with the same text, score and
// citations; the program fails if it is not 1.
//
// The simulated model judges support and utility as surely as relevance. With -flat
// it is generatortest.Random instead, whose other judgements are close to even: the
// case in which there is least to save.
//
// With -corpus and -questions it does the same with the embedded default model
// over 10 passages of a keyword index.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"os"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/extractive"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/retriever/lexical"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

const passages, relevant = 10, 3

var widths = []int{1, 2, 5, 10}

// setting is one line of the table without the width.
type setting struct {
	Relevance string `json:"relevance"` // parameters of the beta distributions
	Sequence  string `json:"sequence"`
	Form      string `json:"form"`
	engine    func(question int) (*selfrag.Engine, string, error)
}

// row is one line of the table. Ratios are full evaluation to lazy evaluation.
type row struct {
	setting
	Width     int        `json:"width"`
	Questions int        `json:"questions"`
	Tokens    float64    `json:"generated_tokens"`
	Interval  [2]float64 `json:"generated_tokens_95"`
	Prompt    float64    `json:"prompts_read"`
	Calls     float64    `json:"calls"`
	Steps     float64    `json:"steps"`
	Same      float64    `json:"same_answers"`
}

// cost is what one question took.
type cost struct{ tokens, prompt, calls, steps float64 }

func main() {
	log.SetFlags(0)
	n := flag.Int("n", 100, "questions per line")
	asJSON := flag.Bool("json", false, "write JSON lines instead of a table")
	flat := flag.Bool("flat", false, "a model whose judgements but for relevance are close to even")
	corpus := flag.String("corpus", "", "passages as JSON lines, for the embedded model")
	questions := flag.String("questions", "", "questions as JSON lines, for the embedded model")
	flag.Parse()
	if err := run(os.Stdout, *n, *asJSON, *flat, *corpus, *questions); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer, n int, asJSON, flat bool, corpus, questions string) error {
	if n < 1 {
		return fmt.Errorf("-n is %d: want at least 1", n)
	}
	settings := simulatedSettings(flat)
	if corpus != "" || questions != "" {
		var err error
		if settings, n, err = embeddedSettings(corpus, questions, n); err != nil {
			return err
		}
	}
	if !asJSON {
		fmt.Fprintf(w, "%d questions a line, %d passages; ratios full / lazy\n%-16s %-10s %-10s %5s %14s %15s %7s %6s %6s %6s\n", n, passages,
			"relevance", "sequence", "form", "width", "tokens", "95 %", "prompts", "calls", "steps", "same")
	}
	for _, s := range settings {
		rows, err := measure(s, n)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if asJSON {
				err = json.NewEncoder(w).Encode(r)
			} else {
				_, err = fmt.Fprintf(w, "%-16s %-10s %-10s %5d %14.2f %7.2f %7.2f %7.2f %6.2f %6.2f %6.3f\n",
					r.Relevance, r.Sequence, r.Form, r.Width, r.Tokens, r.Interval[0], r.Interval[1], r.Prompt, r.Calls, r.Steps, r.Same)
			}
			if err != nil {
				return err
			}
			if r.Same != 1 {
				return fmt.Errorf("only %g of the answers are those of a full run", r.Same)
			}
		}
	}
	return nil
}

// forms are the kinds of answers measured.
var forms = []struct {
	name     string
	segments int
	option   selfrag.Option
}{
	{"short", 1, selfrag.WithShortForm()},
	{"long, B 1", 3, selfrag.WithLongForm(1, 3)},
	{"long, B 2", 3, selfrag.WithLongForm(2, 3)},
}

// sequences are the sequence terms measured; q is the mean per token of the
// simulated model.
var sequences = []struct {
	name string
	term scoring.Sequence
	q    float64
}{
	{"none", scoring.SequenceNone, 0.85},
	{"q 0.85", scoring.SequenceGeometric, 0.85},
	{"q 0.6", scoring.SequenceGeometric, 0.6},
	{"q 0.4", scoring.SequenceGeometric, 0.4},
}

// simulatedSettings lists the lines of the simulated model, or of the flat one.
func simulatedSettings(flat bool) []setting {
	var out []setting
	terms := sequences
	if flat {
		terms = slices.Clone(sequences[:2])
		terms[1].name = "its own q" // the flat model's words are as they are
	}
	for _, ab := range [][2]float64{{20, 1}, {6, 1.5}, {4, 2}} {
		for _, q := range terms {
			for _, f := range forms {
				s := setting{Relevance: fmt.Sprintf("(%g,%g)/(%g,%g)", ab[0], ab[1], ab[1], ab[0]), Sequence: q.name, Form: f.name}
				s.engine = func(question int) (*selfrag.Engine, string, error) {
					var m generator.Generator = &simulated{uint64(question), ab, q.q, f.segments}
					if flat {
						m = flatModel(question, ab)
					}
					e, err := selfrag.New(m, found(question), f.option, selfrag.WithK(passages), selfrag.WithMode(selfrag.Always),
						selfrag.WithSequence(q.term, generator.CountAuto))
					return e, "question", err
				}
				out = append(out, s)
			}
		}
	}
	return out
}

func flatModel(question int, ab [2]float64) generator.Generator {
	return &generatortest.Random{
		Seed: uint64(question), MinWords: 15, MaxWords: 40,
		Relevance: func(e generator.Evidence) (a, b float64) {
			if strings.HasPrefix(e.Title, "relevant") {
				return ab[0], ab[1]
			}
			return ab[1], ab[0]
		},
	}
}

// found returns the passages of a question, the relevant ones at random ranks.
func found(question int) retriever.Retriever {
	hits := make([]retriever.Hit, passages)
	for i, place := range rand.New(rand.NewPCG(uint64(question), 0)).Perm(passages) {
		kind := "other"
		if i < relevant {
			kind = "relevant"
		}
		id := fmt.Sprintf("%s %d", kind, i)
		hits[place] = retriever.Hit{Passage: retriever.Passage{ID: id, Title: id, Text: "Text of " + id}, Score: float64(passages - place)}
	}
	return retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: slices.Clone(hits), Scores: retriever.RankOnly}, nil
	})
}

// embeddedSettings lists the lines of the embedded model, for at most n questions.
func embeddedSettings(corpus, questions string, n int) ([]setting, int, error) {
	list, err := dataset.Passages(corpus)
	if err != nil {
		return nil, 0, err
	}
	asked, err := dataset.Questions(questions)
	if err != nil {
		return nil, 0, err
	}
	index, err := lexical.New(list)
	if err != nil {
		return nil, 0, err
	}
	var out []setting
	for _, f := range forms {
		e, err := selfrag.New(extractive.New(), index, f.option, selfrag.WithK(passages))
		if err != nil {
			return nil, 0, err
		}
		out = append(out, setting{Relevance: "embedded model", Sequence: "auto", Form: f.name,
			engine: func(i int) (*selfrag.Engine, string, error) { return e, asked[i].Question, nil }})
	}
	return out, min(n, len(asked)), nil
}

// measure answers n questions in full and lazily at every width.
func measure(s setting, n int) ([]row, error) {
	full := make([]cost, n)
	lazy := make([][]cost, len(widths))
	same := make([][]bool, len(widths))
	for i := range widths {
		lazy[i], same[i] = make([]cost, n), make([]bool, n)
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for q := range n {
		g.Go(func() error {
			e, question, err := s.engine(q)
			if err != nil {
				return err
			}
			want, err := e.Answer(context.Background(), question)
			if err != nil {
				return err
			}
			full[q] = costOf(want, passages*3)
			for i, w := range widths {
				got, err := e.Answer(context.Background(), question, selfrag.WithLazy(w))
				if err != nil {
					return err
				}
				lazy[i][q], same[i][q] = costOf(got, w), told(got) == told(want)
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return nil, err
	}
	var rows []row
	for i, w := range widths {
		r := row{setting: s, Width: w, Questions: n}
		ratio := func(f func(cost) float64) float64 { return quotient(full, lazy[i], f) }
		r.Tokens = ratio(func(c cost) float64 { return c.tokens })
		r.Interval = interval(full, lazy[i])
		r.Prompt = ratio(func(c cost) float64 { return c.prompt })
		r.Calls = ratio(func(c cost) float64 { return c.calls })
		r.Steps = ratio(func(c cost) float64 { return c.steps })
		equal := 0
		for _, ok := range same[i] {
			if ok {
				equal++
			}
		}
		r.Same = float64(equal) / float64(n)
		rows = append(rows, r)
	}
	return rows, nil
}

// told is what an answer says.
func told(a *selfrag.Answer) string { return fmt.Sprint(a.Text, a.Score, a.Citations, a.Stop) }

// costOf reads the cost of an answer from its trace, if width candidates are
// completed at a time.
func costOf(a *selfrag.Answer, width int) cost {
	c := cost{tokens: float64(a.Usage.GeneratedTokens), calls: float64(a.Usage.Calls)}
	segments := map[int][]selfrag.Candidate{}
	for _, e := range a.Trace.Expansions {
		c.steps += float64(e.Decision.Usage.GeneratedTokens)
		for _, x := range e.Candidates {
			c.prompt++ // one reading of one prompt; a waiting stream does not read it again
			if x.Status != selfrag.Stopped {
				segments[e.Segment] = append(segments[e.Segment], x)
			}
		}
	}
	for _, list := range segments {
		slices.SortStableFunc(list, func(x, y selfrag.Candidate) int {
			switch a, b := x.Terms.Relevance.Value, y.Terms.Relevance.Value; {
			case a > b:
				return -1
			case a < b:
				return 1
			}
			return 0
		})
		c.steps++ // the first token of all
		for wave := range slices.Chunk(list, width) {
			longest := 0
			for _, x := range wave {
				longest = max(longest, x.Usage.GeneratedTokens-1)
			}
			c.steps += float64(longest)
		}
	}
	return c
}

func quotient(full, lazy []cost, f func(cost) float64) float64 {
	a, b := 0.0, 0.0
	for i := range full {
		a, b = a+f(full[i]), b+f(lazy[i])
	}
	return a / b
}

// interval is the 95 % percentile bootstrap interval of the ratio of tokens.
func interval(full, lazy []cost) [2]float64 {
	const resamples = 1000
	rng := rand.New(rand.NewPCG(1, 1))
	ratios := make([]float64, resamples)
	for i := range ratios {
		a, b := 0.0, 0.0
		for range full {
			j := rng.IntN(len(full))
			a, b = a+full[j].tokens, b+lazy[j].tokens
		}
		ratios[i] = a / b
	}
	slices.Sort(ratios)
	return [2]float64{ratios[resamples*25/1000], ratios[resamples*975/1000]}
}
