package postgres

import (
	"context"
	"fmt"
	"iter"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consentline/consentline/internal/store"
)

// tx is a transaction under way on one connection.
//
// Statements are sent unnamed, with the types of their parameters known from an earlier description: one round trip
// each, and nothing that a connection pooler between transactions would lose.
type tx struct {
	db *DB
	pg *pgconn.PgConn
}

var _ store.Tx = (*tx)(nil)

// paramTypes returns the types of a statement's parameters, asking the server the first time.
func (t *tx) paramTypes(ctx context.Context, sql string) ([]uint32, error) {
	if types, ok := t.db.described.Load(sql); ok {
		return types.([]uint32), nil
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

func (t *tx) start(ctx context.Context, sql string, args []any) (*pgconn.ResultReader, error) {
	types, err := t.paramTypes(ctx, sql)
	if err != nil {
		return nil, err
	}
	values, err := encodeArgs(types, args)
	if err != nil {
		return nil, describe(err, sql)
	}
	return t.pg.ExecParams(ctx, sql, values, types, binaryFormat, binaryFormat), nil
}

// Exec implements store.Tx.
func (t *tx) Exec(ctx context.Context, sql string, args ...any) (int64, error) {
	rr, err := t.start(ctx, sql, args)
	if err != nil {
		return 0, err
	}
	tag, err := rr.Close()
	return tag.RowsAffected(), describe(err, sql)
}

// Query implements store.Tx.
func (t *tx) Query(ctx context.Context, sql string, args ...any) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		rr, err := t.start(ctx, sql, args)
		if err != nil {
			yield(nil, err)
			return
		}
		more, err := each(ctx, rr, func(r *row) bool { return yield(r, nil) })
		if _, closing := rr.Close(); err == nil && more {
			err = closing
		}
		if err != nil {
			yield(nil, describe(err, sql))
		}
	}
}

// each calls fn with the rows of a result until it has had enough; more tells which.
func each(ctx context.Context, rr *pgconn.ResultReader, fn func(*row) bool) (more bool, err error) {
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

// pipelined is how many executions of one statement travel together.
const pipelined = 1000

// ExecMany implements store.Tx.
func (t *tx) ExecMany(ctx context.Context, sql string, argSets [][]any) error {
	for len(argSets) > 0 {
		n := min(pipelined, len(argSets))
		_, err := t.many(ctx, sql, argSets[:n], func(_ int, rr *pgconn.ResultReader) (bool, error) {
			_, err := rr.Close()
			return true, err
		})
		if err != nil {
			return err
		}
		argSets = argSets[n:]
	}
	return nil
}

// QueryMany implements store.Tx.
func (t *tx) QueryMany(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	return func(yield func(store.Found, error) bool) {
		for done := 0; done < len(argSets); done += pipelined {
			chunk := argSets[done:min(done+pipelined, len(argSets))]
			more, err := t.many(ctx, sql, chunk, func(set int, rr *pgconn.ResultReader) (bool, error) {
				more, err := each(ctx, rr, func(r *row) bool { return yield(store.Found{Row: r, Set: done + set}, nil) })
				if _, closing := rr.Close(); err == nil && more {
					err = closing
				}
				return more, err
			})
			if err != nil {
				yield(store.Found{}, err)
			}
			if err != nil || !more {
				return
			}
		}
	}
}

// many sends one statement with many sets of arguments at once and hands each result to fn, until fn has had enough.
func (t *tx) many(ctx context.Context, sql string, argSets [][]any, fn func(int, *pgconn.ResultReader) (bool, error)) (more bool, err error) {
	types, err := t.paramTypes(ctx, sql)
	if err != nil {
		return false, err
	}
	encoded := make([][][]byte, len(argSets))
	for i, args := range argSets {
		if encoded[i], err = encodeArgs(types, args); err != nil {
			return false, describe(err, sql)
		}
	}
	p := t.pg.StartPipeline(ctx)
	more, err = pipeline(p, sql, types, encoded, fn)
	if closing := p.Close(); err == nil && more {
		err = closing
	}
	return more, describe(err, sql)
}

func pipeline(p *pgconn.Pipeline, sql string, types []uint32, sets [][][]byte, fn func(int, *pgconn.ResultReader) (bool, error)) (bool, error) {
	p.SendPrepare("", sql, types) // parsed once, for all of them
	for _, values := range sets {
		p.SendQueryPrepared("", values, binaryFormat, binaryFormat)
	}
	if err := p.Sync(); err != nil {
		return true, err
	}
	if _, err := p.GetResults(); err != nil { // of the parsing
		return true, err
	}
	for i := range sets {
		result, err := p.GetResults()
		if err != nil {
			return true, err
		}
		rr, ok := result.(*pgconn.ResultReader)
		if !ok {
			return true, fmt.Errorf("the server answered with a %T", result)
		}
		if more, err := fn(i, rr); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}
