package label

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/goselfrag/goselfrag/reflection"
	"github.com/goselfrag/goselfrag/training"
)

// PublishedDev is how many records the released program holds back.
const PublishedDev = 1500

// Split parts labels into those to train on and those held back, by question: records with
// the same QID or the same instruction, white space and case aside, are in the same part.
// Whole questions are held back, in an order that seed decides, until they have at least
// dev records; at most all. Rejected labels are left out. Both parts keep the order of
// labels.
func Split(labels []Labeled, dev int, seed uint64) (train, held []Labeled) {
	labels = accepted(labels)
	of := questions(labels)
	size := map[int]int{}
	for _, q := range of {
		size[q]++
	}
	order := make([]int, 0, len(size))
	for q := range size {
		order = append(order, q)
	}
	rank := func(q int) uint64 { return pseudorandom(seed, "split", labels[q].key()) }
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b)) })
	back, n := map[int]bool{}, 0
	for _, q := range order {
		if n >= dev {
			break
		}
		back[q] = true
		n += size[q]
	}
	for i, l := range labels {
		if back[of[i]] {
			held = append(held, l)
		} else {
			train = append(train, l)
		}
	}
	return train, held
}

func accepted(labels []Labeled) []Labeled {
	return slices.DeleteFunc(slices.Clone(labels), Labeled.Rejected)
}

// questions returns, for each label, the first one of the same question: joined by equal
// ids and equal instructions, over any number of steps.
func questions(labels []Labeled) []int {
	of := make([]int, len(labels))
	find := func(i int) int {
		for of[i] != i {
			of[i] = of[of[i]]
			i = of[i]
		}
		return i
	}
	first := map[string]int{}
	for i, l := range labels {
		of[i] = i
		keys := []string{"text " + strings.ToLower(strings.Join(strings.Fields(l.Instruction), " "))}
		if l.QID != "" {
			keys = append(keys, "id "+string(l.QID))
		}
		for _, key := range keys {
			j, ok := first[key]
			if !ok {
				first[key] = i
				continue
			}
			a, b := find(i), find(j)
			of[max(a, b)] = min(a, b)
		}
	}
	for i := range of {
		of[i] = find(i)
	}
	return of
}

// key identifies a label's record and task.
func (l Labeled) key() string {
	return strings.Join([]string{string(l.Task), string(l.QID), strconv.Itoa(l.SentIdx), string(l.PID), l.Instruction, l.TargetOutput, l.Evidence, l.PrecedingSentences, l.Output}, "\x00")
}

// pseudorandom returns a number that looks random and depends on its arguments alone.
func pseudorandom(seed uint64, what, key string) uint64 {
	h := fnv.New64a()
	fmt.Fprintf(h, "%d\x00%s\x00%s", seed, what, key)
	x := h.Sum64() // its high bits depend little on the last bytes: mix, as SplitMix64 does
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// PaperRelevant is the share of the records with [Relevant] that the released program keeps.
const PaperRelevant = 0.7

// Keep keeps each label of token with the given probability, in [0, 1], and all others. What
// is kept depends on seed and record alone. Keep(labels, reflection.Relevant,
// PaperRelevant, seed) balances as the released program does. The error wraps
// training.ErrOption.
func Keep(labels []Labeled, token reflection.Token, probability float64, seed uint64) ([]Labeled, error) {
	if !(probability >= 0 && probability <= 1) {
		return nil, fmt.Errorf("%w: the probability of keeping %v is %v: want a number in [0, 1]", training.ErrOption, token, probability)
	}
	return slices.DeleteFunc(slices.Clone(labels), func(l Labeled) bool {
		return l.Label == token && float64(pseudorandom(seed, "keep", l.key())>>11)*0x1p-53 >= probability
	}), nil
}

// Balance leaves out as few labels as it takes so that no class of a task has more than the
// task's share of its labels, in (0, 1]. It cuts the commonest classes to one size. Tasks
// without a share stay as they are. Which labels stay depends on seed and record alone;
// rejected ones do. The error wraps training.ErrOption if a share cannot be had: of n classes
// that there are, one has at least 1/n.
func Balance(labels []Labeled, shares map[Task]float64, seed uint64) ([]Labeled, error) {
	for t, share := range shares {
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("%w: %w", training.ErrOption, err)
		}
		if !(share > 0 && share <= 1) {
			return nil, fmt.Errorf("%w: the greatest share of a class of the task %s is %v: want a number above 0 and at most 1", training.ErrOption, t, share)
		}
	}
	out := map[string]bool{}
	for _, c := range Counts(labels) {
		share, cut := shares[c.Task]
		if !cut {
			continue
		}
		most, ok := limit(c.Classes, share)
		if !ok {
			return nil, fmt.Errorf("%w: the classes of the task %s cannot all have at most %v of the labels, since too few of them have any: label more records, or take a greater share", training.ErrOption, c.Task, share)
		}
		for t := range c.Classes {
			var class []Labeled
			for _, l := range labels {
				if l.Task == c.Task && l.Label == t {
					class = append(class, l)
				}
			}
			rank := func(l Labeled) uint64 { return pseudorandom(seed, "balance", l.key()) }
			slices.SortStableFunc(class, func(a, b Labeled) int { return cmp.Compare(rank(a), rank(b)) })
			for _, l := range class[min(most, len(class)):] {
				out[l.key()] = true
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(labels), func(l Labeled) bool { return !l.Rejected() && out[l.key()] }), nil
}

// limit returns the greatest size of a class at which none has more than share.
func limit(classes map[reflection.Token]int, share float64) (int, bool) {
	most := 0
	for _, n := range classes {
		most = max(most, n)
	}
	fits := func(m int) bool {
		all := 0
		for _, n := range classes {
			all += min(n, m)
		}
		return float64(m) <= share*float64(all)*(1+1e-12) // a third of 3 is 1
	}
	low, high := 0, most // the share of the greatest class grows with the limit
	for low < high {
		m := (low + high + 1) / 2
		if fits(m) {
			low = m
		} else {
			high = m - 1
		}
	}
	return low, low > 0 || most == 0
}
