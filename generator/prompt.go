package generator

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/reflection"
)

// Prompt is what a model continues, before it is written out. All its strings are
// data: their content never acts as a control token.
type Prompt struct {
	// Instruction is the task, or the bare question if there is no task.
	Instruction string `json:"instruction"`
	// Input is the question if Instruction holds a task; it may be empty.
	Input string `json:"input,omitempty"`
	// Separator says how Instruction and Input are joined.
	Separator Separator `json:"separator,omitzero"`
	// Queries holds other texts that were searched for, such as the variants of
	// RAG-Fusion. [ChatTemplate] shows them beside the question, with white space
	// folded and without blank ones. Templates of models trained without them, such
	// as [SelfRAGTemplate], leave them out.
	Queries []string `json:"queries,omitempty"`
	// Path holds the segments generated so far, in order.
	Path []PathSegment `json:"path,omitempty"`
	// Evidence holds the passages for the next segment. Setting it implies Force
	// Retrieval.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Force is the control token that the continuation starts from: NoRetrieval,
	// Retrieval (only with Evidence), ContinueEvidence (only if the path holds
	// evidence), or None to let the model choose.
	Force reflection.Token `json:"force,omitzero"`
	// Relevance is the token of IsREL that the model already generated for
	// Evidence, to resume a continuation that was stopped after it; else None. It
	// needs Evidence and a model whose [Capabilities] have Resumes set.
	Relevance reflection.Token `json:"relevance,omitzero"`
}

// PathSegment is a generated piece of an answer, with what the model saw and
// judged.
type PathSegment struct {
	// Text is the generated text without control tokens. White space is kept.
	Text string `json:"text"`
	// Evidence holds the passages shown before the segment, if it retrieved.
	Evidence []Evidence `json:"evidence,omitempty"`
	// Retrieve, Relevance, Support and Utility are the control tokens around the
	// segment, None where there is none.
	Retrieve  reflection.Token `json:"retrieve,omitzero"`
	Relevance reflection.Token `json:"relevance,omitzero"`
	Support   reflection.Token `json:"support,omitzero"`
	Utility   reflection.Token `json:"utility,omitzero"`
}

// Evidence is a passage as a model sees it.
type Evidence struct {
	Title string `json:"title,omitempty"`
	Text  string `json:"text"`
}

// JoinEvidence writes passages as one text: titles before their texts, blank lines
// between passages.
func JoinEvidence(list []Evidence) string {
	texts := make([]string, len(list))
	for i, e := range list {
		texts[i] = e.joined()
	}
	return strings.Join(texts, "\n\n")
}

// Separator says how an instruction and its input are joined. The released scripts
// use three ways, and the models were trained with all of them.
type Separator uint8

const (
	SepInput     Separator = iota // "\n\n### Input:\n", in training with an input and for ARC
	SepShortForm                  // "\n\n## Input:\n\n", short-form tasks
	SepLongForm                   // "## Input:\n\n" with no line break before it, long-form tasks
)

var separators = [...]string{"\n\n### Input:\n", "\n\n## Input:\n\n", "## Input:\n\n"}

// Check returns an error that wraps ErrRequest and names the field at fault.
func (p Prompt) Check() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
	}
	if strings.TrimSpace(p.Instruction) == "" {
		return bad("Prompt.Instruction is empty: want a question or a task")
	}
	if int(p.Separator) >= len(separators) {
		return bad("Prompt.Separator is %d: want one of the Sep constants", p.Separator)
	}
	for i, q := range p.Queries {
		if !utf8.ValidString(q) {
			return bad("Prompt.Queries[%d] is not UTF-8", i)
		}
	}
	for i, s := range p.Path {
		for _, t := range [...]struct {
			name  string
			token reflection.Token
			group reflection.Group
		}{
			{"Retrieve", s.Retrieve, reflection.Retrieve},
			{"Relevance", s.Relevance, reflection.IsREL},
			{"Support", s.Support, reflection.IsSUP},
			{"Utility", s.Utility, reflection.IsUSE},
		} {
			if t.token != reflection.None && t.token.Group() != t.group {
				return bad("Prompt.Path[%d].%s is %v: want a token of %v", i, t.name, t.token, t.group)
			}
		}
	}
	switch p.Force {
	case reflection.None, reflection.Retrieval:
		if p.Force == reflection.Retrieval && len(p.Evidence) == 0 {
			return bad("Prompt.Force is %v without Evidence", p.Force)
		}
	case reflection.NoRetrieval, reflection.ContinueEvidence:
		if len(p.Evidence) > 0 {
			return bad("Prompt.Force is %v but there is Evidence", p.Force)
		}
		if p.Force == reflection.ContinueEvidence && len(p.PathEvidence()) == 0 {
			return bad("Prompt.Force is %v but no segment of the path has evidence", p.Force)
		}
	default:
		return bad("Prompt.Force is %v: want a token of Retrieve", p.Force)
	}
	switch {
	case p.Relevance == reflection.None:
	case p.Relevance.Group() != reflection.IsREL:
		return bad("Prompt.Relevance is %v: want a token of IsREL", p.Relevance)
	case len(p.Evidence) == 0:
		return bad("Prompt.Relevance is %v without Evidence", p.Relevance)
	}
	return nil
}

