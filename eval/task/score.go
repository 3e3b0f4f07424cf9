package task

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/eval/metric"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/scoring"
)

// Score returns a figure of an answer to an item, in [0, 1]. The error wraps
// errors.ErrUnsupported if the metric needs more than the text, and [ErrTask] if the item
// does not have what the metric compares with.
func (t Task) Score(m Metric, answer string, it dataset.Item) (float64, error) {
	lacks := func(what string) error {
		return fmt.Errorf("%w: item %q has no %s, which %s compares with", ErrTask, it.ID, what, m)
	}
	switch m {
	case Match, Accuracy:
		if len(it.Answers) == 0 {
			return 0, lacks("answers")
		}
		return share(t.right(m, answer, t.Golds(it))), nil
	case StrEM:
		if len(it.Pairs) == 0 {
			return 0, lacks("qa_pairs")
		}
		golds := make([][]string, len(it.Pairs))
		for i, p := range it.Pairs {
			golds[i] = p.Answers
		}
		return metric.StringEM(metric.WithoutCitations(firstLine(answer)), golds), nil
	case RougeLsum:
		if len(it.Long) == 0 {
			return 0, lacks("long answer")
		}
		var golds [][]string
		for _, l := range it.Long {
			golds = append(golds, sentences(l))
		}
		return metric.RougeLsum(sentences(metric.WithoutCitations(firstLine(answer))), golds), nil
	}
	return 0, fmt.Errorf("task: %s cannot be computed from the text alone: %w", m, errors.ErrUnsupported)
}

func share(right bool) float64 {
	if right {
		return 1
	}
	return 0
}

func (t Task) right(m Metric, answer string, golds []string) bool {
	switch {
	case m == Accuracy:
		best := scoring.ClosedSet(t.Labels, []string{answer}, []float64{1}).Best
		for _, g := range golds {
			if best >= 0 && strings.EqualFold(t.Labels[best], g) {
				return true
			}
		}
		return false
	case t.Settings == Released:
		return metric.MatchReleased(labelOfVerdict(answer), golds)
	}
	return metric.Match(answer, golds)
}

// labelOfVerdict replaces an answer that holds a verdict of FEVER.
func labelOfVerdict(answer string) string {
	switch {
	case strings.Contains(answer, "SUPPORTS"):
		return "true"
	case strings.Contains(answer, "REFUTES"):
		return "false"
	}
	return answer
}

// firstLine is what ALCE evaluates of an answer.
func firstLine(answer string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(answer), "\n")
	return strings.ReplaceAll(line, "<|im_end|>", "")
}

// sentences cuts a text. ALCE cuts with NLTK, which differs at some abbreviations.
func sentences(text string) []string {
	var list []string
	for s := range sentence.All(text) {
		list = append(list, text[s.Start:s.End])
	}
	return list
}

// PostProcess returns what the released script for short answers makes of a raw output:
// without control tokens but [Continue to Use Evidence], without ends of text and line breaks,
// and without one "#" or ":" in front. It trims nothing. The script does it to the answers of
// closed sets, and to those without passages.
func PostProcess(raw string) string {
	for _, s := range stripped() {
		raw = strings.ReplaceAll(raw, s, "")
	}
	if strings.HasPrefix(raw, "#") || strings.HasPrefix(raw, ":") {
		return raw[1:]
	}
	return raw
}

// stripped are the strings that the script removes, one after the other.
func stripped() []string {
	var list []string
	for _, t := range []reflection.Token{
		reflection.FullySupported, reflection.PartiallySupported, reflection.NoSupport, reflection.NoRetrieval, reflection.Retrieval,
		reflection.Irrelevant, reflection.Relevant,
	} {
		list = append(list, t.String())
	}
	list = append(list, "<paragraph>", "</paragraph>")
	for t := reflection.Utility1; t <= reflection.Utility5; t++ {
		list = append(list, t.String())
	}
	return append(list, "</s>", "\n", "<|endoftext|>")
}
