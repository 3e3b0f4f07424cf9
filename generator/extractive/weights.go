package extractive

import "math"

// weights is every number of the model that could be fitted. Features are about
// 0 to 1, so a weight is about the change in log-odds that a feature can make.
type weights struct {
	// sentence scores a sentence as the answer: z_i.
	sentence features
	// nothing and missing score the alternative that nothing here answers:
	// z_0 = nothing + missing · share of the question that stands nowhere in the
	// passages.
	nothing, missing float64
	// answers turns z_i into u, the probability that the sentence answers the
	// question: u = σ(answers.at + answers.by·z_i).
	answers struct{ at, by float64 }
	// afterIrrelevant is what is left of u after [Irrelevant].
	afterIrrelevant float64
	// finished is the same for an answer that is complete: u = σ(finished.at +
	// finished.by · share of the question that the path covers).
	finished struct{ at, by float64 }
	// support holds the log-odds of partial and of no support against full
	// support, for a clean quote, and what is added for a sentence that opens
	// with a pronoun and for one that was cut.
	support struct{ clean, open, cut [2]float64 }
	// after scores what comes after a segment.
	after struct {
		onwards, best float64 // [Continue to Use Evidence] = onwards + best · greatest u of an unused sentence
		fetch, open   float64 // [Retrieval] = fetch + open · share of the question not covered
		done, covered float64 // end = done + covered · share covered + segments · their number
		segments      float64
	}
	// retrieve gives the log-odds of [Retrieval] at the start: retrieveAt + the
	// weighted features.
	retrieveAt float64
	retrieve   retrieveFeatures
}

// byHand is set by hand, with a look at public question sets.
func byHand() weights {
	w := weights{
		sentence: features{
			fCovered:    6,
			fContext:    3.5,
			fPairs:      0.8,
			fShape:      0.6,
			fDefinition: 0.5,
			fFirst:      1.5,
			fShort:      -3,
			fLong:       0.2,
			fNothingNew: -2,
			fAsks:       -1.7,
			fOpen:       -0.3,
		},
		nothing:         2.8,
		missing:         3,
		afterIrrelevant: 0.2,
		retrieveAt:      0.5,
		retrieve: retrieveFeatures{
			rAsks:      2,
			rText:      -5,
			rGiven:     -3,
			rGreets:    -4,
			rCounts:    -5,
			rCreates:   -3,
			rAddresses: -3.5,
			rNames:     1,
			rOneWord:   -0.5,
		},
	}
	w.answers.at, w.answers.by = -4.6, 0.9
	w.finished.at, w.finished.by = -1.5, 3
	w.support.clean = [2]float64{-3, -5}
	w.support.open = [2]float64{2, 0.5}
	w.support.cut = [2]float64{2, 0.5}
	w.after.onwards, w.after.best = -0.7, 3
	w.after.fetch, w.after.open = -1.7, 3
	w.after.done, w.after.covered, w.after.segments = -0.5, 2, 0.4
	return w
}

// logistic is σ, kept far enough from 0 and 1 that no branch of the tree gets a
// probability of zero.
func logistic(x float64) float64 {
	return 1 / (1 + math.Exp(-max(-12, min(12, x))))
}
