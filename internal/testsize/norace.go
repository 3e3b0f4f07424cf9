//go:build !race

package testsize

// Racing is set with the race detector.
const Racing = false
