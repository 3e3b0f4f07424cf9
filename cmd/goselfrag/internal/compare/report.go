package compare

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/show"
)

// report is the form of -json, and the data of the page.
type report struct {
	Corpus     string `json:"corpus"`
	File       string `json:"question_file"`
	Generator  string `json:"generator,omitempty"`
	Embeddings string `json:"embeddings,omitempty"`
	Adapter    string `json:"adapter,omitempty"`
	Passages   int    `json:"passages"`
	Questions  int    `json:"questions"`
	Seed       uint64 `json:"seed"`
	Overlap    int    `json:"overlap_words,omitempty"`
	Join       string `json:"join,omitempty"`
	// Figures names the figures of the systems, in the order of the table.
	Figures []string `json:"figures"`
	Systems []system `json:"systems"` // the others are compared with the first
	// Caution says what is wrong with the intervals.
	Caution string `json:"caution,omitempty"`
	// Failed says why requested systems are missing.
	Failed string `json:"failed,omitempty"`
}

// system has the figures of a pipeline or, in a sweep, of a pipeline over chunks of one
// size.
type system struct {
	Name     string `json:"name"`
	Pipeline string `json:"pipeline"`
	Words    int    `json:"chunk_words,omitempty"`
	Passages int    `json:"passages"` // or chunks, that were searched
	// Figures are means over the questions, by name.
	Figures map[string]figure `json:"figures"`
	// MedianMillis and P95Millis are the median and the 95th percentile of the time of a
	// query, in milliseconds.
	MedianMillis float64 `json:"median_ms"`
	P95Millis    float64 `json:"p95_ms"`
	// Missing is the number of questions for which a part of the pipeline was missing.
	Missing int `json:"missing,omitempty"`
	// Curve is recall@1, recall@2 and so on, as far as hits were found or asked for.
	Curve []float64 `json:"recall_curve"`
	// Disagreements are the questions in which the reciprocal rank is farthest from that of
	// the first system.
	Disagreements []disagreement `json:"disagreements,omitempty"`

	title string
}

// figure is a mean with its 95 % interval, and the difference from the first system.
type figure struct {
	metric.Interval
	MinusFirst *metric.Interval `json:"minus_first,omitempty"`
}

// disagreement is a question with the places of its first right passage; 0 is none among
// those that were asked for.
type disagreement struct {
	ID       string `json:"id"`
	Question string `json:"question"`
	First    int    `json:"first_rank"` // of the first system
	Rank     int    `json:"rank"`
}

// disagreements is how many questions are listed of each system.
const disagreements = 20

// few is the number of independent questions below which a bootstrap interval is not
// reliable; with one question its width is 0.
const few = 20

// calls is the name of the figure of model calls per question.
const calls = "calls"

// newReport averages the measured values. Questions about one passage are dependent, so the
// intervals draw whole groups of them.
func newReport(cfg config, passages int, questions []dataset.Question, all []asked) (report, error) {
	r := report{
		Corpus: cfg.source.Docs + cfg.source.Corpus, File: cfg.source.Questions, Generator: cfg.generator, Embeddings: cfg.embeddings, Adapter: cfg.adapter,
		Passages: passages, Questions: len(questions), Seed: cfg.seed, Overlap: cfg.overlap, Join: cfg.join, Figures: figureNames(cfg),
	}
	boot := metric.Bootstrap{Seed: cfg.seed}
	for _, q := range questions {
		boot.Groups = append(boot.Groups, q.Positive[0])
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(boot.Groups)))); n < few {
		r.Caution = fmt.Sprintf("only %d different %s are asked about: intervals are too narrow", n, cfg.source.Units())
	}
	var first map[string][]float64
	for i, a := range all {
		s := system{
			Name: a.Name, Pipeline: a.Pipeline.String(), Words: a.words, Passages: a.passages,
			Missing: a.missing, title: a.title(),
		}
		values, err := a.values(cfg, questions)
		if err != nil {
			return r, err
		}
		if s.Figures, err = r.intervals(boot, values, first); err != nil {
			return r, err
		}
		if s.MedianMillis, err = metric.Quantile(a.millis, 0.5); err != nil {
			return r, err
		}
		if s.P95Millis, err = metric.Quantile(a.millis, 0.95); err != nil {
			return r, err
		}
		s.Curve = a.curve(cfg, questions)
		if i > 0 {
			s.Disagreements = a.disagree(all[0], questions)
		} else {
			first = values
		}
		r.Systems = append(r.Systems, s)
	}
	return r, nil
}

