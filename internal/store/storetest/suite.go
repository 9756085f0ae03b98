// Package storetest is what every database behind package store must do, told once and run on each.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	"github.com/consentline/consentline/internal/store"
)

// Run holds a new, empty database to the contract of store.DB.
func Run(t *testing.T, open func(*testing.T) store.DB) {
	t.Run("migrations run once and again", func(t *testing.T) { migrates(t, open(t)) })
	t.Run("a failed transaction leaves no trace", func(t *testing.T) { rollsBack(t, open(t)) })
	t.Run("values come back as they went in", func(t *testing.T) { roundTrips(t, open(t)) })
	t.Run("arguments are named, in any order and repeated", func(t *testing.T) { names(t, open(t)) })
	t.Run("many queries in one", func(t *testing.T) { queriesMany(t, open(t)) })
	t.Run("what is asked ahead is answered in any order", func(t *testing.T) { asksAhead(t, open(t)) })
	t.Run("a reader sees one snapshot", func(t *testing.T) { snapshots(t, open(t)) })
	t.Run("a query can be left early", func(t *testing.T) { leaves(t, open(t)) })
	t.Run("many rows go in at once, and many statements", func(t *testing.T) { loadsMany(t, open(t)) })
	t.Run("an upsert changes the row that is there", func(t *testing.T) { upserts(t, open(t)) })
	runHard(t, open)
}

var ctx = context.Background()

func migrates(t *testing.T, db store.DB) {
	for range 2 {
		if err := store.Migrate(ctx, db); err != nil {
			t.Fatal(err)
		}
	}
	exec(t, db, "UPDATE schema_version SET version = version + 100")
	var newer *store.NewerSchemaError
	if err := store.Migrate(ctx, db); !errors.As(err, &newer) {
		t.Errorf("a schema from the future: got %v, want a NewerSchemaError", err)
	}
}

