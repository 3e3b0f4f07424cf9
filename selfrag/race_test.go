//go:build race

package selfrag_test

// raceDetector is set if everything is some ten times slower.
const raceDetector = true
