package sqlite_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
)

var ctx = context.Background()

// TestTheWriterComesBackAfterTheDiskWasFull makes the file full, which breaks the writing connection.
func TestTheWriterComesBackAfterTheDiskWasFull(t *testing.T) {
	db := open(t)
	write := func(size int) error {
		return db.InTx(ctx, func(tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO things (blob) VALUES ($1)", make([]byte, size))
			return err
		})
	}
	err := db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE things (blob BLOB)")
		return errors.Join(err, store.Each(tx.Query(ctx, "PRAGMA max_page_count = 20"), func(store.Row) error { return nil }))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := write(1 << 20); !errors.Is(err, store.ErrFull) {
		t.Fatalf("a large row: got %v, want %v", err, store.ErrFull)
	}
	if err := write(1 << 20); err != nil { // the limit was that connection's
		t.Errorf("on the next connection: got %v", err)
	}
	if n := things(t, db); n != 1 {
		t.Errorf("%d rows, want 1", n)
	}
}

func things(t *testing.T, db store.DB) (n int64) {
	t.Helper()
	err := db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, "SELECT count(*) FROM things"), func(r store.Row) { n = r.Int64(0) })
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestADatabaseWhoseWriterBrokeCloses(t *testing.T) {
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "CREATE TABLE things (blob BLOB)")
		err = errors.Join(err, store.Each(tx.Query(ctx, "PRAGMA max_page_count = 20"), func(store.Row) error { return nil }))
		if err != nil {
			t.Fatal(err)
		}
		_, err = tx.Exec(ctx, "INSERT INTO things (blob) VALUES ($1)", make([]byte, 1<<20))
		return err
	})
	if err == nil {
		t.Fatal("a row larger than the database was taken")
	}
	if err := db.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// TestADamagedFileIsRefused overwrites the file's header.
func TestADamagedFileIsRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	if err := os.WriteFile(path, bytes.Repeat([]byte("no database "), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	if db, err := sqlite.Open(path); err == nil {
		t.Errorf("opened it (close: %v)", db.Close())
	}
	if db, err := sqlite.Open(filepath.Join(t.TempDir(), "missing", "test.db")); err == nil {
		t.Errorf("opened a file in a directory that is not there (close: %v)", db.Close())
	}
}

// logFile is a log in memory that fails where it is told to.
type logFile struct {
	data, synced []byte
	fail         string
}

var errDisk = errors.New("disk")

func (l *logFile) ReadAt(b []byte, at int64) (int, error) {
	if l.fail == "read" {
		return 0, errDisk
	}
	return copy(b, l.data[at:]), nil
}

func (l *logFile) WriteAt(b []byte, at int64) (int, error) {
	if l.fail == "write" {
		return 0, errDisk
	}
	l.synced = append(l.synced[:at], b...)
	return len(b), nil
}

func (l *logFile) Sync() error {
	if l.fail == "sync" {
		return errDisk
	}
	return nil
}

func TestSettlingWritesEveryByteAgain(t *testing.T) {
	for _, size := range []int{0, 1, 4096, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 7} {
		log := &logFile{data: make([]byte, size)}
		for i := range log.data {
			log.data[i] = byte(i * 31 >> 3)
		}
		if err := sqlite.Settle(log, int64(size)); err != nil || !bytes.Equal(log.synced, log.data) {
			t.Errorf("%d bytes: %d were written, %v", size, len(log.synced), err)
		}
	}
	for _, fail := range []string{"read", "write", "sync"} {
		if err := sqlite.Settle(&logFile{data: []byte{1}, fail: fail}, 1); !errors.Is(err, errDisk) {
			t.Errorf("%s fails: got %v", fail, err)
		}
	}
}
