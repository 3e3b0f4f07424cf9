package judge

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/critique"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/internal/isnil"
	"github.com/goselfrag/goselfrag/reflection"
)

// Judge is a [critique.Critic] and a [critique.Decider] that asks a model. Make one
// with [New]. Between calls it keeps only whether the model gives
// log-probabilities. It makes its calls one after another and is safe for
// concurrent use.
//
// Number of calls for a candidate, with log-probabilities (one token each) and
// without: three and two with a passage of its own, two and one if it continues
// with the passage of the path, one and one without a passage. A decision takes one
// call. Every reply that cannot be read takes one more.
type Judge struct {
	model generator.Generator
	t     Templates

	deviating atomic.Int64 // replies

	mu    sync.Mutex
	probs *bool // whether the model gives log-probabilities, once it is known
}

// single is a question for one token, form one for a JSON object.
type single struct {
	template generator.TaskTemplate
	labels   labels
}

type form struct {
	template generator.TaskTemplate
	fields   []field
}

var (
	relevanceLabels = labels{{"A", reflection.Relevant}, {"B", reflection.Irrelevant}}
	supportLabels   = labels{{"A", reflection.FullySupported}, {"B", reflection.PartiallySupported}, {"C", reflection.NoSupport}}
	utilityLabels   = labels{{"1", reflection.Utility1}, {"2", reflection.Utility2}, {"3", reflection.Utility3}, {"4", reflection.Utility4}, {"5", reflection.Utility5}}
	retrieveLabels  = labels{{"A", reflection.Retrieval}, {"B", reflection.NoRetrieval}}
	continueLabels  = labels{{"A", reflection.Retrieval}, {"B", reflection.NoRetrieval}, {"C", reflection.ContinueEvidence}}

	relevanceField = field{"relevance", map[string]reflection.Token{"relevant": reflection.Relevant, "irrelevant": reflection.Irrelevant}, relevanceLabels}
	supportField   = field{"support", map[string]reflection.Token{"full": reflection.FullySupported, "partial": reflection.PartiallySupported, "none": reflection.NoSupport}, supportLabels}
	utilityField   = field{"utility", map[string]reflection.Token{"1": reflection.Utility1, "2": reflection.Utility2, "3": reflection.Utility3, "4": reflection.Utility4, "5": reflection.Utility5}, nil}
	retrieveField  = field{"retrieve", map[string]reflection.Token{"yes": reflection.Retrieval, "no": reflection.NoRetrieval}, retrieveLabels}
	continueField  = field{"retrieve", map[string]reflection.Token{"yes": reflection.Retrieval, "no": reflection.NoRetrieval, "continue": reflection.ContinueEvidence}, continueLabels}
)

// New returns a judge that asks model, which need not be the generator of the
// answers. The zero Templates are the default prompts. An error names the template
// that cannot replace the default one. New makes no call.
func New(model generator.Generator, t Templates) (*Judge, error) {
	if isnil.Value(model) {
		return nil, errors.New("judge: the generator is nil")
	}
	if err := t.complete(); err != nil {
		return nil, err
	}
	return &Judge{model: model, t: t}, nil
}

// Deviations returns how many replies were read although they were not only the
// JSON object that was asked for, such as an object with words around it. A large
// number means that the model and the templates do not suit each other.
func (j *Judge) Deviations() int { return int(j.deviating.Load()) }

// Templates implements [critique.Templated].
func (j *Judge) Templates() []generator.TaskTemplate {
	var list []generator.TaskTemplate
	for _, f := range j.t.fields() {
		list = append(list, *f.template)
	}
	return list
}

// mostOf returns the greatest cost of n one-token questions, with the form if one
// of them is not answered, and the form once more if its reply cannot be read. It
// does not depend on what is known of the model, so that a declared cost never
// changes.
func mostOf(n int) budget.Cost {
	return budget.Cost{Calls: n + 2, Tokens: n + 2*maxTokens}
}

// MostCost implements budget.Declarer: the cost of a critique of a candidate with a
// passage of its own, which asks for relevance, then for support and utility.
func (j *Judge) MostCost(int) (budget.Cost, bool) {
	return mostOf(1).Add(mostOf(2)), true
}

// MostDecisionCost implements [critique.DecisionDeclarer].
func (j *Judge) MostDecisionCost() (budget.Cost, bool) {
	return mostOf(1), true
}

// Critique implements [critique.Critic]. A complete candidate without text is not
// judged. An incomplete one with steps is refused; without steps its passage is
// judged.
func (j *Judge) Critique(ctx context.Context, c critique.Continuation) (critique.Verdict, error) {
	asked := inquiry{judge: j}
	v, err := asked.critique(ctx, c)
	v.Usage = asked.usage
	if err != nil {
		return v, fmt.Errorf("judge: %w", err)
	}
	return v, nil
}

// Decide implements [critique.Decider]. If the path holds a passage, the decision
// can also be to continue with it.
func (j *Judge) Decide(ctx context.Context, s critique.Situation) (critique.RetrievalVerdict, error) {
	asked := inquiry{judge: j, values: map[string]string{
		"question": question(s.Question, s.Prompt),
		"answer":   cmp.Or(s.Prompt.PathText(), nothingYet),
	}}
	one, object := single{j.t.Retrieve, retrieveLabels}, form{j.t.RetrieveJSON, []field{retrieveField}}
	if e := s.Prompt.PathEvidence(); len(e) > 0 {
		one, object = single{j.t.Continue, continueLabels}, form{j.t.ContinueJSON, []field{continueField}}
		asked.values["passage"] = generator.JoinEvidence(e)
	}
	found, err := asked.ask(ctx, object, one)
	d := critique.RetrievalVerdict{Dist: reflection.Distribution{Group: reflection.Retrieve}, Usage: asked.usage}
	if err != nil {
		return d, fmt.Errorf("judge: deciding on retrieval: %w", err)
	}
	if got := found[reflection.Retrieve]; got.Status == reflection.StatusJudged {
		d.Dist, d.Token, d.Level = got.Dist, got.Token, got.Level
	}
	return d, nil
}

// question returns the question to answer, with its task if there is one.
func question(standAlone string, p generator.Prompt) string {
	if p.Input == "" {
		return standAlone
	}
	return p.QuestionText()
}
