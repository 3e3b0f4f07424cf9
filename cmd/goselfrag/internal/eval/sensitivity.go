package eval

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/chart"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/command"
	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/progress"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/eval/sensitivity"
	"github.com/goselfrag/goselfrag/eval/system"
	"github.com/goselfrag/goselfrag/internal/show"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/selfrag"
)

// tracedName is the name under which -out keeps the full traces of the engine.
const tracedName = "selfrag, full traces"

// strengths are those at which noise is measured.
var strengths = []float64{0.1, 0.25, 0.5, 0.75, 1}

// CriticErrors says what errors of the critic cost: what -sensitivity adds to the report.
type CriticErrors struct {
	*sensitivity.Result
	Attribution *sensitivity.Attribution  `json:"attribution,omitempty"` // nil if no question names a positive passage
	Information []sensitivity.Information `json:"information"`
	// Published are the strengths of noise at which a share of labels stays as it was
	// that is the published accuracy of a critic.
	Published []published `json:"published"`
}

type published struct {
	Critic   string  `json:"critic"`
	Group    string  `json:"group"`
	Accuracy float64 `json:"accuracy"`
	Strength float64 `json:"strength"`
}

// analyze traces the engine over the first pipeline and measures what errors of its critic
// cost.
func (c config) analyze(ctx context.Context, b *system.Bench, questions []dataset.Question, answers *store, stderr io.Writer) (*CriticErrors, error) {
	e, err := b.Engine(selfrag.WithTrace(selfrag.TraceFull))
	if err != nil {
		return nil, err
	}
	records, err := askAll(ctx, tracedName, func(ctx context.Context, q dataset.Question) (*selfrag.Answer, error) {
		return e.Answer(ctx, q.Question)
	}, questions, answers, stderr)
	if err != nil {
		return nil, err
	}
	var list, gold []sensitivity.Question
	golds := map[string][]string{}
	group := groups(questions)
	for i, q := range questions {
		if records[i].Trace == nil {
			return nil, fmt.Errorf("-out holds no trace of question %q: name another file", q.ID)
		}
		s := sensitivity.Question{ID: q.ID, Trace: records[i].Trace, Group: group[i], Gold: c.set.Gold(q)}
		list = append(list, s)
		if len(q.Positive) > 0 {
			gold = append(gold, s)
		}
		golds[q.ID] = q.Answers
	}
	return MeasureErrors(ctx, list, gold, golds, c.metric, c.seed, stderr)
}

// MeasureErrors measures what errors of the critic cost in match or f1, from traces made with
// selfrag.TraceFull. gold are those questions of list that name positive passages, golds the
// right answers by the id of a question.
func MeasureErrors(ctx context.Context, list, gold []sensitivity.Question, golds map[string][]string, figure string, seed uint64, stderr io.Writer) (*CriticErrors, error) {
	cases := append(sensitivity.NoiseCases(strengths...), sensitivity.DropCases()...)
	a := &CriticErrors{}
	for _, p := range critics.PaperCritics() {
		more, err := sensitivity.PublishedCases(p)
		if err != nil {
			return nil, err
		}
		cases = append(cases, more...)
		for g, accuracy := range p.Accuracy {
			strength, err := sensitivity.NoiseStrength(accuracy, len(g.Tokens()))
			if err != nil {
				return nil, err
			}
			a.Published = append(a.Published, published{p.Critic, g.String(), accuracy, strength})
		}
	}
	sortPublished(a.Published)
	set, end := progress.Bar(stderr, "sensitivity")
	defer end()
	of := func(q *sensitivity.Question, answer *selfrag.Answer) float64 {
		if figure == "f1" {
			return metric.F1(answer.Text, golds[q.ID])
		}
		return number(metric.MatchFold(answer.Text, golds[q.ID]))
	}
	var err error
	if a.Result, err = sensitivity.Run(ctx, list, of, cases, sensitivity.Options{Seed: seed, Progress: set}); err != nil {
		return nil, err
	}
	if len(gold) > 0 {
		a.Attribution, err = sensitivity.Attribute(gold, func(q *sensitivity.Question, text string) bool { return metric.MatchFold(text, golds[q.ID]) })
		if err != nil {
			return nil, err
		}
	}
	a.Information, err = sensitivity.MutualInformation(list, 1000, seed)
	var bad *sensitivity.InputError
	if errors.As(err, &bad) { // no two groups were judged: that is no reason to lose the rest
		fmt.Fprintln(stderr, show.Clean(command.Words(bad)))
		err = nil
	}
	return a, err
}

