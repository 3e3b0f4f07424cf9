package generatortest

import (
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// Judge returns the step at which a model judges g: the likeliest token of g under
// the probabilities p, in the order of g.Tokens(), each in [0, 1]. Of equals the
// first is taken. The step carries exactly the distribution p, and the token's
// log-probability is that of its entry. If no probability is above 0, the result is
// the zero Step.
func Judge(g reflection.Group, p ...float64) generator.Step {
	best, at := 0.0, -1
	for i := range min(len(p), g.Size()) {
		if p[i] > best {
			best, at = p[i], i
		}
	}
	if at < 0 {
		return generator.Step{}
	}
	return generator.Step{
		Token:   g.Tokens()[at],
		LogProb: reflection.ExactValue(best),
		Watched: []reflection.Distribution{reflection.NewDistribution(g, p...)},
	}
}

// Words returns one step per word of text, each with the exact probability p, in
// [0, 1]. White space belongs to the word after it, at the end of the text to the
// word before it. So the joined steps are text.
func Words(p float64, text string) []generator.Step {
	var steps []generator.Step
	for _, w := range cutWords(text) {
		steps = append(steps, generator.Step{Text: w, LogProb: reflection.ExactValue(p)})
	}
	return steps
}

// cutWords cuts text before the white space that follows a word.
func cutWords(text string) []string {
	var words []string
	for text != "" {
		body := strings.TrimLeft(text, " \t\n")
		start := len(text) - len(body)
		end := len(text)
		if i := strings.IndexAny(body, " \t\n"); i >= 0 && strings.TrimLeft(body[i:], " \t\n") != "" {
			end = start + i
		}
		words = append(words, text[:end])
		text = text[end:]
	}
	return words
}

// Segment returns the steps of a segment written from evidence: the IsREL token,
// the words of text, the IsSUP token and the IsUSE token.
//
// rel is the probability of Relevant and 1-rel that of Irrelevant. sup and use are
// in the order of the groups' tokens: fully, partially and not supported; utility 1
// to 5. If all of sup are 0 there is no IsSUP token; the same holds for use. The
// generated token is the likeliest of each group. The words have probability 1; for
// other probabilities combine [Judge] and [Words].
func Segment(rel float64, text string, sup [3]float64, use [5]float64) []generator.Step {
	// Relevant wins a tie, as a reader of the number 0.5 expects.
	first := Judge(reflection.IsREL, 1-rel, rel)
	if rel >= 0.5 {
		first.Token, first.LogProb = reflection.Relevant, reflection.ExactValue(rel)
	}
	steps := append([]generator.Step{first}, Words(1, text)...)
	for _, s := range [...]generator.Step{Judge(reflection.IsSUP, sup[:]...), Judge(reflection.IsUSE, use[:]...)} {
		if s.Token != reflection.None {
			steps = append(steps, s)
		}
	}
	return steps
}

// Decision returns the one step in which a model decides whether to retrieve.
// Retrieval has the probability pRetrieval, NoRetrieval the rest, and
// ContinueEvidence none. Retrieval is generated from 0.5 on.
func Decision(pRetrieval float64) []generator.Step {
	s := Judge(reflection.Retrieve, 1-pRetrieval, pRetrieval, 0)
	if pRetrieval >= 0.5 {
		s.Token, s.LogProb = reflection.Retrieval, reflection.ExactValue(pRetrieval)
	}
	return []generator.Step{s}
}

// HardLabels returns a copy of steps without any probability, as from a server that
// gives none.
func HardLabels(steps []generator.Step) []generator.Step {
	out := slices.Clone(steps)
	for i := range out {
		out[i].LogProb, out[i].Watched, out[i].Top = reflection.Prob{}, nil, nil
	}
	return out
}
