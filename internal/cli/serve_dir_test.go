package cli_test

import (
	"os"
	"testing"
)

func TestADataDirectoryThatOthersMayWriteToIsNotServed(t *testing.T) {
	for _, mode := range []os.FileMode{0o777, 0o770, 0o702} {
		dir := t.TempDir()
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, errs := run(t, 1, "serve", "--data", dir, "--listen", "127.0.0.1:0")
		in(t, errs, "others may write", "chmod go-w "+dir)
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("mode %04o: %v were made, %v", mode, left, err)
		}
	}
}
