// Package critiquetest has a [critique.Critic] and a [critique.Decider] for tests
// of code that uses them, and the contract suites for implementations.
//
// [Critic] and [Decider] answer by rules and record their inputs. [Verdict] and [Decision]
// make their answers.
//
// [TestCritic] and [TestDecider] check an implementation against every rule of
// the contract:
//
//	func TestContract(t *testing.T) {
//		critiquetest.TestCritic(t, mycritic.New(...))
//	}
package critiquetest
