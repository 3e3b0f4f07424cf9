package interleave

import (
	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/retriever"
	"github.com/goselfrag/goselfrag/training"
	"github.com/goselfrag/goselfrag/training/label"
)

// Estimate is the most that a run will take: as if every answer needed passages and each
// were judged relevant.
type Estimate struct {
	Seeds      int `json:"seeds"`
	Sentences  int `json:"sentences"`
	Retrievals int `json:"retrievals"`
	Labels     int `json:"labels"`
	// MostCalls is the most calls of models that the labels can take; -1 if the source does
	// not tell.
	MostCalls int `json:"most_calls"`
	// PromptTokens is about how many tokens the prompts have, if each label takes one call
	// and a passage has 600 bytes.
	PromptTokens int `json:"prompt_tokens"`
}

// passageBytes is about what 100 words have.
const passageBytes = 600

// Plan returns the most that [Make] will take, without asking anything. It counts labels that
// a label.Memory has, too. Errors are those of Make.
func Plan(s label.Source, r retriever.Retriever, seeds []training.Record, o Options) (Estimate, error) {
	m, err := newMaker(s, r, seeds, o)
	e := Estimate{Seeds: len(seeds)}
	if err != nil || m.Variant == NoRetriever {
		return e, err
	}
	if m.Variant == NoCritic {
		e.Retrievals = len(seeds)
		return e, nil
	}
	for _, seed := range seeds {
		n := m.labels(seed)
		e.Sentences += n.sentences
		e.Retrievals += n.sentences
		short := len(seed.Instruction) + len(seed.Input)
		for _, g := range reflection.Groups() {
			e.Labels += n.of[g]
			bytes := short
			if g != reflection.IsREL {
				bytes += len(seed.Output)
			}
			if g == reflection.IsREL || g == reflection.IsSUP {
				bytes += passageBytes
			}
			e.PromptTokens += n.of[g] * label.Tokens(bytes)
			if most, ok := label.MostCost(s, g); !ok {
				e.MostCalls = -1
			} else if e.MostCalls >= 0 {
				e.MostCalls += most.Times(n.of[g]).Calls
			}
		}
	}
	return e, nil
}

// counts says how many labels of each group a seed can need.
type counts struct {
	sentences int
	of        [reflection.IsUSE + 1]int
}

func (m *maker) labels(seed training.Record) (n counts) {
	n.sentences = len(label.Sentences(seed.Output))
	n.of[reflection.Retrieve] = max(n.sentences, 1)
	n.of[reflection.IsREL] = n.sentences * m.K
	n.of[reflection.IsSUP] = n.sentences * m.K
	n.of[reflection.IsUSE] = 1
	return n
}

// mostCost returns the most that a seed can cost, and false if that is not known.
func (m *maker) mostCost(seed training.Record) (most budget.Cost, known bool) {
	if m.Variant == NoRetriever {
		return most, true
	}
	search, known := budget.MostCost(m.search, 1)
	if !known {
		return most, false
	}
	if m.Variant == NoCritic {
		return search, true
	}
	n := m.labels(seed)
	most = search.Times(n.sentences)
	for _, g := range reflection.Groups() {
		cost, ok := label.MostCost(m.source, g)
		if !ok {
			return budget.Cost{}, false
		}
		most = most.Add(cost.Times(n.of[g]))
	}
	return most, true
}
