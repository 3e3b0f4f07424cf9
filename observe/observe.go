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
	Rewriting  Kind = "rewriting"  // other texts for a question, or one that stands alone
	Reranking  Kind = "reranking"  // scoring passages
	Embedding  Kind = "embedding"  // turning texts into vectors
	Critique   Kind = "critique"   // judging a candidate
	Candidate  Kind = "candidate"  // one candidate: its generation and its critique
	Generation Kind = "generation" // one call of a generator
	Request    Kind = "request"    // one call of a server that embeds or reranks
)

// Step is a piece of work that begins.
type Step struct {
	Kind Kind
	// Name says which part does it, such as the name of a prompt template or of a part
	// of a fusion. It is valid UTF-8.
	Name string
}

// End is how a step ended.
type End struct {
	// Err is why it failed, nil if it did not.
	Err error
	// Usage is what the step cost, what is inside it included. It is nil where only the
	// steps inside know.
	Usage *budget.Usage
	// Texts is what came of the step: the texts that were searched for, the parts that
	// were chosen, the reply of a model. They are valid UTF-8.
	Texts []string
	// Attributes says more. The keys Template and TemplateHash identify the prompt of a
	// call.
	Attributes []slog.Attr
}

// The keys of attributes that steps of several kinds have.
const (
	Template     = "template"
	TemplateHash = "template_hash"
)

// Observer hears of steps.
type Observer interface {
	// Start is called when a step begins, and the function that it returns when the step
	// has ended, once, perhaps in another goroutine; it may be nil. The step's work runs under the
	// context, which is made from ctx: it holds what ctx holds. Steps that run side by
	// side start in their order, in one goroutine.
	//
	// Start may be called from several goroutines at once. Both calls delay the work, and
	// a panic in them is a panic of the step.
	Start(ctx context.Context, s Step) (context.Context, func(End))
}

// With returns a context whose steps o hears of, after the observers that ctx already has.
func With(ctx context.Context, o Observer) context.Context {
	at := &place{first: o}
	if outer := placeOf(ctx); outer != nil {
		at = &place{outer.first, append(slices.Clip(outer.others), o), outer.span}
	}
	return context.WithValue(ctx, key{}, at)
}

type key struct{}

// place is who listens at a context, and the step that it belongs to.
type place struct {
	first  Observer
	others []Observer
	span   *Span
}

func placeOf(ctx context.Context) *place {
	at, _ := ctx.Value(key{}).(*place)
	return at
}

// Span is a step under way. Its methods are safe for concurrent use, and do nothing if it
// is nil, which it is without an observer.
type Span struct {
	ends []func(End)

	mu  sync.Mutex
	end End
}

// Start tells the observers of ctx that a step begins, in their order. The work must run
// under the context that it returns, and end with [Span.End]. Without an observer it
// returns ctx and nil.
func Start(ctx context.Context, kind Kind, name string) (context.Context, *Span) {
	at := placeOf(ctx)
	if at == nil {
		return ctx, nil
	}
	span := &Span{ends: make([]func(End), 0, 1+len(at.others))}
	started := false
	defer func() {
		if !started { // the observers before the one that failed must not wait for the end
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

// errNotStarted is the error of a step that an observer did not let begin.
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

// Note adds texts to what came of the step.
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

// Prompt says with which template a model was asked.
func (s *Span) Prompt(template, hash string) {
	if s != nil {
		s.Set(slog.String(Template, valid(template)), slog.String(TemplateHash, valid(hash)))
	}
}

// Spend says what the step cost.
func (s *Span) Spend(u budget.Usage) {
	if s == nil {
		return
	}
	cost := u // a copy, so that nothing is allocated without an observer
	s.mu.Lock()
	defer s.mu.Unlock()
	s.end.Usage = &cost
}

// End tells the observers, the last one first, that the step has ended, and with which
// error. It must be called once.
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
			defer f(end) // all hear of it, even if one panics
		}
	}
}

// EndWith returns a function that ends the step with *err, for use in a defer statement:
//
//	defer step.EndWith(&err)()
//
// It sets *err to an error that stays there if the work panics or ends its goroutine. So
// *err must not be set to nil before the work is done.
func (s *Span) EndWith(err *error) func() {
	*err = fanout.ErrNoReturn // also without an observer: none may change what the caller does
	if s == nil {
		return func() {}
	}
	return func() { s.End(*err) }
}
