package task

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/eval/dataset"
	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/selfrag"
)

// ErrTask is wrapped by the error about a task or settings that there are not, and about an
// item that does not fit its task.
var ErrTask = errors.New("task: bad task")

// Settings names the source of a task's settings.
type Settings string

const (
	// Paper has the settings of the paper, and of the published commands where the paper
	// says nothing.
	Paper Settings = "paper"
	// Released has the settings of the published commands, and scores as their scripts do.
	Released Settings = "released"
)

// Metric names a figure of a task.
type Metric string

// The metrics. [Task.Score] computes the first four; the others need a judge or a model.
const (
	Match             Metric = "match"              // the answer contains a right one
	Accuracy          Metric = "accuracy"           // the label of the answer is right
	StrEM             Metric = "str_em"             // share of the short answers that it contains
	RougeLsum         Metric = "rouge_lsum"         // words shared, in order, with a reference answer
	CitationPrecision Metric = "citation_precision" // share of the citations that support their sentence
	CitationRecall    Metric = "citation_recall"    // share of the sentences that their citations support
	MAUVE             Metric = "mauve"              // likeness of many answers to the references
	Facts             Metric = "factscore"          // share of the facts that a source supports
)

// Task is a task of the paper. Its slices are the caller's.
type Task struct {
	Name     string
	About    string // one line, for a list
	Settings Settings
	// Layout is that of the released file.
	Layout dataset.Layout
	// Instruction comes before the question; zero is the bare question.
	Instruction generator.Instruction
	// Labels are the only answers; nil if there are others.
	Labels []string
	// Long says that answers have several segments.
	Long bool
	// K is how many passages are retrieved, Tokens how many tokens a segment has at most.
	K, Tokens int
	// Metrics are the figures that are reported; the first is the primary one.
	Metrics []Metric

	released  string  // the name that selfrag.WithReleased knows it by
	threshold float64 // of the paper
	tokens    int     // of the paper
	k         int     // of the paper
}

// tasks are all, with what the published commands say.
var tasks = []Task{
	{Name: "popqa", About: "PopQA, long tail: short answers to questions about rare entities", Layout: dataset.SelfRAG,
		K: 10, Tokens: 100, Metrics: []Metric{Match}, released: "popqa", threshold: 0.2},
	{Name: "triviaqa", About: "TriviaQA, unfiltered: short answers to questions of quizzes", Layout: dataset.SelfRAG,
		K: 10, Tokens: 100, Metrics: []Metric{Match}, released: "triviaqa", threshold: 0.2},
	{Name: "pubhealth", About: "PubHealth: is a statement about health true", Layout: dataset.SelfRAG, Instruction: generator.PubHealth,
		Labels: []string{"true", "false"}, K: 5, Tokens: 50, Metrics: []Metric{Accuracy}, released: "fever", threshold: 0.2},
	{Name: "arc", About: "ARC-Challenge: which of four choices is right", Layout: dataset.SelfRAG, Instruction: generator.ARC,
		Labels: letters, K: 5, Tokens: 50, Metrics: []Metric{Accuracy}, released: "arc_c", threshold: 0.2},
	{Name: "asqa", About: "ASQA: long answers with citations to ambiguous questions", Layout: dataset.ALCE, Instruction: generator.ASQA,
		Long: true, K: 5, Tokens: 300, Metrics: []Metric{StrEM, RougeLsum, MAUVE, CitationPrecision, CitationRecall}, released: "asqa"},
	{Name: "eli5", About: "ELI5: a paragraph in simple words, with citations", Layout: dataset.ALCE, Instruction: generator.ELI5,
		Long: true, K: 5, Tokens: 300, Metrics: []Metric{RougeLsum, MAUVE, CitationPrecision, CitationRecall}, released: "eli5"},
	{Name: "factscore", About: "biographies, for FActScore", Layout: dataset.FactScore,
		Long: true, K: 5, Tokens: 300, Metrics: []Metric{Facts}, released: "factscore", threshold: 0.2, k: 10, tokens: 200},
}

