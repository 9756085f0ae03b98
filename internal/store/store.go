// Package store is the wall around the databases: transactions, rows and the few points where SQLite and PostgreSQL
// differ. Capabilities write their SQL once, with $1 placeholders, and it runs on both.
//
// Columns hold three kinds of value only: 64-bit integers, text and bytes. Times are UTC microseconds since 1970.
// What a function passed to InTx did is durable when InTx returns nil, and has left no trace when it returns an error.
package store

import (
	"context"
	"errors"
	"iter"
)

// DB is one database. Implementations must be safe for concurrent use.
type DB interface {
	// InTx runs fn in a read-write transaction and commits it durably. Writers run one at a time where the database
	// has one writer. fn may be run again after a serialization failure, so it must not act on the outside.
	InTx(ctx context.Context, fn func(Tx) error) error

	// Read runs fn on one consistent snapshot of what is committed.
	Read(ctx context.Context, fn func(Tx) error) error

	// Dialect tells where this database differs.
	Dialect() Dialect

	// Close waits for transactions under way and closes the database.
	Close() error
}

// Tx is a transaction under way. It must not be used by several goroutines at once, nor while a Query is ranged over.
type Tx interface {
	// Exec runs one statement and returns how many rows it changed.
	Exec(ctx context.Context, sql string, args ...any) (int64, error)

	// Query yields the rows of one statement. An error ends the sequence.
	Query(ctx context.Context, sql string, args ...any) iter.Seq2[Row, error]

	// ExecMany runs one statement once for each set of arguments. Where the database is remote the statement travels
	// with the next round trip, and if it fails, that fails.
	ExecMany(ctx context.Context, sql string, argSets [][]any) error

	// QueryMany runs one query for each set of arguments and yields each row with the index of its set.
	QueryMany(ctx context.Context, sql string, argSets [][]any) iter.Seq2[Found, error]

	// Ahead is QueryMany that where the database is remote travels with the next round trip, and whose rows wait in
	// memory. What it asks for must not be written before they are ranged over.
	Ahead(ctx context.Context, sql string, argSets [][]any) iter.Seq2[Found, error]

	// Load inserts rows by the fastest way there is, and fails as ExecMany does. The rows must be new.
	Load(ctx context.Context, table string, columns []string, rows [][]any) error
}

// Row is the current row of a query. What it returns is valid until the next row is asked for.
type Row interface {
	Int64(col int) int64
	Text(col int) string
	Bytes(col int) []byte
	IsNull(col int) bool
}

// Found is a row that QueryMany found for the argument set Set.
type Found struct {
	Row
	Set int
}

// Dialect is what really differs between the databases.
type Dialect interface {
	// Name is "sqlite" or "postgres".
	Name() string

	// ForUpdate ends a SELECT that must hold its row until the transaction ends; empty where the writer is alone anyway.
	ForUpdate() string

	// NoTable reports whether a statement failed since one of its tables is not there.
	NoTable(err error) bool

	// DDL turns a schema text, written for PostgreSQL, into this database's.
	DDL(schema string) string
}

// ErrNotFound is returned by One when a query has no row.
var ErrNotFound = errors.New("no such row")

// ErrFull says that nothing was written since there is no room: free some, and the next transaction succeeds.
var ErrFull = errors.New("the storage is full")

// ErrFailing says that the storage could not be read or written; whether it recovers is for its owner to see.
var ErrFailing = errors.New("the storage fails")

// ErrForbidden says that the role may not do what was asked of the database, and nothing was written.
var ErrForbidden = errors.New("the database's role may not do this")

// ErrUnavailable says that the database takes no work for the moment, or not in time, and that nothing was written: it
// starts or stops, has no connection left, or others were in the way for too long. Trying again is right.
var ErrUnavailable = errors.New("the database is not available")

// UnconfirmedError says that a commit was asked for and that its outcome is unknown: it may have taken place, now or
// later, or not. Only asking for what it would have written tells.
type UnconfirmedError struct{ Err error }

func (e *UnconfirmedError) Error() string {
	return "the outcome of the commit is unknown: " + e.Err.Error()
}

// Unwrap returns what went wrong with the commit.
func (e *UnconfirmedError) Unwrap() error { return e.Err }

// One calls fn with the only row of a query, or returns ErrNotFound.
func One(rows iter.Seq2[Row, error], fn func(Row)) error {
	found := false
	for row, err := range rows {
		if err != nil {
			return err
		}
		found = true
		fn(row)
	}
	if !found {
		return ErrNotFound
	}
	return nil
}

// Each calls fn with every row of a query.
func Each(rows iter.Seq2[Row, error], fn func(Row) error) error {
	for row, err := range rows {
		if err != nil {
			return err
		}
		if err := fn(row); err != nil {
			return err
		}
	}
	return nil
}
