package generator

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/internal/fanout"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
)

// Scorer is the power to give the probability of a given continuation.
type Scorer interface {
	// Score returns the continuation of req's prompt by the text and control tokens
	// of steps. It has the log-probability of each token and, at the first step and
	// at tokens of a watched group, the distributions of req.Watch. The backend may
	// cut the text into other tokens than steps does. If end is set the end token
	// is scored as well, and Finish is FinishEnd; else Finish is FinishLength.
	// req.MaxTokens and Temperature are ignored. Of Stop only the request for one
	// segment has an effect (see Request.Stop).
	Score(ctx context.Context, req Request, steps []Step, end bool) (Completion, error)
}

// NextPredictor is the power to give the whole distribution of the next token.
type NextPredictor interface {
	// Next returns the distribution after req's prompt, continued by the text and
	// control tokens of after.
	Next(ctx context.Context, req Request, after []Step) (NextDistribution, error)
}

// NextDistribution is the distribution of one token.
type NextDistribution struct {
	// Tokens holds tokens with exact probabilities, likeliest first. Ties are in a
	// fixed order.
	Tokens []Alternative
	// Rest is the probability, in [0, 1], of all tokens not listed. With it the
	// distribution sums to 1.
	Rest float64
}

// GroupProber is the power to give exact probabilities of the tokens of one group.
type GroupProber interface {
	// GroupProbs returns exact probabilities of the tokens of g after req's prompt,
	// continued by after. They may be normalized within the group.
	GroupProbs(ctx context.Context, req Request, after []Step, g reflection.Group) (reflection.Distribution, error)
}

// TokenResolver is the power to give the vocabulary ids of strings.
type TokenResolver interface {
	// ResolveTokens returns one id per name, or an error that names the first that
	// is not exactly one token.
	ResolveTokens(ctx context.Context, names []string) ([]int32, error)
}

// Describer is the power to report the capabilities of a backend.
type Describer interface {
	// Describe may ask the server. Cache only a success.
	Describe(ctx context.Context) (Capabilities, error)
}

// Checker is the power to verify at start-up that the backend works.
type Checker interface {
	Check(ctx context.Context) error
}

// Capabilities says what a backend can give.
type Capabilities struct {
	// Model names the model, for traces.
	Model string `json:"model"`
	// Level is the best level of judgments that its own control tokens allow;
	// LevelUnstated for a model without control tokens, which needs a critic.
	Level reflection.Level `json:"level"`
	// TopN is the rank down to which the backend looks for watched tokens if Level
	// is TopN, else 0.
	TopN int `json:"top_n,omitempty"`
	// LogProbs is set if text and control tokens carry exact log-probabilities,
	// EndLogProb if the end token does.
	LogProbs   bool `json:"log_probs"`
	EndLogProb bool `json:"end_log_prob"`
	// Quotes is set for a model that chooses among a few fixed texts. Then the mean
	// log-probability of the tokens measures length, not quality. Use the
	// probability of the whole text as the sequence score.
	Quotes bool `json:"quotes,omitempty"`
	// AbstainBelow is a recommended threshold, in (0, 1], for a model that answers
	// from any passage it is given: if the relevance of a passage by the model's
	// own judgment is lower, it is better not to answer from it. 0 recommends
	// nothing.
	AbstainBelow float64 `json:"abstain_below,omitempty"`
	// SharedPrefix is set if a prefix that one request has read is not read again
	// for another. Slots is the number of cache slots that Request.Affinity can
	// choose among. Each slot keeps what was read there last.
	SharedPrefix bool `json:"shared_prefix,omitempty"`
	Slots        int  `json:"slots,omitempty"`
	// Paced is set if the model works only while its stream is read, like a model
	// in the same process: a stream that waits costs nothing. A server is not
	// paced: it generates on into its connection.
	Paced bool `json:"paced,omitempty"`
	// Resumes is set if Prompt.Relevance is honored. Take a prompt and the token of
	// IsREL that the model generates first. At temperature 0 the continuation of
	// the prompt with that token must be the rest of the continuation of the prompt
	// without it.
	Resumes bool `json:"resumes,omitempty"`
	// Template and TemplateHash identify the prompt template.
	Template     string `json:"template,omitempty"`
	TemplateHash string `json:"template_hash,omitempty"`
}

// unsupported returns the error of a missing power, which wraps
// errors.ErrUnsupported.
func unsupported(g Generator, power string) error {
	return fmt.Errorf("generator: %T cannot %s: %w", g, power, errors.ErrUnsupported)
}

// Score uses g's [Scorer]. The error wraps errors.ErrUnsupported if g is none. Like
// [Complete] it counts in the budget of ctx; so do [Next] and [GroupProbs].
func Score(ctx context.Context, g Generator, req Request, steps []Step, end bool) (Completion, error) {
	p, ok := g.(Scorer)
	if !ok {
		return Completion{}, unsupported(g, "score a given continuation")
	}
	if err := req.checkPower(); err != nil {
		return Completion{}, err
	}
	return charged(ctx, "score", 0, func(ctx context.Context) (Completion, error) {
		return p.Score(ctx, req, steps, end)
	})
}

