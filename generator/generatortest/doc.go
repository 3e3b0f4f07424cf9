// Package generatortest has models for tests of code that uses a
// [generator.Generator], and the contract suite for implementations.
//
// # Fakes
//
// [Script] answers requests by rules and records the requests. Its answers are
// written with [Segment], [Decision], [Judge] and [Words]. These give every token
// the probabilities that the test states, so that the scores of an answer can be
// computed by hand. A rule can also be slow, fail, stall, or break the contract of
// Generator on purpose ([Fault]).
//
//	model := &generatortest.Script{Rules: []generatortest.Rule{
//		{When: generatortest.Decides(), Steps: generatortest.Decision(0.9)},
//		{When: generatortest.Shows("bridge"), Steps: generatortest.Segment(0.9, "It was built in 1702.",
//			[3]float64{0.8, 0.1, 0.1}, [5]float64{0, 0, 0, 0, 1})},
//	}}
//
// [Random] is a small language model whose distributions are all known exactly. It
// has every power, and it can withhold its probabilities as servers do
// (Random.Level). Use it to compare code with an enumeration, or to run the same
// question at several levels of knowledge.
//
// [Bare] hides the powers of a model, the optional interfaces of package generator.
//
// # Contract suite
//
// [TestGenerator] checks an implementation against every rule of the contract, bare
// and wrapped:
//
//	func TestContract(t *testing.T) {
//		generatortest.TestGenerator(t, mybackend.New(...))
//	}
package generatortest
