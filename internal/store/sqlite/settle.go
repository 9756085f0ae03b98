package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/consentline/consentline/internal/store"
)

// Log is the file that commits are written to before they reach the database file.
type Log interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// Settle makes durable whatever the log shows: it writes every byte again, as it is, and syncs. The caller must hold
// the write lock of the database.
//
// After a failed sync the kernel shows data that is not on disk and counts as written, so that no later sync writes it.
// A commit left in the log like that would be taken up at the next start, and a power cut would take away with it all
// that was acknowledged since.
func Settle(log Log, size int64) error {
	chunk := make([]byte, min(size, 1<<20))
	for at := int64(0); at < size; at += int64(len(chunk)) {
		chunk = chunk[:min(int64(len(chunk)), size-at)]
		if _, err := log.ReadAt(chunk, at); err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		if _, err := log.WriteAt(chunk, at); err != nil {
			return fmt.Errorf("write the log again: %w", err)
		}
	}
	if err := log.Sync(); err != nil {
		return fmt.Errorf("sync the log: %w", err)
	}
	return nil
}

// settle makes durable what the log beside the database shows, and its name, while whoever else writes is kept out.
func (c *conn) settle(path string) error {
	return c.inTx(context.Background(), "BEGIN IMMEDIATE", func(store.Tx) (err error) {
		log, err := os.OpenFile(path+"-wal", os.O_RDWR, 0) // beginning has made it
		if err != nil {
			return fmt.Errorf("open the log: %w", err)
		}
		defer func() { err = errors.Join(err, log.Close()) }()
		info, err := log.Stat()
		if err != nil {
			return fmt.Errorf("size of the log: %w", err)
		}
		return errors.Join(Settle(log, info.Size()), syncDir(filepath.Dir(path)))
	})
}

func syncDir(path string) error {
	dir, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("sync the directory: %w", err)
	}
	return errors.Join(dir.Sync(), dir.Close())
}
