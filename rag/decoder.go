package rag

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/selfrag"
)

// Decoder answers questions with one model over one retriever. Make one with
// [NewStandard], [NewSequence] or [NewToken]. It keeps nothing between questions and is
// safe for concurrent use.
type Decoder struct {
	model    generator.Generator
	passages retriever.Retriever
	defaults settings
}

// NewStandard returns a decoder that shows the model all passages in one prompt and
// generates once. A model that follows instructions is asked to cite by marks such
// as [2], which become citations. Other models see the passages in their own
// layout; then the passage that contains the answer word for word is cited.
//
// NewStandard makes no call.
func NewStandard(model generator.Generator, passages retriever.Retriever, options ...Option) (*Decoder, error) {
	return newDecoder(selfrag.KindStandard, model, passages, options)
}

// NewSequence returns a decoder that finds the answer y with the greatest
//
//	p(y|x) = Σ_z p(z|x) Π_i p(y_i|x,z,y_<i)
//
// among the hypotheses that it finds with each passage z alone. [Thorough] decoding
// scores each y under the passages whose search did not find it, one forward pass
// each. [Fast] decoding takes p(y|x,z) as 0 there. The decoder cites the passages
// with at least an equal share (1 divided by their number) of the posterior
// p(z|x,y), the greatest first.
//
// NewSequence makes no call.
func NewSequence(model generator.Generator, passages retriever.Retriever, options ...Option) (*Decoder, error) {
	return newDecoder(selfrag.KindSequence, model, passages, options)
}

// NewToken returns a decoder that chooses token by token, by a beam search over
//
//	p'(y_i|x,y_<i) = Σ_z p(z|x) p(y_i|x,z,y_<i)
//
// A token that one passage does not list is scored there. If the model cannot
// score, its probability is between 0 and what the list leaves. If these bounds
// show which token is likeliest, the decoder takes it; otherwise it returns an
// [*UncertainError]. Each token cites the passages with at least an equal share of
// its mixture. Runs of tokens with the same passages are the segments of the answer.
//
// NewToken makes no call.
func NewToken(model generator.Generator, passages retriever.Retriever, options ...Option) (*Decoder, error) {
	return newDecoder(selfrag.KindToken, model, passages, options)
}

func newDecoder(kind selfrag.TraceKind, model generator.Generator, passages retriever.Retriever, options []Option) (*Decoder, error) {
	if isnil.Value(model) {
		return nil, optionError(constructors[kind], "the generator is nil")
	}
	if isnil.Value(passages) {
		return nil, optionError(constructors[kind], "the retriever is nil")
	}
	s, err := defaultSettings(kind).apply(options)
	if err != nil {
		return nil, err
	}
	return &Decoder{model, passages, s}, nil
}

// Answer answers one question. With an error the answer is partial and holds at
// least the question; it is nil only if an option is wrong. Errors about the
// question wrap selfrag.ErrQuestion, those about the retriever's hits
// selfrag.ErrRetriever. The other typed errors are [PowerError], [PriorError],
// [UncertainError] and [PieceError].
func (d *Decoder) Answer(ctx context.Context, question string, options ...Option) (*selfrag.Answer, error) {
	s, err := d.defaults.apply(options)
	if err != nil {
		return nil, err
	}
	return d.run(ctx, question, s, nil)
}

// Stream answers one question and yields events while it works: an EventPassages,
// then an EventText for each piece of text that the model writes (standard RAG,
// marks and thinking included) or that is decided (RAG-Token with one beam). The
// last event is an EventAnswer with the answer that [Decoder.Answer] would return,
// and its error. Breaking out of the loop stops all work before the loop statement
// ends.
//
// To show text while it is generated, use the events EventDelta. Their Texts,
// joined, are Answer.Text, however the answer ends, and no text is ever taken back.
// Standard RAG yields them as the model writes, unless it asks for marks: then
// thinking can be recognized only in the whole text. RAG-Token yields the common
// beginning of all its beams. RAG-Sequence and closed sets know the text only at
// the end and yield one delta.
func (d *Decoder) Stream(ctx context.Context, question string, options ...Option) iter.Seq2[selfrag.Event, error] {
	return func(yield func(selfrag.Event, error) bool) {
		s, err := d.defaults.apply(options)
		if err != nil {
			yield(selfrag.Event{Kind: selfrag.EventAnswer}, err)
			return
		}
		stopped := false
		answer, err := d.run(ctx, question, s, func(e selfrag.Event) bool {
			stopped = stopped || !yield(e, nil)
			return !stopped
		})
		if !stopped {
			yield(selfrag.Event{Kind: selfrag.EventAnswer, Answer: answer}, err)
		}
	}
}

