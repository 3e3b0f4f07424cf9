package observe

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
)

// Kind says what a step does.
type Kind string

// The kinds of steps.
const (
	Question   Kind = "question"   // a whole question
	Decision   Kind = "decision"   // whether to retrieve
	Retrieval  Kind = "retrieval"  // one use of the engine's retriever
	Part       Kind = "part"       // a part of a composed retriever
	Rewriting  Kind = "rewriting"  // other texts for a question, or one independent of the history
	Reranking  Kind = "reranking"  // scoring passages
	Embedding  Kind = "embedding"  // turning texts into vectors
	Critique   Kind = "critique"   // judging a candidate
	Candidate  Kind = "candidate"  // one candidate: its generation and its critique
	Generation Kind = "generation" // one call of a generator
	Request    Kind = "request"    // one call of a server that embeds or reranks
)

// Step describes a piece of work that begins.
type Step struct {
	Kind Kind
	// Name names the part that does it, such as a prompt template or a part of a
	// fusion. It is valid UTF-8.
	Name string
}

// End is the outcome of a step.
type End struct {
	// Err is the reason for a failure, nil if there was none.
	Err error
	// Usage is the cost of the step, the steps inside it included. It is nil if
	// only the steps inside report it.
	Usage *budget.Usage
	// Texts holds the results of the step: the texts that were searched for, the
	// parts that were chosen, the reply of a model. They are valid UTF-8.
	Texts []string
	// Attributes holds further data. The keys Template and TemplateHash identify
	// the prompt of a call.
	Attributes []slog.Attr
}

// The keys of attributes (End.Attributes) that identify a prompt: the name of its
// template and the hash of that.
const (
	Template     = "template"
	TemplateHash = "template_hash"
)

// Observer receives steps.
type Observer interface {
	// Start is called when a step begins. The function that it returns, unless nil,
	// is called once when the step has ended, possibly in another goroutine. The
	// step's work runs under the returned context, which must be derived from ctx.
	// Concurrent steps start in their order, in one goroutine.
	//
	// Start may be called from several goroutines at once. Both calls delay the
	// work, and a panic in them is a panic of the step.
	Start(ctx context.Context, s Step) (context.Context, func(End))
}

// With returns a context whose steps are reported to o, after the observers that
// ctx already has.
func With(ctx context.Context, o Observer) context.Context {
	at := &place{first: o}
	if outer := placeOf(ctx); outer != nil {
		at = &place{outer.first, append(slices.Clip(outer.others), o), outer.span}
	}
	return context.WithValue(ctx, key{}, at)
}

type key struct{}

// place holds the observers of a context, and the step that the context belongs to.
type place struct {
	first  Observer
	others []Observer
	span   *Span
}

func placeOf(ctx context.Context) *place {
	at, _ := ctx.Value(key{}).(*place)
	return at
}

// Span is a running step. Its methods are safe for concurrent use, and do nothing
// if it is nil, as it is without an observer.
type Span struct {
	ends []func(End)

	mu  sync.Mutex
	end End
}

// Start reports to the observers of ctx, in their order, that a step begins. The
// work must run under the returned context, and end with [Span.End]. Without an
// observer it returns ctx and nil.
func Start(ctx context.Context, kind Kind, name string) (context.Context, *Span) {
	at := placeOf(ctx)
	if at == nil {
		return ctx, nil
	}
	span := &Span{ends: make([]func(End), 0, 1+len(at.others))}
	started := false
	defer func() {
		if !started { // the observers before the failed one must not wait for the end
			span.End(errNotStarted)
		}
	}()
	step := Step{kind, valid(name)}
	under, end := at.first.Start(ctx, step)
	span.ends = append(span.ends, end)
	for _, o := range at.others {
		under, end = o.Start(under, step)
		span.ends = append(span.ends, end)
	}
	ctx = context.WithValue(under, key{}, &place{at.first, at.others, span})
	started = true
	return ctx, span
}

// errNotStarted is the error of a step if an observer did not return from Start.
var errNotStarted = errors.New("observe: an observer did not return from Start")

// Observed reports whether ctx has an observer.
func Observed(ctx context.Context) bool {
	return placeOf(ctx) != nil
}

// Current returns the step that ctx belongs to, nil if there is none.
func Current(ctx context.Context) *Span {
	if at := placeOf(ctx); at != nil {
		return at.span
	}
	return nil
}

// Note adds texts to the results of the step.
func (s *Span) Note(texts ...string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range texts {
		s.end.Texts = append(s.end.Texts, valid(t))
	}
}

// Set adds attributes.
func (s *Span) Set(attributes ...slog.Attr) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end.Attributes = append(s.end.Attributes, attributes...)
}

// Prompt records the template of a call of a model.
func (s *Span) Prompt(template, hash string) {
	if s != nil {
		s.Set(slog.String(Template, valid(template)), slog.String(TemplateHash, valid(hash)))
	}
}

// Spend records the cost of the step.
func (s *Span) Spend(u budget.Usage) {
	if s == nil {
		return
	}
	cost := u // a copy, so that nothing is allocated without an observer
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end.Usage = &cost
}

// End reports to the observers, the last one first, that the step has ended, with
// its error. It must be called once.
func (s *Span) End(err error) {
	if s == nil {
		return
	}
	s.mu.Lock()
	end := s.end
	s.mu.Unlock()
	end.Err = err
	for _, f := range s.ends {
		if f != nil {
			defer f(end) // all are called, even if one panics
		}
	}
}

// EndWith returns a function that ends the step with *err, for use in a defer
// statement:
//
//	defer step.EndWith(&err)()
//
// It sets *err to an error that remains if the work panics or ends its goroutine.
// So *err must not be set to nil before the work is done.
func (s *Span) EndWith(err *error) func() {
	*err = fanout.ErrNoReturn // also without an observer: an observer must not change what the caller does
	if s == nil {
		return func() {}
	}
	return func() { s.End(*err) }
}
