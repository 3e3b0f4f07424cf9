package main

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/linear"
	"github.com/goselfrag/goselfrag/tools/internal/fit"
)

// decision is a prompt and whether it needs passages.
type decision struct {
	text     string
	retrieve bool
	kind     string // language and kind; empty for questions of the sets
}

// The prompts written for the project, by who wrote them. The first four are fitted to:
// heldOut, fresh and later measured earlier models. unseen was not looked at before the model
// was final, and is only measured.
//
//go:embed decisions.txt
var written string

//go:embed decisions_held.txt
var heldOut string

//go:embed decisions_fresh.txt
var fresh string

//go:embed decisions_later.txt
var later string

//go:embed decisions_unseen.txt
var unseen string

// fittedDecisions returns the prompts that are fitted to. The kinds of those that other
// people wrote begin with "held out", "fresh" and "later".
func fittedDecisions() ([]decision, error) {
	var out []decision
	for _, f := range [...]struct{ name, text string }{{"", written}, {"held out, ", heldOut}, {"fresh, ", fresh}, {"later, ", later}} {
		list, err := readDecisions(f.text)
		if err != nil {
			return nil, err
		}
		for _, x := range list {
			x.kind = f.name + x.kind
			out = append(out, x)
		}
	}
	return out, nil
}

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

const (
	retrieveL2 = 2
	// questionWeight is what a question written for the project weighs beside a prompt with a
	// text of its own, since not to search for it is the worse mistake.
	questionWeight = 3
	// margin is taken from the log-odds of a text of its own, for the same reason. Questions of
	// a kind that the fit has not met come closer to the threshold than those that it has.
	margin = 1
)

// trainRetrieve fits the choice among the ways to part a prompt into a task and a text, and
// that it holds no text, to the prompts that are not held. Which parting of a prompt with a text
// is right is left to the fit. The questions of the sets together weigh as much as
// the prompts written for the project, each counted once.
func (d *data) trainRetrieve(held part) (*linear.Model, error) {
	own, others := 0, 0
	for _, x := range d.decisions {
		if x.kind != "" {
			own++
		} else {
			others++
		}
	}
	var lists []fit.List
	for i, x := range d.decisions {
		rows := feature.Partings(x.text)
		if held.decisions[i] || len(rows) == 0 {
			continue
		}
		l := fit.List{Rows: rows, Right: make([]bool, len(rows)), HasNothing: true, NothingRight: x.retrieve, Weight: 1}
		for k := range l.Right {
			l.Right[k] = !x.retrieve
		}
		switch {
		case x.kind == "":
			l.Weight = float64(own) / float64(others)
		case x.retrieve:
			l.Weight = questionWeight
		}
		lists = append(lists, l)
	}
	m, err := fit.Choice(feature.PartingNames(), lists, fit.Options{L2: retrieveL2, Free: free})
	if err == nil {
		m.Weights[0][slices.Index(m.Features, "one")] -= margin
	}
	return m, err
}

// searched reports whether the engine retrieves for a prompt at its own threshold.
func searched(prompt string, retrieve *linear.Model) bool {
	return feature.ReadQuestion(prompt, "", retrieve).Search > defaultThreshold
}
