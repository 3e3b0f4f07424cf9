//go:build race

package ingest

// raceDetector is set where everything is some ten times slower.
const raceDetector = true