// intervals returns the figures of a system, and, unless first is nil, their differences
// from the first.
func (r report) intervals(boot metric.Bootstrap, values, first map[string][]float64) (map[string]figure, error) {
	var lists [][]float64
	for _, name := range r.Figures {
		lists = append(lists, values[name])
	}
	for _, name := range r.Figures {
		if first == nil {
			break
		}
		d := slices.Clone(values[name])
		for i, v := range first[name] {
			d[i] -= v
		}
		lists = append(lists, d)
	}
	list, err := boot.Means(lists...)
	if err != nil {
		return nil, err
	}
	figures := map[string]figure{}
	for i, name := range r.Figures {
		f := figure{Interval: list[i]}
		if first != nil {
			f.MinusFirst = &list[len(r.Figures)+i]
		}
		figures[name] = f
	}
	return figures, nil
}

func recallName(k int) string   { return fmt.Sprintf("recall@%d", k) }
func answerName(n int) string   { return fmt.Sprintf("answer@%d words", n) }
func rankName(of string) string { return fmt.Sprintf("%s@%d", of, cut) }

func figureNames(cfg config) []string {
	var names []string
	for _, k := range cfg.ks {
		names = append(names, recallName(k))
	}
	names = append(names, rankName("MRR"), rankName("nDCG"))
	if len(cfg.sweep) > 0 {
		names = append(names, answerName(cfg.words))
	}
	return append(names, calls)
}

// values returns the figures of each question, by name.
func (a asked) values(cfg config, questions []dataset.Question) (map[string][]float64, error) {
	values := map[string][]float64{calls: a.calls}
	add := func(name string, v float64) { values[name] = append(values[name], v) }
	for i, q := range questions {
		ranked := a.ranked[i]
		for _, k := range cfg.ks {
			add(recallName(k), metric.Recall(ranked, q.Positive, k))
		}
		add(rankName("MRR"), metric.ReciprocalRank(ranked, q.Positive, cut))
		gains := map[string]float64{}
		for _, id := range q.Positive {
			gains[id] = 1
		}
		ndcg, err := metric.NDCG(ranked, gains, cut)
		if err != nil {
			return nil, err
		}
		add(rankName("nDCG"), ndcg)
	}
	if len(cfg.sweep) > 0 {
		values[answerName(cfg.words)] = a.holds
	}
	return values, nil
}

// curve returns mean recall at each k up to the greatest requested one, or to the length of
// the longest list if that is less. Beyond it recall does not change.
func (a asked) curve(cfg config, questions []dataset.Question) []float64 {
	longest := 0
	for _, ranked := range a.ranked {
		longest = max(longest, len(ranked))
	}
	curve := make([]float64, max(cut, min(slices.Max(cfg.ks), longest)))
	for i, q := range questions {
		left := map[string]bool{}
		for _, id := range q.Positive {
			left[id] = true
		}
		share := 1 / float64(len(left)*len(questions))
		for place, id := range a.ranked[i][:min(len(curve), len(a.ranked[i]))] {
			if left[id] {
				delete(left, id)
				curve[place] += share
			}
		}
	}
	for k := range curve[1:] {
		curve[k+1] = min(1, curve[k]+curve[k+1]) // rounding could exceed 1
	}
	return curve
}

