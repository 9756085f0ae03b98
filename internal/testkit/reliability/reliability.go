// Package reliability gathers what the tests of the promises have measured, and writes docs/RELIABILITY.md from it.
//
// A test counts what it did (states explored, histories checked, kills) with Count. Where the environment names a
// directory, the counts are appended to a file there; elsewhere they are only logged with the test. It stores nothing
// else. Promises, their assumptions, the tests that hold them and what these have found so far stand in this package,
// so that the page says nothing that the code does not.
package reliability

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// Variable is the environment variable that names the directory for figures.
const Variable = "CONSENTLINE_RELIABILITY_DIR"

// file is where in the directory the figures are.
const file = "figures"

// Count notes how much of something a test did. The figures of several tests and runs of one name are added up.
func Count(t testing.TB, name string, n int) {
	t.Helper()
	note(t, name, "+", float64(n))
}

// Measure notes a value, such as seconds; a later one of the same name takes its place.
func Measure(t testing.TB, name string, v float64) {
	t.Helper()
	note(t, name, "=", v)
}

func note(t testing.TB, name, how string, v float64) {
	t.Helper()
	if strings.ContainsAny(name, "\t\n") {
		t.Fatalf("figure %q: want a name without tabs and line breaks", name)
	}
	dir := os.Getenv(Variable)
	if dir == "" {
		return
	}
	f, err := os.OpenFile(filepath.Join(dir, file), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	// One write, so that the lines of packages that are tested at once do not mix.
	_, err = fmt.Fprintf(f, "%s\t%s\t%g\n", name, how, v)
	if closing := f.Close(); err != nil || closing != nil {
		t.Fatal(err, closing)
	}
}

// Figures are what was noted, by name.
type Figures map[string]float64

// Read returns the figures in a directory.
func Read(dir string) (Figures, error) {
	f, err := os.Open(filepath.Join(dir, file))
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	out := Figures{}
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		parts := strings.Split(lines.Text(), "\t")
		if len(parts) != 3 {
			return nil, fmt.Errorf("%s:%d: want a name, + or =, and a value", file, n)
		}
		v, err := strconv.ParseFloat(parts[2], 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", file, n, err)
		}
		if parts[1] == "+" {
			v += out[parts[0]]
		}
		out[parts[0]] = v
	}
	return out, lines.Err()
}
