package generator

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
)

// BaselineTemplate is one of the seven layouts that the released script for
// baselines (1fcdc42) uses for models not trained for Self-RAG. Its text is the
// script's name for the layout.
//
// Instruction and Input are joined by Separator, except where the layout has a
// place for the input. The passages are numbered from 1, with a line break between
// them. A layout without a place for passages rejects a prompt with Evidence, and
// one with such a place rejects a prompt without. Every layout rejects a prompt
// with a Path. These errors wrap errors.ErrUnsupported. Force and Queries are left
// out.
type BaselineTemplate string

const (
	BaselineInput              BaselineTemplate = "prompt_input"
	BaselineNoInput            BaselineTemplate = "prompt_no_input"
	BaselineNoInputRetrieval   BaselineTemplate = "prompt_no_input_retrieval"
	BaselineInstruct           BaselineTemplate = "prompt_open_instruct"
	BaselineInstructRetrieval  BaselineTemplate = "prompt_open_instruct_retrieval"
	BaselineLlamaChat          BaselineTemplate = "llama_chat_prompt"
	BaselineLlamaChatRetrieval BaselineTemplate = "llama_chat_prompt_retrieval"
)

// baselines holds the layouts. The marks are {instruction}, {input} and {paragraph}.
var baselines = map[BaselineTemplate]string{
	BaselineInput:   "### Instruction:\n{instruction}\n\n### Input:\n{input}\n\n### Response:\n",
	BaselineNoInput: "### Instruction:\n{instruction}\n\n### Response:\n",
	BaselineNoInputRetrieval: "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n" +
		"### Paragraph:\n{paragraph}\n\n### Instruction:\n{instruction}\n\n### Response:",
	BaselineInstruct:           "<user>\n{instruction}\n<assistant>\n",
	BaselineInstructRetrieval:  "<user>\nReference:{paragraph}\n{instruction}\n<assistant>\n",
	BaselineLlamaChat:          "[INST]{instruction}[/INST]",
	BaselineLlamaChatRetrieval: "[INST]{paragraph}\n{instruction}[/INST]",
}

// baselineMarkers are reserved in data besides the strings that are always
// reserved.
var baselineMarkers = []string{"### Paragraph:", "<user>", "<assistant>", "[INST]", "[/INST]"}

// Name returns the script's name of the layout.
func (t BaselineTemplate) Name() string { return string(t) }

// Hash returns the hash of the layout with its marks.
func (t BaselineTemplate) Hash() string { return hashText(baselines[t]) }

// Render implements [PromptTemplate].
func (t BaselineTemplate) Render(p Prompt, special ...string) (string, error) {
	layout, ok := baselines[t]
	if !ok {
		return "", fmt.Errorf("%w: the template %q does not exist: want one of the Baseline constants", ErrRequest, string(t))
	}
	if err := p.Check(); err != nil {
		return "", err
	}
	shows, takes := strings.Contains(layout, "{paragraph}"), strings.Contains(layout, "{input}")
	refuse := func(why string) (string, error) {
		return "", fmt.Errorf("generator: the template %s %s: %w", t, why, errors.ErrUnsupported)
	}
	switch {
	case len(p.Path) > 0:
		return refuse("has no place for earlier segments")
	case p.Relevance != reflection.None:
		return refuse("cannot end in a token of IsREL")
	case shows && len(p.Evidence) == 0:
		return refuse("wants passages")
	case !shows && len(p.Evidence) > 0:
		return refuse("has no place for passages")
	}
	w := promptWriter{special: append(slices.Clone(special), baselineMarkers...)}
	for layout != "" {
		before, rest, found := strings.Cut(layout, "{")
		w.trusted(before)
		if !found {
			break
		}
		mark, after, _ := strings.Cut(rest, "}")
		layout = after
		switch mark {
		case "instruction":
			w.data(p.Instruction)
			if p.Input != "" && !takes {
				w.trusted(separators[p.Separator])
				w.data(p.Input)
			}
		case "input":
			w.data(p.Input)
		case "paragraph":
			w.numbered(p.Evidence)
		}
	}
	return w.String(), nil
}

// numbered writes passages with their numbers.
func (w *promptWriter) numbered(list []Evidence) {
	for i, e := range list {
		if i > 0 {
			w.data("\n")
		}
		w.data("[" + strconv.Itoa(i+1) + "] " + e.joined())
	}
}
