package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/tools/internal/fit"
)

// decision is a prompt and whether it needs passages.
type decision struct {
	text     string
	retrieve bool
	kind     string // language and kind; empty for questions of the sets
}

// written is fitted to; heldOut is written by another person and only measured. The rule
// was mended after a look at heldOut, and fresh, written afterward, has not been looked at.
//
//go:embed decisions.txt
var written string

//go:embed decisions_held.txt
var heldOut string

//go:embed decisions_fresh.txt
var fresh string

// readDecisions reads prompts written for the project: a sign, a space, and the prompt on
// each line, with \n for a line break, below a line with # and their kind.
func readDecisions(text string) ([]decision, error) {
	var out []decision
	kind := "other"
	for n, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if k, ok := strings.CutPrefix(line, "#"); ok || line == "" {
			if ok {
				kind = strings.TrimSpace(k)
			}
			continue
		}
		sign, text, ok := strings.Cut(line, " ")
		if !ok || sign != "+" && sign != "-" {
			return nil, fmt.Errorf("decisions.txt, line %d: want + or -, a space and a prompt", n+1)
		}
		out = append(out, decision{strings.ReplaceAll(text, `\n`, "\n"), sign == "+", kind})
	}
	return out, nil
}

// retrieveExamples returns the decisions that are not held. The questions of the
// sets together weigh as much as the prompts written for the project.
func (d *data) retrieveExamples(held part) []fit.Labeled {
	var out []fit.Labeled
	own, others := 0, 0
	for _, x := range d.decisions {
		if x.kind != "" {
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
		if x.kind == "" {
			weight = float64(own) / float64(max(1, others))
		}
		out = append(out, fit.Labeled{Row: retrieveRow(x.text), Class: classOf(x.retrieve), Weight: weight})
	}
	return out
}

func retrieveRow(text string) []float64 {
	a := feature.ReadQuestion(text, "")
	return a.Retrieve()
}
