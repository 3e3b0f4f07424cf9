// Package critique holds the contract between the engine and the judges of its
// candidates: [Critic], which fills in IsREL, IsSUP and IsUSE, and [Decider], which
// decides whether to retrieve.
//
// [Tokens] is the critic of Self-RAG: it reads the reflection tokens that the
// generator produced, and is the default of the engine. A model without such tokens
// needs another critic: package critique/judge asks a model for labels. Give it to
// selfrag.WithCritic and, as a decider, to selfrag.WithDecider.
//
// The groups of reflection tokens are Retrieve (are passages needed), IsREL (is the
// passage relevant), IsSUP (does it support the text) and IsUSE (how useful is the
// answer, 1 to 5); package reflection has them.
//
// A critic only turns text into distributions; package scoring turns distributions
// into numbers.
//
// Package critiquetest has scripted fakes and the contract suite.
package critique
