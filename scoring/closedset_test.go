package scoring

import (
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"unicode"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestClosedSetVector is vector 14: the sum decides, not the best text.
func TestClosedSetVector(t *testing.T) {
	got := ClosedSet([]string{"A", "B", "C", "D"}, []string{"A", "B", "A", "C", "A"}, []float64{2.10, 2.60, 1.05, 0.40, -0.30})
	for i, want := range []float64{2.85, 2.60, 0.40, 0} {
		wantNear(t, "sum", got.Sums[i], want, vectorTolerance)
	}
	if got.Best != 0 || got.Unmatched != nil {
		t.Errorf("got %+v, want label 0 and all matched", got)
	}
	if diff := gocmp.Diff([]int{0, 1, 0, 2, 0}, got.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
}

func TestClosedSetNormalForm(t *testing.T) {
	letters := []string{"A", "B", "C", "D"}
	truth := []string{"true", "false"}
	tests := []struct {
		labels []string
		text   string
		want   int
	}{
		{letters, "B", 1},
		{letters, " b\n", 1},
		{letters, "B: Paris", 1},
		{letters, "(B) because", 1},
		{letters, "**B**", 1},
		{letters, "`B`", 1},
		{letters, "“B”", 1},
		{letters, "B's", 1},
		{letters, "Because", -1},
		{letters, "The answer is B", 1},
		{letters, "A better answer is B.", 1},
		{letters, "A better answer is (B), not C.", 1},
		{letters, "A good question", -1},
		{letters, "A is correct", 0},
		{letters, "A because of it", 0},
		{letters, "A", 0},
		{letters, "A, since", 0},
		{letters, "A\n\nBetter than B", 0},
		{letters, "A better\none", -1},
		{letters, "A-level exams", -1},
		{letters, "A's right", 0},
		{letters, "A1 or so", -1},
		{letters, "a better one is d", 3},
		{letters, "It is a pity", -1},
		{letters, "It is A", 0},
		{letters, "The answer is a mystery", -1},
		{letters, "The correct option is **C**.", 2},
		{letters, "Final answer: D", 3},
		{letters, "Option B. Option C is wrong.", -1}, // two
		{letters, "The answer is B. The answer is B.", 1},
		{letters, "It is not B", -1},
		{letters, "Hepatitis B causes it", -1},
		{letters, "Paris (C)", 2},
		{letters, "\\boxed{D}", 3},
		{letters, "Die Antwort lautet B.", 1},
		{letters, "La réponse est C", 2},
		{letters, "La respuesta es D", 3},
		{letters, "答案是B。", 1},
		{letters, "B是对的", 1},
		{letters, "Ｂ", 1},
		{letters, "Ｂ：东京", 1},
		{letters, "C가 맞다", 2},
		{letters, "D'accord", -1},
		{letters, "C’est vrai", -1},
		{[]string{"I", "II", "III"}, "I think it is II", 1},
		{[]string{"I", "II", "III"}, "I'm sure it is III", 2},
		{[]string{"I", "II", "III"}, "I", 0},
		{[]string{"I", "II", "III"}, "I: the first", 0},
		{[]string{"I", "II", "III"}, "II", 1},
		{[]string{"yes", "no"}, "Yesterday", -1},
		{[]string{"yes", "no"}, "Nobody", -1},
		{[]string{"yes", "no"}, "No one knows", -1},
		{[]string{"yes", "no"}, "No-one knows", -1},
		{[]string{"yes", "no"}, "No, because", 1},
		{[]string{"yes", "no"}, "No it is not", 1},
		{[]string{"yes", "no"}, "The answer is no.", 1},
		{[]string{"yes", "no"}, "There is no evidence", -1},
		{[]string{"yes", "no"}, "yes-men say so", -1},
		{[]string{"yes", "no"}, "Yes they do", 0},
		{[]string{"true", "false"}, "The claim is false.", 1},
		{[]string{"true", "false"}, "The claim is not true.", -1},
		{[]string{"can", "must"}, "can't", -1},
		{[]string{"1", "2", "3"}, "The answer is 3.5", -1},
		{[]string{"1", "2", "3"}, "The answer is 2.", 1},
		{letters, "E", -1},
		{letters, "", -1},
		{letters, " .\n", -1},
		{letters, "A\u0301", -1}, // an accented letter is another letter
		{truth, "True.", 0},
		{truth, "FALSE, since", 1},
		{truth, "truely", -1},
		{truth, "untrue", -1},
		{[]string{"New", "New York"}, "new  york city", 1},
		{[]string{"New York", "New"}, "new yorker", 1},
		{[]string{"not  sure", "not"}, "Not\tsure!", 0},
		{[]string{"1", "2", "3"}, "3.5", -1},
		{[]string{"1", "2", "3"}, "1,000", -1},
		{[]string{"1", "2", "3"}, "3. Because", 2},
		{[]string{"1", "2", "3"}, "3, 4", 2},
		{[]string{"1", "2", "3"}, "3.x", 2},
		{[]string{"v2", "v2.1"}, "v2.1.7", -1},
		{[]string{"v2", "v2.1"}, "v2.1 or so", 1},
		{[]string{"A", "B"}, "a.1", 0},
		{[]string{"STRASSE", "ſpät"}, "SPÄT", 1},
		{[]string{"C", "C+"}, "C+", 1},
		{[]string{"A", "B", "C", "D"}, "A better answer is B.", 1},
		{[]string{"A", "B", "I"}, "I think it is B", 1},
		{[]string{"A", "B"}, "A because it is hot", 0},
		{[]string{"A", "B"}, "A is right, B is wrong", 0},
		{[]string{"A", "B"}, "A (the first)", 0},
		{[]string{"A", "B"}, "A - Paris", 0},
		{[]string{"A", "B"}, "B better than A", 1},
		{[]string{"A", "a dog"}, "A dog barks", 1},
		{[]string{"yes", "no"}, "Yes it does", 0},
		{[]string{"yes", "no"}, "yesterday", -1},
		{[]string{"yes", "no"}, "Not at all", -1},
		{[]string{"", "A"}, "...", -1},
		{[]string{"A", "a"}, "a", 0},
		{nil, "A", -1},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got := ClosedSet(tt.labels, []string{tt.text}, []float64{1})
			if got.Labels[0] != tt.want || got.Best != tt.want {
				t.Errorf("%q among %q: got %+v, want label %d", tt.text, tt.labels, got, tt.want)
			}
		})
	}
}

