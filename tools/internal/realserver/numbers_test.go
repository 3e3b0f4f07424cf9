package realserver

import (
	"fmt"
	"testing"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/generator/chat"
	"github.com/goselfrag/goselfrag/generator/generatortest"
	"github.com/goselfrag/goselfrag/reflection"
)

func TestContract(t *testing.T) {
	onServers(t, func(t *testing.T, s server) {
		generatortest.TestGenerator(t, s.model, generatortest.Tolerance(s.tolerance), generatortest.Seeded())
	})
}

// The toy model does not chat, but a client of chat models keeps its contract with
// whatever it says.
func TestChatContract(t *testing.T) {
	c, found := config(t)
	if !found {
		skip(t)
	}
	m, err := chat.New(chat.Config{Server: c.Server, TopLogProbs: 20})
	if err != nil {
		t.Fatal(err)
	}
	generatortest.TestGenerator(t, m, generatortest.Tolerance(1e-4), generatortest.Seeded())
}

func evidence(title, text string) []generator.Evidence {
	return []generator.Evidence{{Title: title, Text: text}}
}

// situations are prompts of every form.
func situations() map[string]generator.Prompt {
	first := generator.PathSegment{Text: " the bridge is in London.", Evidence: evidence("Bridge", "The bridge is in London."),
		Relevance: reflection.Relevant, Support: reflection.FullySupported}
	hedged := generator.PathSegment{Text: " the tower is perhaps red.", Evidence: evidence("Tower", "The tower is perhaps red."),
		Relevance: reflection.Relevant, Support: reflection.PartiallySupported}
	const question = "Where is the old bridge?"
	return map[string]generator.Prompt{
		"decision":         {Instruction: question},
		"decision, no":     {Instruction: "Hello there."},
		"no retrieval":     {Instruction: question, Force: reflection.NoRetrieval},
		"relevant":         {Instruction: question, Evidence: evidence("Bridge", "The bridge is old.")},
		"half relevant":    {Instruction: question, Evidence: evidence("London", "The bridge of London is old, and the tower of London is new.")},
		"irrelevant":       {Instruction: question, Evidence: evidence("Moon", "The moon is hot.")},
		"hedged":           {Instruction: question, Evidence: evidence("Bridge", "The old bridge is perhaps in Paris.")},
		"denied":           {Instruction: question, Evidence: evidence("Bridge", "The old bridge is not in Paris.")},
		"no title":         {Instruction: question, Evidence: evidence("", "The old bridge is in Paris.")},
		"two passages":     {Instruction: question, Evidence: append(evidence("Bridge", "The old bridge is red."), evidence("Tower", "The tower is new.")...)},
		"other writing":    {Instruction: "Où est le 橋 🌉?", Evidence: evidence("Übersicht", "Größe: 12 µm.\nThe bridge\tis\r\nold.")},
		"instruction":      generator.PubHealth.Prompt("The bridge is red."),
		"continued":        {Instruction: question, Path: []generator.PathSegment{first}, Force: reflection.ContinueEvidence},
		"path":             {Instruction: question, Path: []generator.PathSegment{first, hedged}},
		"list, second":     {Instruction: "List the tower and the bridge.", Path: []generator.PathSegment{first}, Evidence: evidence("Tower", "The tower is red.")},
		"list, third":      {Instruction: "List the tower and the bridge.", Path: []generator.PathSegment{first, hedged}, Evidence: evidence("Tower", "The tower is red.")},
		"endless":          endless("", titleWords),
		"unknown to model": {Instruction: "Xyzzy?", Evidence: evidence("Plugh", "Frobnicate it.")},
	}
}

// Every token, every probability and every bound is that of the oracle.
func TestNumbers(t *testing.T) {
	m := toy(t)
	onServers(t, func(t *testing.T, s server) {
		g := s.exact(m)
		for name, prompt := range situations() {
			t.Run(name, func(t *testing.T) {
				req := generator.Request{Prompt: prompt, MaxTokens: 24, Watch: reflection.Groups(), Stop: reflection.Retrieve.Tokens()}
				want, err := generator.Complete(t.Context(), g, req)
				if err != nil {
					t.Fatal(err)
				}
				got, err := generator.Complete(t.Context(), s.model, req)
				if err != nil {
					t.Fatal(err)
				}
				if err := same(got, want, s.tolerance); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// same returns an error that says where two completions differ by more than a
// tolerance.
func same(got, want generator.Completion, tolerance float64) error {
	if got.End.Known != want.End.Known || got.End.Known == reflection.Exact && !near(got.End, want.End, tolerance) {
		return fmt.Errorf("the end has the log-probability %v: want %v", got.End, want.End)
	}
	if got.Finish != want.Finish || len(got.Steps) != len(want.Steps) {
		return fmt.Errorf("%d steps, %q, and %v: want %d, %q, and %v", len(got.Steps), got.Text(), got.Finish, len(want.Steps), want.Text(), want.Finish)
	}
	for i, w := range want.Steps {
		g := got.Steps[i]
		if g.Text != w.Text || g.Token != w.Token {
			return fmt.Errorf("step %d is %q, %v: want %q, %v", i, g.Text, g.Token, w.Text, w.Token)
		}
		if !near(g.LogProb, w.LogProb, tolerance) {
			return fmt.Errorf("step %d, %q %v, has the log-probability %v: want %v", i, g.Text, g.Token, g.LogProb, w.LogProb)
		}
		for _, d := range w.Watched {
			o, _ := g.Group(d.Group)
			for _, token := range d.Group.Tokens() {
				if !near(o.Prob(token), d.Prob(token), tolerance) {
					return fmt.Errorf("step %d: %v has %v, want %v", i, token, o.Prob(token), d.Prob(token))
				}
			}
		}
	}
	return nil
}
