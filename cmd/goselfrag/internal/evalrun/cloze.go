package evalrun

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/analysis"
	"github.com/goselfrag/goselfrag/internal/sentence"
)

// cloze takes the place of a model that writes questions: it takes a name or a number out of
// a sentence of the passage and asks what is missing. It is the same each time. Its questions
// share their words with the passage, so that a search finds it more easily than people's
// questions would let it.
type cloze struct{}

// gap replaces the missing words.
const gap = "____"

// Generate implements generator.Generator for the task of adapt.QuestionsTemplate.
func (cloze) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		err := errors.Join(req.Check(), ctx.Err())
		if err == nil && req.Task == nil {
			err = fmt.Errorf("cloze questions are for passages alone: %w", errors.ErrUnsupported)
		}
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		n, _ := strconv.Atoi(req.Task.Values["count"])
		text := clozes(req.Task.Values["passage"], n)
		if text != "" && !yield(generator.Step{Text: text}, nil) {
			return
		}
		yield(generator.Step{Finish: generator.FinishEnd}, nil)
	}
}

// Describe implements generator.Describer.
func (cloze) Describe(context.Context) (generator.Capabilities, error) {
	return generator.Capabilities{Model: "cloze questions, version 1"}, nil
}

// clozes writes up to n questions about a passage, whose first line is the title if there is
// a second one, and their answers.
func clozes(passage string, n int) string {
	title, body, ok := strings.Cut(passage, "\n")
	if !ok {
		title, body = "", passage
	}
	var b strings.Builder
	for _, s := range sentence.Split(body) {
		if n == 0 {
			break
		}
		text := strings.Join(strings.Fields(s.Of(body)), " ")
		from, to := missing(text)
		if from == to {
			continue
		}
		n--
		about := ""
		if t := strings.TrimSpace(title); t != "" {
			about = " (" + t + ")"
		}
		fmt.Fprintf(&b, "Q: What is missing%s: %s%s%s\nA: %s\n", about, text[:from], gap, text[to:], text[from:to])
	}
	return b.String()
}

// leastWords is the least number of words of a sentence that says enough.
const leastWords = 6

// missing returns where the first number or name of a sentence stands: words that begin with a
// capital letter, not at the beginning, where any word does. Both are 0 if there is none, or
// if it stands twice, or the sentence is short or long.
func missing(text string) (from, to int) {
	words := analysis.Words(text)
	if len(words) < leastWords || len(words) > 60 {
		return 0, 0
	}
	named := func(i int) bool {
		r, _ := utf8.DecodeRuneInString(words[i].Of(text))
		return unicode.IsUpper(r) || unicode.IsDigit(r)
	}
	for i := 1; i < len(words); i++ {
		if !named(i) {
			continue
		}
		last := i
		for last+1 < len(words) && named(last+1) && text[words[last].End:words[last+1].Start] == " " {
			last++
		}
		from, to = words[i].Start, words[last].End
		if utf8.RuneCountInString(text[from:to]) < 2 || strings.Count(text, text[from:to]) > 1 {
			continue
		}
		return from, to
	}
	return 0, 0
}

// clozeCritic judges an answer to a question of cloze as the sentence that it completes: what
// the embedded critic judges are quotations.
type clozeCritic struct{ critique.Critic }

// Critique implements critique.Critic.
func (c clozeCritic) Critique(ctx context.Context, in critique.Continuation) (critique.Verdict, error) {
	_, text, _ := strings.Cut(in.Question, ": ")
	in.Text = strings.Replace(text, gap, in.Text, 1)
	in.Completion.Steps = []generator.Step{{Text: in.Text}}
	return c.Critic.Critique(ctx, in)
}
