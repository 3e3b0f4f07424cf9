//go:build race

package hnsw

// racing makes tests that only measure use less data: here they take ten times as
// long and show nothing more.
const racing = true
