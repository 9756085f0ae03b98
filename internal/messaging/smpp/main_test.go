package smpp

import (
	"os"
	"testing"

	"github.com/consentline/consentline/internal/testkit/dbtest"
)

// TestMain runs the tests on every database that the product runs on.
func TestMain(m *testing.M) { os.Exit(dbtest.Run(m)) }
