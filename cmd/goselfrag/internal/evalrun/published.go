package evalrun

import (
	"slices"

	"github.com/goselfrag/goselfrag/eval/task"
	"github.com/goselfrag/goselfrag/scoring"
	"github.com/goselfrag/goselfrag/selfrag"
)

// published are figures of the paper (arXiv 2310.11511, Table 2), in percent: of the models
// with 7 and 13 billion parameters, and of the best baseline with retrieval that was trained
// on the same data.
type published struct{ small, large, baseline float64 }

var table2 = map[string]map[task.Metric]published{
	"popqa":     {task.Match: {54.9, 55.8, 48.7}},
	"triviaqa":  {task.Match: {66.4, 69.3, 57.3}},
	"pubhealth": {task.Accuracy: {72.4, 74.5, 64.3}},
	"arc":       {task.Accuracy: {67.3, 73.1, 65.8}},
	"factscore": {task.Facts: {81.2, 80.2, 78.2}},
	"asqa": {
		task.StrEM: {30.0, 31.7, 31.0}, task.RougeLsum: {35.7, 37.0, 35.8}, task.MAUVE: {74.3, 71.6, 51.2},
		task.CitationPrecision: {66.9, 70.3, 5.0}, task.CitationRecall: {67.8, 71.3, 7.5},
	},
}

// table2Of returns the figures of a task; of the scripts' match of closed sets those of the
// accuracy, under which name the paper has them.
func table2Of(t task.Task, m task.Metric) (published, bool) {
	if m == task.Match && len(t.Labels) > 0 {
		m = task.Accuracy
	}
	p, ok := table2[t.Name][m]
	return p, ok
}

// variant is a row of the paper's ablations at test time (Table 3a), which are of a model that
// was trained on 50,000 examples, with its primary figure by task, in percent.
type variant struct {
	name    string
	options []selfrag.Option
	paper   map[string]float64
}

func variants() []variant {
	weights := scoring.DefaultWeights()
	weights.Support = 0
	return []variant{
		{"full", nil, map[string]float64{"popqa": 45.5, "pubhealth": 73.5, "asqa": 32.1}},
		{"no retrieval", []selfrag.Option{selfrag.WithMode(selfrag.Never)}, map[string]float64{"popqa": 24.7, "pubhealth": 73.0}},
		{"hard decision", []selfrag.Option{selfrag.WithMode(selfrag.Hard)}, map[string]float64{"popqa": 28.3, "pubhealth": 72.6}},
		{"top-1 passage", []selfrag.Option{selfrag.WithK(1)}, map[string]float64{"popqa": 41.8, "pubhealth": 73.1, "asqa": 28.6}},
		{"no IsSUP", []selfrag.Option{selfrag.WithWeights(weights)}, map[string]float64{"popqa": 44.1, "pubhealth": 73.2, "asqa": 30.6}},
	}
}

// variantNames lists the names of all variants.
func variantNames() (names []string) {
	for _, v := range variants() {
		names = append(names, v.name)
	}
	return names
}

// chosen returns the variants of some names, the first of all in front.
func chosen(names []string) (list []variant) {
	for i, v := range variants() {
		if i == 0 || slices.Contains(names, v.name) {
			list = append(list, v)
		}
	}
	return list
}
