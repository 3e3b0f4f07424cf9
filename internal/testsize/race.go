//go:build race

package testsize

// Racing is set with the race detector, which makes everything some ten times slower. It
// needs each code path and interleaving, not the sizes by which figures are measured.
const Racing = true
