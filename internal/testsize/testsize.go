// Package testsize sets the sizes of tests. By default they are small, so that the
// tests of the module take less than a minute. With the environment variable GOSELFRAG_FULL
// set to anything they have their full sizes, as in CI.
package testsize

import "os"

// Full reports whether GOSELFRAG_FULL is set and not empty.
func Full() bool { return os.Getenv("GOSELFRAG_FULL") != "" }

// Of returns full if [Full] reports true, and small otherwise.
func Of(small, full int) int {
	if Full() {
		return full
	}
	return small
}

// Long is [Of] for tests whose full size takes many minutes: with GOSELFRAG_FULL they have the
// size more, and full only if it is "all".
func Long(small, more, full int) int {
	if os.Getenv("GOSELFRAG_FULL") == "all" {
		return full
	}
	return Of(small, more)
}

// Raced returns small if [Racing] is set, and n otherwise.
func Raced(small, n int) int {
	if Racing {
		return small
	}
	return n
}
