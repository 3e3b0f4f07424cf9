package label

import (
	"context"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique/judge"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// Redrawn returns s with wrong labels: p, a sensitivity.Noise or a sensitivity.Confusion,
// says how often. What is drawn depends on the seed and the item alone. Data that is made
// with it shows what a worse critic costs in training.
//
// Where there is no passage at hand [Continue to Use Evidence] is no answer: it is drawn
// again until it is another one. The error wraps training.ErrOption.
func Redrawn(s Source, p sensitivity.Perturbation, seed uint64) (Source, error) {
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: the source of labels is nil", training.ErrOption)
	}
	draw, err := sensitivity.Redraw(p)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", training.ErrOption, err)
	}
	return redrawn{s, draw, seed}, nil
}

type redrawn struct {
	source Source
	draw   func(t reflection.Token, id string, seed uint64) reflection.Token
	seed   uint64
}

func (r redrawn) MostLabelCost(g reflection.Group) (budget.Cost, bool) { return MostCost(r.source, g) }

// Templates implements critique.Templated.
func (r redrawn) Templates() []generator.TaskTemplate { return templates(r.source) }

// Label implements Source.
func (r redrawn) Label(ctx context.Context, it judge.Item) (judge.Label, error) {
	l, err := r.source.Label(ctx, it)
	if err != nil || l.Status != reflection.StatusJudged {
		return l, err
	}
	id := strings.Join([]string{it.Question, it.Passage.Title, it.Passage.Text, it.Before, it.Text}, "\x00")
	t := l.Token
	// A row of a confusion matrix can know no other label: after so many the old one stays.
	for range 100 {
		if t = r.draw(l.Token, id, r.seed); t != reflection.ContinueEvidence || it.Passage.Text != "" {
			break
		}
		t, id = l.Token, id+"\x00"
	}
	if t != l.Token {
		l.Judgment = reflection.Judged(reflection.OneHot(t), t, l.Level)
	}
	return l, nil
}
