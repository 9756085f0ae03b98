package postgres

import (
	"bytes"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consentline/consentline/internal/store"
)

// tx is a transaction under way on one connection.
//
// Statements are sent unnamed, with the types of their parameters known from an earlier description: nothing that a
// connection pooler between transactions would lose. What nobody waits for travels with the next round trip, see travel.
type tx struct {
	db *DB
	pg *pgconn.PgConn

	begin   string // how the transaction begins, until the server has been told
	pending []statement
	size    int   // of what is pending, in bytes
	failed  error // why nothing can follow but the end
}

var _ store.Tx = (*tx)(nil)

// paramTypes returns the types of a statement's parameters, asking the server the first time.
func (t *tx) paramTypes(ctx context.Context, sql string) ([]uint32, error) {
	if types, ok := t.db.described.Load(sql); ok {
		return types.([]uint32), nil
	}
	// What is pending goes first: it may make the table that the statement is about.
	if err := t.start(ctx); err != nil {
		return nil, err
	}
	d, err := t.pg.Prepare(ctx, "", sql, nil)
	if err != nil {
		return nil, describe(err, sql)
	}
	t.db.described.Store(sql, d.ParamOIDs)
	return d.ParamOIDs, nil
}

func describe(err error, sql string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%.60q: %w", sql, err)
}

// Exec implements store.Tx.
func (t *tx) Exec(ctx context.Context, sql string, args ...any) (changed int64, err error) {
	st, err := t.statement(ctx, sql, [][]any{args})
	if err != nil {
		return 0, err
	}
	st.each = func(_ int, rr *pgconn.ResultReader) (bool, error) {
		tag, err := rr.Close()
		changed = tag.RowsAffected()
		return true, err
	}
	_, err = t.travel(ctx, st)
	return changed, err
}

// Query implements store.Tx.
func (t *tx) Query(ctx context.Context, sql string, args ...any) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for found, err := range t.QueryMany(ctx, sql, [][]any{args}) {
			if !yield(found.Row, err) {
				return
			}
		}
	}
}

// each calls fn with the rows of a result until it has had enough; more tells which.
func each(ctx context.Context, rr *pgconn.ResultReader, fn func(*row) bool) (more bool, err error) {
	more, err = eachRow(ctx, rr, fn)
	if _, closing := rr.Close(); err == nil && more {
		err = closing
	}
	return more, err
}

func eachRow(ctx context.Context, rr *pgconn.ResultReader, fn func(*row) bool) (more bool, err error) {
	var r row
	for n := 1; rr.NextRow(); n++ {
		if n%1024 == 0 && ctx.Err() != nil { // many rows may have arrived before the context ended
			return true, ctx.Err()
		}
		if r.types == nil {
			if r.types, err = columnTypes(rr.FieldDescriptions()); err != nil {
				return true, err
			}
		}
		r.values = rr.Values()
		if !fn(&r) {
			return false, nil
		}
	}
	return true, nil
}

// together is how many executions of one statement travel together.
const together = 1000

// ExecMany implements store.Tx.
func (t *tx) ExecMany(ctx context.Context, sql string, argSets [][]any) error {
	for chunk := range slices.Chunk(argSets, together) {
		st, err := t.statement(ctx, sql, chunk)
		if err != nil {
			return err
		}
		if err := t.later(ctx, st); err != nil {
			return err
		}
	}
	return nil
}

// QueryMany implements store.Tx.
func (t *tx) QueryMany(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	return func(yield func(store.Found, error) bool) {
		for done := 0; done < len(argSets); done += together {
			st, err := t.statement(ctx, sql, argSets[done:min(done+together, len(argSets))])
			if err != nil {
				yield(store.Found{}, err)
				return
			}
			st.each = func(set int, rr *pgconn.ResultReader) (bool, error) {
				return each(ctx, rr, func(r *row) bool { return yield(store.Found{Row: r, Set: done + set}, nil) })
			}
			more, err := t.travel(ctx, st)
			if err != nil {
				yield(store.Found{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// Ahead implements store.Tx.
func (t *tx) Ahead(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	var rows []keptRow
	var failed error
	for start := 0; start < len(argSets) && failed == nil; start += together {
		var st statement
		if st, failed = t.statement(ctx, sql, argSets[start:min(start+together, len(argSets))]); failed != nil {
			break
		}
		st.each = func(set int, rr *pgconn.ResultReader) (bool, error) {
			return each(ctx, rr, func(r *row) bool { rows = append(rows, r.keep(start+set)); return true })
		}
		failed = t.later(ctx, st)
	}
	return func(yield func(store.Found, error) bool) {
		if failed == nil {
			failed = t.flush(ctx)
		}
		if failed != nil {
			yield(store.Found{}, failed)
			return
		}
		for i := range rows {
			if !yield(store.Found{Row: &rows[i].row, Set: rows[i].set}, nil) {
				return
			}
		}
	}
}

// keptRow is a row out of the connection's buffer.
type keptRow struct {
	row
	set int
}

func (r *row) keep(set int) keptRow {
	kept := keptRow{row{types: r.types, values: make([][]byte, len(r.values))}, set}
	for i, v := range r.values {
		kept.values[i] = bytes.Clone(v)
	}
	return kept
}
