//go:build !race

package retrievertest_test

const raceDetector = false
