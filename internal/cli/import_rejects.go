package cli

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/consentline/consentline/internal/transfer"
)

// rejectFile keeps the rows that were not taken. It is made with the first of them: a complete import leaves none.
type rejectFile struct {
	path  string
	file  *os.File
	w     *transfer.Rejects
	count int
}

// openRejects begins a file of rejects. Of one that an earlier run began it keeps the rows up to the given one, which
// are settled; the others are met again.
func openRejects(path string, settled int64) (*rejectFile, error) {
	r := &rejectFile{path: path}
	if path == os.DevNull {
		return r, nil
	}
	kept, err := keptRejects(path, settled)
	if err != nil {
		return nil, err
	}
	if len(kept) > 0 {
		return r, r.rewrite(kept)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return r, nil
}

// rewrite puts a file that holds these rows alone in the place of the former. A crash leaves the one or the other.
func (r *rejectFile) rewrite(kept []keptReject) (err error) {
	dir := filepath.Dir(r.path)
	if r.file, err = os.CreateTemp(dir, filepath.Base(r.path)+".*.tmp"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, r.file.Close(), os.Remove(r.file.Name()))
		}
	}()
	r.w = transfer.NewRejects(r.file, transfer.WriterOptions{})
	for _, k := range kept {
		if err = r.add(k.reason, k.original); err != nil {
			return err
		}
	}
	if err = r.flush(); err != nil {
		return err
	}
	if err = os.Rename(r.file.Name(), r.path); err != nil {
		return err
	}
	return transfer.SyncDirectory(dir)
}

type keptReject struct {
	reason   *transfer.FieldError
	original []byte
}

func keptRejects(path string, settled int64) (kept []keptReject, err error) {
	if settled == 0 {
		return nil, nil
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := transfer.NewReader(f, transfer.Options{Delimiter: ','})
	if _, err := in.Header(); err != nil {
		return nil, nil //nolint:nilerr // a file that was cut before its first row holds nothing
	}
	for {
		rec, err := in.Read()
		if errors.Is(err, io.EOF) {
			return kept, nil
		}
		if err != nil {
			return nil, err
		}
		row, err := strconv.ParseInt(string(rec.Field(0)), 10, 64)
		if err != nil || row > settled || rec.Flaws != 0 {
			continue
		}
		kept = append(kept, keptReject{
			&transfer.FieldError{Row: row, Code: transfer.Code(rec.Field(1)), Column: string(rec.Field(2)), Message: string(rec.Field(3))},
			append([]byte(nil), rec.Field(4)...),
		})
	}
}

func (r *rejectFile) add(reason *transfer.FieldError, original []byte) error {
	r.count++
	if r.path == os.DevNull {
		return nil
	}
	if r.file == nil {
		// It holds numbers: for the owner's eyes.
		f, err := os.OpenFile(r.path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return err
		}
		r.file, r.w = f, transfer.NewRejects(f, transfer.WriterOptions{})
		if err := transfer.SyncDirectory(filepath.Dir(r.path)); err != nil {
			return err
		}
	}
	return r.w.Add(reason, original)
}

// flush makes what was added durable: only then may a checkpoint count it.
func (r *rejectFile) flush() error {
	if r.file == nil {
		return nil
	}
	if err := r.w.Flush(); err != nil {
		return err
	}
	if err := r.file.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // a pipe or a terminal has nothing to sync
		return err
	}
	return nil
}

func (r *rejectFile) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.flush(), r.file.Close())
}
