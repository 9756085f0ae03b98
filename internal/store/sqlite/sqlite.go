// Package sqlite is the embedded database: one file in write-ahead mode, one writer, several readers.
//
// A commit is on disk before it is answered: synchronous=FULL is asserted when the file is opened, since with NORMAL a
// power cut forgets acknowledged commits and nothing else shows it.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/consentline/consentline/internal/store"
)

// DB is an open database file.
type DB struct {
	path    string
	readers *sqlitex.Pool

	mu     sync.Mutex // held by the one writer
	writer *conn
	closed bool

	preparedMu sync.Mutex
	prepared   map[*sqlite.Conn]*conn // the readers' statements
}

// minVersion is the first SQLite without the WAL-reset bug, which can corrupt a database under concurrent checkpoints
// (https://sqlite.org/wal.html).
const minVersion = 3051003

// Open opens or creates the database file at path.
func Open(path string) (*DB, error) {
	db := &DB{path: path, prepared: map[*sqlite.Conn]*conn{}}
	err := assertOurs(path)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	if db.writer, err = openWriter(path); err != nil {
		return nil, fmt.Errorf("open %s: %w", path, err)
	}
	db.readers, err = sqlitex.NewPool(path, sqlitex.PoolOptions{
		Flags:    sqlite.OpenReadWrite | sqlite.OpenWAL,
		PoolSize: max(4, 2*runtime.GOMAXPROCS(0)),
		PrepareConn: func(c *sqlite.Conn) error {
			return pragmas(c, "query_only = 1", "cache_size = -16384", "mmap_size = 1073741824")
		},
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open readers of %s: %w", path, err), db.writer.raw.Close())
	}
	return db, nil
}

func openWriter(path string) (*conn, error) {
	if err := makeFile(path); err != nil {
		return nil, err
	}
	raw, err := sqlite.OpenConn(path, sqlite.OpenReadWrite, sqlite.OpenCreate, sqlite.OpenWAL)
	if err != nil {
		return nil, err
	}
	c := newConn(raw)
	if err := errors.Join(configure(raw), assertDurable(c)); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	if err := c.settle(path); err != nil {
		return nil, errors.Join(fmt.Errorf("settle the log: %w", err), raw.Close())
	}
	return c, nil
}

// makeFile makes a new database's file, which nobody but its owner may read; the log beside it gets the same mode.
func makeFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func configure(raw *sqlite.Conn) error {
	raw.SetBlockOnBusy()
	return pragmas(raw, Settings()...)
}

// Settings returns the pragmas of the connection that writes, in order; tests of other SQLite builds use them too.
func Settings() []string {
	return []string{
		"journal_mode = WAL", "synchronous = FULL", "fullfsync = 1", "checkpoint_fullfsync = 1",
		"cache_size = -131072", "mmap_size = 1073741824", "temp_store = MEMORY", "wal_autocheckpoint = 16000",
		// What is erased must not stay readable in the file's free pages.
		"secure_delete = ON",
	}
}

func pragmas(c *sqlite.Conn, settings ...string) error {
	for _, s := range settings {
		if err := sqlitex.ExecuteTransient(c, "PRAGMA "+s, nil); err != nil {
			return fmt.Errorf("set %s: %w", s, err)
		}
	}
	return nil
}

// assertDurable refuses a database that would forget what it acknowledged.
func assertDurable(c *conn) error {
	var version, synchronous int64
	var mode string
	ctx := context.Background()
	err := errors.Join(
		store.One(c.Query(ctx, "SELECT sqlite_version()"), func(r store.Row) { version = versionNumber(r.Text(0)) }),
		store.One(c.Query(ctx, "PRAGMA synchronous"), func(r store.Row) { synchronous = r.Int64(0) }),
		store.One(c.Query(ctx, "PRAGMA journal_mode"), func(r store.Row) { mode = r.Text(0) }),
	)
	switch {
	case err != nil:
		return err
	case version < minVersion:
		return fmt.Errorf("SQLite %d is too old: %d or later is needed, which has the WAL-reset fix", version, minVersion)
	case synchronous < 2 || mode != "wal":
		return fmt.Errorf("database is not durable: journal_mode=%s synchronous=%d, want wal and 2 (FULL)", mode, synchronous)
	}
	return nil
}

func versionNumber(s string) int64 {
	var major, minor, patch int64
	if _, err := fmt.Sscanf(s, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return 0
	}
	return major*1_000_000 + minor*1000 + patch
}

// Dialect returns SQLite's.
func (db *DB) Dialect() store.Dialect { return dialect{} }

// Close waits for the transactions under way.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return nil
	}
	db.closed = true
	err := db.readers.Close()
	if db.writer != nil { // it broke, and was not needed since
		err = errors.Join(err, db.writer.raw.Close())
	}
	return err
}

// InTx runs fn alone, and commits with an fsync. After an input/output error the connection is opened anew, since
// SQLite's and the kernel's idea of what is on disk may then differ.
func (db *DB) InTx(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errors.New("database is closed")
	}
	if db.writer == nil {
		w, err := openWriter(db.path)
		if err != nil {
			return fmt.Errorf("reopen %s: %w", db.path, err)
		}
		db.writer = w
	}
	err := db.writer.inTx(ctx, "BEGIN IMMEDIATE", fn)
	if broken(err) {
		err = errors.Join(told(err), db.writer.raw.Close())
		db.writer = nil
	}
	return err
}

// told adds to an error what of it callers decide by.
func told(err error) error {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultFull:
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	case sqlite.ResultIOErr:
		return fmt.Errorf("%w: %w", store.ErrFailing, err)
	}
	return err
}

func broken(err error) bool {
	switch sqlite.ErrCode(err).ToPrimary() {
	case sqlite.ResultIOErr, sqlite.ResultCorrupt, sqlite.ResultFull, sqlite.ResultNotADB:
		return true
	}
	return false
}

// Read runs fn on a snapshot.
func (db *DB) Read(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	raw, err := db.readers.Take(ctx)
	if err != nil {
		return fmt.Errorf("take a reader: %w", because(ctx, err))
	}
	defer db.readers.Put(raw)
	return because(ctx, db.reader(raw).inTx(ctx, "BEGIN", fn))
}

// because adds to the error of an interrupted read the end of the context that interrupted it.
func because(ctx context.Context, err error) error {
	if sqlite.ErrCode(err) == sqlite.ResultInterrupt {
		return errors.Join(ctx.Err(), err)
	}
	return err
}

func (db *DB) reader(raw *sqlite.Conn) *conn {
	db.preparedMu.Lock()
	defer db.preparedMu.Unlock()
	c, ok := db.prepared[raw]
	if !ok {
		c = newConn(raw)
		db.prepared[raw] = c
	}
	return c
}

type dialect struct{}

func (dialect) Name() string      { return "sqlite" }
func (dialect) ForUpdate() string { return "" }

// NoTable differs because SQLite has no code for it, only a text that has not changed since its first release.
func (dialect) NoTable(err error) bool {
	return sqlite.ErrCode(err).ToPrimary() == sqlite.ResultError && strings.Contains(err.Error(), "no such table")
}

// DDL differs because only INTEGER PRIMARY KEY is SQLite's row id, and a table is clustered on another key only when
// it has no row id.
func (dialect) DDL(schema string) string {
	return strings.NewReplacer(
		"BIGINT PRIMARY KEY", "INTEGER PRIMARY KEY",
		"BIGINT", "INTEGER",
		"BYTEA", "BLOB",
		"/* clustered */", "WITHOUT ROWID",
	).Replace(schema)
}
