package consent_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain draws more histories than is usual, since one costs microseconds.
func TestMain(m *testing.M) {
	if err := flag.Set("rapid.checks", "5000"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
