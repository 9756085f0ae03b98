//go:build !race

package portal_test

const slower = 1
