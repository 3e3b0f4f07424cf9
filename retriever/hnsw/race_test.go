//go:build race

package hnsw

// racing makes tests that only measure use less, where all they do takes ten times as
// long and shows nothing that the others do not.
const racing = true
