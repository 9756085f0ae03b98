package powercut

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/consentline/consentline/internal/store"
)

// conn is one connection with its prepared statements. It is a store.Tx while a transaction is open on it.
type conn struct {
	raw        *sqlite3.Conn
	statements map[string]*statement
}

// statement is a prepared statement; order[i] is the argument that its parameter i+1 names.
type statement struct {
	*sqlite3.Stmt
	order []int
}

func (c *conn) close() error {
	if c == nil {
		return nil
	}
	var errs []error
	for _, st := range c.statements {
		errs = append(errs, st.Close())
	}
	return errors.Join(append(errs, c.raw.Close())...)
}

func (c *conn) inTx(ctx context.Context, begin string, fn func(store.Tx) error) error {
	if err := c.raw.Exec(begin); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	defer func() {
		if !c.raw.GetAutocommit() { // fn failed or panicked, or the commit did
			_ = c.raw.Exec("ROLLBACK") // a failure leaves the connection broken, which the first error told
		}
	}()
	if err := fn(c); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := c.raw.Exec("COMMIT"); err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	return nil
}

// Exec implements store.Tx.
func (c *conn) Exec(_ context.Context, sql string, args ...any) (int64, error) {
	st, err := c.prepare(sql)
	if err != nil {
		return 0, err
	}
	if err := st.bind(args); err != nil {
		return 0, err
	}
	before := c.raw.TotalChanges()
	err = st.Exec()
	return c.raw.TotalChanges() - before, err
}

// ExecMany implements store.Tx.
func (c *conn) ExecMany(ctx context.Context, sql string, argSets [][]any) error {
	for _, args := range argSets {
		if _, err := c.Exec(ctx, sql, args...); err != nil {
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
	return c.ExecMany(ctx, "INSERT INTO "+table+" ("+strings.Join(columns, ", ")+") VALUES ("+strings.Join(marks, ", ")+")", rows)
}

// Query implements store.Tx.
func (c *conn) Query(ctx context.Context, sql string, args ...any) iter.Seq2[store.Row, error] {
	return func(yield func(store.Row, error) bool) {
		for found, err := range c.QueryMany(ctx, sql, [][]any{args}) {
			if !yield(found.Row, err) {
				return
			}
		}
	}
}

// QueryMany implements store.Tx.
func (c *conn) QueryMany(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	return func(yield func(store.Found, error) bool) {
		for i, args := range argSets {
			more, err := c.rows(ctx, sql, args, func(r store.Row) bool { return yield(store.Found{Row: r, Set: i}, nil) })
			if err != nil {
				yield(store.Found{}, err)
				return
			}
			if !more {
				return
			}
		}
	}
}

// Ahead implements store.Tx.
func (c *conn) Ahead(ctx context.Context, sql string, argSets [][]any) iter.Seq2[store.Found, error] {
	return c.QueryMany(ctx, sql, argSets)
}

// rows steps through the result until it ends or fn has had enough; more tells which.
func (c *conn) rows(ctx context.Context, sql string, args []any, fn func(store.Row) bool) (more bool, err error) {
	st, err := c.prepare(sql)
	if err != nil {
		return false, err
	}
	if err := st.bind(args); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, st.Reset()) }()
	for st.Step() {
		if ctx.Err() != nil {
			return false, ctx.Err()
		}
		if !fn(row{st.Stmt}) {
			return false, nil
		}
	}
	return true, st.Err()
}

func (c *conn) prepare(sql string) (*statement, error) {
	if st, ok := c.statements[sql]; ok {
		return st, nil
	}
	raw, _, err := c.raw.Prepare(sql)
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", sql, err)
	}
	st := &statement{Stmt: raw}
	for i := range raw.BindCount() {
		arg, err := strconv.Atoi(strings.TrimPrefix(raw.BindName(i+1), "$"))
		if err != nil {
			return nil, errors.Join(fmt.Errorf("parameter %q: want $1, $2 …", raw.BindName(i+1)), raw.Close())
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
		if err := st.bindOne(i+1, args[arg]); err != nil {
			return fmt.Errorf("argument $%d: %w", arg+1, err)
		}
	}
	return nil
}

func (st *statement) bindOne(param int, arg any) error {
	switch v := arg.(type) {
	case nil:
		return st.BindNull(param)
	case int64:
		return st.BindInt64(param, v)
	case int:
		return st.BindInt64(param, int64(v))
	case uint64:
		return st.BindInt64(param, int64(v))
	case string:
		return st.BindText(param, v)
	case []byte:
		return st.BindBlob(param, v)
	}
	return fmt.Errorf("a %T: want an integer, text or bytes", arg)
}

// row is the statement's current row.
type row struct{ *sqlite3.Stmt }

func (r row) Int64(col int) int64  { return r.ColumnInt64(col) }
func (r row) Text(col int) string  { return r.ColumnText(col) }
func (r row) Bytes(col int) []byte { return r.ColumnBlob(col, nil) }
func (r row) IsNull(col int) bool  { return r.ColumnType(col) == sqlite3.NULL }
