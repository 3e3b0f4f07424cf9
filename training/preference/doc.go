// Package preference makes pairs of a better and a worse answer from stored traces of package
// selfrag: the critic that scored the candidates is the reward model. Trainers for direct
// preference optimization (DPO) read them.
//
//	pairs, err := preference.Pairs(trace, preference.Options{})
//
// The candidates of one point of a search answer the same question after the same beginning,
// each from its own passage, and are scored by the same critic. The one with the highest
// score is chosen over the one with the lowest. Their difference is the margin.
package preference