// disagree returns the questions in which the reciprocal ranks differ, by descending
// difference, equal ones in the order of the questions.
func (a asked) disagree(first asked, questions []dataset.Question) []disagreement {
	var list []disagreement
	for i, q := range questions {
		d := disagreement{ID: q.ID, Question: q.Question, First: rank(first.ranked[i], q.Positive), Rank: rank(a.ranked[i], q.Positive)}
		if d.First != d.Rank {
			list = append(list, d)
		}
	}
	distance := func(d disagreement) float64 { return math.Abs(reciprocal(d.First) - reciprocal(d.Rank)) }
	slices.SortStableFunc(list, func(a, b disagreement) int { return cmp.Compare(distance(b), distance(a)) })
	return list[:min(len(list), disagreements)]
}

// rank returns the place of the first of positive in ranked, 0 if there is none.
func rank(ranked, positive []string) int {
	return 1 + slices.IndexFunc(ranked, func(id string) bool { return slices.Contains(positive, id) })
}

func reciprocal(rank int) float64 {
	if rank == 0 {
		return 0
	}
	return 1 / float64(rank)
}

// shown returns the figures of the table: calls only if there were any.
func (r report) shown() []string {
	if slices.ContainsFunc(r.Systems, func(s system) bool { return s.Figures[calls].High > 0 }) {
		return r.Figures
	}
	return slices.DeleteFunc(slices.Clone(r.Figures), func(name string) bool { return name == calls })
}

// table prints the figures as a table, in lines of at most 80 characters.
func (r report) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	names := labels(r.Systems, 33)
	fmt.Fprintf(t, "%d questions\n", r.Questions)
	for _, figure := range r.shown() {
		fmt.Fprintf(t, "\n%s\tmean [95 %%]", figure)
		if len(r.Systems) > 1 {
			fmt.Fprint(t, "\tminus the first [95 %]")
		}
		fmt.Fprintln(t)
		for i, s := range r.Systems {
			f := s.Figures[figure]
			fmt.Fprintf(t, "%s\t%s", names[i], interval(f.Interval, ""))
			if f.MinusFirst != nil {
				fmt.Fprintf(t, "\t%s", interval(*f.MinusFirst, "+"))
			}
			fmt.Fprintln(t)
		}
	}
	fmt.Fprint(t, "\ntime of a query\tmedian ms\tp95 ms\tpassages searched\n")
	for i, s := range r.Systems {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\n", names[i], millis(s.MedianMillis), millis(s.P95Millis), s.Passages)
	}
	for i, s := range r.Systems {
		if s.Missing > 0 {
			fmt.Fprintf(t, "\n%s: a part was missing for %d questions\n", names[i], s.Missing)
		}
	}
	if r.Caution != "" {
		fmt.Fprintf(t, "\ncaution: %s\n", r.Caution)
	}
	if r.Failed != "" {
		fmt.Fprintf(t, "\nnot all was measured: %s\n", r.Failed)
	}
	return t.Flush()
}

// labels returns labels of at most n characters for systems. The middle of a long name is
// left out. If that makes two labels equal, each is preceded by its number.
func labels(systems []system, n int) []string {
	list := make([]string, len(systems))
	for _, numbered := range []bool{false, true} {
		for i, s := range systems {
			front, behind := "", ""
			if numbered {
				front = fmt.Sprintf("%d: ", i+1)
			}
			if s.Words > 0 {
				behind = fmt.Sprintf(", %d words", s.Words)
			}
			name := []rune(show.Shorten(s.Name, len(s.Name)))
			if room := n - len(front) - len(behind); len(name) > room {
				tail := room / 3
				name = slices.Concat(name[:room-1-tail], []rune("…"), name[len(name)-tail:])
			}
			list[i] = front + string(name) + behind
		}
		if len(slices.Compact(slices.Sorted(slices.Values(list)))) == len(list) {
			break
		}
	}
	return list
}

// millis writes milliseconds, small ones with three digits.
func millis(ms float64) string {
	if ms >= 100 {
		return fmt.Sprintf("%.0f", ms)
	}
	return fmt.Sprintf("%.3g", ms)
}

// interval writes a value with its interval, with a sign before each if sign is "+".
func interval(i metric.Interval, sign string) string {
	f := "%" + sign + ".3f"
	return fmt.Sprintf(f+" ["+f+", "+f+"]", i.Value, i.Low, i.High)
}
