package ledger_test

import (
	"errors"
	"flag"
	"os"
	"testing"

	"github.com/consentline/consentline/internal/testkit/dbtest"
)

// TestMain runs the tests. A sequence of appends costs many syncs, so fewer are drawn than is usual; -rapid.checks and -rapid.steps ask for more.
func TestMain(m *testing.M) {
	if err := errors.Join(flag.Set("rapid.checks", "40"), flag.Set("rapid.steps", "16")); err != nil {
		panic(err)
	}
	os.Exit(dbtest.Run(m))
}
