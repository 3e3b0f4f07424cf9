package eval

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/cmd/goselfrag/internal/questionset"
	"github.com/goselfrag/goselfrag/eval/critics"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/helptext"
)

// measured is what a system did, question by question.
type measured struct {
	name                    string
	match, cased, f1, words []float64
	retrieved               []float64
	needed                  []bool    // the question names a positive passage
	gold                    []float64 // of the questions that name positive passages, as are:
	precision, recall       []float64
	confidence              []*float64
	calls, tokens, prompt   int
	seconds                 float64
}

// primary are the figures by which systems can be compared.
var primary = map[string]func(measured) []float64{
	"match": func(m measured) []float64 { return m.match },
	"f1":    func(m measured) []float64 { return m.f1 },
}

func measure(name string, list []dataset.Question, records []record, set *questionset.Set) measured {
	m := measured{name: name}
	for i, q := range list {
		r := records[i]
		m.match = append(m.match, number(metric.MatchFold(r.Answer, q.Answers)))
		m.cased = append(m.cased, number(metric.Match(r.Answer, q.Answers)))
		m.f1 = append(m.f1, metric.F1(r.Answer, q.Answers))
		m.words = append(m.words, float64(analysis.Count(r.Answer)))
		m.retrieved = append(m.retrieved, number(r.Retrieved))
		m.needed = append(m.needed, len(q.Positive) > 0)
		m.confidence = append(m.confidence, r.Confidence)
		if len(q.Positive) > 0 {
			right, cited := 0.0, set.Names(r.Cited)
			for _, name := range cited {
				right += number(slices.Contains(q.Positive, name))
			}
			m.gold = append(m.gold, min(right, 1))
			m.precision = append(m.precision, right/max(1, float64(len(cited))))
			m.recall = append(m.recall, metric.Recall(cited, q.Positive, 0))
		}
		m.calls += r.Calls
		m.tokens += r.Tokens
		m.prompt += r.PromptTokens
		m.seconds += r.Seconds
	}
	return m
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// figures is what is reported of a system. Shares are in [0, 1].
type figures struct {
	Questions  int     `json:"questions"`
	Match      float64 `json:"match"`       // share whose answer holds a gold answer, ignoring case
	MatchCased float64 `json:"match_cased"` // the same with case
	F1         float64 `json:"f1"`          // mean word F1 as in SQuAD
	MeanWords  float64 `json:"mean_words"`  // of the answers
	// RetrievalRate is the share of questions for which passages were retrieved.
	RetrievalRate float64 `json:"retrieval_rate"`
	// RetrievalNeeded is that share among the questions that name a positive passage,
	// RetrievalNotNeeded among the others; nil if there is none. They show how well a
	// system decides on a set that holds both kinds.
	RetrievalNeeded    *float64 `json:"retrieval_needed,omitempty"`
	RetrievalNotNeeded *float64 `json:"retrieval_not_needed,omitempty"`
	// GoldCitation is the share of answers that cite a positive passage, among the
	// questions that name any; nil if none does.
	GoldCitation *float64 `json:"gold_citation"`
	// CitationPrecision is the mean share of positive passages among those cited, 0 for an
	// answer without citations, CitationRecall that of cited ones among the positive.
	CitationPrecision *float64 `json:"citation_precision,omitempty"`
	CitationRecall    *float64 `json:"citation_recall,omitempty"`
	// AbstentionAUC is the probability that an answer that matches has a greater relevance
	// than one that does not, among the answers whose relevance was judged; nil if there
	// are not both. A threshold of abstention can be no better than that.
	AbstentionAUC   *float64 `json:"abstention_auc,omitempty"`
	ModelCalls      int      `json:"model_calls"`      // total: forward passes, where a call is one
	PromptTokens    int      `json:"prompt_tokens"`    // total
	GeneratedTokens int      `json:"generated_tokens"` // total
	Seconds         float64  `json:"seconds"`          // total time of answering, from start to end of each question
	// MatchInterval is Match with its 95 % interval; MatchMinusFirst is the difference
	// from the first system, paired by question, nil for that system itself.
	MatchInterval   metric.Interval  `json:"match_interval"`
	F1Interval      metric.Interval  `json:"f1_interval"`
	MatchMinusFirst *metric.Interval `json:"match_minus_first,omitempty"`
	// MinusFirst is the difference from the first system in the primary metric, with an
	// interval that holds for all systems at once; nil for the first.
	MinusFirst *metric.Comparison `json:"minus_first,omitempty"`
}

type row struct {
	name string
	figures
}

// summarize averages what was measured. Questions about one passage hang together, so
// that intervals are over passages, as far as they are known.
func summarize(runs []measured, questions []dataset.Question, cfg config) ([]row, error) {
	boot := metric.Bootstrap{Seed: cfg.seed, Groups: groups(questions)}
	of := primary[cfg.metric]
	var others [][]float64
	for _, m := range runs[1:] {
		others = append(others, of(m))
	}
	var against metric.Comparisons
	if len(others) > 0 {
		var err error
		if against, err = boot.Compare(of(runs[0]), others...); err != nil {
			return nil, err
		}
	}
	rows := make([]row, len(runs))
	for i, m := range runs {
		f := figures{Questions: len(questions), ModelCalls: m.calls, PromptTokens: m.prompt, GeneratedTokens: m.tokens, Seconds: m.seconds}
		f.MatchCased, f.MeanWords, f.RetrievalRate = mean(m.cased), mean(m.words), mean(m.retrieved)
		f.RetrievalNeeded, f.RetrievalNotNeeded = meanIfAny(m.where(true)), meanIfAny(m.where(false))
		f.GoldCitation, f.CitationPrecision, f.CitationRecall = meanIfAny(m.gold), meanIfAny(m.precision), meanIfAny(m.recall)
		f.AbstentionAUC = m.abstentionAUC()
		both, err := boot.Means(m.match, m.f1)
		if err != nil {
			return nil, err
		}
		f.MatchInterval, f.F1Interval = both[0], both[1]
		f.Match, f.F1 = both[0].Value, both[1].Value
		if i > 0 {
			d, err := boot.Difference(m.match, runs[0].match)
			if err != nil {
				return nil, err
			}
			f.MatchMinusFirst, f.MinusFirst = &d, &against.Systems[i-1]
		}
		rows[i] = row{m.name, f}
	}
	return rows, nil
}

// compareWithBest compares the engine with the better one of plain RAG and of the reranker: who
// only beats the worse has gained nothing by critique. It is nil if there is none of the
// three.
func compareWithBest(runs []measured, questions []dataset.Question, cfg config) (*verdict, error) {
	of := primary[cfg.metric]
	var engine, best *measured
	for i := range runs {
		m := &runs[i]
		switch name, _, _ := strings.Cut(m.name, " / "); {
		case name == "selfrag" && engine == nil:
			engine = m
		case (name == "pooled" || name == "reranked") && (best == nil || mean(of(*m)) > mean(of(*best))):
			best = m
		}
	}
	if engine == nil || best == nil {
		return nil, nil
	}
	c, err := (metric.Bootstrap{Seed: cfg.seed, Groups: groups(questions)}).Compare(of(*best), of(*engine))
	if err != nil {
		return nil, err
	}
	return &verdict{System: engine.name, Against: best.name, Comparison: c.Systems[0]}, nil
}

// verdict is the comparison that says whether critique pays.
type verdict struct {
	System  string `json:"system"`
	Against string `json:"against"`
	metric.Comparison
}

// String says what may be said.
func (v verdict) String() string {
	d := v.Simultaneous
	said := "these questions do not tell them apart"
	switch {
	case v.Claim && d.Value > 0:
		said = "better"
	case v.Claim:
		said = "worse"
	}
	return fmt.Sprintf("%s against %s, the better of plain RAG and reranking: %+.3f [%+.3f, %+.3f]: %s", v.System, v.Against, d.Value, d.Low, d.High, said)
}

// mean is the mean of at least one finite value.
func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// meanIfAny is the mean of values if there are any.
func meanIfAny(values []float64) *float64 {
	if len(values) == 0 {
		return nil
	}
	m := mean(values)
	return &m
}

// where returns for which questions passages were retrieved, of those that need them or of
// the others.
func (m measured) where(needed bool) []float64 {
	var list []float64
	for i, n := range m.needed {
		if n == needed {
			list = append(list, m.retrieved[i])
		}
	}
	return list
}

func (m measured) abstentionAUC() *float64 {
	var scores []float64
	var right []bool
	for i, c := range m.confidence {
		if c != nil {
			scores, right = append(scores, *c), append(right, m.match[i] == 1)
		}
	}
	auc, err := metric.AUC(scores, right)
	if err != nil {
		return nil
	}
	return &auc
}

func groups(questions []dataset.Question) []string {
	list := make([]string, len(questions))
	for i, q := range questions {
		if len(q.Positive) > 0 {
			list[i] = "passage " + q.Positive[0]
		} else {
			list[i] = "question " + q.ID
		}
	}
	return list
}

// report is the form of -json: the figures of the first system, and those of all by
// name.
type report struct {
	System string `json:"system"`
	figures
	K        int                `json:"k"`
	Seed     uint64             `json:"seed"`
	Passages int                `json:"passages"`
	Clusters int                `json:"clusters"`
	Metric   string             `json:"metric"` // the primary one
	Order    []string           `json:"order"`  // of the systems
	Systems  map[string]figures `json:"systems"`
	// Verdict is nil unless the engine and a system without critique were measured.
	Verdict *verdict `json:"verdict,omitempty"`
	// Sensitivity is nil without -sensitivity.
	Sensitivity *CriticErrors `json:"sensitivity,omitempty"`
	// Critic is nil without -pairs.
	Critic *critics.Report `json:"critic,omitempty"`

	rows []row
	cfg  config
}

func newReport(cfg config, runs []measured, questions []dataset.Question) (report, error) {
	rows, err := summarize(runs, questions, cfg)
	if err != nil {
		return report{}, err
	}
	r := report{
		System: rows[0].name, figures: rows[0].figures, K: cfg.k, Seed: cfg.seed, Clusters: clusters(questions), Metric: cfg.metric,
		Systems: map[string]figures{}, rows: rows, cfg: cfg,
	}
	if r.Verdict, err = compareWithBest(runs, questions, cfg); err != nil {
		return report{}, err
	}
	for _, x := range rows {
		r.Order = append(r.Order, x.name)
		r.Systems[x.name] = x.figures
	}
	return r, nil
}

// table prints the figures for people, in lines of at most 80 characters where names are
// short.
func (r report) table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d questions\tmatch [95 %%]\tagainst %s [95 %%]\n", r.Questions, r.System)
	for _, x := range r.rows {
		fmt.Fprintf(t, "%s\t%.3f [%.3f, %.3f]", x.name, x.Match, x.MatchInterval.Low, x.MatchInterval.High)
		if d := x.MatchMinusFirst; d != nil {
			fmt.Fprintf(t, "\t%+.3f [%+.3f, %+.3f]", d.Value, d.Low, d.High)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "\n\tcased\tF1\twords\tretrieved\tgold\tcalls\ttokens\tseconds")
	for _, x := range r.rows {
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.1f\t%.3f\t%s\t%d\t%d\t%.1f\n", x.name,
			x.MatchCased, x.F1, x.MeanWords, x.RetrievalRate, optional(x.GoldCitation), x.ModelCalls, x.GeneratedTokens, x.Seconds)
	}
	fmt.Fprintln(t, "\n\tcited right\tgold cited\tabstention\tprompt tokens\tms")
	for _, x := range r.rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%d\t%.1f\n", x.name, optional(x.CitationPrecision), optional(x.CitationRecall), optional(x.AbstentionAUC),
			x.PromptTokens, 1000*x.Seconds/float64(x.Questions))
	}
	if len(r.rows) > 1 {
		fmt.Fprintf(t, "\n%s, all at once\tagainst %s [95 %%]\tdetectable\tclaim\n", r.Metric, r.System)
		for _, x := range r.rows[1:] {
			d := x.MinusFirst.Simultaneous
			claim := "none"
			if x.MinusFirst.Claim {
				claim = map[bool]string{true: "better", false: "worse"}[d.Value > 0]
			}
			fmt.Fprintf(t, "%s\t%+.3f [%+.3f, %+.3f]\t%.3f\t%s\n", x.name, d.Value, d.Low, d.High, x.MinusFirst.Detectable, claim)
		}
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if err := r.printConclusions(w); err != nil {
		return err
	}
	if r.Sensitivity != nil {
		if err := r.Sensitivity.table(w, r.Metric); err != nil {
			return err
		}
	}
	if r.Critic == nil {
		return nil
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	return r.Critic.WriteTable(w)
}

// printConclusions prints what may be said of the table.
func (r report) printConclusions(w io.Writer) error {
	var said []string
	if r.Clusters < metric.MinClusters {
		said = append(said, fmt.Sprintf("No difference is claimed: %d %s are asked about, and a claim needs %d.", r.Clusters, r.cfg.source.Units(), metric.MinClusters))
	}
	if r.Verdict != nil {
		said = append(said, r.Verdict.String())
	}
	var b strings.Builder
	for _, text := range said {
		b.WriteByte('\n')
		helptext.Item(&b, 0, "", text)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// optional writes a share, or a dash if it is not known.
func optional(v *float64) string {
	if v == nil {
		return "-"
	}
	return fmt.Sprintf("%.3f", *v)
}
