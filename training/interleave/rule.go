package interleave

import (
	"fmt"
	"slices"

	"github.com/goselfrag/goselfrag/internal/enum"
	"github.com/goselfrag/goselfrag/training"
)

// Rule names a way in which the released program (1fcdc42) departs from the paper's
// selection. Rules can be combined freely. Names of data sets are those of
// Record.DatasetName.
type Rule string

// The rules.
const (
	// KeepNoRetrieval keeps a record that needs no passages with probability 0.4.
	KeepNoRetrieval Rule = "keep-no-retrieval"
	// FirstFull takes the first relevant passage that supports the sentence fully before any
	// that supports it in part.
	FirstFull Rule = "first-full"
	// SomePartial takes a passage that supports the sentence in part with probability 0.7;
	// else none counts as supporting.
	SomePartial Rule = "some-partial"
	// SomeUnsupported takes, if no passage supports the sentence, the first relevant one with
	// probability 0.25.
	SomeUnsupported Rule = "some-unsupported"
	// ElseIrrelevant takes an irrelevant passage where the paper takes any. Without one the
	// sentence is dropped.
	ElseIrrelevant Rule = "else-irrelevant"
	// SomeIrrelevantNQ takes, in the set nq, an irrelevant passage in place of one that
	// supports the sentence fully, with probability 0.25.
	SomeIrrelevantNQ Rule = "some-irrelevant-nq"
	// IrrelevantFact takes, in the sets nq and fever, an irrelevant passage wherever there is
	// one.
	IrrelevantFact Rule = "irrelevant-nq-fever"
	// IrrelevantIndex draws an irrelevant passage by its place among the irrelevant ones and
	// takes the passage that has this place among all, which can be any other.
	IrrelevantIndex Rule = "irrelevant-index"
	// UnsupportedIrrelevant calls, in the sets nq, fever and wow, a relevant passage that does
	// not support the sentence irrelevant.
	UnsupportedIrrelevant Rule = "unsupported-irrelevant"
	// DropSentences takes a decision without a label for [No Retrieval], and drops a sentence
	// for which no passage can be taken, where else the record is dropped.
	DropSentences Rule = "drop-sentences"
	// SomeNQ drops a record of the set nq that has [No Retrieval] in it, though passages
	// were needed, with probability 0.5.
	SomeNQ Rule = "some-nq"
	// DropContinue drops a record that begins with [Continue to Use Evidence].
	DropContinue Rule = "drop-continue"
	// UsefulVerdict makes the utility of the answers true and false 5 where it is 1.
	UsefulVerdict Rule = "useful-verdict"
	// VerdictWords writes true for SUPPORTS and false for REFUTES.
	VerdictWords Rule = "verdict-words"
	// NegativeSamples takes irrelevant passages only: from the sets nq, asqa, fever, wow,
	// arc_easy and obqa, and only records with [Irrelevant] and without [No Retrieval]. It is
	// the flag negative_samples, and not one of Released.
	NegativeSamples Rule = "negative-samples"
	// Released is all rules but NegativeSamples.
	Released Rule = "released"
)

var rules = []Rule{
	KeepNoRetrieval, FirstFull, SomePartial, SomeUnsupported, ElseIrrelevant, SomeIrrelevantNQ, IrrelevantFact, IrrelevantIndex,
	UnsupportedIrrelevant, DropSentences, SomeNQ, DropContinue, UsefulVerdict, VerdictWords, NegativeSamples, Released,
}

// Rules returns all rules, in a fixed order.
func Rules() []Rule { return slices.Clone(rules) }

// ruleSet holds the rules that are on.
type ruleSet map[Rule]bool

func newRuleSet(list []Rule) (ruleSet, error) {
	set := ruleSet{}
	for _, r := range list {
		if !slices.Contains(rules, r) {
			return nil, fmt.Errorf("%w: %q is no rule: want one of %s", training.ErrOption, r, enum.List(rules))
		}
		if r != Released {
			set[r] = true
			continue
		}
		for _, r := range rules {
			set[r] = set[r] || r != NegativeSamples && r != Released
		}
	}
	return set, nil
}

// names lists the rules in their order.
func (s ruleSet) names() (list []Rule) {
	for _, r := range rules {
		if s[r] {
			list = append(list, r)
		}
	}
	return list
}
