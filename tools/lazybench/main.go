// Command lazybench measures what lazy evaluation saves.
//
//	go -C tools run ./lazybench [-n 1000] [-json] [-plot lazy.svg] [-model random | flat | -servers]
//	go -C tools run ./lazybench -corpus passages.jsonl -questions questions.jsonl
//
// It asks n questions of a seeded, simulated model over 10 passages, 3 of them
// relevant, with every candidate completed and lazily, and prints ratios of full
// evaluation to lazy evaluation, above 1 where lazy evaluation is cheaper:
//
//   - generated tokens, with a 95 % interval (bootstrap over questions), and calls,
//     both as the model counts them;
//   - prompt tokens that had to be read: words (a question has 60, a passage 150);
//   - simulated latency: one for every token generated one after another, if the
//     candidates of a wave are decoded side by side at no extra cost, and 0.01 for
//     every prompt token read. Where candidates are decoded one by one, the column
//     of generated tokens is the latency.
//
// The last column counts the questions with the same text, score and citations;
// the program fails if they are not all.
//
// The simulated model judges support and utility as surely as relevance. So does
// generatortest.Random with -model random, with its own probabilities of words. With
// -model flat the judgments other than relevance are close to even; then there is
// least to save. -servers compares the ways in which a candidate can wait for its turn
// on a server. With -corpus and -questions the model is the embedded default model over
// 10 passages of a keyword index.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
)

// flags are the command line.
type flags struct {
	n                 int
	json, hosts       bool
	model             string
	corpus, questions string
	plot              string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("lazybench: ")
	var f flags
	flag.IntVar(&f.n, "n", 100, "questions per line")
	flag.BoolVar(&f.json, "json", false, "write JSON lines instead of a table")
	flag.StringVar(&f.model, "model", "simulated", "simulated, random, or flat: random with judgments but for relevance close to even")
	flag.BoolVar(&f.hosts, "servers", false, "compare the ways to wait on a server")
	flag.StringVar(&f.corpus, "corpus", "", "`file` of passages, JSON lines, for the embedded model")
	flag.StringVar(&f.questions, "questions", "", "`file` of questions, JSON lines, for the embedded model")
	flag.StringVar(&f.plot, "plot", "", "write a plot of the short answers to this `file`, .svg or .png")
	flag.Parse()
	if err := run(os.Stdout, f); err != nil {
		log.Fatal(err)
	}
}

func run(w io.Writer, f flags) error {
	settings, n, err := f.settings()
	if err != nil {
		return err
	}
	if !f.json {
		fmt.Fprintf(w, "%d questions a line, %d passages; ratios full / lazy\n%-26s %-16s %-9s %-9s %2s %7s %15s %7s %7s %7s  %s\n", n, passages,
			"host", "relevance", "sequence", "form", "W", "tokens", "95 %", "prompts", "calls", "latency", "identical")
	}
	var all []row
	for _, s := range settings {
		rows, err := measure(s, n)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := r.write(w, f.json); err != nil {
				return err
			}
			if r.Identical != n {
				return fmt.Errorf("only %d of %d answers are those of a full run", r.Identical, n)
			}
		}
		all = append(all, rows...)
	}
	if !f.json {
		fmt.Fprintf(w, "all %d answers were those of a full run\n", len(all)*n)
	}
	if f.plot != "" {
		return drawPlot(f.plot, all)
	}
	return nil
}

// settings lists the lines and the number of questions of each.
func (f flags) settings() ([]setting, int, error) {
	switch {
	case f.n < 1:
		return nil, 0, fmt.Errorf("-n is %d: want at least 1", f.n)
	case f.model != "simulated" && f.model != "random" && f.model != "flat":
		return nil, 0, fmt.Errorf("-model is %q: want simulated, random or flat", f.model)
	case f.plot != "" && (f.model != "simulated" || f.hosts || f.corpus != "" || f.questions != ""):
		return nil, 0, errors.New("-plot draws the simulated model in process: leave the other flags out")
	case f.corpus != "" || f.questions != "":
		return embeddedSettings(f.corpus, f.questions, f.n)
	case f.hosts:
		return serverSettings(), f.n, nil
	}
	return simulatedSettings(f.model), f.n, nil
}

func (r row) write(w io.Writer, asJSON bool) error {
	if asJSON {
		return json.NewEncoder(w).Encode(r)
	}
	_, err := fmt.Fprintf(w, "%-26s %-16s %-9s %-9s %2d %7.2f %7.2f %7.2f %7.2f %7.2f %7.2f  %d/%d\n",
		r.Host, r.Relevance, r.Sequence, r.Form, r.Width, r.Tokens, r.Interval[0], r.Interval[1], r.Prompt, r.Calls, r.Latency, r.Identical, r.Questions)
	return err
}
