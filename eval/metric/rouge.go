package metric

import "strings"

// RougeLStem returns ROUGE-L of the answer against a gold answer, in [0, 1], the best of all
// gold answers, as the package rouge-score 0.1.2 computes it for English with stemming: words
// are runs of a to z and 0 to 9 in lower case, and those of more than three characters are
// reduced to their stems by Porter's algorithm as NLTK has it. [RougeL] is for other languages.
func RougeLStem(answer string, golds []string) float64 {
	a := stems(answer)
	best := 0.0
	for _, gold := range golds {
		g := stems(gold)
		best = max(best, balance(commonSubsequence(a, g), len(a), len(g)))
	}
	return best
}

// RougeLsum returns ROUGE-Lsum of an answer against a gold answer, in [0, 1], the best of all
// gold answers, as rouge-score 0.1.2 computes it with stemming (words are those of
// [RougeLStem]). All are given sentence by sentence. Each sentence of the gold answer is
// compared with every one of the answer, and a word of it counts if it is in any of their
// longest common subsequences, but no more often than it is in the answer.
// ALCE reports the middle of a bootstrap over items, which differs from their mean by chance.
func RougeLsum(answer []string, golds [][]string) float64 {
	a := stemAll(answer)
	best := 0.0
	for _, gold := range golds {
		best = max(best, lsum(stemAll(gold), a))
	}
	return best
}

func lsum(gold, answer [][]string) float64 {
	golds, answers := count(gold), count(answer)
	common, n, m := 0, 0, 0
	for _, sentence := range answer {
		n += len(sentence)
	}
	for _, sentence := range gold {
		m += len(sentence)
		in := make([]bool, len(sentence))
		for _, s := range answer {
			markCommon(sentence, s, in)
		}
		for i, w := range sentence {
			if in[i] && golds[w] > 0 && answers[w] > 0 {
				golds[w]--
				answers[w]--
				common++
			}
		}
	}
	return balance(common, n, m)
}

// markCommon marks the words of a in one longest common subsequence of a and b: of several
// that which is found from the end on, where it goes back in b only if that loses nothing and
// going back in a would.
func markCommon(a, b []string, in []bool) {
	table := make([][]int, len(a)+1)
	table[0] = make([]int, len(b)+1)
	for i, w := range a {
		row := make([]int, len(b)+1)
		for j, v := range b {
			if w == v {
				row[j+1] = table[i][j] + 1
			} else {
				row[j+1] = max(table[i][j+1], row[j])
			}
		}
		table[i+1] = row
	}
	for i, j := len(a), len(b); i > 0 && j > 0; {
		switch {
		case a[i-1] == b[j-1]:
			in[i-1] = true
			i--
			j--
		case table[i][j-1] > table[i-1][j]:
			j--
		default:
			i--
		}
	}
}

func count(sentences [][]string) map[string]int {
	n := map[string]int{}
	for _, s := range sentences {
		for _, w := range s {
			n[w]++
		}
	}
	return n
}

func stemAll(sentences []string) [][]string {
	list := make([][]string, len(sentences))
	for i, s := range sentences {
		list[i] = stems(s)
	}
	return list
}

// stems returns the words that rouge-score compares.
func stems(s string) []string {
	s = strings.ToLower(strings.ReplaceAll(s, "İ", "i ")) // two characters in the lower case of Python
	words := strings.FieldsFunc(s, func(r rune) bool { return (r < 'a' || r > 'z') && (r < '0' || r > '9') })
	for i, w := range words {
		if len(w) > 3 {
			words[i] = stem(w)
		}
	}
	return words
}
