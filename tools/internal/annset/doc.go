// Package annset holds sets of vectors to measure nearest-neighbor search on: seeded
// synthetic sets, files in .fvecs format, and the exact answers to their queries.
package annset