func TestClosedSetEdges(t *testing.T) {
	tests := []struct {
		name   string
		texts  []string
		scores []float64
		want   ClosedResult
	}{
		{"tie goes to the first text", []string{"B", "A", "B"}, []float64{1, 3, 2}, ClosedResult{1, []float64{3, 3}, []int{1, 0, 1}, nil}},
		{"tie of labels in their order", []string{"A", "B"}, []float64{1, 1}, ClosedResult{0, []float64{1, 1}, []int{0, 1}, nil}},
		{"a label without texts cannot win", []string{"B"}, []float64{-4}, ClosedResult{1, []float64{0, -4}, []int{1}, nil}},
		{"unmatched", []string{"x", "A", "y"}, []float64{9, 1, 9}, ClosedResult{0, []float64{1, 0}, []int{-1, 0, -1}, []int{0, 2}}},
		{"none matches", []string{"x"}, []float64{9}, ClosedResult{-1, []float64{0, 0}, []int{-1}, []int{0}}},
		{"nothing", nil, nil, ClosedResult{-1, []float64{0, 0}, []int{}, nil}},
		{"score missing", []string{"B", "A"}, []float64{1}, ClosedResult{1, []float64{0, 1}, []int{1, -1}, []int{1}}},
		{"score too many", []string{"B"}, []float64{1, 2}, ClosedResult{1, []float64{0, 1}, []int{1}, nil}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := gocmp.Diff(tt.want, ClosedSet([]string{"A", "B"}, tt.texts, tt.scores)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// plainForm cuts off one rune at a time, and works on words.
func plainForm(s string) string {
	r := []rune(s)
	outer := func(c rune) bool { return strings.ContainsRune(" \t().:,'", c) }
	for len(r) > 0 && outer(r[0]) {
		r = r[1:]
	}
	for len(r) > 0 && outer(r[len(r)-1]) {
		r = r[:len(r)-1]
	}
	return strings.Join(strings.Fields(string(r)), " ")
}

// plainArticle matches a letter that is a word, before a word that does not show it
// to be a label; the texts of the test hold no word that does.
var plainArticle = regexp.MustCompile(`^[aA] [aAbB]`)

// plainLabel tries the prefixes of text from the longest down.
func plainLabel(labels []string, text string) int {
	r := []rune(plainForm(text))
	for n := len(r); n > 0; n-- {
		if n < len(r) {
			if n == 1 && (r[0] == 'a' || r[0] == 'A') && r[1] == ' ' && n+1 < len(r) && !strings.ContainsRune(".:,)", r[2]) {
				continue // an ordinary word
			}
			if unicode.IsLetter(r[n]) || unicode.IsDigit(r[n]) {
				continue
			}
			if n+1 < len(r) && strings.ContainsRune(".,", r[n]) && unicode.IsDigit(r[n-1]) && unicode.IsDigit(r[n+1]) {
				continue
			}
		}
		if plainArticle.MatchString(string(r)) && n == 1 {
			continue
		}
		for i, l := range labels {
			if strings.EqualFold(plainForm(l), string(r[:n])) {
				return i
			}
		}
	}
	return -1
}

// TestClosedSetAgainstPlain compares with maps and with a matcher that works in the
// other direction.
func TestClosedSetAgainstPlain(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		labels := rapid.SliceOfN(rapid.StringMatching(`[ (]?[abAB1](b|B|1| a|\.1)?[).]?`), 0, 5).Draw(t, "labels")
		texts := rapid.SliceOfN(rapid.StringMatching(`[ ('\t]{0,2}[abAB1]{1,2}[ .:,a1)]{0,4}[abAB1]?`), 0, 8).Draw(t, "texts")
		scores := make([]float64, len(texts))
		for i := range scores {
			scores[i] = float64(rapid.IntRange(-2, 2).Draw(t, "score")) // small, so that ties occur
		}
		got := ClosedSet(labels, texts, scores)

		sums, first := map[int]float64{}, map[int]int{}
		for i, text := range texts {
			l := plainLabel(labels, text)
			if got.Labels[i] != l {
				t.Fatalf("%q among %q: label %d, want %d", text, labels, got.Labels[i], l)
			}
			if _, ok := sums[l]; !ok {
				first[l] = i
			}
			sums[l] += scores[i]
		}
		delete(sums, -1)
		best := -1
		for l, sum := range sums {
			if got.Sums[l] != sum {
				t.Fatalf("label %d: sum %v, want %v", l, got.Sums[l], sum)
			}
			if best < 0 || sum > sums[best] || sum == sums[best] && first[l] < first[best] {
				best = l
			}
		}
		if got.Best != best {
			t.Fatalf("best label %d, want %d", got.Best, best)
		}
	})
}

func TestCheckLabels(t *testing.T) {
	tests := []struct {
		field  string // "" for good labels
		labels []string
	}{
		{"", []string{"A", "B"}},
		{"", []string{"New", "New York"}},
		{"", []string{"C", "C+"}},
		{"labels", nil},
		{"labels", []string{"A"}},
		{"labels[1]", []string{"A", ""}},
		{"labels[0]", []string{" (...) ", "A"}},
		{"labels[2]", []string{"True", "False", " true."}},
		{"labels[1]", []string{"not sure", "Not  Sure"}},
	}
	for _, tt := range tests {
		t.Run(strings.Join(tt.labels, "|"), func(t *testing.T) {
			wantConfigError(t, CheckLabels(tt.labels), tt.field)
		})
	}
}

// FuzzClosedSet: labels that pass the check each give themselves in any decoration,
// and the parts of the result agree for any text.
func FuzzClosedSet(f *testing.F) {
	f.Add("A", "B", "(B) because")
	f.Add("true", "false", "True.")
	f.Add("1", "1.5", "1.5.2")
	f.Add("ǅ", "\xff", "\u0130x")
	f.Add("A", "B", "A better answer is B, the option (A) is")
	f.Add("i", "是", "答案是是 is i’s")
	f.Fuzz(func(t *testing.T, a, b, text string) {
		labels := []string{a, b}
		got := ClosedSet(labels, []string{text}, []float64{1})
		if l := got.Labels[0]; l < -1 || l > 1 || l != got.Best || (l < 0) != (len(got.Unmatched) == 1) {
			t.Fatalf("%q among %q: %+v", text, labels, got)
		}
		if CheckLabels(labels) != nil {
			return
		}
		dressed := []string{a, b, " (" + a + ").\n", "\"" + b + "\""}
		if diff := gocmp.Diff([]int{0, 1, 0, 1}, ClosedSet(labels, dressed, make([]float64, 4)).Labels); diff != "" {
			t.Errorf("%q (-want +got):\n%s", dressed, diff)
		}
	})
}

// Settled agrees with trying all texts and scores of the open ones: no label, or
// any label with either end of the interval.
func TestClosedSetSettled(t *testing.T) {
	labels := []string{"a", "b", "c"}
	scores := []float64{-1, 0, 0.5, 1.25, 3}
	r := rand.New(rand.NewPCG(1, 2))
	settled := 0
	for range 3000 {
		var texts []string
		var done []float64
		for range 1 + r.IntN(3) {
			texts = append(texts, labels[r.IntN(3)])
			done = append(done, scores[r.IntN(len(scores))])
		}
		open := make([]Interval, r.IntN(4))
		for i := range open {
			a, b := scores[r.IntN(len(scores))], scores[r.IntN(len(scores))]
			open[i] = Interval{Lo: min(a, b), Hi: max(a, b)}
		}
		best := ClosedSet(labels, texts, done).Best
		// The winner must be the only one at the top in every outcome.
		want := true
		var try func(i int, texts []string, scores []float64)
		try = func(i int, texts []string, scores []float64) {
			if i == len(open) {
				got := ClosedSet(labels, texts, scores)
				for l, sum := range got.Sums {
					want = want && (l == best || sum < got.Sums[best])
				}
				return
			}
			try(i+1, texts, scores)
			for _, l := range labels {
				for _, s := range []float64{open[i].Lo, open[i].Hi} {
					try(i+1, append(texts[:len(texts):len(texts)], l), append(scores[:len(scores):len(scores)], s))
				}
			}
		}
		try(0, texts, done)
		got := ClosedSet(labels, texts, done).Settled(open)
		// One text cannot lower the best label and raise another. So the rule may
		// be stricter than necessary, but never looser.
		if got && !want {
			t.Fatalf("texts %q with %v, open %v: said to be settled", texts, done, open)
		}
		if len(open) <= 1 && want && !got && (len(open) == 0 || open[0].Lo >= 0) {
			t.Fatalf("texts %q with %v, open %v: said to be open", texts, done, open)
		}
		if got {
			settled++
		}
	}
	if settled < 100 {
		t.Errorf("only %d cases were settled", settled)
	}
	if ClosedSet(labels, nil, nil).Settled(nil) {
		t.Error("settled without a text")
	}
}