// table prints the analysis for people.
func (a *CriticErrors) table(w io.Writer, metric string) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "\n%s if the critic errs\tgroups\t%s\tchange [95 %%]\tone critic [95 %%]\n", metric, metric)
	fmt.Fprintf(t, "as stored\t\t%.3f\n", a.Baseline.Value)
	for _, p := range a.Points {
		diverged := ""
		if p.Diverged > 0 {
			diverged = fmt.Sprintf("  %.0f %% unknown: %.3f to %.3f", 100*p.Diverged, p.Worst, p.Best)
		}
		fmt.Fprintf(t, "%s\t%s\t%.3f\t%+.3f [%+.3f, %+.3f]\t[%.3f, %.3f]%s\n", show.Clean(pointName(p)), p.Group, p.Value,
			p.Change.Value, p.Change.Low, p.Change.High, p.Redraws.Low, p.Redraws.High, diverged)
	}
	if a.Attribution != nil {
		fmt.Fprintf(t, "\nquestions by what went wrong\twith IsREL\twithout\n")
		for _, c := range sensitivity.Causes() {
			fmt.Fprintf(t, "%s\t%d\t%d\n", c, a.Attribution.With[c], a.Attribution.Without[c])
		}
		fmt.Fprintf(t, "right, of %d with a gold passage\t%d\t%d\n", a.Attribution.Retrieved, a.Attribution.RightWith, a.Attribution.RightWithout)
	}
	if len(a.Information) > 0 {
		fmt.Fprintf(t, "\ninformation between groups\tbits\tby chance\tp\n")
		for _, i := range a.Information {
			fmt.Fprintf(t, "%s and %s\t%.4f\t%.4f\t%.3f\n", i.A, i.B, i.Bits, i.Chance, i.P)
		}
	}
	return t.Flush()
}

func pointName(p sensitivity.Point) string {
	if p.Name != "" {
		return p.Name
	}
	if p.Kind == sensitivity.KindNoise || p.Kind == sensitivity.KindTemper {
		return fmt.Sprintf("%s %.3g", p.Kind, p.Strength)
	}
	return string(p.Kind)
}

// plots show the curves of noise, with the published critics on the axis, and where wrong
// answers come from.
func (a *CriticErrors) Plots(metric string) []chart.Plot {
	curves := map[string][]sensitivity.Point{}
	var order []string
	values := []float64{a.Baseline.Questions.Low, a.Baseline.Questions.High}
	for _, p := range a.Points {
		if p.Kind != sensitivity.KindNoise || p.Name != "" {
			continue
		}
		if curves[p.Group] == nil {
			order = append(order, p.Group)
		}
		curves[p.Group] = append(curves[p.Group], p)
		values = append(values, p.Joint.Low, p.Joint.High)
	}
	noise := chart.Plot{
		Head:  "Sensitivity to the critic",
		About: "With the probability on the axis a judgment is replaced by a random one. Bars are 95 % intervals for one such critic and other questions. Marks on the axis are the strengths at which as many labels stay as the published critics have right.",
	}
	var names []string
	for _, known := range a.Published {
		if !slices.Contains(names, known.Critic) {
			names = append(names, known.Critic)
		}
	}
	for n, group := range order {
		axes := chart.NewAxes(metric+" against noise in "+group, chart.Scale{Low: -0.03, High: 1.03}, chart.Span(values...))
		for _, x := range []float64{0, 0.25, 0.5, 0.75, 1} {
			axes.Tick(x, fmt.Sprint(x))
		}
		axes.Titles("share of judgments replaced", metric+", noise in "+strings.ReplaceAll(group, "+", ", "))
		xs, ys := []float64{0}, []float64{a.Baseline.Value}
		axes.Mark(0, a.Baseline.Value, chart.Class(n), fmt.Sprintf("as stored: %.3f", a.Baseline.Value))
		for _, p := range curves[group] {
			xs, ys = append(xs, p.Strength), append(ys, p.Value)
			axes.Bar(p.Strength, p.Joint, chart.Class(n))
			axes.Mark(p.Strength, p.Value, chart.Class(n), fmt.Sprintf("noise %.2f: %.3f [%.3f, %.3f]", p.Strength, p.Value, p.Joint.Low, p.Joint.High))
		}
		axes.Join(xs, ys, chart.Class(n))
		for _, known := range a.Published {
			if known.Group == group {
				axes.Foot(known.Strength, chart.Class(slices.Index(names, known.Critic)+6), fmt.Sprintf("%s: %.1f %% of labels as published", known.Critic, 100*known.Accuracy))
			}
		}
		noise.Drawings = append(noise.Drawings, axes.Drawing)
		noise.Key = append(noise.Key, chart.Entry{Name: group, Class: chart.Class(n)})
	}
	for i, name := range names {
		noise.Key = append(noise.Key, chart.Entry{Name: name + ", as published", Class: chart.Class(i + 6)})
	}
	list := []chart.Plot{noise}
	if a.Attribution != nil {
		list = append(list, a.causes())
	}
	return list
}

// causes draws how many questions have each cause, with and without the relevance filter.
func (a *CriticErrors) causes() chart.Plot {
	p := chart.Plot{
		Head:  "Where answers go wrong",
		About: "Each question has one cause, by the first test that holds. Gray is without the judgment of relevance.",
	}
	var bars []chart.Amount
	for _, c := range sensitivity.Causes() {
		bars = append(bars,
			chart.Amount{Name: string(c), Class: chart.Class(0), Value: float64(a.Attribution.With[c])},
			chart.Amount{Class: chart.Class(6), Value: float64(a.Attribution.Without[c])})
	}
	p.Drawings = append(p.Drawings, chart.Amounts("questions", bars))
	p.Key = []chart.Entry{{Name: "with IsREL", Class: chart.Class(0)}, {Name: "without", Class: chart.Class(6)}}
	return p
}

// sortPublished orders the marks by critic and, within one, as the groups are.
func sortPublished(list []published) {
	var order []string
	for _, g := range reflection.Groups() {
		order = append(order, g.String())
	}
	slices.SortFunc(list, func(a, b published) int {
		return cmp.Or(cmp.Compare(a.Critic, b.Critic), cmp.Compare(slices.Index(order, a.Group), slices.Index(order, b.Group)))
	})
}