// Next uses g's [NextPredictor]. The error wraps errors.ErrUnsupported if g is
// none.
func Next(ctx context.Context, g Generator, req Request, after []Step) (NextDistribution, error) {
	p, ok := g.(NextPredictor)
	if !ok {
		return NextDistribution{}, unsupported(g, "give the distribution of the next token")
	}
	if err := req.checkPower(); err != nil {
		return NextDistribution{}, err
	}
	return charged(ctx, "next token", 1, func(ctx context.Context) (NextDistribution, error) {
		return p.Next(ctx, req, after)
	})
}

// GroupProbs uses g's [GroupProber]. The error wraps errors.ErrUnsupported if g
// is none.
func GroupProbs(ctx context.Context, g Generator, req Request, after []Step, group reflection.Group) (reflection.Distribution, error) {
	p, ok := g.(GroupProber)
	if !ok {
		return reflection.Distribution{}, unsupported(g, "give exact probabilities of a group")
	}
	if err := req.checkPower(); err != nil {
		return reflection.Distribution{}, err
	}
	return charged(ctx, group.String(), 1, func(ctx context.Context) (reflection.Distribution, error) {
		return p.GroupProbs(ctx, req, after, group)
	})
}

// checkPower rejects a request with After, which would come before the power's
// argument.
func (r *Request) checkPower() error {
	if len(r.After) > 0 {
		return fmt.Errorf("%w: After is set: want what follows the prompt as the argument of the power", ErrRequest)
	}
	return nil
}

// askingKey is the context key of the step of a power's call. A wrapper that
// forwards the power through the same helper begins no other step.
type askingKey struct{}

// startPower begins a step, unless the current step of ctx is already one of a
// power.
func startPower(ctx context.Context, name string) (context.Context, *observe.Span) {
	if asking, _ := ctx.Value(askingKey{}).(*observe.Span); asking != nil && asking == observe.Current(ctx) {
		return ctx, nil
	}
	ctx, span := observe.Start(ctx, observe.Generation, name)
	if span != nil {
		ctx = context.WithValue(ctx, askingKey{}, span)
	}
	return ctx, span
}

// charged makes a call that generates a fixed number of tokens, within the budget
// of ctx. The powers do not report other costs.
func charged[T any](ctx context.Context, name string, tokens int, ask func(context.Context) (T, error)) (t T, err error) {
	ctx, span := startPower(ctx, name)
	defer func() { span.End(err) }()
	reserved, err := budget.Reserve(ctx, name, budget.Cost{Calls: 1, Tokens: tokens})
	if err != nil {
		return t, err
	}
	defer func() {
		cost := Usage{Calls: 1, GeneratedTokens: tokens, Partial: true}
		if errors.Is(err, errors.ErrUnsupported) { // a wrapper found that the model lacks the power
			cost = Usage{}
		}
		reserved.Settle(cost)
		span.Spend(cost)
	}()
	err = fanout.ErrNoReturn // unless the call returns
	t, err = ask(budget.Detach(ctx))
	return t, err
}

// ResolveTokens uses g's [TokenResolver]. The error wraps errors.ErrUnsupported
// if g is none.
func ResolveTokens(ctx context.Context, g Generator, names []string) ([]int32, error) {
	if p, ok := g.(TokenResolver); ok {
		return p.ResolveTokens(ctx, names)
	}
	return nil, unsupported(g, "resolve token names")
}

// Describe uses g's [Describer]. The error wraps errors.ErrUnsupported if g is
// none. Then the capabilities are unknown, and the caller must assume none.
func Describe(ctx context.Context, g Generator) (Capabilities, error) {
	if p, ok := g.(Describer); ok {
		return p.Describe(ctx)
	}
	return Capabilities{}, unsupported(g, "describe itself")
}

// Check uses g's [Checker]. The error wraps errors.ErrUnsupported if g is none.
func Check(ctx context.Context, g Generator) error {
	if p, ok := g.(Checker); ok {
		return p.Check(ctx)
	}
	return unsupported(g, "check itself")
}

// Wrap returns a Generator that generates by calling generate and forwards every
// power to inner. Use it to retry, cache or count without hiding what the model can
// do.
func Wrap(inner Generator, generate func(ctx context.Context, req Request) iter.Seq2[Step, error]) Generator {
	return wrapper{inner, generate}
}

type wrapper struct {
	inner    Generator
	generate func(context.Context, Request) iter.Seq2[Step, error]
}

func (w wrapper) Generate(ctx context.Context, req Request) iter.Seq2[Step, error] {
	return w.generate(ctx, req)
}

func (w wrapper) Score(ctx context.Context, req Request, steps []Step, end bool) (Completion, error) {
	return Score(ctx, w.inner, req, steps, end)
}

func (w wrapper) Next(ctx context.Context, req Request, after []Step) (NextDistribution, error) {
	return Next(ctx, w.inner, req, after)
}

func (w wrapper) GroupProbs(ctx context.Context, req Request, after []Step, g reflection.Group) (reflection.Distribution, error) {
	return GroupProbs(ctx, w.inner, req, after, g)
}

func (w wrapper) ResolveTokens(ctx context.Context, names []string) ([]int32, error) {
	return ResolveTokens(ctx, w.inner, names)
}

func (w wrapper) Describe(ctx context.Context) (Capabilities, error) { return Describe(ctx, w.inner) }

func (w wrapper) Check(ctx context.Context) error { return Check(ctx, w.inner) }
