package generator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
)

// PromptTemplate writes a prompt out for a server that takes one string.
//
// Render refuses a prompt that fails [Prompt.Check] with that error, and one with
// Prompt.Relevance, if the layout cannot end in it, with an error that wraps
// errors.ErrUnsupported. In what it
// returns, control tokens come from typed fields only; every reserved string in
// the data, special included, is neutralised. Prompt.Queries may be left out. Hash changes whenever the layout
// does. Implementations are safe for concurrent use.
type PromptTemplate interface {
	Name() string
	Hash() string
	Render(p Prompt, special ...string) (string, error)
}

// Resumes reports whether t writes Prompt.Relevance, and nothing more, behind the
// prompt without it: what [Capabilities] Resumes rests on with servers that take
// one string.
func Resumes(t PromptTemplate) bool {
	p := Prompt{Instruction: "i", Evidence: []Evidence{{Text: "x"}}}
	before, err := t.Render(p)
	p.Relevance = reflection.Relevant
	after, err2 := t.Render(p)
	return err == nil && err2 == nil && after == before+reflection.Relevant.String()
}

// SelfRAGTemplate is the layout on which the published Self-RAG models were
// trained (released code, 1fcdc42): instruction and response headings, then the
// path, each retrieving segment with its passage in place, then the evidence.
// Prompt.Queries has no place in it. The zero value is ready for use.
type SelfRAGTemplate struct {
	// OmitPathEvidence leaves the passages of earlier segments and the tokens
	// [Retrieval] before them out, as the released inference script does: of such a
	// segment the prompt has its text and its judgments. Prompts get shorter, but a
	// segment that continues from an earlier passage no longer sees it.
	OmitPathEvidence bool
}

// Name returns "selfrag", or "selfrag-omit-path-evidence".
func (t SelfRAGTemplate) Name() string {
	if t.OmitPathEvidence {
		return "selfrag-omit-path-evidence"
	}
	return "selfrag"
}

// Hash returns the hash of what the template makes of a fixed prompt that uses
// every part of it but Relevance, which is written after the evidence in any case.
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
			// Nothing: [Retrieval] without a passage is in no training text.
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

// Extend returns a prompt that a template wrote, continued by the text and the
// control tokens of steps. Text is data and is neutralised, as templates do it.
func Extend(prompt string, steps []Step, special ...string) string {
	w := promptWriter{special: special}
	w.trusted(prompt)
	for i := range steps {
		w.token(steps[i].Token)
		w.data(steps[i].Text)
	}
	return w.String()
}

// promptWriter joins trusted text and data. Data is neutralised in the longest
// possible runs, because two harmless pieces can make a reserved string where
// they meet; and so can data and the trusted text beside it.
type promptWriter struct {
	special []string
	out     strings.Builder
	run     strings.Builder
	ranges  [][2]int // where data stands in out
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

// joined is title and text as one piece of data: a reserved string may be split
// over the two.
func (e Evidence) joined() string {
	if e.Title == "" {
		return e.Text
	}
	return e.Title + "\n" + e.Text
}

// hashText returns the first 16 hex digits of the SHA-256 of s: enough to tell
// templates apart in a trace.
func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:8])
}
