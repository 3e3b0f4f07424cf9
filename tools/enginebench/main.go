// Command enginebench measures what the engine itself costs.
//
//	go -C tools run ./enginebench [-load=false]
//
// With a scripted model that answers at once it prints nanoseconds and
// allocations per question and per candidate, for short and long answers, with
// the trace off, on and full. The model's own cost, which a run without an engine
// measures, is printed beside it.
//
// Then it asks 1,000 questions at the same time of a model that takes 50 ms a
// call, and prints the wall time as a ratio to the ideal: the number of calls that
// have to wait for each other, times 50 ms.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"log"
	"os"
	"runtime/pprof"
	"testing"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

const (
	questions = 1000
	latency   = 50 * time.Millisecond
	words     = "The quick brown fox jumps over the lazy dog, and then it sleeps for a while in the sun."
)

// model answers with the same steps every time, after a delay.
type model struct {
	delay                time.Duration
	decide, middle, last []generator.Step
	segments             int
}

func newModel(delay time.Duration, segments int) *model {
	use := [5]float64{0.05, 0.05, 0.1, 0.2, 0.6}
	body := generatortest.Segment(0.9, words, [3]float64{0.7, 0.2, 0.1}, [5]float64{})
	return &model{
		delay:    delay,
		decide:   append(generatortest.Decision(0.9), generator.Step{Finish: generator.FinishLength}),
		middle:   append(append(body[:len(body):len(body)], generatortest.Judge(reflection.Retrieve, 0.1, 0.9, 0)), generator.Step{Finish: generator.FinishStop}),
		last:     append(generatortest.Segment(0.9, words, [3]float64{0.7, 0.2, 0.1}, use), generator.Step{Finish: generator.FinishEnd, LogProb: reflection.ExactLog(0)}),
		segments: segments,
	}
}

// steps returns the answer to req.
func (m *model) steps(req generator.Request) []generator.Step {
	switch {
	case req.MaxTokens == 1:
		return m.decide
	case len(req.Prompt.Path)+1 < m.segments:
		return m.middle
	}
	return m.last
}

// Generate implements [generator.Generator].
func (m *model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		if m.delay > 0 {
			timer := time.NewTimer(m.delay)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
				yield(generator.Step{}, ctx.Err())
				return
			}
		}
		for _, s := range m.steps(req) {
			if !yield(s, nil) {
				return
			}
		}
	}
}

// Describe implements [generator.Describer].
func (m *model) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "enginebench", Level: reflection.ExactIDs, LogProbs: true, EndLogProb: true}, nil
}

func passages(k int) retriever.Retriever {
	var hits []retriever.Hit
	for i := range k {
		hits = append(hits, retriever.Hit{Passage: retriever.Passage{ID: fmt.Sprint(i), Title: "Fox", Text: words + " " + words}, Score: float64(k - i)})
	}
	return retriever.Func(func(context.Context, retriever.Query) (retriever.Result, error) {
		return retriever.Result{Hits: hits}, nil
	})
}

// form is a kind of answer.
type form struct {
	name       string
	segments   int
	option     selfrag.Option
	sequential int // calls that wait for each other
}

var forms = []form{
	{"short, K 5", 1, selfrag.WithShortForm(), 2},
	{"long, K 5, width 2, 4 segments", 4, selfrag.WithLongForm(2, 4), 5},
}

func main() {
	log.SetFlags(0)
	load := flag.Bool("load", true, "also ask 1,000 questions at the same time")
	profile := flag.String("cpuprofile", "", "write a CPU profile of the overhead runs to this file")
	flag.Parse()
	if err := run(*load, *profile); err != nil {
		log.Fatal(err)
	}
}

func run(load bool, profile string) (err error) {
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
	}
	fmt.Printf("%-32s %-6s %12s %12s %12s %12s %14s\n", "form", "trace", "ns/question", "allocs", "ns/candid.", "allocs", "model ns/cand.")
	for _, f := range forms {
		for _, depth := range []struct {
			name  string
			value selfrag.TraceDepth
		}{{"off", selfrag.TraceOff}, {"on", selfrag.TraceOn}, {"full", selfrag.TraceFull}} {
			if err := overhead(f, depth.name, depth.value); err != nil {
				return err
			}
		}
	}
	pprof.StopCPUProfile()
	if !load {
		return nil
	}
	fmt.Printf("\n%d questions at the same time, %v a call\n", questions, latency)
	for _, f := range forms {
		if err := concurrent(f); err != nil {
			return err
		}
	}
	return nil
}

// overhead prints the cost of one form at one trace depth.
func overhead(f form, depth string, value selfrag.TraceDepth) error {
	m := newModel(0, f.segments)
	engine, err := selfrag.New(m, passages(5), f.option, selfrag.WithTrace(value))
	if err != nil {
		return err
	}
	ctx := context.Background()
	answer, err := engine.Answer(ctx, "What does the fox do?")
	if err != nil {
		return err
	}
	candidates := int64(answer.Usage.Calls - 1)
	all := testing.Benchmark(func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := engine.Answer(ctx, "What does the fox do?"); err != nil {
				b.Fatal(err)
			}
		}
	})
	request := generator.Request{Prompt: generator.Prompt{Instruction: "q"}, MaxTokens: 200}
	alone := testing.Benchmark(func(b *testing.B) {
		for b.Loop() {
			if _, err := generator.Complete(ctx, m, request); err != nil {
				b.Fatal(err)
			}
		}
	})
	fmt.Printf("%-32s %-6s %12d %12d %12d %12d %14d\n", f.name, depth, all.NsPerOp(), all.AllocsPerOp(),
		all.NsPerOp()/candidates, all.AllocsPerOp()/candidates, alone.NsPerOp())
	return nil
}

// concurrent prints the time that many questions at once take.
func concurrent(f form) error {
	engine, err := selfrag.New(newModel(latency, f.segments), passages(5), f.option)
	if err != nil {
		return err
	}
	list := make([]string, questions)
	for i := range list {
		list[i] = fmt.Sprintf("What does fox %d do?", i)
	}
	start := time.Now()
	calls := 0
	for a, err := range engine.AnswerAll(context.Background(), list, questions) {
		if err != nil {
			return err
		}
		calls += a.Usage.Calls
	}
	took, ideal := time.Since(start), time.Duration(f.sequential)*latency
	fmt.Printf("%-32s %6d calls, %v, ideal %v, ratio %.2f\n", f.name, calls, took.Round(time.Millisecond), ideal, float64(took)/float64(ideal))
	return nil
}
