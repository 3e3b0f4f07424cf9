package selfrag

import (
	"fmt"

	"github.com/goselfrag/goselfrag/budget"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/reflection"
)

// TraceKind says which decoder made a trace. The zero value means KindSelfRAG.
type TraceKind string

const (
	KindSelfRAG  TraceKind = "self-rag"     // the engine of this package
	KindStandard TraceKind = "rag-standard" // package rag: all passages in one prompt
	KindSequence TraceKind = "rag-sequence" // package rag: RAG-Sequence
	KindToken    TraceKind = "rag-token"    // package rag: RAG-Token
)

// KindError is the error of [Rescore] for a trace of another decoder.
type KindError struct{ Kind TraceKind }

// Error implements error.
func (e *KindError) Error() string {
	return fmt.Sprintf("selfrag: re-scoring: the trace is of the kind %q, which has no judgments to weigh: want one of %q", e.Kind, KindSelfRAG)
}

// engine reports whether the engine of this package made the trace.
func (t *Trace) engine() bool { return t.Kind == "" || t.Kind == KindSelfRAG }

// checkKind returns an error if the trace lacks the part that its kind needs.
func (t *Trace) checkKind() error {
	switch t.Kind {
	case "", KindSelfRAG:
		return nil
	case KindStandard, KindSequence, KindToken:
		if t.RAG == nil {
			return fmt.Errorf("selfrag: reading a trace: it is of the kind %q and lacks the field rag", t.Kind)
		}
		return nil
	}
	return fmt.Errorf("selfrag: reading a trace: the kind %q is not known: want %s, %s, %s or %s", t.Kind, KindSelfRAG, KindStandard, KindSequence, KindToken)
}

// RAGTrace is the record of the decoders of package rag. Lists "by source" have one
// entry per element of Sources.
type RAGTrace struct {
	Settings RAGSettings `json:"settings"`
	// Sources holds what the answer was decoded from: indices of the passages of
	// the first expansion, or -1 alone if nothing was found. It omits passages with
	// prior 0.
	Sources []int `json:"sources"`
	// Prior is p(z|x) by source; empty for the kind rag-standard.
	Prior []float64 `json:"prior,omitempty"`
	// Search says how the hypotheses were made: "beam" (whole distributions of the next
	// token), "samples" (the greedy answer and seeded samples), "top-n" (the likeliest
	// tokens of each step, certified), "labels" or "one" (a single generation).
	Search string `json:"search"`
	// Hypotheses holds every y whose probability was asked for. For rag-sequence
	// they are in the order in which they were found; for rag-token they are those
	// left in the beam, best first; for a closed set they are its labels.
	Hypotheses []RAGHypothesis `json:"hypotheses"`
	// Chosen is the index of the answer in Hypotheses, -1 if there is none.
	Chosen int       `json:"chosen"`
	Passes RAGPasses `json:"passes"`
}

// RAGSettings holds the settings of a decoder of package rag.
type RAGSettings struct {
	K           int      `json:"k"`
	Filter      string   `json:"filter,omitempty"`
	MaxTokens   int      `json:"max_tokens"`
	Instruction string   `json:"instruction,omitempty"`
	Labels      []string `json:"labels,omitempty"`
	// PriorRule names how the prior was made. Temperature is the divisor of the
	// scores, if they were divided.
	PriorRule   string  `json:"prior_rule,omitempty"`
	Temperature float64 `json:"temperature,omitempty"`
	// Decoding is "thorough" or "fast", for rag-sequence.
	Decoding string `json:"decoding,omitempty"`
	Beams    int    `json:"beams,omitempty"`
	Seed     uint64 `json:"seed,omitempty"`
	// End is set if the probability of a y includes its end token.
	End bool `json:"end,omitempty"`
	// Begin is the control token after which answers were decoded, if there is one.
	Begin  reflection.Token `json:"begin,omitzero"`
	Budget *budget.Limits   `json:"budget,omitempty"`
	// Template identifies the prompt of rag-standard, if it asked with a task.
	Template     string `json:"template,omitempty"`
	TemplateHash string `json:"template_hash,omitempty"`
}

// RAGHypothesis is a y, which is a whole answer, and what is known of its
// probability.
type RAGHypothesis struct {
	// Text is its text as generated, without control tokens.
	Text string `json:"text"`
	// Tokens is the number of its tokens, with control tokens and without the end
	// token.
	Tokens int              `json:"tokens"`
	Finish generator.Finish `json:"finish"`
	// Found holds the sources, as indices of RAGTrace.Sources, whose own search
	// found it.
	Found []int `json:"found,omitempty"`
	// Given is log p(y|x,z) by source, for rag-sequence. In fast decoding an
	// unknown one counts as probability 0.
	Given []reflection.Prob `json:"given,omitempty"`
	// Marginal is log p(y|x).
	Marginal reflection.Prob `json:"marginal"`
	// Posterior is p(z|x,y) by source, for rag-sequence; empty if Marginal is
	// unknown.
	Posterior []float64 `json:"posterior,omitempty"`
	// Steps holds its tokens, for rag-token.
	Steps []RAGStep `json:"steps,omitempty"`
}

// RAGStep is a token of the mixture of all sources.
type RAGStep struct {
	Text  string           `json:"text,omitempty"`
	Token reflection.Token `json:"token,omitzero"`
	End   bool             `json:"end,omitempty"`
	// Prob is log p'(y_i), the mixture. If the sources list only their likeliest
	// tokens it may be bounded. Then AtLeast, a probability, is the lower bound.
	Prob    reflection.Prob `json:"prob"`
	AtLeast float64         `json:"at_least,omitempty"`
	// Given is log p(y_i|x,z,y_<i) by source.
	Given []reflection.Prob `json:"given"`
	// Shares holds the responsibility of each source: its share of the mixture, or
	// a lower bound of it if the mixture is bounded.
	Shares []float64 `json:"shares"`
}

// RAGPasses counts the model calls of a decoder of package rag.
type RAGPasses struct {
	Generate int `json:"generate,omitempty"` // generations, whole or of one token
	Next     int `json:"next,omitempty"`     // distributions of the next token
	Score    int `json:"score,omitempty"`    // given continuations that were scored
}