// run answers one question.
func (d *Decoder) run(ctx context.Context, question string, s settings, yield func(selfrag.Event) bool) (answer *selfrag.Answer, err error) {
	ctx, step := observe.Start(ctx, observe.Question, "question")
	step.Note(question)
	defer step.EndWith(&err)()
	start := time.Now()
	answer = &selfrag.Answer{Question: question, Segments: []selfrag.Segment{}, Citations: []selfrag.Citation{}, Stop: selfrag.StopFailed}
	switch left := budget.Left(ctx); {
	case strings.TrimSpace(question) == "":
		return answer, fmt.Errorf("%w: it is empty", selfrag.ErrQuestion)
	case !utf8.ValidString(question):
		return answer, fmt.Errorf("%w: it is not UTF-8", selfrag.ErrQuestion)
	case left.Calls < 0 || left.Tokens < 0:
		answer.Stop = selfrag.StopBudget
		return answer, noAnswer(selfrag.StopBudget, nil)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ctx, spent := budget.Open(ctx, "question", s.budget)
	defer spent.Close()
	defer func() { step.Spend(spent.Usage()) }()
	r := &run{Decoder: d, settings: s, question: question, yield: yield, cancel: cancel, answer: answer}
	r.begin()
	err = r.decode(ctx)
	r.emitDelta(answer.Text)
	answer.Usage, r.trace.Usage = spent.Usage(), spent.Usage()
	answer.Timing = selfrag.Timing{Start: start, Total: time.Since(start)}
	r.trace.Timing = &answer.Timing
	answer.Trace = r.trace
	return answer, r.ended(ctx, err)
}

// ended turns a failure caused by a budget into a stop.
func (r *run) ended(ctx context.Context, err error) error {
	a := r.answer
	late := errors.Is(context.Cause(ctx), budget.ErrExceeded) && errors.Is(err, context.DeadlineExceeded)
	switch {
	case err == nil && r.spent:
		a.Stop = selfrag.StopBudget
	case err == nil:
		return nil
	case late:
		a.Stop = selfrag.StopTime
	case refused(ctx, err):
		a.Stop = selfrag.StopBudget
	default:
		a.Stop = selfrag.StopFailed
		return err
	}
	if r.rag.Chosen < 0 {
		return noAnswer(a.Stop, err)
	}
	return nil
}

// refused reports whether err means that a budget of ctx forbade the call.
func refused(ctx context.Context, err error) bool {
	return err != nil && budget.Refused(err) && budget.Exceeded(ctx, err)
}

// noAnswer returns the error of a question that a budget ended before any answer.
func noAnswer(why selfrag.StopReason, err error) error {
	if !errors.Is(err, budget.ErrExceeded) {
		err = budget.ErrExceeded
	}
	return fmt.Errorf("rag: there is no answer yet (%s): %w", why, err)
}

// decode does the work.
func (r *run) decode(ctx context.Context) error {
	err := r.describe(ctx)
	if err == nil {
		err = r.retrieve(ctx)
	}
	r.answer.Decision = r.expansion.Decision
	if err != nil {
		return err
	}
	r.answer.Missing = slices.Clone(r.expansion.Missing)
	r.event(selfrag.Event{Kind: selfrag.EventPassages, Segment: 1, Query: r.expansion.Query, Passages: r.expansion.Passages})
	if err := ctx.Err(); err != nil {
		return explain(ctx, err)
	}
	if r.kind == selfrag.KindStandard {
		return r.standard(ctx)
	}
	if err := r.setPrior(); err != nil {
		return err
	}
	switch {
	case len(r.labels) > 0:
		err = r.closed(ctx)
	case r.kind == selfrag.KindSequence:
		err = r.sequence(ctx)
	default:
		err = r.token(ctx)
	}
	return explain(ctx, err)
}

// explain adds the cause to an error that comes from a context.
func explain(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && errors.Is(err, ctx.Err()) && !errors.Is(err, cause) {
		return fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// emitDelta passes on the part of the answer's text that the reader has not received.
func (r *run) emitDelta(text string) {
	if len(text) > r.told {
		r.event(selfrag.Event{Kind: selfrag.EventDelta, Text: text[r.told:]})
	}
}
