package powercut

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
)

// DB is a database on a disk. It behaves as the product's does, with one reader in place of a pool.
type DB struct {
	disk     *Disk
	settings []string

	mu     sync.Mutex // held by the one writer
	writer *conn

	readMu sync.Mutex // held by the one reader
	reader *conn

	closed bool // changed under both locks
}

// Open opens or creates the database of a disk, with the product's settings and then those given.
func Open(disk *Disk, settings ...string) (*DB, error) {
	db := &DB{disk: disk, settings: append(sqlite.Settings(), settings...)}
	w, err := db.connectWriter()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	db.writer = w
	return db, nil
}

// connectWriter connects and settles the log, as the product does.
func (db *DB) connectWriter() (*conn, error) {
	c, err := db.connect()
	if err != nil {
		return nil, err
	}
	err = c.inTx(context.Background(), "BEGIN IMMEDIATE", func(store.Tx) error {
		log := db.disk.log()
		if log == nil {
			return errors.New("there is no log")
		}
		return errors.Join(sqlite.Settle(log, int64(len(log.inode.live))), db.disk.syncNames())
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("settle the log: %w", err), c.close())
	}
	return c, nil
}

func (db *DB) connect() (*conn, error) {
	raw, err := sqlite3.Open("file:" + databaseName + "?vfs=" + db.disk.name)
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, statements: map[string]*statement{}}
	for _, s := range db.settings {
		if err := raw.Exec("PRAGMA " + s); err != nil {
			return nil, errors.Join(fmt.Errorf("set %s: %w", s, err), c.close())
		}
	}
	return c, nil
}

func (db *DB) connectReader() (*conn, error) {
	c, err := db.connect()
	if err != nil {
		return nil, err
	}
	if err := c.raw.Exec("PRAGMA query_only = 1"); err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// Dialect returns the product's for SQLite.
func (db *DB) Dialect() store.Dialect { return (&sqlite.DB{}).Dialect() }

// InTx runs fn alone and commits; after an input/output error the connection is opened anew.
func (db *DB) InTx(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return errors.New("database is closed")
	}
	return with(&db.writer, db.connectWriter, func(c *conn) error { return c.inTx(ctx, "BEGIN IMMEDIATE", fn) })
}

// Read runs fn on a snapshot.
func (db *DB) Read(ctx context.Context, fn func(store.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.readMu.Lock()
	defer db.readMu.Unlock()
	if db.closed {
		return errors.New("database is closed")
	}
	return with(&db.reader, db.connectReader, func(c *conn) error { return c.inTx(ctx, "BEGIN", fn) })
}

// with runs fn on a connection, which it makes if there is none and drops if it broke.
func with(held **conn, connect func() (*conn, error), fn func(*conn) error) error {
	if *held == nil {
		c, err := connect()
		if err != nil {
			return fmt.Errorf("reopen: %w", err)
		}
		*held = c
	}
	err := fn(*held)
	if broken(err) {
		err = errors.Join(err, (*held).close())
		*held = nil
	}
	return err
}

func broken(err error) bool {
	return errors.Is(err, sqlite3.IOERR) || errors.Is(err, sqlite3.CORRUPT) || errors.Is(err, sqlite3.FULL) || errors.Is(err, sqlite3.NOTADB)
}

// Checkpoint copies the log into the database file and empties it, as SQLite does when the log has grown long.
func (db *DB) Checkpoint() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	return with(&db.writer, db.connectWriter, func(c *conn) error { return c.raw.Exec("PRAGMA wal_checkpoint(TRUNCATE)") })
}

// Close waits for the transactions under way.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	db.readMu.Lock()
	defer db.readMu.Unlock()
	db.closed = true
	err := errors.Join(db.reader.close(), db.writer.close())
	db.reader, db.writer = nil, nil
	return err
}
