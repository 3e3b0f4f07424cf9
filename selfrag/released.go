package selfrag

import (
	"maps"
	"slices"
	"strings"

	"github.com/goselfrag/goselfrag/generator"
	"github.com/goselfrag/goselfrag/scoring"
)

// WithWholeOutput takes more of the output as one segment, as the released scripts
// do: the whole of a short answer, and a long one up to [Retrieval], after which
// the adaptive mode retrieves. Other tokens of the group Retrieve do not end a
// segment and are not shown in later prompts; the sequence term counts them. By
// default the first token of the group ends the segment.
func WithWholeOutput(on bool) Option {
	return func(s *settings) error { s.wholeOutput = on; return nil }
}

// released holds the options of the released command line for a task.
type released struct {
	instruction generator.Instruction
	k, tokens   int
	labels      []string
	long        bool
	mode        Mode // of a long answer
}

// The published commands. Tasks without one have the defaults of the scripts, 10
// passages and 15 tokens.
var releasedTasks = map[string]released{
	"popqa":     {k: 10, tokens: 100},
	"triviaqa":  {k: 10, tokens: 100},
	"fever":     {instruction: generator.PubHealth, k: 5, tokens: 50, labels: []string{"true", "false"}},
	"arc_c":     {instruction: generator.ARC, k: 5, tokens: 50, labels: []string{"A", "B", "C", "D"}},
	"arc_easy":  {instruction: generator.ARCEasy, k: 10, tokens: 15},
	"obqa":      {instruction: generator.OBQA, k: 10, tokens: 15},
	"trex":      {instruction: generator.TREX, k: 10, tokens: 15},
	"wow":       {instruction: generator.WoW, k: 10, tokens: 15},
	"asqa":      {instruction: generator.ASQA, k: 5, tokens: 300, long: true, mode: Always},
	"eli5":      {instruction: generator.ELI5, k: 5, tokens: 300, long: true, mode: Adaptive},
	"factscore": {k: 5, tokens: 300, long: true, mode: Adaptive},
}

// WithReleased answers as the released scripts (AkariAsai/self-rag at 1fcdc42) do
// with the published command for a task: popqa, triviaqa, fever, arc_c, arc_easy,
// obqa, trex or wow in short form, asqa, eli5 or factscore in long form. It is for
// comparisons with the scripts. It sets:
//
//   - the instruction, the number of passages and of tokens, and greedy decoding;
//   - threshold 0.2; in short form over logarithms ([scoring.DecideByLogs]);
//   - the score: weights 1, 1, 1 and the geometric mean of a short answer's tokens; in
//     long form 1, 1, 0 without it, and the product over segments;
//   - -100 for every log-probability that is not listed;
//   - whole outputs ([WithWholeOutput]);
//   - for fever and arc_c the labels, for long answers width 2 and at most 6 segments over
//     the passages of the first retrieval.
//
// Later options override parts of that. The prompts of long answers are those of
// the scripts with generator.SelfRAGTemplate{OmitPathEvidence: true}.
// docs/porting.md and docs/differences.md list where the scripts differ, mostly by
// faults.
func WithReleased(task string) Option {
	return func(s *settings) error {
		r, ok := releasedTasks[task]
		if !ok {
			return optionError("WithReleased", "task %q: want one of %s", task, strings.Join(slices.Sorted(maps.Keys(releasedTasks)), ", "))
		}
		c := scoring.DefaultConfig()
		c.MissingLogProb = -100
		c.Weights = scoring.Weights{Relevance: 1, Support: 1, Utility: 1, Sequence: 1}
		c.Sequence = scoring.SequenceGeometric
		s.mode, s.logRatio, s.path, s.fixed = Adaptive, true, scoring.PathMean, false
		s.long, s.labels = r.long, r.labels
		if r.long {
			c.Weights = scoring.Weights{Relevance: 1, Support: 1}
			c.Sequence = scoring.SequenceNone
			s.mode, s.logRatio, s.path, s.fixed = r.mode, false, scoring.PathProduct, true
			s.width, s.depth = 2, 6
		}
		s.setThreshold(0.2)
		s.scoring, s.count = c, generator.CountAuto
		s.wholeOutput, s.temperature = true, 0
		s.instruction, s.k, s.maxTokens = r.instruction, r.k, r.tokens
		return nil
	}
}
