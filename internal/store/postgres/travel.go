package postgres

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consentline/consentline/internal/store"
)

// statement is one text with the arguments of each of its executions.
type statement struct {
	sql   string
	types []uint32
	sets  [][][]byte

	// each is called with the result of each execution, until it has had enough. Nil: nobody looks at the results.
	each func(set int, rr *pgconn.ResultReader) (more bool, err error)
}

func (t *tx) statement(ctx context.Context, sql string, argSets [][]any) (statement, error) {
	types, err := t.paramTypes(ctx, sql)
	if err != nil {
		return statement{}, err
	}
	st := statement{sql: sql, types: types, sets: make([][][]byte, len(argSets))}
	for i, args := range argSets {
		if st.sets[i], err = encodeArgs(types, args); err != nil {
			return statement{}, describe(err, sql)
		}
	}
	return st, nil
}

// maxPending is how many bytes may wait for the next round trip.
const maxPending = 1 << 20

// later lets a statement travel with the next round trip. If it fails, so does whoever makes that.
func (t *tx) later(ctx context.Context, st statement) error {
	for i, args := range st.sets { // the caller may use its buffers again meanwhile
		for j, v := range args {
			t.size += len(v)
			st.sets[i][j] = bytes.Clone(v)
		}
	}
	t.pending = append(t.pending, st)
	if t.size < maxPending {
		return nil
	}
	return t.flush(ctx)
}

// flush sends what is pending.
func (t *tx) flush(ctx context.Context) error {
	if t.failed != nil || len(t.pending) == 0 {
		return t.failed
	}
	_, err := t.travel(ctx)
	return err
}

// start is flush, and begins the transaction where nothing did before, for what cannot travel with other statements.
func (t *tx) start(ctx context.Context) error {
	if t.begin == "" {
		return t.flush(ctx)
	}
	_, err := t.travel(ctx)
	return err
}

// neverBegunError says that a connection turned out to be broken before anything had happened on it.
type neverBegunError struct{ err error }

func (e *neverBegunError) Error() string { return "begin: " + e.err.Error() }
func (e *neverBegunError) Unwrap() error { return e.err }

// travel sends the beginning of the transaction, unless it was, what is pending and the statements at once, and waits
// for the answers. The server skips whatever follows a statement that failed.
func (t *tx) travel(ctx context.Context, last ...statement) (more bool, err error) {
	if t.failed != nil {
		return false, t.failed
	}
	begin, statements := t.begin, append(t.pending, last...)
	t.begin, t.pending, t.size = "", nil, 0
	p := t.pg.StartPipeline(ctx)
	more, err = t.converse(p, begin, statements)
	if closing := p.Close(); err == nil && more {
		err = closing
	}
	if err != nil && begin != "" && t.pg.IsClosed() && ctx.Err() == nil {
		err = &neverBegunError{err}
	}
	t.failed = err
	return more, err
}

func (t *tx) converse(p *pgconn.Pipeline, begin string, statements []statement) (more bool, err error) {
	if begin != "" {
		p.SendQueryParams(begin, nil, nil, nil, nil)
	}
	for i := range statements {
		st := &statements[i]
		p.SendPrepare("", st.sql, st.types) // parsed once, for all executions
		for _, values := range st.sets {
			p.SendQueryPrepared("", values, binaryFormat, binaryFormat)
		}
	}
	if err := p.Sync(); err != nil {
		return true, err
	}
	if begin != "" {
		if err := finished(p); err != nil {
			return true, fmt.Errorf("begin: %w", err)
		}
	}
	for i := range statements {
		if more, err := statements[i].hear(p); err != nil || !more {
			return more, describe(err, statements[i].sql)
		}
	}
	return true, nil
}

// hear takes the answers to a statement.
func (st *statement) hear(p *pgconn.Pipeline) (more bool, err error) {
	if _, err := p.GetResults(); err != nil { // of the parsing
		return true, err
	}
	for i := range st.sets {
		if st.each == nil {
			if err := finished(p); err != nil {
				return true, err
			}
			continue
		}
		rr, err := nextResult(p)
		if err != nil {
			return true, err
		}
		if more, err := st.each(i, rr); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

func nextResult(p *pgconn.Pipeline) (*pgconn.ResultReader, error) {
	result, err := p.GetResults()
	if err != nil {
		return nil, err
	}
	rr, ok := result.(*pgconn.ResultReader)
	if !ok {
		return nil, fmt.Errorf("the server answered with a %T", result)
	}
	return rr, nil
}

func finished(p *pgconn.Pipeline) error {
	rr, err := nextResult(p)
	if err != nil {
		return err
	}
	_, err = rr.Close()
	return err
}

// commit sends what is pending together with the end of the transaction. Only the answer COMMIT, without a warning, is
// success: a server that ceased to wait for its standby says so by a warning, and one whose transaction had failed
// answers ROLLBACK.
func (t *tx) commit(ctx context.Context) error {
	if t.begin != "" && len(t.pending) > 0 { // apart, so that a connection that is broken already leaves no doubt
		if err := t.start(ctx); err != nil {
			return err
		}
	}
	if t.begin != "" || t.failed != nil {
		return t.failed // nothing was asked or written, or what was is undone
	}
	var tag pgconn.CommandTag
	t.db.warned.Delete(t.pg)
	_, err := t.travel(ctx, statement{sql: "COMMIT", sets: [][][]byte{nil}, each: func(_ int, rr *pgconn.ResultReader) (_ bool, err error) {
		tag, err = rr.Close()
		return true, err
	}})
	warning, warned := t.db.warned.LoadAndDelete(t.pg)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Severity != "FATAL" && refused.Severity != "PANIC":
		return fmt.Errorf("commit: %w", err)
	case err != nil:
		return &store.UnconfirmedError{Err: err}
	case warned:
		return &store.UnconfirmedError{Err: fmt.Errorf("the server warned: %s", warning)}
	case tag.String() != "COMMIT":
		return errors.New("commit: the server rolled the transaction back")
	}
	return nil
}

// idle is what the server says of a connection without a transaction (PostgreSQL documentation, ReadyForQuery).
const idle = 'I'

// rollback leaves the connection ready for the next transaction, or closed.
func (t *tx) rollback(ctx context.Context) error {
	if t.begin != "" || t.pg.IsClosed() || t.pg.TxStatus() == idle {
		return nil
	}
	if _, err := t.pg.Exec(ctx, "ROLLBACK").ReadAll(); err != nil && !t.pg.IsClosed() {
		return t.pg.Close(ctx)
	}
	return nil
}
