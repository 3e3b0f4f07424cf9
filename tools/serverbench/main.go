// Serverbench measures what lazy evaluation saves on a real server.
//
//	.ci/ollama go -C tools run ./serverbench [-n 20] [-width 1] [-json]
//
// It asks questions of the toy model at an Ollama server, over 5 and 10 passages, 3 of them
// relevant, in short and in long form. Each question is asked once with every candidate
// completed and once lazily. It prints both costs per question:
//
//   - calls, and the generated tokens that arrived;
//   - the tokens that the server generated, which are more where a stream was left,
//     and the prompt tokens that it read because they were not in a cache slot, both
//     from the server's log;
//   - seconds.
//
// The last column is the share of questions with the same text, score and citations.
// Each question has a number in its text, so that no prompt is in the cache from the
// time before.
package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/signal"
	"time"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/ollama"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/selfrag"
	"github.com/goselfrag/goselfrag/tools/internal/realserver"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(os.Stderr, "serverbench: %v\n", err)
		os.Exit(1)
	}
}

// row is one line of the table. Costs are means per question.
type row struct {
	Form      string  `json:"form"`
	Passages  int     `json:"passages"`
	Questions int     `json:"questions"`
	Full      cost    `json:"full"`
	Lazy      cost    `json:"lazy"`
	Same      float64 `json:"same_answers"`
	// Unknown is the number of requests for which the log does not show how many
	// tokens were generated. They count as none.
	Unknown int `json:"unknown,omitempty"`
}

type cost struct {
	Calls    float64 `json:"calls"`
	Arrived  float64 `json:"generated_tokens_arrived"`
	Made     float64 `json:"generated_tokens_made"`
	Prompt   float64 `json:"prompt_tokens"`
	Read     float64 `json:"prompt_tokens_read"`
	Seconds  float64 `json:"seconds"`
	requests []int   // numbers of the lines of the log
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	set := flag.NewFlagSet("serverbench", flag.ContinueOnError)
	n := set.Int("n", 20, "questions per line")
	width := set.Int("width", 1, "candidates to complete at a time")
	asJSON := set.Bool("json", false, "write JSON lines instead of a table")
	if err := set.Parse(args); err != nil {
		return err
	}
	if *n < 1 || *width < 1 {
		return fmt.Errorf("-n is %d and -width is %d: want at least 1", *n, *width)
	}
	log := os.Getenv("GOSELFRAG_OLLAMA_LOG")
	if log == "" {
		return errors.New("GOSELFRAG_OLLAMA_LOG is not set: run this under .ci/ollama")
	}
	model, err := ollama.New(ollama.Config{Server: modelserver.Config{
		URLs: []string{os.Getenv("GOSELFRAG_OLLAMA_URL")}, Model: os.Getenv("GOSELFRAG_OLLAMA_MODEL"),
	}})
	if err != nil {
		return err
	}
	b := bench{model: model, log: log, n: *n, width: *width}
	rows, err := b.measure(ctx)
	if err != nil {
		return err
	}
	return print(stdout, rows, *asJSON)
}

// forms are the kinds of answers.
var forms = []struct {
	name   string
	option selfrag.Option
}{
	{"short", selfrag.WithShortForm()},
	{"long", selfrag.WithLongForm(2, 3)},
}

type bench struct {
	model    generator.Generator
	log      string
	n, width int
	asked    int // questions so far
}

func (b *bench) measure(ctx context.Context) ([]row, error) {
	var rows []row
	for _, form := range forms {
		for _, k := range []int{5, 10} {
			r := row{Form: form.name, Passages: k, Questions: b.n}
			for q := range b.n {
				full, err := b.answer(ctx, &r.Full, form.name, q, k, form.option)
				if err != nil {
					return nil, err
				}
				lazy, err := b.answer(ctx, &r.Lazy, form.name, q, k, form.option, selfrag.WithLazy(b.width))
				if err != nil {
					return nil, err
				}
				if same(full, lazy) {
					r.Same++
				}
			}
			rows = append(rows, r)
		}
	}
	// The last requests of the slots show when others take their place.
	for q := range 2 {
		if _, err := b.answer(ctx, &cost{}, forms[0].name, q, 10, forms[0].option); err != nil {
			return nil, err
		}
	}
	lines, err := realserver.Loads(b.log)
	if err != nil {
		return nil, err
	}
	for i := range rows {
		r := &rows[i]
		r.Unknown = r.Full.count(lines) + r.Lazy.count(lines)
		r.Full.divide(b.n)
		r.Lazy.divide(b.n)
		r.Same /= float64(b.n)
	}
	return rows, nil
}

