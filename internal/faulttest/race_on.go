//go:build race

package faulttest

// raceDetector says that the tests run with the race detector, and so the server does.
const raceDetector = true
