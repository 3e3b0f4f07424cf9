package extractive

import (
	"context"
	"math"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/analysis/lexicon"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/internal/sentence"
	"github.com/goselfrag/goselfrag/reflection"
)

// PreferenceFloor is the least probability in [Model.Preference].
const PreferenceFloor = 1e-6

// Preference returns how much the model prefers the answer, given a passage: the
// natural logarithm of the probability Σ π_i of the sentences that hold one of the
// answers, ignoring case, and at least that of [PreferenceFloor]. It is the
// likelihood by which a retriever can be adapted to a model (the preference of AAR,
// arXiv 2305.17331). Errors are those of a request with that passage.
func (m *Model) Preference(ctx context.Context, question string, passage generator.Evidence, answers ...string) (float64, error) {
	w, _, err := m.openWorld(ctx, generator.Request{
		Prompt:    generator.Prompt{Instruction: question, Evidence: []generator.Evidence{passage}},
		MaxTokens: 1,
	})
	if err != nil {
		return 0, err
	}
	all, sum := w.nothing, 0.0
	for i := range w.quotes {
		all += w.quotes[i].weight
		if w.holds(i, answers) {
			sum += w.quotes[i].weight
		}
	}
	if sum == 0 {
		return math.Log(PreferenceFloor), nil
	}
	return math.Log(max(PreferenceFloor, sum/all)), nil
}

// holds reports whether quote i holds one of the answers, ignoring case.
func (w *world) holds(i int, answers []string) bool {
	var b strings.Builder
	for _, s := range w.quotes[i].symbols {
		b.WriteString(w.lex.text(s))
	}
	text := strings.ToLower(b.String())
	for _, a := range answers {
		if a != "" && strings.Contains(text, strings.ToLower(a)) {
			return true
		}
	}
	return false
}

// Support returns the distribution of IsSUP for any text against a passage. It
// detects words, names and numbers that the passage does not have or has in another
// place, a different number of negations, and a text that is cut or opens with a
// pronoun; it has no notion of meaning. For a sentence of the passage it is the
// distribution that the model gives when it quotes it.
func (m *Model) Support(passage, text string) reflection.Distribution {
	lex := lexicon.New(len(passage)/8+16, lexicon.LanguageOf(passage))
	var sentences [][]lexicon.Word
	for _, s := range sentence.Split(passage) {
		sentences = append(sentences, lex.Words(sentence.Line(passage, s)))
	}
	text = sentence.Line(text, sentence.Span{End: len(text)})
	words := lex.Words(text)
	row := feature.NewEvidence(sentences).Support(words, feature.LookAt(text, words))
	d := reflection.Distribution{Group: reflection.IsSUP}
	for i, p := range branches(m.parameters.support, row) {
		d.Set(reflection.IsSUP.Tokens()[i], reflection.ExactLog(math.Log(p)))
	}
	return d
}
