//go:build race

package console_test

// slower is by how much the race detector stretches time.
const slower = 15
