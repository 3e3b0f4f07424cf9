package generator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
)

// PromptTemplate writes a prompt out for a server that takes one string.
//
// Render rejects a prompt that fails [Prompt.Check] with that error. If the layout
// cannot end in Prompt.Relevance, it rejects a prompt with one by an error that
// wraps errors.ErrUnsupported. In the result, control tokens come only from typed
// fields; every reserved string in the data, special included, is neutralized.
// Prompt.Queries may be left out. Hash changes whenever the layout does.
// Implementations are safe for concurrent use.
type PromptTemplate interface {
	Name() string
	Hash() string
	Render(p Prompt, special ...string) (string, error)
}

// Resumes reports whether t only appends Prompt.Relevance to the prompt without it.
// With servers that take one string, Resumes in [Capabilities] depends on this.
func Resumes(t PromptTemplate) bool {
	p := Prompt{Instruction: "i", Evidence: []Evidence{{Text: "x"}}}
	before, err := t.Render(p)
	p.Relevance = reflection.Relevant
	after, err2 := t.Render(p)
	return err == nil && err2 == nil && after == before+reflection.Relevant.String()
}

// SelfRAGTemplate is the layout on which the published Self-RAG models were trained
// (released code, 1fcdc42): instruction and response headings, then the path, each
// retrieving segment after its passage, then the evidence. Prompt.Queries is left
// out. The zero value is ready to use.
type SelfRAGTemplate struct {
	// OmitPathEvidence leaves out the passages of earlier segments and the tokens
	// [Retrieval] before them, as the released inference script does. The prompt
	// keeps the text and the judgments of these segments. Prompts get shorter, but
	// a segment that continues from an earlier passage no longer sees it.
	OmitPathEvidence bool
}

// Name returns "selfrag", or "selfrag-omit-path-evidence".
func (t SelfRAGTemplate) Name() string {
	if t.OmitPathEvidence {
		return "selfrag-omit-path-evidence"
	}
	return "selfrag"
}

// Hash returns the hash of the template's text for a fixed prompt. That prompt has
// every part but Relevance, which is always written after the evidence.
func (t SelfRAGTemplate) Hash() string {
	probe := Prompt{
		Instruction: "i", Input: "q", Separator: SepLongForm,
		Path: []PathSegment{
			{Text: "s", Evidence: []Evidence{{Title: "t", Text: "x"}}, Retrieve: reflection.Retrieval, Relevance: reflection.Relevant, Support: reflection.FullySupported},
			{Text: "u", Retrieve: reflection.ContinueEvidence, Utility: reflection.Utility5},
		},
		Evidence: []Evidence{{Title: "t", Text: "y"}, {Text: "z"}},
	}
	s, err := t.Render(probe)
	if err != nil { // the probe is valid by construction
		return ""
	}
	return hashText(s)
}

// Render implements [PromptTemplate].
func (t SelfRAGTemplate) Render(p Prompt, special ...string) (string, error) {
	if err := p.Check(); err != nil {
		return "", err
	}
	w := promptWriter{special: special}
	w.trusted("### Instruction:\n")
	w.data(p.Instruction)
	if p.Input != "" {
		w.trusted(separators[p.Separator])
		w.data(p.Input)
	}
	w.trusted("\n\n### Response:\n")
	for _, s := range p.Path {
		switch {
		case t.OmitPathEvidence && (len(s.Evidence) > 0 || s.Retrieve == reflection.Retrieval):
			// Nothing: no training text has [Retrieval] without a passage.
		case len(s.Evidence) > 0:
			w.evidence(s.Evidence)
		default:
			w.token(s.Retrieve)
		}
		w.token(s.Relevance)
		w.data(s.Text)
		w.token(s.Support)
		w.token(s.Utility)
	}
	if len(p.Evidence) > 0 {
		w.evidence(p.Evidence)
		w.token(p.Relevance)
	} else {
		w.token(p.Force)
	}
	return w.String(), nil
}

// Extend returns a written prompt continued by the text and the control tokens of
// steps. Text is data and is neutralized as in templates.
func Extend(prompt string, steps []Step, special ...string) string {
	w := promptWriter{special: special}
	w.trusted(prompt)
	for i := range steps {
		w.token(steps[i].Token)
		w.data(steps[i].Text)
	}
	return w.String()
}

// promptWriter joins trusted text and data. It neutralizes data in the longest
// possible runs, because two harmless pieces can make a reserved string where they
// meet. So can data and the trusted text beside it.
type promptWriter struct {
	special []string
	out     strings.Builder
	run     strings.Builder
	ranges  [][2]int // where the data is in out
}

func (w *promptWriter) data(s string) { w.run.WriteString(s) }

func (w *promptWriter) trusted(s string) {
	w.flush()
	w.out.WriteString(s)
}

func (w *promptWriter) token(t reflection.Token) {
	if t != reflection.None {
		w.trusted(t.String())
	}
}

func (w *promptWriter) evidence(list []Evidence) {
	w.token(reflection.Retrieval)
	for _, e := range list {
		w.token(reflection.ParagraphStart)
		w.data(e.joined())
		w.token(reflection.ParagraphEnd)
	}
}

func (w *promptWriter) flush() {
	if w.run.Len() == 0 {
		return
	}
	start := w.out.Len()
	w.out.WriteString(Neutralize(w.run.String(), w.special...))
	w.ranges = append(w.ranges, [2]int{start, w.out.Len()})
	w.run.Reset()
}

func (w *promptWriter) String() string {
	w.flush()
	return neutralizeSeams(w.out.String(), w.ranges, w.special...)
}

// joined returns title and text as one piece of data: a reserved string may be
// split over the two.
func (e Evidence) joined() string {
	if e.Title == "" {
		return e.Text
	}
	return e.Title + "\n" + e.Text
}

// hashText returns the first 16 hex digits of the SHA-256 of s, which are enough to
// distinguish templates in a trace.
func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
