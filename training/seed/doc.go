// Package seed reads the files that Self-RAG's training data was made of, in the layouts of
// the reference's data programs (1fcdc42): a record has a question under the instruction of
// its task, and the answer without control tokens.
package seed
