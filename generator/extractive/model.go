package extractive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/feature"
	"github.com/goselfrag/goselfrag/reflection"
)

// Abstention is the model's text after [No Retrieval] when the question holds no
// text to quote from.
const Abstention = "I cannot answer this without a source."

// AbstainBelow is the recommended threshold for abstention: the probability of
// [Relevant] below which to abstain, since the model quotes a sentence of any
// passage. Engines use it by default; see selfrag.WithAbstention. It was chosen
// once for the embedded parameters: docs/extractive.md describes how, and how often
// an engine then answers and abstains.
const AbstainBelow = 0.4

// off is ε, the share of the background while the history is on the tree.
const off = 1e-3

// Model is the extractive model. Make one with [New] or [Load]. It is safe for concurrent
// use, starts no goroutines and does no I/O. [Model.Generate], [Model.Score], [Model.Next]
// and [Model.GroupProbs] agree on the same continuation.
//
// A token is a word, a number or another character, each with the space before it, or white
// space. The joined tokens are the text. Steps given to Score, Next and GroupProbs may be cut
// in any way: adjacent text is joined and cut again, and a text that ends inside a word counts
// as ending there. Bytes in a prompt that are not UTF-8 become U+FFFD. Reserved strings in a
// prompt are text.
//
// A sentence wrapped over several lines is quoted on one line, except in code, tables and list
// items. Sentences that repeat a segment of the path, exactly or nearly (Jaccard similarity of
// word trigrams of 0.8 or more), are masked before the softmax. If none is left, or the
// evidence holds no words, the tree is [Irrelevant] and the end, without text, or, if the
// answer was to continue, the utility and the end.
//
// IsSUP is a function of sentence and passage, never of the question. A whole sentence, quoted
// unchanged, is fully supported by construction; one that opens with a pronoun or was cut is
// partially supported. The end of a segment depends on the greatest u of an unused sentence,
// the share of the question not covered yet, the number of segments and whether the question
// asks for a short answer.
//
// The mean log-probability of these tokens measures length, so [generator.Capabilities] has
// Quotes set: score with the probability of the whole sequence. Only the first 64 different
// content words of a question count. Every call reads the passage again, which takes most of
// its time.
type Model struct {
	parameters *parameters
	// last is the last parsed prompt: the candidates of a question share it.
	last atomic.Pointer[readPrompt]
}

// readPrompt is a parsed prompt.
type readPrompt struct {
	instruction, input string
	asked              feature.Asked
}

// parsePrompt parses a prompt.
func (m *Model) parsePrompt(p generator.Prompt) feature.Asked {
	r := m.last.Load()
	if r == nil || r.instruction != p.Instruction || r.input != p.Input {
		r = &readPrompt{p.Instruction, p.Input, feature.ReadQuestion(valid(p.Instruction), valid(p.Input), m.parameters.retrieve)}
		m.last.Store(r)
	}
	return r.asked
}

var (
	_ generator.Generator     = (*Model)(nil)
	_ generator.Scorer        = (*Model)(nil)
	_ generator.NextPredictor = (*Model)(nil)
	_ generator.GroupProber   = (*Model)(nil)
	_ generator.Describer     = (*Model)(nil)
	_ generator.Checker       = (*Model)(nil)
)

// history is the state before a position: the place in the tree and the context of
// the background.
type history struct {
	node
	recent
}

// openWorld makes the world of a request, or returns why it cannot.
func (m *Model) openWorld(ctx context.Context, req generator.Request) (*world, history, error) {
	if err := req.Check(); err != nil {
		return nil, history{}, err
	}
	if req.Task != nil {
		return nil, history{}, fmt.Errorf("extractive: this model quotes sentences and cannot do the task %q: give the part that asks for it a language model: %w",
			req.Task.Template.Name(), errors.ErrUnsupported)
	}
	if len(req.After) > 0 {
		return nil, history{}, fmt.Errorf("extractive: this model cannot go on from a given beginning: ask it for the next token (generator.Next): %w", errors.ErrUnsupported)
	}
	if err := ctx.Err(); err != nil {
		return nil, history{}, stopped(err)
	}
	w := newWorld(m.parameters, req, m.parsePrompt(req.Prompt))
	return w, w.begin(), nil
}

func stopped(err error) error { return fmt.Errorf("extractive: %w", err) }

func (w *world) begin() history { return history{w.root, recent{unseen, unseen}} }

func (w *world) after(h history, s symbol) history {
	return history{w.then(h.node, s), h.recent.then(s)}
}

// logProb returns the log-probability of a token. text is given if the token is
// unseen.
func (w *world) logProb(h history, s symbol, text string) float64 {
	sh, tree, ground := w.mixture(h)
	if s >= firstText {
		text = w.lex.text(s)
	}
	p := tree*w.treeProb(h.node, s) + ground*w.background.counted(h.recent, sh, s)
	return logSum(p, ground*sh.base, logBase(len(text)))
}

// mixture returns the shares of the background's orders at h, and those of the tree
// and of the background.
func (w *world) mixture(h history) (sh shares, tree, ground float64) {
	sh = w.background.shares(h.recent)
	if h.phase == lost {
		return sh, 0, 1
	}
	return sh, 1 - off, off
}

