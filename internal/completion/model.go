package completion

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/modelhttp"
	"github.com/goselfrag/goselfrag/modelserver"
	"github.com/goselfrag/goselfrag/observe"
	"github.com/goselfrag/goselfrag/reflection"
)

// Settings has the fields of completions.Config: that package imports this one.
type Settings struct {
	Server   modelserver.Config
	Template generator.PromptTemplate
	Special  []string
	NoProbs  bool
	NoTokens bool
}

// Model is a generator over the servers of one family. It is safe for concurrent
// use.
type Model struct {
	dialect Dialect
	server  *Server
	facts   *once[Facts]
	chat    Messages // nil for completion servers
}

// Messages writes a request out for a chat server. The data in it must not hold any
// of special.
type Messages func(req generator.Request, special []string) ([]generator.Message, error)

// NewChat returns a model at a chat server, which takes messages and has no control
// tokens. It uses the settings Server, Special and NoProbs. Do not use its Describe
// and Check.
func NewChat(s Settings, chat Messages, d Dialect) (*Model, error) {
	client, err := modelhttp.New(s.Server)
	if err != nil {
		return nil, err
	}
	s.NoTokens = true
	return &Model{dialect: d, server: &Server{client, s}, facts: new(once[Facts]), chat: chat}, nil
}

// New returns a model, or an error that wraps [modelserver.ErrConfig].
func New(s Settings, d Dialect) (*Model, error) {
	client, err := modelhttp.New(s.Server)
	if err != nil {
		return nil, err
	}
	switch {
	case s.Template == nil && s.NoTokens:
		return nil, fmt.Errorf("%w: NoTokens without a Template: want one that writes no control tokens", modelserver.ErrConfig)
	case s.Template == nil:
		s.Template = generator.SelfRAGTemplate{}
	}
	s.Special = slices.Clone(s.Special)
	return &Model{dialect: d, server: &Server{client, s}, facts: new(once[Facts])}, nil
}

// serverFacts returns the facts of the server, which it asks for the first time.
func (m *Model) serverFacts(ctx context.Context) (*Facts, error) {
	return m.facts.get(ctx, func(ctx context.Context) (*Facts, error) {
		f, err := m.dialect.Open(ctx, m.server)
		if err != nil {
			return nil, err
		}
		f.Special = slices.Concat(f.Special, m.server.Special)
		if m.server.NoProbs {
			f.Level, f.TopN, f.EndLogProb = reflection.HardLabels, 0, false
		}
		if m.server.NoTokens {
			f.IDs, f.Level, f.TopN = nil, reflection.LevelUnstated, 0
		}
		return f, nil
	})
}

// Generate implements [generator.Generator].
func (m *Model) Generate(ctx context.Context, req generator.Request) iter.Seq2[generator.Step, error] {
	return func(yield func(generator.Step, error) bool) {
		last, left, err := m.generate(ctx, req, yield)
		switch {
		case left:
		case err == nil && ctx.Err() != nil:
			yield(generator.Step{}, ctx.Err())
		case err != nil:
			yield(generator.Step{}, err)
		default:
			yield(last, nil)
		}
	}
}

// generate yields all steps but the last, which it returns. It reports whether the
// reader has left.
func (m *Model) generate(ctx context.Context, req generator.Request, yield func(generator.Step, error) bool) (last generator.Step, left bool, err error) {
	if err := req.Check(); err != nil {
		return last, false, err
	}
	if err := ctx.Err(); err != nil {
		return last, false, err
	}
	f, err := m.serverFacts(ctx)
	if err != nil {
		return last, false, err
	}
	var prompt string
	var messages []generator.Message
	switch {
	case m.chat != nil && len(req.After) > 0:
		err = unsupported("go on from a given beginning of its reply")
	case m.chat != nil:
		messages, err = m.chat(req, f.Special)
	default:
		if prompt, err = m.prompt(f, req); len(req.After) > 0 {
			prompt = f.tighten(generator.Extend(prompt, req.After, f.Special...))
		}
	}
	if err != nil {
		return last, false, err
	}
	q := m.query(f, req, prompt)
	q.Messages = messages
	var (
		r     *reading
		reach handed // what the reader has received of it, over all tries
		lost  error  // of the previous try
		again bool   // some of what an earlier try generated was generated again
	)
	err = m.server.Do(ctx, m.server.call(m.dialect, f, q), func(a *modelhttp.Answer) (err error) {
		r = m.newReading(ctx, f, req, prompt, yield)
		r.handed = &reach
		again = again || reach.steps > 0
		err = r.readEvents(a)
		if err == nil && !r.left && r.again < len(reach.said) {
			err = errDiverged
		}
		if errors.Is(err, errDiverged) {
			a.Keep()
			return fmt.Errorf("%w; asked again, the model did not repeat the %d steps that had been passed on", lost, reach.steps)
		}
		lost = err
		return err
	})
	if again {
		step := observe.Current(ctx)
		step.Set(slog.Bool("regenerated", true))
		step.Note("the answer broke off and was generated again")
	}
	if err != nil {
		return last, r != nil && r.left, err
	}
	last = r.last()
	last.Usage.Partial = last.Usage.Partial || again // the cost of the broken answers is unknown
	return last, r.left, nil
}

