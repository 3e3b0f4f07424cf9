package metric

import (
	"slices"
	"strings"
	"unicode"
)

// Match reports whether one of the gold answers stands in the answer, letter for
// letter, as in the released evaluation of Self-RAG. It favours long answers: print
// their length beside it. An empty gold answer, which stands in every text, is
// passed over; without any other the result is false.
func Match(answer string, golds []string) bool {
	return slices.ContainsFunc(golds, func(g string) bool {
		return g != "" && strings.Contains(answer, g)
	})
}

// MatchFold is [Match] with answer and gold answers in lower case.
func MatchFold(answer string, golds []string) bool {
	answer = strings.ToLower(answer)
	return slices.ContainsFunc(golds, func(g string) bool {
		return g != "" && strings.Contains(answer, strings.ToLower(g))
	})
}

// Normalize returns s as SQuAD's evaluation compares it (Rajpurkar et al., arXiv
// 1606.05250): in lower case, without ASCII punctuation, without the words a, an and
// the, words parted by single spaces.
func Normalize(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return r
	}, strings.ToLower(s))
	// An article is a whole run of letters and numbers, as between two \b of a
	// regular expression over Unicode.
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !isWordRune(r) })
		switch {
		case n < 0:
			n = len(s)
		case n == 0:
			if n = strings.IndexFunc(s, isWordRune); n < 0 {
				n = len(s)
			}
		}
		switch s[:n] {
		case "a", "an", "the":
			b.WriteByte(' ')
		default:
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

// ExactMatch (EM) reports whether the answer equals one of the gold answers after
// [Normalize]. Without gold answers it is false.
func ExactMatch(answer string, golds []string) bool {
	answer = Normalize(answer)
	return slices.ContainsFunc(golds, func(g string) bool { return Normalize(g) == answer })
}

// F1 returns the harmonic mean of precision and recall of the words of the answer
// against those of a gold answer, in [0, 1], the best of all gold answers. Words are
// those of [Normalize] and count as often as they stand there, as in SQuAD. Two
// texts without words score 1, one without words scores 0, and so does an empty list
// of gold answers.
func F1(answer string, golds []string) float64 {
	a := strings.Fields(Normalize(answer))
	best := 0.0
	for _, gold := range golds {
		g := strings.Fields(Normalize(gold))
		left := map[string]int{}
		for _, w := range g {
			left[w]++
		}
		common := 0
		for _, w := range a {
			if left[w] > 0 {
				left[w]--
				common++
			}
		}
		best = max(best, balance(common, len(a), len(g)))
	}
	return best
}

// balance returns the F1 of texts of n and m words that share some: the harmonic
// mean of common/n and common/m.
func balance(common, n, m int) float64 {
	if n+m == 0 {
		return 1
	}
	return 2 * float64(common) / float64(n+m)
}

// RougeL returns the ROUGE-L F-measure (Lin, "ROUGE: A Package for Automatic
// Evaluation of Summaries", 2004) of the answer against a gold answer, in [0, 1], the
// best of all gold answers: with L the length of the longest common subsequence of
// the words, the harmonic mean of L / words of the answer and L / words of the gold
// answer (β is 1). Words are runs of letters and numbers in lower case; there is no
// stemming, stop words count, and a text is one sequence, not a list of sentences.
// Texts without words score as in [F1]. It takes time in proportion to the product of
// the lengths.
func RougeL(answer string, golds []string) float64 {
	a := rougeWords(answer)
	best := 0.0
	for _, gold := range golds {
		g := rougeWords(gold)
		best = max(best, balance(commonSubsequence(a, g), len(a), len(g)))
	}
	return best
}

func rougeWords(s string) []string {
	return strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !isWordRune(r) })
}

// commonSubsequence returns the length of the longest common subsequence.
func commonSubsequence(a, b []string) int {
	row := make([]int, len(b)+1) // row[j]: of the part of a read so far and b[:j]
	for _, w := range a {
		diagonal := 0 // the former row[j-1]
		for j, v := range b {
			above := row[j+1]
			if w == v {
				row[j+1] = diagonal + 1
			} else {
				row[j+1] = max(above, row[j])
			}
			diagonal = above
		}
	}
	return row[len(b)]
}