// Names returns the names of all tasks: popqa, triviaqa, pubhealth, arc, asqa, eli5 and
// factscore.
func Names() []string {
	var names []string
	for _, t := range tasks {
		names = append(names, t.Name)
	}
	return names
}

// Get returns the task of a name, one of [Names], with settings. The error wraps [ErrTask] if there is no such task or if
// there are no such settings.
func Get(name string, s Settings) (Task, error) {
	i := slices.IndexFunc(tasks, func(t Task) bool { return t.Name == name })
	if i < 0 {
		return Task{}, fmt.Errorf("%w: there is no task %q: want one of %s", ErrTask, name, strings.Join(Names(), ", "))
	}
	t := tasks[i]
	t.Settings = s
	t.Labels, t.Metrics = slices.Clone(t.Labels), slices.Clone(t.Metrics)
	switch s {
	case Paper:
		t.K, t.Tokens = max(t.K, t.k), cmp.Or(t.tokens, t.Tokens)
	case Released:
		if t.Metrics[0] == Accuracy {
			t.Metrics[0] = Match // which is what the scripts call accuracy
		}
	default:
		return Task{}, fmt.Errorf("%w: there are no settings %q: want %s or %s", ErrTask, s, Paper, Released)
	}
	return t, nil
}

// depth and width are those of the search for long answers.
const width, depth = 2, 7

// Options returns the options of an engine for the task: the instruction, the labels, the
// passages, the decision, the search and the score.
func (t Task) Options() []selfrag.Option {
	if t.Settings == Released {
		return []selfrag.Option{selfrag.WithReleased(t.released)}
	}
	list := []selfrag.Option{
		selfrag.WithMode(selfrag.Adaptive), selfrag.WithThreshold(t.threshold), selfrag.WithK(t.K),
		selfrag.WithInstruction(t.Instruction), selfrag.WithMaxTokens(t.Tokens),
	}
	if t.Long {
		return append(list, selfrag.WithLongForm(width, depth))
	}
	if len(t.Labels) > 0 {
		list = append(list, selfrag.WithLabels(t.Labels...))
	}
	return append(list, selfrag.WithShortForm())
}

// letters are the labels of ARC.
var letters = []string{"A", "B", "C", "D"}

// letter returns the letter of a label of ARC, A to D or 1 to 4; empty for another one.
func letter(label string) string {
	if len(label) == 1 && "1" <= label && label <= "4" {
		return letters[label[0]-'1']
	}
	if slices.Contains(letters, label) {
		return label
	}
	return ""
}

// Question returns the text that an engine is asked for an item: the question, for ARC with
// its choices. As in the released scripts choices 1 to 4 become A to D, a fifth one is left
// out, and a missing D is empty. The error wraps [ErrTask]: A, B or C is missing.
func (t Task) Question(it dataset.Item) (string, error) {
	text := it.Question.Question
	if t.Instruction.Name != generator.ARC.Name {
		return text, nil
	}
	choices := map[string]string{}
	for _, c := range it.Choices {
		choices[letter(c.Label)] = c.Text
	}
	for _, l := range letters {
		choice, ok := choices[l]
		if !ok && l != "D" {
			return "", fmt.Errorf("%w: item %q has no choice %s: want at least three, labeled A to D or 1 to 4", ErrTask, it.ID, l)
		}
		text += "\n" + l + ": " + choice
	}
	return text, nil
}

// Prompt returns what a model is asked first for an item.
func (t Task) Prompt(it dataset.Item) (generator.Prompt, error) {
	text, err := t.Question(it)
	return t.Instruction.Prompt(text), err
}

// Golds returns the right answers to an item. Of ARC a key 1 to 4 becomes a letter, but not
// with [Released] settings, where it stays a number that no answer A to D matches, as in the
// scripts.
func (t Task) Golds(it dataset.Item) []string {
	golds := slices.Clone(it.Answers)
	if t.Settings == Paper && t.Instruction.Name == generator.ARC.Name {
		for i, g := range golds {
			if l := letter(g); l != "" {
				golds[i] = l
			}
		}
	}
	return golds
}
