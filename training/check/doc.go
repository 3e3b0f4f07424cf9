// Package check looks through a file of Self-RAG training data, made by whomever: what it
// holds, what is wrong with it, what a trainer loses by each mask, what is there twice, and
// what is also in an evaluation set.
package check