// PathEvidence returns the passages of the latest segment that had any. A
// continuation with ContinueEvidence uses them.
func (p Prompt) PathEvidence() []Evidence {
	for i := len(p.Path) - 1; i >= 0; i-- {
		if len(p.Path[i].Evidence) > 0 {
			return p.Path[i].Evidence
		}
	}
	return nil
}

// QuestionText returns the question as one text, with its task if there is one.
func (p Prompt) QuestionText() string {
	if p.Input == "" {
		return p.Instruction
	}
	return p.Instruction + "\n\n" + p.Input
}

// PathText returns the answer so far: the texts of the path, trimmed of white space
// and joined with spaces. It is empty if there is none.
func (p Prompt) PathText() string {
	var texts []string
	for _, s := range p.Path {
		if t := strings.TrimSpace(s.Text); t != "" {
			texts = append(texts, t)
		}
	}
	return strings.Join(texts, " ")
}

func (p Prompt) isZero() bool {
	return p.Instruction == "" && p.Input == "" && p.Separator == 0 && len(p.Queries) == 0 &&
		len(p.Path) == 0 && len(p.Evidence) == 0 && p.Force == reflection.None && p.Relevance == reflection.None
}

// Instruction is a task put before a question.
type Instruction struct {
	// Name names the task in traces.
	Name string
	// Text is the task; if empty, the question is asked alone.
	Text      string
	Separator Separator
}

// Prompt returns the prompt that asks question under this instruction.
func (in Instruction) Prompt(question string) Prompt {
	if in.Text == "" {
		return Prompt{Instruction: question}
	}
	return Prompt{Instruction: in.Text, Input: question, Separator: in.Separator}
}

// The instructions of the released evaluation scripts. The zero Instruction, which
// asks the question alone, is the one for PopQA and TriviaQA. WoW, OBQA, ARCEasy
// and TREX are joined as the script for short answers joins them; the training data
// of all tasks has SepLongForm.
var (
	// PubHealth asks whether a statement is true or false.
	PubHealth = Instruction{
		Name:      "fever",
		Text:      "Is the following statement correct or not? Say true if it's correct; otherwise say false.",
		Separator: SepShortForm,
	}
	// ARC asks for a letter; the question ends with lines "A: …" to "D: …".
	ARC = Instruction{
		Name:      "arc_c",
		Text:      "Given four answer candidates, A, B, C and D, choose the best answer choice.",
		Separator: SepInput,
	}
	// OBQA is the same task over OpenBookQA.
	OBQA = Instruction{Name: "obqa", Text: ARC.Text, Separator: SepShortForm}
	// ARCEasy is the same task over the easy half of ARC.
	ARCEasy = Instruction{Name: "arc_easy", Text: ARC.Text, Separator: SepShortForm}
	// WoW asks for the next turn of a conversation; the question is its turns, one a
	// line.
	WoW = Instruction{
		Name:      "wow",
		Text:      "Given a chat history separated by new lines, generates an informative, knowledgeable and engaging response. ",
		Separator: SepShortForm,
	}
	// TREX asks for the object of a relation; the question is "subject [SEP] relation".
	TREX = Instruction{
		Name:      "trex",
		Text:      "Given the input format 'Subject Entity [SEP] Relationship Type,' predict the target entity.",
		Separator: SepShortForm,
	}
	// ASQA asks for a long answer to an ambiguous question.
	ASQA = Instruction{
		Name:      "asqa",
		Text:      "Answer the following question. The question may be ambiguous and have multiple correct answers, and in that case, you have to provide a long-form answer including all correct answers.",
		Separator: SepLongForm,
	}
	// ELI5 asks for a paragraph in simple words.
	ELI5 = Instruction{
		Name:      "eli5",
		Text:      "Provide a paragraph-length response using simple words to answer the following question.",
		Separator: SepLongForm,
	}
)
