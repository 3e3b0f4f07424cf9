// Package critique holds the contract between the engine and whatever judges its
// candidates: [Critic], which fills in IsREL, IsSUP and IsUSE, and [Decider],
// which says whether to retrieve.
//
// [Tokens] is the critic of Self-RAG proper: it reads the reflection tokens the
// generator produced. Other critics can stand in for a model that has none; package
// judge asks a model for labels.
//
// A critic turns text into distributions and nothing more; package scoring turns
// distributions into numbers. Package critiquetest has scripted fakes and the
// contract suite.
package critique
