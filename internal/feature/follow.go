package feature

// FollowClasses are what can come after a segment, in the order of the model's
// rows.
var FollowClasses = []string{"continue", "retrieve", "end"}

// FollowNames returns the names of the features of [Follow].
func FollowNames() []string {
	return []string{"one", "best", "best squared", "nothing left", "open", "nothing left · open", "segments", "best · segments", "short", "short · open"}
}

// Follow returns the features of the place after a segment: the greatest
// probability that an unused sentence of the passage answers the question (negative
// if there is none), the share of the question that is not covered, the number of
// segments so far (at most eight), and whether the question asks for a short
// answer.
func Follow(best, open float64, segments int, short bool) []float64 {
	left := 0.0
	if best < 0 {
		best, left = 0, 1
	}
	n := float64(min(segments, 8)) / 8
	return []float64{1, best, best * best, left, open, left * open, n, best * n, b2f(short), b2f(short) * open}
}

// UseNames returns the names of the features of [Use].
func UseNames() []string { return []string{"one", "score", "irrelevant", "share"} }

// YesNo holds the classes of the models that answer yes or no.
var YesNo = []string{"no", "yes"}

// Use returns the features of a quote as an answer: its score z, clipped to ±20,
// whether it follows [Irrelevant], and its probability among all alternatives of
// its passage, "nothing" included.
func Use(z float64, irrelevant bool, share float64) []float64 {
	return []float64{1, max(-20, min(20, z)), b2f(irrelevant), share}
}

// FinishedNames returns the names of the features of [Finished].
func FinishedNames() []string { return []string{"one", "covered"} }

// Finished returns the features of an answer that is complete, with no text left
// to judge: the share of the question that it covers.
func Finished(covered float64) []float64 { return []float64{1, covered} }
