package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"zombiezen.com/go/sqlite"

	"github.com/consentline/consentline/internal/store"
)

// conn is one connection with its prepared statements. It is a store.Tx while a transaction is open on it.
type conn struct {
	raw        *sqlite.Conn
	statements map[string]*statement
}

// statement is a prepared statement; order[i] is the argument that its parameter i+1 names, nil when they are in order.
type statement struct {
	*sqlite.Stmt
	order []int
}

func newConn(raw *sqlite.Conn) *conn { return &conn{raw: raw, statements: map[string]*statement{}} }

func (c *conn) inTx(ctx context.Context, begin string, fn func(store.Tx) error) (err error) {
	if _, err := c.Exec(ctx, begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	done := false
	defer func() {
		if !done { // fn failed or panicked
			c.raw.SetInterrupt(nil) // a context that is over must not leave the transaction open for the next user
			if _, rollback := c.Exec(context.Background(), "ROLLBACK"); rollback != nil && !c.raw.AutocommitEnabled() {
				err = errors.Join(err, fmt.Errorf("roll back: %w", rollback))
			}
		}
	}()
	if err := fn(c); err != nil {
		return err
	}
	if _, err := c.Exec(ctx, "COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	done = true
	return nil
}

// Exec implements store.Tx.
func (c *conn) Exec(_ context.Context, sql string, args ...any) (int64, error) {
	st, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	return c.run(st, args)
}

func (c *conn) run(st *statement, args []any) (int64, error) {
	if err := st.bind(args); err != nil {
		return 0, err
	}
	for {
		row, err := st.Step()
		if err != nil {
			return 0, errors.Join(err, st.Reset())
		}
		if !row {
			break
		}
	}
	return int64(c.raw.Changes()), st.Reset()
}

// ExecMany implements store.Tx.
func (c *conn) ExecMany(_ context.Context, sql string, argSets [][]any) error {
	if len(argSets) == 0 {
		return nil
	}
	st, err := c.prepare(sql)
	if err != nil {
		return err
	}
	for _, args := range argSets {
		if _, err := c.run(st, args); err != nil {
			return err
		}
	}
	return nil
}

// Load implements store.Tx.
func (c *conn) Load(ctx context.Context, table string, columns []string, rows [][]any) error {
	marks := make([]string, len(columns))
	for i := range marks {
		marks[i] = "$" + strconv.Itoa(i+1)
	}
	sql := "INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") VALUES (" + strings.Join(marks, ", ") + ")"
	return c.ExecMany(ctx, sql, rows)
}

// Query implements store.Tx.
func (c *conn) Query(ctx context.Context, sql string, args ...any) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		st, err := c.prepare(sql)
		if err == nil {
			_, err = st.rows(ctx, args, func(r *row) bool { return yield(r, nil) })
		}
		if err != nil {
			yield(nil, err)
		}
	}
}

// QueryMany implements store.Tx.
func (c *conn) QueryMany(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	return func(yield func(store.Found, error) bool) {
		if len(argSets) == 0 {
			return
		}
		st, err := c.prepare(sql)
		for i := 0; err == nil && i < len(argSets); i++ {
			var more bool
			more, err = st.rows(ctx, argSets[i], func(r *row) bool { return yield(store.Found{Row: r, Set: i}, nil) })
			if err == nil && !more {
				return
			}
		}
		if err != nil {
			yield(store.Found{}, err)
		}
	}
}

// Ahead implements store.Tx: there is no way to wait for.
func (c *conn) Ahead(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	return c.QueryMany(ctx, sql, argSets)
}

// rows steps through the result until it ends or fn has had enough; more tells which.
func (st *statement) rows(ctx context.Context, args []any, fn func(*row) bool) (more bool, err error) {
	if err := st.bind(args); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, st.Reset()) }()
	r := &row{Stmt: st.Stmt}
	for n := 0; ; n++ {
		if n%1024 == 1023 && ctx.Err() != nil {
			return false, ctx.Err()
		}
		ok, err := st.Step()
		if err != nil {
			return false, err
		}
		if !ok {
			return true, nil
		}
		r.scratch = r.scratch[:0]
		if !fn(r) {
			return false, nil
		}
	}
}

func (c *conn) prepare(sql string) (*statement, error) {
	if st, ok := c.statements[sql]; ok {
		return st, nil
	}
	raw, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", sql, err)
	}
	st := &statement{Stmt: raw}
	for i := range raw.BindParamCount() {
		arg, err := strconv.Atoi(strings.TrimPrefix(raw.BindParamName(i+1), "$"))
		if err != nil {
			return nil, fmt.Errorf("parameter %q of %.60q: want $1, $2 …", raw.BindParamName(i+1), sql)
		}
		st.order = append(st.order, arg-1)
	}
	c.statements[sql] = st
	return st, nil
}

func (st *statement) bind(args []any) error {
	for i, arg := range st.order {
		if arg >= len(args) {
			return fmt.Errorf("argument $%d is missing", arg+1)
		}
		switch v := args[arg].(type) {
		case nil:
			st.BindNull(i + 1)
		case int64:
			st.BindInt64(i+1, v)
		case int:
			st.BindInt64(i+1, int64(v))
		case uint64:
			st.BindInt64(i+1, int64(v))
		case string:
			st.BindText(i+1, v)
		case []byte:
			st.BindBytes(i+1, v)
		default:
			return fmt.Errorf("argument $%d is a %T: want an integer, text or bytes", arg+1, v)
		}
	}
	return nil
}

// row is the statement's current row.
type row struct {
	*sqlite.Stmt
	scratch []byte
}

func (r *row) Int64(col int) int64 { return r.ColumnInt64(col) }
func (r *row) Text(col int) string { return r.ColumnText(col) }
func (r *row) IsNull(col int) bool { return r.ColumnIsNull(col) }

func (r *row) Bytes(col int) []byte {
	n := r.ColumnLen(col)
	start := len(r.scratch)
	if cap(r.scratch)-start < n {
		// What an earlier column returned stays where it is.
		r.scratch = make([]byte, 0, max(256, 2*n))
		start = 0
	}
	r.scratch = r.scratch[:start+n]
	b := r.scratch[start : start+n : start+n]
	r.ColumnBytes(col, b)
	return b
}
