//go:build race

package portal_test

// slower is by how much the race detector stretches time.
const slower = 15
