package eval

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v3"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/connect"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/internal/regular"
)

// layouts read files of labeled pairs, by the name in front of the file.
var layouts = map[string]func(io.Reader, string) ([]critics.Pair, error){
	"clapnq":   critics.CLAPnq,
	"halueval": critics.HaluEval,
	"pubmedqa": critics.PubMedQA,
}

// readPairs reads the file of -pairs, which may have a layout in front.
func readPairs(value string) ([]critics.Pair, error) {
	read, name := critics.Read, value
	if layout, file, ok := strings.Cut(value, "="); ok && layouts[layout] != nil {
		read, name = layouts[layout], file
	}
	f, err := regular.OpenFile(name, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return read(f, name)
}

// pairsAlone reports whether only the critic is to be measured, without questions.
func (c config) pairsAlone() bool {
	return c.pairs != "" && c.source == questionset.Source{}
}

// parsePairsAlone refuses the flags that are about questions, and connects to the model.
func (c *config) parsePairsAlone(cmd *cli.Command) (err error) {
	for _, name := range []string{"k", "limit", "systems", "embeddings", "adapter", "retrieval", "metric", "sensitivity", "html", "out", "resume"} {
		if cmd.IsSet(name) {
			return fmt.Errorf("-%s is about questions: name them with -docs or -corpus and -questions, or leave it out", name)
		}
	}
	c.model, c.env, err = connect.Models(c.generator, "", "")
	return err
}

// evaluatePairs measures only the critic.
func (c config) evaluatePairs(ctx context.Context, stdout, stderr io.Writer) error {
	pairs, err := readPairs(c.pairs)
	if err != nil {
		return fmt.Errorf("-pairs: %w", err)
	}
	r, err := c.measureCritic(ctx, pairs, stderr)
	if err != nil {
		return err
	}
	if c.json {
		return json.NewEncoder(stdout).Encode(struct {
			Critic *critics.Report `json:"critic"` // as in report
		}{r})
	}
	return r.WriteTable(stdout)
}

// measureCritic asks the critic and the decider of the engine about labeled pairs.
func (c config) measureCritic(ctx context.Context, pairs []critics.Pair, stderr io.Writer) (*critics.Report, error) {
	var critic critique.Critic = critics.Model{Generator: c.model.Generator}
	var decider critique.Decider = critique.NewTokens(c.model.Generator)
	if j := c.model.Judge; j != nil {
		critic, decider = j, j
	}
	set, end := progress.Bar(stderr, "critic")
	defer end()
	r, err := critics.Measure(ctx, critic, decider, pairs, critics.Options{Progress: set, Seed: c.seed})
	if err != nil {
		return nil, fmt.Errorf("-pairs: %w", err)
	}
	return &r, nil
}

// calibration draws, for each group, how often the critic is right when it is so sure.
func calibration(r *critics.Report) chart.Plot {
	p := chart.Plot{
		Head:  "Calibration of the critic",
		About: "How often the likeliest label is right, by its probability. On the line the critic is as often right as it says. The text at a point has the number of pairs.",
	}
	for i, g := range r.Groups {
		if g.Figures == nil || len(g.Figures.Reliability) == 0 {
			continue
		}
		name := fmt.Sprintf("%v, calibration error %.3f", g.Group, *g.Figures.CalibrationError)
		axes := chart.NewAxes(name, chart.Scale{Low: 0, High: 1}, chart.Scale{Low: 0, High: 1})
		for _, x := range []float64{0, 0.25, 0.5, 0.75, 1} {
			axes.Tick(x, fmt.Sprint(x))
		}
		axes.Titles("probability of the label", "share right, "+name)
		axes.Join([]float64{0, 1}, []float64{0, 1}, "axis")
		var xs, ys []float64
		for _, b := range g.Figures.Reliability {
			xs, ys = append(xs, b.Mean), append(ys, b.Share)
			axes.Mark(b.Mean, b.Share, chart.Class(i), fmt.Sprintf("%d pairs: mean %.3f, right %.3f", b.Count, b.Mean, b.Share))
		}
		axes.Join(xs, ys, chart.Class(i))
		p.Drawings = append(p.Drawings, axes.Drawing)
		p.Key = append(p.Key, chart.Entry{Name: g.Group.String(), Class: chart.Class(i)})
	}
	return p
}