// answer answers question q and adds what it cost.
func (b *bench) answer(ctx context.Context, c *cost, form string, q, k int, options ...selfrag.Option) (*selfrag.Answer, error) {
	question, passages := task(form, q, k)
	e, err := selfrag.New(b.model, passages, append(options, selfrag.WithK(k), selfrag.WithMode(selfrag.Always), selfrag.WithMaxTokens(60))...)
	if err != nil {
		return nil, err
	}
	before, err := realserver.Loads(b.log)
	if err != nil {
		return nil, err
	}
	b.asked++
	start := time.Now()
	a, err := e.Answer(ctx, fmt.Sprintf("%s %08d", question, b.asked))
	if err != nil {
		return nil, err
	}
	c.Seconds += time.Since(start).Seconds()
	after, err := realserver.Loads(b.log)
	if err != nil {
		return nil, err
	}
	c.Calls += float64(a.Usage.Calls)
	c.Arrived += float64(a.Usage.GeneratedTokens)
	for i := len(before); i < len(after); i++ {
		c.requests = append(c.requests, i)
	}
	return a, nil
}

// count adds the figures of the log, and returns for how many requests it has none.
func (c *cost) count(lines []realserver.Load) (unknown int) {
	for _, i := range c.requests {
		made, known := realserver.Generated(lines[i:])
		if !known {
			unknown++
		}
		c.Made += float64(made)
		c.Prompt += float64(lines[i].Prompt)
		c.Read += float64(lines[i].Prompt - lines[i].Used)
	}
	return unknown
}

func (c *cost) divide(n int) {
	for _, x := range []*float64{&c.Calls, &c.Arrived, &c.Made, &c.Prompt, &c.Read, &c.Seconds} {
		*x /= float64(n)
	}
}

// same reports whether two answers say the same. The numbers in the questions move
// the tokens, and with them the last digits of the scores.
func same(a, b *selfrag.Answer) bool {
	if a.Text != b.Text || len(a.Citations) != len(b.Citations) || math.Abs(a.Score-b.Score) > 1e-3 {
		return false
	}
	for i := range a.Citations {
		if a.Citations[i].Passage.ID != b.Citations[i].Passage.ID {
			return false
		}
	}
	return true
}

func print(w io.Writer, rows []row, asJSON bool) error {
	if asJSON {
		enc := json.NewEncoder(w)
		for _, r := range rows {
			if err := enc.Encode(r); err != nil {
				return err
			}
		}
		return nil
	}
	_, err := fmt.Fprintf(w, "means per question, full and lazy, and their ratio\n%-6s %8s  %-22s %-22s %-22s %-22s %-22s %6s\n",
		"form", "passages", "calls", "tokens arrived", "tokens generated", "prompt tokens read", "seconds", "same")
	for _, r := range rows {
		pair := func(full, lazy float64) string {
			return fmt.Sprintf("%.4g %.4g (%.2f)", full, lazy, full/cmp.Or(lazy, math.NaN()))
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%-6s %8d  %-22s %-22s %-22s %-22s %-22s %6.3f\n", r.Form, r.Passages,
			pair(r.Full.Calls, r.Lazy.Calls), pair(r.Full.Arrived, r.Lazy.Arrived), pair(r.Full.Made, r.Lazy.Made),
			pair(r.Full.Read, r.Lazy.Read), pair(r.Full.Seconds, r.Lazy.Seconds), r.Same)
		if err == nil && r.Unknown > 0 {
			_, err = fmt.Fprintf(w, "  (of %d requests the log does not tell what was generated)\n", r.Unknown)
		}
	}
	return err
}
