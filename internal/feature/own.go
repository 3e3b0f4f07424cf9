package feature

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/goselfrag/goselfrag/internal/linear"
)

// ownText looks for a text to work on in a prompt. A model of [PartingNames] gives
// each way to part the prompt a score z; no such text has the score 0. none is the
// probability of no such text by the softmax of all. If a text is more likely,
// ownText returns the prompt without it and the text of the best parting.
func ownText(prompt string, own *linear.Model) (ask, text string, none float64) {
	units := unitsOf(prompt)
	return best(prompt, units, partings(prompt, units), own)
}

// ownInput does the same with a text that is given with an instruction.
func ownInput(instruction, input string, own *linear.Model) (ask, text string, none float64) {
	if strings.Trim(instruction, blanks) == "" || len(instruction) > maxTask {
		return instruction, "", 1
	}
	prompt := instruction + "\n" + input
	return best(prompt, unitsOf(prompt), []parting{{len(instruction) + 1, len(prompt), atFirstLine}}, own)
}

func best(prompt string, units []unit, list []parting, own *linear.Model) (ask, text string, none float64) {
	var at parting
	top, sum := math.Inf(-1), 1.0
	for _, p := range list {
		z := own.Score(partingRow(p, units))
		sum += math.Exp(min(z, mostOdds))
		if z > top {
			top, at = z, p
		}
	}
	if sum <= 2 {
		return prompt, "", 1 / sum
	}
	before := strings.TrimRight(prompt[:at.a], blanks+opening)
	behind := strings.TrimLeft(prompt[at.b:], blanks+closing)
	return strings.Trim(before+" "+behind, blanks), unquoted(prompt[at.a:at.b]), 1 / sum
}

// unquoted returns a text without quotation marks around all of it.
func unquoted(text string) string {
	r, w := utf8.DecodeRuneInString(text)
	last, size := utf8.DecodeLastRuneInString(text)
	if closing, ok := quotes[r]; ok && strings.IndexAny(text[w:], closing) == len(text)-w-size && strings.ContainsRune(closing, last) {
		return text[w : len(text)-size]
	}
	return text
}

// mostOdds keeps a sum of exponentials finite.
const mostOdds = 30

// The marks around a text that do not belong to its task.
const (
	opening = ":：→>=-\"“„«「『`#*"
	closing = "\"“”»」』`#*"
)

// Partings returns the features of every way to part a prompt into a task and a text.
func Partings(prompt string) [][]float64 {
	units := unitsOf(prompt)
	var rows [][]float64
	for _, p := range partings(prompt, units) {
		rows = append(rows, partingRow(p, units))
	}
	return rows
}

// PartingNames returns the names of the features of [Partings].
func PartingNames() []string {
	names := []string{"one"}
	names = slices.Concat(names, partingNames[:])
	for _, f := range partingFeatures {
		names = append(names, f.name)
	}
	return names
}
