package evalrun

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/run"
	"github.com/goselfrag/goselfrag/internal/show"
)

// estimate asks a few questions of each part and prints what all would take. What models say
// is recorded, so that the run itself does not pay for it again.
func (b *built) estimate(ctx context.Context, n int, stdout, stderr io.Writer) error {
	dir, err := os.MkdirTemp("", "goselfrag-estimate-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	var parts []run.Part
	for _, p := range b.parts {
		q := p.Part
		q.Questions = sampleEvenly(p.Questions, n)
		parts = append(parts, q)
	}
	results, err := run.Do(ctx, dir, parts, run.Options{Concurrency: b.file.Concurrency})
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "estimated for all\tasked\tquestions\tcalls\tprompt tokens\ttokens\tcost")
	sum, all := 0.0, true
	for i, p := range b.parts {
		asked := &results.Parts[i]
		u := scaled(asked.Usage(), len(p.Questions), len(asked.Records))
		cost := priced(p.model.prices(), u)
		if cost == nil {
			all = false
		} else {
			sum += *cost
		}
		fmt.Fprintf(t, "%s\t%d\t%d\t%d\t%d\t%d\t%s\n", show.Clean(p.Name), len(asked.Records), len(p.Questions), u.Calls, u.PromptTokens, u.GeneratedTokens, money(cost))
	}
	total := &sum
	if !all {
		total = nil
	}
	fmt.Fprintf(t, "all\t\t\t\t\t\t%s\n", money(total))
	if err := t.Flush(); err != nil {
		return err
	}
	_, err = fmt.Fprintf(stdout, "\nExtrapolated from %d questions of each part: others may take more. Recorded calls cost nothing again.\n", n)
	return err
}

// sampleEvenly returns n questions from all over the list.
func sampleEvenly(list []dataset.Question, n int) (chosen []dataset.Question) {
	n = min(n, len(list))
	for i := range n {
		chosen = append(chosen, list[i*len(list)/n])
	}
	return chosen
}

// scaled is the usage of asked questions, for all.
func scaled(u budget.Usage, all, asked int) budget.Usage {
	scale := func(v int) int { return int(math.Round(float64(v) * float64(all) / float64(asked))) }
	u.Calls, u.PromptTokens, u.GeneratedTokens = scale(u.Calls), scale(u.PromptTokens), scale(u.GeneratedTokens)
	return u
}
