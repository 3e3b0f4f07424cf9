// Package testsize tells tests how large to be. By default they are small, so that the
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
