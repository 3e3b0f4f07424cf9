//go:build !race

package selfrag_test

const raceDetector = false
