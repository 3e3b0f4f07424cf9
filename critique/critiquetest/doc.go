// Package critiquetest has a [critique.Critic] and a [critique.Decider] for tests
// of code that uses them, and the contract suites for implementations.
//
// [Critic] and [Decider] answer by rules and record their inputs. [Verdict] and [Decision]
// make their answers.
//
//	critic := &critiquetest.Critic{Rules: []critiquetest.CriticRule{
//		{When: critiquetest.Uses("bridge"), Answer: critiquetest.Verdict(0.9, [3]float64{1, 0, 0}, [5]float64{0, 0, 0, 0, 1})},
//	}}
//
// [TestCritic] and [TestDecider] check an implementation against every rule of
// the contract:
//
//	func TestContract(t *testing.T) {
//		critiquetest.TestCritic(t, mycritic.New(...))
//	}
package critiquetest
