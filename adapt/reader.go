package adapt

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"

	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
)

// Scorer says how likely a model is to write an answer.
type Scorer interface {
	// LogProb returns ln p(answer | question, p), or ln p(answer | question) if p is nil.
	// It may be called from several goroutines at once. When ctx is done it returns
	// promptly with an error that wraps ctx.Err().
	LogProb(ctx context.Context, question, answer string, p *retriever.Passage) (LogProb, error)
}

// LogProb is the log-probability of an answer.
type LogProb struct {
	Sum    float64 // over all tokens, at most 0
	Tokens int     // the end included, if the model tells its probability
}

// Reader is a [Scorer] that asks a generator and remembers what it said, in a file if one
// is named: work that was broken off goes on there. One process at a time uses a file. A
// Reader may be used from several goroutines at once.
//
// The prompt is that of standard RAG with one passage: the question, with the passage as
// evidence; without a passage, retrieval is ruled out. A model with reflection tokens takes
// each passage for relevant, as in package rag.
type Reader struct {
	model generator.Generator
	cache *cache

	mu    sync.Mutex
	known bool // caps holds what the model says of itself
	caps  generator.Capabilities
}

// NewReader returns a reader that asks g. file names the file of scores, which need not
// exist; without one they are kept in memory. The generator is not asked yet. The error
// wraps ErrOption, ErrFile or an error of the file system. The caller closes the reader.
func NewReader(g generator.Generator, file string) (*Reader, error) {
	if isnil.Value(g) {
		return nil, fmt.Errorf("%w: the generator is nil", ErrOption)
	}
	c, err := openCache(file)
	if err != nil {
		return nil, err
	}
	return &Reader{model: g, cache: c}, nil
}

// Close closes the file of scores.
func (r *Reader) Close() error { return r.cache.close() }

// Remembered returns the number of scores and replies that the reader remembers.
func (r *Reader) Remembered() int { return r.cache.len() }

// describe returns what the model says of itself, and asks until it has once.
func (r *Reader) describe(ctx context.Context) (generator.Capabilities, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.known {
		return r.caps, nil
	}
	caps, err := generator.Describe(ctx, r.model)
	if errors.Is(err, errors.ErrUnsupported) {
		caps, err = generator.Capabilities{Model: fmt.Sprintf("%T", r.model)}, nil
	}
	if err == nil {
		r.caps, r.known = caps, true
	}
	return caps, err
}

// LogProb implements [Scorer]. The error wraps errors.ErrUnsupported if the generator
// cannot score, budget.ErrExceeded, ctx.Err() or an error of the generator or the file.
func (r *Reader) LogProb(ctx context.Context, question, answer string, p *retriever.Passage) (LogProb, error) {
	caps, err := r.describe(ctx)
	if err != nil {
		return LogProb{}, fmt.Errorf("adapt: %w", err)
	}
	if caps.Quotes {
		// A model that quotes knows words as they are inside a text, with the space before
		// them: without it the first word of an answer is one that no passage holds.
		answer = " " + answer
	}
	key := scoreKey(caps, question, answer, p)
	if l, ok := r.cache.get(key); ok {
		return LogProb{l.Sum, l.Tokens}, nil
	}
	req := generator.Request{Prompt: generator.Prompt{Instruction: question, Force: reflection.NoRetrieval}, MaxTokens: 1}
	var begin []generator.Step
	if p != nil {
		req.Prompt.Force = reflection.None
		req.Prompt.Evidence = []generator.Evidence{{Title: p.Title, Text: p.Text}}
		if caps.Level != reflection.LevelUnstated {
			begin = append(begin, generator.Step{Token: reflection.Relevant})
		}
	}
	c, err := generator.Score(ctx, r.model, req, append(begin, generator.Step{Text: answer}), caps.EndLogProb)
	if err != nil {
		return LogProb{}, fmt.Errorf("adapt: scoring an answer: %w", err)
	}
	if len(c.Steps) <= len(begin) {
		return LogProb{}, &generator.ProtocolError{Reason: fmt.Sprintf("the scored answer %q has no tokens", answer)}
	}
	c.Steps = c.Steps[len(begin):]
	sum, n := c.LogProb(generator.CountAll)
	if sum.Known != reflection.Exact {
		return LogProb{}, fmt.Errorf("adapt: the model does not tell the log-probability of each token of an answer: take one that scores exactly: %w", errors.ErrUnsupported)
	}
	l := LogProb{Sum: sum.Log, Tokens: n}
	return l, r.cache.remember(cacheLine{Key: key, Sum: l.Sum, Tokens: l.Tokens})
}

