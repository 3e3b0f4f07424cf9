package metric

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Match reports whether the answer contains one of the gold answers, letter for
// letter, as in the released evaluation of Self-RAG. It favors long answers: print
// their length beside it. Unlike there, a gold answer without words, which is in
// nearly every text, is passed over; without any other the result is false. A gold
// answer has words if something is left of it in the normal form of [ExactMatch]: "",
// "...", and "the" have none.
func Match(answer string, golds []string) bool {
	return slices.ContainsFunc(golds, func(g string) bool {
		return strings.Contains(answer, g) && hasWords(g)
	})
}

// MatchReleased reports whether the answer contains one of the gold answers, letter for letter:
// the metric of the released evaluation, with which a gold answer such as "A" is in nearly
// every answer and "" in all.
func MatchReleased(answer string, golds []string) bool {
	return slices.ContainsFunc(golds, func(g string) bool { return strings.Contains(answer, g) })
}

// MatchFold is [Match] with answer and gold answers in lower case and in Unicode's form
// NFC, where marks belong to their letters: neither "cafe" nor "caf" plus an accent
// is in "café", however that is written.
func MatchFold(answer string, golds []string) bool {
	answer, _ = lower(answer)
	return slices.ContainsFunc(golds, func(gold string) bool {
		g, _ := lower(gold)
		return containsWhole(answer, g) && hasWords(gold)
	})
}

// containsWhole reports whether answer contains gold with no mark behind it that would make
// its last letter another one.
func containsWhole(answer, gold string) bool {
	for {
		i := strings.Index(answer, gold)
		if i < 0 {
			return false
		}
		if r, _ := utf8.DecodeRuneInString(answer[i+len(gold):]); !unicode.IsMark(r) {
			return true
		}
		_, size := utf8.DecodeRuneInString(answer[i:])
		answer = answer[i+size:]
	}
}

// Normalize returns s as SQuAD's evaluation compares it (Rajpurkar et al., arXiv
// 1606.05250): in lower case, without ASCII punctuation, without the words a, an and
// the, words separated by single spaces. It is that of the released program, which was
// made for English: the punctuation of other scripts stays, and letters with accents
// are compared as they are encoded. [ExactMatch] and [F1] go further.
func Normalize(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < unicode.MaxASCII && (unicode.IsPunct(r) || unicode.IsSymbol(r)) {
			return -1
		}
		return r
	}, strings.ToLower(s))
	// An article is a whole run of letters, their marks and numbers.
	var b strings.Builder
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return !isLetterOrNumber(r) })
		switch {
		case n < 0:
			n = len(s)
		case n == 0:
			if n = strings.IndexFunc(s, isLetterOrNumber); n < 0 {
				n = len(s)
			}
		}
		if isArticle(s[:n]) {
			b.WriteByte(' ')
		} else {
			b.WriteString(s[:n])
		}
		s = s[n:]
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func isLetterOrNumber(r rune) bool { return unicode.IsLetter(r) || unicode.IsNumber(r) }

func isArticle(word string) bool { return word == "the" || word == "a" || word == "an" }

// ExactMatch (EM) reports whether the answer equals one of the gold answers in a normal
// form: that of [Normalize], but with the punctuation and symbols of all scripts treated as
// ASCII's, without invisible characters, with characters of full and half width as ordinary
// ones, and with letters and their marks in Unicode's form NFC. It is SQuAD's figure on ASCII
// text, apart from this: a gold answer that becomes empty, such as "", "!!!" or "the",
// equals no answer, not even itself. That includes "A": compare labels by
// scoring.ClosedSet. Without gold answers it is false.
func ExactMatch(answer string, golds []string) bool {
	a, _ := normalWords(answer)
	return len(a) > 0 && slices.ContainsFunc(golds, func(gold string) bool {
		g, _ := normalWords(gold)
		return slices.Equal(g, a)
	})
}

// F1 returns the harmonic mean of precision and recall of the words of the answer
// against those of a gold answer, in [0, 1], the best of all gold answers. Words are
// those of the normal form of [ExactMatch] and count as often as they occur there, as in
// SQuAD. In scripts without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) every
// character with its marks is a word. An answer or a gold answer without words scores 0,
// where SQuAD's program gives two of them 1, and so does an empty list of gold answers.
func F1(answer string, golds []string) float64 {
	a := f1Words(answer)
	best := 0.0
	for _, gold := range golds {
		g := f1Words(gold)
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
// mean of common/n and common/m, 0 without any.
func balance(common, n, m int) float64 {
	if common == 0 {
		return 0
	}
	return 2 * float64(common) / float64(n+m)
}

// RougeL returns the ROUGE-L F-measure (Lin, "ROUGE: A Package for Automatic
// Evaluation of Summaries", 2004) of the answer against a gold answer, in [0, 1], the
// best of all gold answers: with L the length of the longest common subsequence of
// the words, the harmonic mean of L / words of the answer and L / words of the gold
// answer (β is 1). Words are runs of letters with their marks and numbers in lower case, and
// single characters in scripts without spaces, as in [F1]; there is no stemming, stop words
// count, and a text is one sequence, not a list of sentences. Texts without words score 0.
// It takes time in proportion to the product of the lengths.
func RougeL(answer string, golds []string) float64 {
	a := rougeWords(answer)
	best := 0.0
	for _, gold := range golds {
		g := rougeWords(gold)
		best = max(best, balance(commonSubsequence(a, g), len(a), len(g)))
	}
	return best
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
