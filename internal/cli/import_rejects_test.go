package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/transfer"
)

func reject(row int64) *transfer.FieldError {
	return &transfer.FieldError{Row: row, Column: "state", Code: transfer.CodeUnknownStatus, Message: "what is that"}
}

// TestNoRejectIsLostWhenARunThatGoesOnIsKilled looks at the file at each moment at which it could be all that is left.
func TestNoRejectIsLostWhenARunThatGoesOnIsKilled(t *testing.T) {
	path := filepath.Join(t.TempDir(), "rejected.csv")
	held := func() string {
		t.Helper()
		text, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
		return string(text)
	}
	first, err := openRejects(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []int64{2, 3, 9} {
		if err := first.add(reject(row), []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := first.flush(); err != nil { // and the run is killed after a checkpoint that covers row 5
		t.Fatal(err)
	}
	second, err := openRejects(path, 5)
	if err != nil {
		t.Fatal(err)
	}
	if got := held(); !strings.Contains(got, "\n2,") || !strings.Contains(got, "\n3,") || strings.Contains(got, "\n9,") {
		t.Errorf("as the second run begins: got %q, want rows 2 and 3", got)
	}
	if err := second.add(reject(7), []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := second.close(); err != nil {
		t.Fatal(err)
	}
	if got := held(); strings.Count(got, "\n") != 4 || !strings.Contains(got, "\n7,") {
		t.Errorf("at its end: got %q, want rows 2, 3 and 7", got)
	}
	others, err := filepath.Glob(path + ".*")
	if err != nil || len(others) > 0 {
		t.Errorf("files are left behind: %v, %v", others, err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("got mode %v, %v; want 0600: it holds numbers", info.Mode(), err)
	}
	if err := first.close(); err != nil {
		t.Fatal(err)
	}
}
