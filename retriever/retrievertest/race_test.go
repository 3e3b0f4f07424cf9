//go:build race

package retrievertest_test

// raceDetector is set where everything is some ten times slower.
const raceDetector = true