// next returns the log-probabilities of all symbols.
func (w *world) next(h history) []float64 {
	sh, tree, ground := w.mixture(h)
	p := w.background.countedAll(h.recent, sh)
	for i := range p {
		p[i] *= ground
	}
	w.treeAll(h.node, func(s symbol, q float64) { p[s] += tree * q })
	for i := range p {
		n := 0
		if s := symbol(i); s >= firstText {
			n = len(w.lex.text(s))
		}
		p[i] = logSum(p[i], ground*sh.base, logBase(n))
	}
	return p
}

// alternatives lists the symbols, likeliest first. Of equals, end comes first, then
// control tokens in vocabulary order, then text in the order of the request.
func (w *world) alternatives(logs []float64) []generator.Alternative {
	order := make([]symbol, len(logs))
	for i := range order {
		order[i] = symbol(i)
	}
	slices.SortStableFunc(order, func(a, b symbol) int {
		switch {
		case logs[a] > logs[b]:
			return -1
		case logs[a] < logs[b]:
			return 1
		}
		return 0
	})
	out := make([]generator.Alternative, len(order))
	for i, s := range order {
		out[i] = generator.Alternative{Token: s.control(), End: s == end, Prob: reflection.ExactLog(logs[s])}
		if s >= firstText {
			out[i].Text = w.lex.text(s)
		}
	}
	return out
}

// distribution returns the log-probabilities of the tokens of g at h.
func (w *world) distribution(h history, g reflection.Group) reflection.Distribution {
	d := reflection.Distribution{Group: g}
	for _, t := range g.Tokens() {
		d.Set(t, reflection.ExactLog(w.logProb(h, symbol(t), "")))
	}
	return d
}

// step returns the step for a token; text is that of a text token.
func (w *world) step(req generator.Request, h history, s symbol, text string, first bool) generator.Step {
	step := generator.Step{Text: text, Token: s.control(), LogProb: reflection.ExactLog(w.logProb(h, s, text))}
	g := step.Token.Group()
	if first || g != reflection.NoGroup && slices.Contains(req.Watch, g) {
		for _, g := range req.Watch {
			step.Watched = append(step.Watched, w.distribution(h, g))
		}
	}
	return step
}

// Generate implements [generator.Generator]. At temperature 0 it takes the
// likeliest control token at each place and the likeliest whole sentence, which is
// not always the sequence of the likeliest tokens. It gives a sentence even after
// [Irrelevant], where no text may be likelier. Ending the answer counts as one
// choice, whatever the probabilities of the utilities. Ties go to the token first
// in vocabulary order and to the sentence that comes first. At a higher
// temperature it draws token by token, among the tokens that [Model.Next] lists and
// that the tokenizer would cut there.
func (m *Model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		w, h, err := m.openWorld(ctx, req)
		if err != nil {
			yield(generator.Step{}, err)
			return
		}
		choose := w.chooser(req)
		last := func(s generator.Step, f generator.Finish, n int) {
			s.Finish = f
			s.Usage = generator.Usage{PromptTokens: w.promptTokens, GeneratedTokens: n}
			yield(s, nil)
		}
		var said strings.Builder // used if there is nothing to quote
		for n := 0; ; n++ {
			if err := ctx.Err(); err != nil {
				yield(generator.Step{}, stopped(err))
				return
			}
			if n == req.MaxTokens {
				last(generator.Step{}, generator.FinishLength, n)
				return
			}
			s := choose(h)
			text := ""
			if s >= firstText {
				text = w.lex.text(s)
			}
			step := w.step(req, h, s, text, n == 0)
			if req.Alternatives > 0 {
				top := w.alternatives(w.next(h))
				step.Top = slices.Clone(top[:min(len(top), req.Alternatives)])
			}
			if w.abstains {
				said.WriteString(text)
			}
			if s == end {
				step.Declined = w.abstains && said.String() == Abstention
				last(step, generator.FinishEnd, n+1)
				return
			}
			if !yield(step, nil) {
				return
			}
			if slices.Contains(req.Stop, step.Token) {
				last(generator.Step{}, generator.FinishStop, n+1)
				return
			}
			h = w.after(h, s)
		}
	}
}

// chooser returns the function that picks the next token.
func (w *world) chooser(req generator.Request) func(history) symbol {
	if req.Temperature == 0 {
		plan := w.likeliest()
		return func(history) symbol {
			s := plan[0]
			plan = plan[1:]
			return s
		}
	}
	random := rand.New(rand.NewPCG(req.Seed, 0))
	return func(h history) symbol { return w.draw(h, req.Temperature, random.Float64()) }
}

// draw picks a symbol with probability proportional to p^(1/temperature); x is
// uniform in [0, 1).
func (w *world) draw(h history, temperature, x float64) symbol {
	logs := w.next(h)
	top := math.Inf(-1)
	for i, l := range logs {
		if s := symbol(i); s >= firstText && h.last >= firstText && joins(w.lex.text(h.last), w.lex.text(s)) {
			logs[i] = math.Inf(-1)
			continue
		}
		top = max(top, l)
	}
	sum := 0.0
	for i, l := range logs {
		// The exponent of the likeliest is 0 at any temperature.
		logs[i] = math.Exp((l - top) / temperature)
		sum += logs[i]
	}
	x *= sum
	last := end
	for i, p := range logs {
		if p == 0 {
			continue
		}
		last = symbol(i)
		if x -= p; x < 0 {
			break
		}
	}
	return last // also if rounding left a little of x
}
