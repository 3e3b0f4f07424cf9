//go:build race

package adapt

// racing makes the worlds, which only measure, small where all they do takes ten times as
// long: the code that runs is the same, and their figures are checked without it.
const racing = true
