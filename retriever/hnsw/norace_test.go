//go:build !race

package hnsw

const racing = false
