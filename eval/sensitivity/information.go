package sensitivity

import (
	"math"
	"math/rand/v2"

	"github.com/goselfrag/goselfrag/reflection"
)

// Information is the mutual information between the labels of two groups.
type Information struct {
	A reflection.Group `json:"a"`
	B reflection.Group `json:"b"`
	// Candidates is how many candidates have a label of both groups: only they count.
	Candidates int `json:"candidates"`
	// Bits is the mutual information between the labels, 0 if they are independent, at
	// most the entropy of either; it is biased upward by chance.
	Bits float64 `json:"bits"`
	// Chance is the mean of Bits when the labels of B are shuffled: the bias.
	Chance float64 `json:"chance"`
	// P is the share of shuffles, the unshuffled labels among them, with at least as
	// many bits.
	P float64 `json:"p"`
}

// MutualInformation returns the mutual information between each two groups, in bits,
// over the candidates of all traces: of the likeliest label of each judgment and, for
// Retrieve, of the decision before the candidate. If one group determines another, the
// score counts the same information twice.
//
// Labels are shuffled the given number of times, at least once: decisions as a whole,
// labels of other groups candidate by candidate. Shuffling ignores that candidates of one
// question are dependent. So P is too low where questions differ more than their
// candidates do. The error is an *[InputError]. Traces need not be full.
func MutualInformation(questions []Question, shuffles int, seed uint64) ([]Information, error) {
	if err := checkQuestions(questions); err != nil {
		return nil, err
	}
	if shuffles < 1 {
		return nil, inputError("shuffles", "is %d: want at least 1", shuffles)
	}
	rows, decisions := labels(questions)
	groups := reflection.Groups()
	var out []Information
	for i, a := range groups {
		for _, b := range groups[i+1:] {
			out = append(out, information(rows, decisions, a, b, shuffles, rand.New(rand.NewPCG(seed, uint64(len(out))))))
		}
	}
	return out, nil
}

// labeled holds the labels of one candidate by group, -1 for none, and the number of
// the decision that came before it.
type labeled struct {
	labels   [reflection.IsUSE + 1]int
	decision int
}

// labels returns the candidates and the labels of the decisions.
func labels(questions []Question) (rows []labeled, decisions []int) {
	for i := range questions {
		for _, e := range questions[i].Trace.Expansions {
			if e == nil {
				continue
			}
			d := -1
			if e.Decision.Dist.Group == reflection.Retrieve {
				d = top(&e.Decision.Dist)
			}
			for j := range e.Candidates {
				cr := &e.Candidates[j].Critique
				r := labeled{decision: len(decisions)}
				r.labels[reflection.Retrieve] = d
				r.labels[reflection.IsREL] = judgedLabel(&cr.IsREL, reflection.IsREL)
				r.labels[reflection.IsSUP] = judgedLabel(&cr.IsSUP, reflection.IsSUP)
				r.labels[reflection.IsUSE] = judgedLabel(&cr.IsUSE, reflection.IsUSE)
				rows = append(rows, r)
			}
			decisions = append(decisions, d)
		}
	}
	return rows, decisions
}

func judgedLabel(j *reflection.Judgment, g reflection.Group) int {
	if j.Status != reflection.StatusJudged || j.Dist.Group != g {
		return -1
	}
	return top(&j.Dist)
}

func information(rows []labeled, decisions []int, a, b reflection.Group, shuffles int, random *rand.Rand) Information {
	var as, bs, of []int
	for i := range rows {
		if x, y := rows[i].labels[a], rows[i].labels[b]; x >= 0 && y >= 0 {
			as, bs, of = append(as, x), append(bs, y), append(of, rows[i].decision)
		}
	}
	out := Information{A: a, B: b, Candidates: len(as), Bits: bits(as, bs), P: 1}
	if len(as) == 0 {
		return out
	}
	// Only the decisions of candidates that count are shuffled.
	var own []int // of decisions
	if a == reflection.Retrieve {
		for i, d := range of {
			if i == 0 || of[i-1] != d {
				own = append(own, decisions[d])
			}
		}
	}
	total, reached := 0.0, 1
	for range shuffles {
		if a == reflection.Retrieve {
			random.Shuffle(len(own), func(i, j int) { own[i], own[j] = own[j], own[i] })
			at := -1
			for i, d := range of {
				if i == 0 || of[i-1] != d {
					at++
				}
				as[i] = own[at]
			}
		} else {
			random.Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] })
		}
		v := bits(as, bs)
		total += v
		if v >= out.Bits-1e-12 { // equal tables must not differ by rounding
			reached++
		}
	}
	out.Chance = total / float64(shuffles)
	out.P = float64(reached) / float64(shuffles+1)
	return out
}

// bits returns the mutual information of pairs of labels.
func bits(as, bs []int) float64 {
	var both [reflection.MaxGroupSize][reflection.MaxGroupSize]float64
	var left, right [reflection.MaxGroupSize]float64
	for i := range as {
		both[as[i]][bs[i]]++
		left[as[i]]++
		right[bs[i]]++
	}
	n, sum := float64(len(as)), 0.0
	for i := range both {
		for j, c := range both[i] {
			if c > 0 {
				sum += float64(c / n * math.Log2(c*n/(left[i]*right[j])))
			}
		}
	}
	return max(0, sum)
}
