package critics

import (
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Report says how well a critic does.
type Report struct {
	Pairs int `json:"pairs"`
	// Groups holds the groups for which at least one pair expects a token, in the order
	// Retrieve, IsREL, IsSUP, IsUSE.
	Groups []GroupReport `json:"groups"`
	// Usage is what the critic says that its judgments cost.
	Usage generator.Usage `json:"usage"`
}

// GroupReport says how well a critic judges one group.
type GroupReport struct {
	Group reflection.Group `json:"group"`
	// Pairs is the number of pairs that expect a token of the group, Judged that of those
	// for which the critic gave one, and Missing counts the others.
	Pairs   int     `json:"pairs"`
	Judged  int     `json:"judged"`
	Missing Missing `json:"missing"`
	// Clusters is the number of clusters of the judged pairs.
	Clusters int `json:"clusters"`
	// Level is the lowest level of the judgments.
	Level reflection.Level `json:"level"`
	// Figures are those of the judged pairs, nil if there is none.
	Figures *Figures `json:"figures"`
}

// Missing counts the pairs for which a critic gave no token, by its answer: the statuses
// unknown, pending and absent, and a judgment without a likeliest token.
type Missing struct {
	Unknown   int `json:"unknown"`
	Pending   int `json:"pending"`
	Absent    int `json:"absent"`
	Undecided int `json:"undecided"`
}

// Group returns the report of g, and false if no pair expects a token of it.
func (r Report) Group(g reflection.Group) (GroupReport, bool) {
	i := slices.IndexFunc(r.Groups, func(x GroupReport) bool { return x.Group == g })
	if i < 0 {
		return GroupReport{}, false
	}
	return r.Groups[i], true
}

func (m *measurement) report(seed uint64) (Report, error) {
	r := Report{Pairs: len(m.pairs)}
	for _, x := range m.results {
		r.Usage = r.Usage.Add(x.usage)
	}
	for _, g := range reflection.Groups() {
		report, err := m.group(g, seed)
		if err != nil {
			return Report{}, fmt.Errorf("critics: %v: %w", g, err)
		}
		if report.Pairs > 0 {
			r.Groups = append(r.Groups, report)
		}
	}
	return r, nil
}

func (m *measurement) group(g reflection.Group, seed uint64) (GroupReport, error) {
	r := GroupReport{Group: g}
	x := judged{group: g, labels: labelsOf(g)}
	numbers := map[string]int{}
	for i, p := range m.pairs {
		want, ok := p.Expect[g]
		if !ok {
			continue
		}
		r.Pairs++
		a := m.results[i].answers[g]
		if a.label == reflection.None {
			r.Missing.count(a.status)
			continue
		}
		r.Level = max(r.Level, a.level)
		name := p.cluster()
		if _, ok := numbers[name]; !ok {
			numbers[name] = len(numbers)
		}
		x.pairs, x.answers = append(x.pairs, p), append(x.answers, a)
		x.truth = append(x.truth, slices.Index(x.labels, want))
		x.predicted = append(x.predicted, slices.Index(x.labels, a.label))
		x.clusters, x.cluster = append(x.clusters, name), append(x.cluster, numbers[name])
	}
	x.clusterCount = len(numbers)
	r.Judged, r.Clusters = len(x.pairs), x.clusterCount
	if r.Judged == 0 {
		return r, nil
	}
	f, err := x.figures(seed)
	r.Figures = &f
	return r, err
}

func (m *Missing) count(s reflection.Status) {
	switch s {
	case reflection.StatusPending:
		m.Pending++
	case reflection.StatusAbsent:
		m.Absent++
	case reflection.StatusJudged:
		m.Undecided++
	default:
		m.Unknown++
	}
}