// Limits on the parts of an answer, in bytes.
const (
	roomBase        = 64 << 10
	roomPromptByte  = 16 // of an echo of the prompt, as text or as ids
	roomToken       = 4 << 10
	roomAlternative = 256
)

// Room returns the greatest length of an answer with the given number of tokens and
// of alternatives for each.
func Room(promptBytes, tokens, alternatives int) int64 {
	const most = 1 << 20 // of alternatives: more than any vocabulary has
	per := roomToken + roomAlternative*float64(min(max(alternatives, 0), most)+1)
	return int64(min(roomBase+roomPromptByte*float64(promptBytes)+per*float64(max(tokens, 1)), 1<<50))
}

// call returns the call of q, with the bound of its answer.
func (s *Server) call(d Dialect, f *Facts, q *Query) modelhttp.Call {
	call := d.Call(f, q)
	if call.Limit == 0 {
		call.Limit = q.Room()
	}
	return call
}

// Room returns the greatest length of the answer to q.
func (q *Query) Room() int64 {
	prompt := len(q.Prompt)
	for _, m := range q.Messages {
		prompt += len(m.Text)
	}
	return Room(prompt, q.MaxTokens, max(q.Top, usualTop)+len(q.Watch))
}

// usualTop is the number of alternatives that some servers give even if fewer are
// requested.
const usualTop = 20

// prompt writes the prompt of req out.
func (m *Model) prompt(f *Facts, req generator.Request) (string, error) {
	if req.Task != nil {
		messages, err := req.Task.Render(f.Special...)
		return generator.JoinMessages(messages), err
	}
	s, err := m.server.Template.Render(req.Prompt, f.Special...)
	return f.tighten(s), err
}

// tighten removes the blank after each control token. A tokenizer that adds one
// there itself would make it a token of its own, and the model would see other
// tokens than those that it generated.
func (f *Facts) tighten(prompt string) string {
	if !f.Tight {
		return prompt
	}
	return tight.Replace(prompt)
}

var tight = func() *strings.Replacer {
	var pairs []string
	for _, t := range reflection.Tokens() {
		pairs = append(pairs, t.String()+" ", t.String())
	}
	return strings.NewReplacer(pairs...)
}()

// query returns the query to the server for req.
func (m *Model) query(f *Facts, req generator.Request, prompt string) *Query {
	q := &Query{
		Prompt: prompt, MaxTokens: req.MaxTokens, Temperature: req.Temperature, Seed: req.Seed,
		Probs: !m.server.NoProbs, Affinity: req.Affinity,
	}
	if !q.Probs {
		return q
	}
	q.Top = req.Alternatives
	if f.MaxTop > 0 {
		q.Top = min(q.Top, f.MaxTop)
	}
	switch f.Level {
	case reflection.TopN:
		if len(req.Watch) > 0 {
			q.Top = max(q.Top, f.TopN)
		}
	case reflection.ExactIDs:
		for _, g := range req.Watch {
			for _, t := range g.Tokens() {
				q.Watch = append(q.Watch, f.ID(t))
			}
		}
	}
	return q
}

// Describe implements [generator.Describer].
func (m *Model) Describe(ctx context.Context) (generator.Capabilities, error) {
	f, err := m.serverFacts(ctx)
	if err != nil {
		return generator.Capabilities{}, err
	}
	return generator.Capabilities{
		Model:        f.Model,
		Level:        f.Level,
		TopN:         f.TopN,
		LogProbs:     !m.server.NoProbs,
		EndLogProb:   f.EndLogProb,
		SharedPrefix: f.SharedPrefix,
		Slots:        f.Slots,
		Resumes:      f.Level != reflection.LevelUnstated && generator.Resumes(m.server.Template),
		Template:     m.server.Template.Name(),
		TemplateHash: m.server.Template.Hash(),
	}, nil
}

// Check implements [generator.Checker]: it asks the server for the required facts
// and lets it generate one token.
func (m *Model) Check(ctx context.Context) error {
	_, err := generator.Complete(ctx, m, generator.Request{
		Prompt:    generator.Prompt{Instruction: "Is this server ready?"},
		MaxTokens: 1,
		Watch:     reflection.Groups(),
	})
	return err
}
