//go:build race

package phone

// raceEnabled tells tests that the race detector makes everything about ten times slower.
const raceEnabled = true
