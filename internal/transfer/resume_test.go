package transfer

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

func fingerprint(t *testing.T, file []byte) Fingerprint {
	t.Helper()
	f, err := FingerprintOf(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestACheckpointIsSavedWhole(t *testing.T) {
	path := filepath.Join(t.TempDir(), "import.checkpoint")
	if _, err := LoadCheckpoint(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("before the first: got %v, want %v", err, os.ErrNotExist)
	}
	want := Checkpoint{
		Version: checkpointVersion, File: fingerprint(t, []byte("a,b\n")), Plan: "klaviyo", Row: 3, Offset: 99,
		Counts:   Counts{Read: 3, Accepted: 1, Duplicates: 1, Skipped: 1},
		Rejected: map[string]int{"bad_date": 2}, Skipped: map[string]int{"no_status": 1},
	}
	for range 2 { // the second replaces the first
		want.Row++
		if err := want.Save(path); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadCheckpoint(path); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("beside the checkpoint: got %v, %v, want nothing", files, err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode: got %v, %v, want 0600", info.Mode(), err)
	}
}

func TestAFailedSaveLeavesTheFormerCheckpoint(t *testing.T) {
	// A directory in the checkpoint's place is what a rename cannot replace.
	path := filepath.Join(t.TempDir(), "import.checkpoint")
	if err := os.MkdirAll(filepath.Join(path, "former"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (Checkpoint{}).Save(path); err == nil {
		t.Fatal("saved over a directory")
	}
	files, err := os.ReadDir(filepath.Dir(path))
	if err != nil || len(files) != 1 {
		t.Errorf("left behind: got %v, %v, want only the former", files, err)
	}
}

func TestACheckpointOfAnotherRunIsRefused(t *testing.T) {
	big := bytes.Repeat([]byte("0123456789abcdef"), 20<<10) // 320 KiB, more than both ends
	head, middle, tail, longer := bytes.Clone(big), bytes.Clone(big), bytes.Clone(big), append(bytes.Clone(big), 'x')
	head[0], middle[len(big)/2], tail[len(big)-1] = 'x', 'x', 'x'
	c := Checkpoint{File: fingerprint(t, big), Plan: "plan"}
	for name, file := range map[string][]byte{"head": head, "tail": tail, "size": longer} {
		if err := c.Check(fingerprint(t, file), "plan"); !errors.Is(err, ErrFileChanged) {
			t.Errorf("%s changed: got %v, want %v", name, err, ErrFileChanged)
		}
	}
	if err := c.Check(fingerprint(t, middle), "plan"); err != nil {
		t.Errorf("the middle is not looked at: got %v", err)
	}
	if err := c.Check(fingerprint(t, big), "other"); !errors.Is(err, ErrPlanChanged) {
		t.Errorf("got %v, want %v", err, ErrPlanChanged)
	}
}

func TestBrokenCheckpointsAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "import.checkpoint")
	for _, text := range []string{"", "{", `{"version":99}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := LoadCheckpoint(path); err == nil {
			t.Errorf("%q: got %+v, want an error", text, c)
		}
	}
}

func TestAFileShorterThanSaidHasNoFingerprint(t *testing.T) {
	if _, err := FingerprintOf(bytes.NewReader([]byte("abc")), 10); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", err, io.ErrUnexpectedEOF)
	}
}
