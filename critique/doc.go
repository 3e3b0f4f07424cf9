// Package critique holds the contract between the engine and the judges of its
// candidates: [Critic], which fills in IsREL, IsSUP and IsUSE, and [Decider], which
// decides whether to retrieve.
//
// [Tokens] is the critic of Self-RAG: it reads the reflection tokens that the
// generator produced. A model without such tokens needs another critic; package
// judge asks a model for labels.
//
// A critic only turns text into distributions; package scoring turns distributions
// into numbers. Package critiquetest has scripted fakes and the contract suite.
package critique
