package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/sentence"
)

// measured is what a system did, question by question.
type measured struct {
	name                    string
	match, cased, f1, words []float64
	retrieved, gold         []float64 // gold: of the questions that name positive passages
	calls, tokens           int
	seconds                 float64
}

func measure(name string, questions []dataset.Question, records []record) measured {
	m := measured{name: name}
	for i, q := range questions {
		r := records[i]
		m.match = append(m.match, number(metric.MatchFold(r.Answer, q.Answers)))
		m.cased = append(m.cased, number(metric.Match(r.Answer, q.Answers)))
		m.f1 = append(m.f1, metric.F1(r.Answer, q.Answers))
		m.words = append(m.words, float64(sentence.Count(r.Answer)))
		m.retrieved = append(m.retrieved, number(r.Retrieved))
		if len(q.Positive) > 0 {
			m.gold = append(m.gold, number(slices.ContainsFunc(r.Cited, func(id string) bool { return slices.Contains(q.Positive, id) })))
		}
		m.calls += r.Calls
		m.tokens += r.Tokens
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
	// GoldCitation is the share of answers that cite a positive passage, among the
	// questions that name any; nil if none does.
	GoldCitation    *float64 `json:"gold_citation"`
	ModelCalls      int      `json:"model_calls"`      // total
	GeneratedTokens int      `json:"generated_tokens"` // total
	Seconds         float64  `json:"seconds"`          // total time of answering, from start to end of each question
	// MatchInterval is Match with its 95 % interval; MatchMinusFirst is the difference
	// from the first system, paired by question, nil for that system itself.
	MatchInterval   metric.Interval  `json:"match_interval"`
	MatchMinusFirst *metric.Interval `json:"match_minus_first,omitempty"`
}

type row struct {
	name string
	figures
}

// summarise averages what was measured. Questions about one passage hang together, so
// that intervals are over passages, as far as they are known.
func summarise(runs []measured, questions []dataset.Question, seed uint64) ([]row, error) {
	boot := metric.Bootstrap{Seed: seed, Groups: groups(questions)}
	rows := make([]row, len(runs))
	for i, m := range runs {
		f := figures{Questions: len(questions), ModelCalls: m.calls, GeneratedTokens: m.tokens, Seconds: m.seconds}
		for _, x := range []struct {
			to     *float64
			values []float64
		}{{&f.MatchCased, m.cased}, {&f.F1, m.f1}, {&f.MeanWords, m.words}, {&f.RetrievalRate, m.retrieved}} {
			var err error
			if *x.to, err = metric.Mean(x.values); err != nil {
				return nil, err
			}
		}
		if len(m.gold) > 0 {
			mean, err := metric.Mean(m.gold)
			if err != nil {
				return nil, err
			}
			f.GoldCitation = &mean
		}
		var err error
		if f.MatchInterval, err = boot.Mean(m.match); err != nil {
			return nil, err
		}
		f.Match = f.MatchInterval.Value
		if i > 0 {
			d, err := boot.Difference(m.match, runs[0].match)
			if err != nil {
				return nil, err
			}
			f.MatchMinusFirst = &d
		}
		rows[i] = row{m.name, f}
	}
	return rows, nil
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
	K       int                `json:"k"`
	Seed    uint64             `json:"seed"`
	Systems map[string]figures `json:"systems"`
}

func newReport(cfg config, rows []row) report {
	r := report{System: rows[0].name, figures: rows[0].figures, K: cfg.k, Seed: cfg.seed, Systems: map[string]figures{}}
	for _, x := range rows {
		r.Systems[x.name] = x.figures
	}
	return r
}

// table prints the figures for people, in lines of at most 80 characters.
func table(w io.Writer, rows []row) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%d questions\tmatch [95 %%]\tagainst %s [95 %%]\n", rows[0].Questions, rows[0].name)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%.3f [%.3f, %.3f]", r.name, r.Match, r.MatchInterval.Low, r.MatchInterval.High)
		if d := r.MatchMinusFirst; d != nil {
			fmt.Fprintf(t, "\t%+.3f [%+.3f, %+.3f]", d.Value, d.Low, d.High)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintln(t, "\n\tcased\tF1\twords\tretrieved\tgold\tcalls\ttokens\tseconds")
	for _, r := range rows {
		gold := "-"
		if r.GoldCitation != nil {
			gold = fmt.Sprintf("%.3f", *r.GoldCitation)
		}
		fmt.Fprintf(t, "%s\t%.3f\t%.3f\t%.1f\t%.3f\t%s\t%d\t%d\t%.1f\n", r.name,
			r.MatchCased, r.F1, r.MeanWords, r.RetrievalRate, gold, r.ModelCalls, r.GeneratedTokens, r.Seconds)
	}
	return t.Flush()
}