func exec(t *testing.T, db store.DB, sql string, args ...any) {
	t.Helper()
	err := db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, sql, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

func table(t *testing.T, db store.DB) {
	t.Helper()
	exec(t, db, db.Dialect().DDL("CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, blob BYTEA)"))
}

func count(t *testing.T, tx store.Tx) (n int64) {
	t.Helper()
	if err := store.One(tx.Query(ctx, "SELECT count(*) FROM things"), func(r store.Row) { n = r.Int64(0) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func rollsBack(t *testing.T, db store.DB) {
	table(t, db)
	boom := errors.New("boom")
	err := db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO things (id, name) VALUES ($1, $2)", 1, "a"); err != nil {
			return err
		}
		return boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v, want the function's error", err)
	}
	read(t, db, func(tx store.Tx) {
		if n := count(t, tx); n != 0 {
			t.Errorf("%d rows after a roll-back, want 0", n)
		}
	})
	exec(t, db, "INSERT INTO things (id, name) VALUES ($1, $2)", 1, "a")
}

func read(t *testing.T, db store.DB, fn func(store.Tx)) {
	t.Helper()
	if err := db.Read(ctx, func(tx store.Tx) error { fn(tx); return nil }); err != nil {
		t.Fatal(err)
	}
}

func roundTrips(t *testing.T, db store.DB) {
	table(t, db)
	long := make([]byte, 70_000)
	long[69_999] = 7
	err := db.InTx(ctx, func(tx store.Tx) error {
		return tx.Load(ctx, "things", []string{"id", "name", "blob"}, [][]any{
			{int64(1 << 60), "þorn ☎", []byte{0, 1, 2}}, {uint64(2), nil, nil}, {3, "", long},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	read(t, db, func(tx store.Tx) {
		var got []string
		for row, err := range tx.Query(ctx, "SELECT id, name, blob FROM things ORDER BY id") {
			if err != nil {
				t.Fatal(err)
			}
			blob, name := row.Bytes(2), row.Text(1)
			got = append(got, fmt.Sprint(row.Int64(0), name, row.IsNull(1), len(blob), row.IsNull(2), blob[max(0, len(blob)-1):]))
		}
		want := []string{"2true0true[]", "3false70000false[7]", "1152921504606846976þorn ☎false3false[2]"}
		for i := range want {
			if clean(got[i]) != clean(want[i]) {
				t.Errorf("row %d: got %q, want %q", i, got[i], want[i])
			}
		}
	})
}

func clean(s string) string {
	out := []rune{}
	for _, r := range s {
		if r != ' ' {
			out = append(out, r)
		}
	}
	return string(out)
}

func names(t *testing.T, db store.DB) {
	table(t, db)
	exec(t, db, "INSERT INTO things (name, id) VALUES ($2, $1)", 5, "five")
	exec(t, db, "UPDATE things SET name = $2 WHERE id = $1 AND id + 0 = $1", 5, "FIVE")
	read(t, db, func(tx store.Tx) {
		var name string
		if err := store.One(tx.Query(ctx, "SELECT name FROM things WHERE id = $1", 5), func(r store.Row) { name = r.Text(0) }); err != nil || name != "FIVE" {
			t.Errorf("got %q, %v; want FIVE", name, err)
		}
		err := store.One(tx.Query(ctx, "SELECT name FROM things WHERE id = $1", 6), func(store.Row) {})
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no row: got %v, want ErrNotFound", err)
		}
	})
}

func queriesMany(t *testing.T, db store.DB) {
	table(t, db)
	err := db.InTx(ctx, func(tx store.Tx) error {
		return tx.ExecMany(ctx, "INSERT INTO things (id, name) VALUES ($1, $2)", [][]any{{1, "a"}, {2, "b"}, {3, "c"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	read(t, db, func(tx store.Tx) {
		var got []string
		for found, err := range tx.QueryMany(ctx, "SELECT name FROM things WHERE id >= $1 ORDER BY id", [][]any{{3}, {9}, {2}}) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, fmt.Sprint(found.Set, found.Text(0)))
		}
		if want := "[0 c 2 b 2 c]"; fmt.Sprint(got) != want && clean(fmt.Sprint(got)) != clean(want) {
			t.Errorf("got %v, want %s", got, want)
		}
	})
}

func asksAhead(t *testing.T, db store.DB) {
	table(t, db)
	exec(t, db, "INSERT INTO things (id, name) VALUES (1, 'one'), (2, 'two')")
	err := db.InTx(ctx, func(tx store.Tx) error {
		first := tx.Ahead(ctx, "SELECT name FROM things WHERE id = $1", [][]any{{2}, {3}, {1}})
		second := tx.Ahead(ctx, "SELECT name FROM things WHERE id > $1 ORDER BY id", [][]any{{0}})
		if n := count(t, tx); n != 2 {
			t.Errorf("between asking and reading: %d rows, want 2", n)
		}
		var got []string
		for _, rows := range []iter.Seq2[store.Found, error]{second, first} {
			for row, err := range rows {
				if err != nil {
					return err
				}
				got = append(got, fmt.Sprint(row.Set, row.Text(0)))
			}
		}
		if want := []string{"0one", "0two", "0two", "2one"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
		return tx.ExecMany(ctx, "UPDATE things SET name = $2 WHERE id = $1", [][]any{{1, "changed"}})
	})
	if err != nil {
		t.Fatal(err)
	}
	err = db.InTx(ctx, func(tx store.Tx) error {
		for _, err := range tx.Ahead(ctx, "SELECT nothing FROM things WHERE id = $1", [][]any{{1}}) {
			return err
		}
		return nil
	})
	if err == nil {
		t.Error("a question that fails: got no error")
	}
}

func snapshots(t *testing.T, db store.DB) {
	table(t, db)
	exec(t, db, "INSERT INTO things (id) VALUES (1)")
	read(t, db, func(tx store.Tx) {
		before := count(t, tx)
		exec(t, db, "INSERT INTO things (id) VALUES (2)")
		if after := count(t, tx); before != 1 || after != 1 {
			t.Errorf("count in one snapshot went from %d to %d, want 1 and 1", before, after)
		}
	})
}

func leaves(t *testing.T, db store.DB) {
	table(t, db)
	exec(t, db, "INSERT INTO things (id) VALUES (1), (2), (3)")
	read(t, db, func(tx store.Tx) {
		for range 2 {
			for row, err := range tx.Query(ctx, "SELECT id FROM things ORDER BY id") {
				if err != nil || row.Int64(0) != 1 {
					t.Errorf("got %v, %v", row, err)
				}
				break
			}
		}
		if n := count(t, tx); n != 3 {
			t.Errorf("got %d rows, want 3", n)
		}
	})
}

// loadsMany uses more rows than a database may have room for in one statement or one message.
func loadsMany(t *testing.T, db store.DB) {
	table(t, db)
	const n = 2500
	rows := make([][]any, n)
	ids := make([][]any, n)
	for i := range rows {
		rows[i] = []any{i, nil, []byte{byte(i), byte(i >> 8)}}
		ids[i] = []any{i}
	}
	err := db.InTx(ctx, func(tx store.Tx) error {
		if err := tx.Load(ctx, "things", []string{"id", "name", "blob"}, rows); err != nil {
			return err
		}
		return tx.ExecMany(ctx, "UPDATE things SET name = 'x' WHERE id = $1", ids)
	})
	if err != nil {
		t.Fatal(err)
	}
	read(t, db, func(tx store.Tx) {
		next := 0
		for found, err := range tx.QueryMany(ctx, "SELECT id, name, blob FROM things WHERE id = $1", ids) {
			if err != nil {
				t.Fatal(err)
			}
			if found.Set != next || found.Int64(0) != int64(next) || found.Text(1) != "x" || found.Bytes(2)[0] != byte(next) {
				t.Fatalf("answer %d: got %d of set %d", next, found.Int64(0), found.Set)
			}
			next++
		}
		if next != n {
			t.Errorf("got %d answers, want %d", next, n)
		}
	})
	err = db.InTx(ctx, func(tx store.Tx) error {
		return tx.Load(ctx, "things", []string{"id"}, append([][]any{{n}}, ids...))
	})
	if err == nil {
		t.Error("rows that were there already were loaded again")
	}
	read(t, db, func(tx store.Tx) {
		if got := count(t, tx); got != n {
			t.Errorf("%d rows after a load that failed, want %d", got, n)
		}
	})
}

func upserts(t *testing.T, db store.DB) {
	table(t, db)
	const upsert = "INSERT INTO things (id, name) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET name = excluded.name"
	exec(t, db, upsert, 1, "a")
	exec(t, db, upsert, 1, "b")
	read(t, db, func(tx store.Tx) {
		if n := count(t, tx); n != 1 {
			t.Errorf("got %d rows, want 1", n)
		}
	})
}