// scoreKey is of all that a score depends on.
func scoreKey(caps generator.Capabilities, question, answer string, p *retriever.Passage) string {
	parts := []string{caps.Model, caps.TemplateHash, fmt.Sprint(caps.EndLogProb, caps.Level), question, answer}
	if p != nil {
		parts = append(parts, p.Title, p.Text)
	}
	return digest(parts...)
}

// digest is of texts, each with its length, so that no two lists have one text.
func digest(parts ...string) string {
	h := sha256.New()
	for _, text := range parts {
		fmt.Fprintf(h, "%d:%s", len(text), text)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// reply returns the text with which the model answers a task, the first time by asking. It
// has neither the model's thinking nor a last line that was cut off.
func (r *Reader) reply(ctx context.Context, t generator.Task, maxTokens int) (string, error) {
	caps, err := r.describe(ctx)
	if err != nil {
		return "", fmt.Errorf("adapt: %w", err)
	}
	parts := []string{"reply", caps.Model, t.Template.Hash(), fmt.Sprint(maxTokens)}
	for _, name := range t.Template.Placeholders() {
		parts = append(parts, name, t.Values[name])
	}
	key := digest(parts...)
	if l, ok := r.cache.get(key); ok {
		return l.Text, nil
	}
	c, err := generator.Complete(ctx, r.model, generator.Request{Task: &t, MaxTokens: maxTokens})
	if err != nil {
		return "", err
	}
	text := c.Said()
	if c.Finish == generator.FinishLength {
		text = text[:strings.LastIndexByte(text, '\n')+1]
	}
	return text, r.cache.remember(cacheLine{Key: key, Tokens: len(c.Steps), Text: text})
}

// verdict returns how far a critic finds that a passage helps with an answer, the first
// time by asking.
func (r *Reader) verdict(ctx context.Context, c critique.Critic, question, answer string, p retriever.Passage) (float64, error) {
	caps, err := r.describe(ctx)
	if err != nil {
		return 0, fmt.Errorf("adapt: %w", err)
	}
	parts := []string{"verdict", caps.Model, fmt.Sprintf("%T", c)}
	if t, ok := c.(critique.Templated); ok {
		for _, template := range t.Templates() {
			parts = append(parts, template.Hash())
		}
	}
	key := digest(append(parts, question, answer, p.Title, p.Text)...)
	if l, ok := r.cache.get(key); ok {
		return l.Sum, nil
	}
	score, err := support(ctx, c, question, answer, p)
	if err != nil {
		return 0, err
	}
	return score, r.cache.remember(cacheLine{Key: key, Sum: score})
}

// Source says how much passages help.
type Source interface {
	// Gain returns how much p helps to answer q: more is better, and 0 or less is no help.
	// The contract of [Scorer] on concurrency and cancellation holds.
	Gain(ctx context.Context, q dataset.Question, p retriever.Passage) (float64, error)
}

// Normal says how the log-probability of an answer counts.
type Normal string

// The choices of Normal; the zero value is Sum.
const (
	Sum  Normal = "sum"  // over all tokens
	Mean Normal = "mean" // per token: long answers do not count more
)

// Gains is the source that asks how much likelier a passage makes a right answer:
// ln p(answer | question, passage) − ln p(answer | question). With several right answers
// the greatest gain counts. A question without an answer has no gain.
func Gains(s Scorer, n Normal) (Source, error) {
	if isnil.Value(s) {
		return nil, fmt.Errorf("%w: the scorer is nil", ErrOption)
	}
	if n == "" {
		n = Sum
	}
	if n != Sum && n != Mean {
		return nil, fmt.Errorf("%w: the normal is %q: want sum or mean", ErrOption, n)
	}
	return gains{s, n}, nil
}

type gains struct {
	scorer Scorer
	normal Normal
}

func (g gains) value(l LogProb) float64 {
	if g.normal == Mean && l.Tokens > 0 {
		return l.Sum / float64(l.Tokens)
	}
	return l.Sum
}

// Gain implements [Source].
func (g gains) Gain(ctx context.Context, q dataset.Question, p retriever.Passage) (float64, error) {
	best := math.Inf(-1)
	for _, answer := range q.Answers {
		with, err := g.scorer.LogProb(ctx, q.Question, answer, &p)
		if err != nil {
			return 0, err
		}
		without, err := g.scorer.LogProb(ctx, q.Question, answer, nil)
		if err != nil {
			return 0, err
		}
		gain := g.value(with) - g.value(without)
		if math.IsNaN(gain) { // impossible with and without
			gain = 0
		}
		best = max(best, gain)
	}
	if len(q.Answers) == 0 {
		return 0, nil
	}
	return best, nil
}
