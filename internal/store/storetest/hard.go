package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/store"
)

// runHard is the part of the contract that is about things going wrong, and about many at once.
func runHard(t *testing.T, open func(*testing.T) store.DB) {
	t.Run("a panic leaves no trace and no lock", func(t *testing.T) { panics(t, open(t)) })
	t.Run("a failed statement ends in an error and no trace", func(t *testing.T) { failsInside(t, open(t)) })
	t.Run("a context that is over starts nothing", func(t *testing.T) { startsNothing(t, open(t)) })
	t.Run("a context that ends meanwhile is answered truly", func(t *testing.T) { endsMeanwhile(t, open(t)) })
	t.Run("a long query ends with its context", func(t *testing.T) { endsQuery(t, open(t)) })
	t.Run("writers at once lose no update", func(t *testing.T) { countsUp(t, open(t)) })
	t.Run("readers and writers at once", func(t *testing.T) { readsMeanwhile(t, open(t)) })
	t.Run("values of other types are refused", func(t *testing.T) { refusesTypes(t, open(t)) })
	t.Run("a missing argument is refused", func(t *testing.T) { refusesMissing(t, open(t)) })
	t.Run("a reader cannot write", func(t *testing.T) { refusesWrites(t, open(t)) })
	t.Run("many rows are loaded or none", func(t *testing.T) { loadsAll(t, open(t)) })
	t.Run("extreme integers come back", func(t *testing.T) { keepsIntegers(t, open(t)) })
	t.Run("what was closed answers with an error", func(t *testing.T) { closes(t, open(t)) })
}

func rows(t *testing.T, db store.DB) (n int64) {
	t.Helper()
	read(t, db, func(tx store.Tx) { n = count(t, tx) })
	return n
}

func panics(t *testing.T, db store.DB) {
	table(t, db)
	func() {
		defer func() {
			if got := recover(); got != "boom" {
				t.Errorf("recovered %v, want the function's own panic", got)
			}
		}()
		_ = db.InTx(ctx, func(tx store.Tx) error {
			if _, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (1)"); err != nil {
				t.Error(err)
			}
			panic("boom")
		})
	}()
	if n := rows(t, db); n != 0 {
		t.Errorf("%d rows after a panic, want 0", n)
	}
	exec(t, db, "INSERT INTO things (id) VALUES (1)")
	func() {
		defer func() { _ = recover() }()
		_ = db.Read(ctx, func(store.Tx) error { panic("boom") })
	}()
	if n := rows(t, db); n != 1 {
		t.Errorf("%d rows for the next reader, want 1", n)
	}
}

func failsInside(t *testing.T, db store.DB) {
	table(t, db)
	exec(t, db, "INSERT INTO things (id) VALUES (2)")
	for name, fn := range map[string]func(store.Tx) error{
		"one statement": func(tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (2)")
			return err
		},
		"many": func(tx store.Tx) error {
			return tx.ExecMany(ctx, "INSERT INTO things (id) VALUES ($1)", [][]any{{1}, {2}})
		},
		"a load": func(tx store.Tx) error {
			return tx.Load(ctx, "things", []string{"id"}, [][]any{{1}, {2}})
		},
		"text that is no SQL": func(tx store.Tx) error {
			_, err := tx.Exec(ctx, "INSERT things")
			return err
		},
		"a query": func(tx store.Tx) error {
			return store.One(tx.Query(ctx, "SELECT nothing FROM things"), func(store.Row) {})
		},
		"many queries": func(tx store.Tx) error {
			for _, err := range tx.QueryMany(ctx, "SELECT nothing FROM things WHERE id = $1", [][]any{{1}}) {
				return err
			}
			return nil
		},
	} {
		if err := db.InTx(ctx, fn); err == nil {
			t.Errorf("%s: got no error", name)
		}
		if n := rows(t, db); n != 1 {
			t.Errorf("%s: %d rows are left, want 1", name, n)
		}
	}
}

func startsNothing(t *testing.T, db store.DB) {
	table(t, db)
	over, cancel := context.WithCancel(ctx)
	cancel()
	started := false
	start := func(store.Tx) error { started = true; return nil }
	if err := db.InTx(over, start); !errors.Is(err, context.Canceled) || started {
		t.Errorf("write: got %v, started %t", err, started)
	}
	if err := db.Read(over, start); !errors.Is(err, context.Canceled) || started {
		t.Errorf("read: got %v, started %t", err, started)
	}
	late, cancel := context.WithDeadline(ctx, time.Unix(1, 0))
	defer cancel()
	if err := db.InTx(late, start); !errors.Is(err, context.DeadlineExceeded) || started {
		t.Errorf("past its deadline: got %v, started %t", err, started)
	}
}

// endsMeanwhile allows either end, as databases differ, but no other answer than what happened.
func endsMeanwhile(t *testing.T, db store.DB) {
	table(t, db)
	going, cancel := context.WithCancel(ctx)
	defer cancel()
	err := db.InTx(going, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (1)")
		cancel()
		return err
	})
	want := int64(1)
	if err != nil {
		want = 0
	}
	if n := rows(t, db); n != want {
		t.Errorf("answered %v, and there are %d rows, want %d", err, n, want)
	}
	exec(t, db, "INSERT INTO things (id) VALUES (2)") // the next one is not in the way of the last
}

func endsQuery(t *testing.T, db store.DB) {
	table(t, db)
	many := make([][]any, 5000)
	for i := range many {
		many[i] = []any{i}
	}
	if err := db.InTx(ctx, func(tx store.Tx) error { return tx.Load(ctx, "things", []string{"id"}, many) }); err != nil {
		t.Fatal(err)
	}
	going, cancel := context.WithCancel(ctx)
	defer cancel()
	seen := 0
	err := db.Read(going, func(tx store.Tx) error {
		return store.Each(tx.Query(going, "SELECT id FROM things"), func(store.Row) error {
			seen++
			cancel()
			return nil
		})
	})
	if !errors.Is(err, context.Canceled) || seen == len(many) {
		t.Errorf("got %v after %d of %d rows, want an end before all were read", err, seen, len(many))
	}
	for range 64 { // every reader there is
		if n := rows(t, db); n != int64(len(many)) {
			t.Fatalf("%d rows for the next reader, want %d", n, len(many))
		}
	}
}

func countsUp(t *testing.T, db store.DB) {
	table(t, db)
	exec(t, db, "INSERT INTO things (id, name) VALUES (1, '0')")
	const writers, each = 8, 20
	errs := make(chan error, writers)
	for range writers {
		go func() {
			var err error
			for range each {
				err = errors.Join(err, db.InTx(ctx, up))
			}
			errs <- err
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	read(t, db, func(tx store.Tx) {
		if n, err := name(tx); err != nil || n != fmt.Sprint(writers*each) {
			t.Errorf("counted to %s, %v; want %d", n, err, writers*each)
		}
	})
}

// up reads a number, and writes the next: what gets lost where two do so at once.
func up(tx store.Tx) error {
	text, err := name(tx)
	if err != nil {
		return err
	}
	n := 0
	if _, err := fmt.Sscan(text, &n); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, "UPDATE things SET name = $1 WHERE id = 1", fmt.Sprint(n+1))
	return err
}

func name(tx store.Tx) (s string, err error) {
	err = store.One(tx.Query(ctx, "SELECT name FROM things WHERE id = 1"), func(r store.Row) { s = r.Text(0) })
	return s, err
}

// readsMeanwhile holds that a reader never sees half of a transaction that writes two rows.
func readsMeanwhile(t *testing.T, db store.DB) {
	table(t, db)
	const pairs, readers = 50, 4
	errs := make(chan error, readers+1)
	go func() {
		var err error
		for i := range pairs {
			err = errors.Join(err, db.InTx(ctx, func(tx store.Tx) error {
				return tx.ExecMany(ctx, "INSERT INTO things (id) VALUES ($1)", [][]any{{2 * i}, {2*i + 1}})
			}))
		}
		errs <- err
	}()
	for range readers {
		go func() { errs <- readPairs(db, pairs) }()
	}
	for range readers + 1 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
}

func readPairs(db store.DB, pairs int64) error {
	for n := int64(0); n < 2*pairs; {
		err := db.Read(ctx, func(tx store.Tx) error {
			return store.One(tx.Query(ctx, "SELECT count(*) FROM things"), func(r store.Row) { n = r.Int64(0) })
		})
		if err != nil {
			return err
		}
		if n%2 != 0 {
			return fmt.Errorf("a reader saw %d rows: half a transaction", n)
		}
	}
	return nil
}

func refusesTypes(t *testing.T, db store.DB) {
	table(t, db)
	for _, value := range []any{1.5, float32(1), true, time.Unix(1, 0), int32(1), []string{"a"}, struct{}{}, new(int64), [3]byte{}} {
		for how, fn := range map[string]func(store.Tx) error{
			"exec": func(tx store.Tx) error {
				_, err := tx.Exec(ctx, "INSERT INTO things (id, name) VALUES (1, $1)", value)
				return err
			},
			"many": func(tx store.Tx) error {
				return tx.ExecMany(ctx, "INSERT INTO things (id, name) VALUES (1, $1)", [][]any{{value}})
			},
			"load": func(tx store.Tx) error {
				return tx.Load(ctx, "things", []string{"id", "name"}, [][]any{{1, value}})
			},
			"query": func(tx store.Tx) error {
				return store.Each(tx.Query(ctx, "SELECT id FROM things WHERE name = $1", value), func(store.Row) error { return nil })
			},
		} {
			if err := db.InTx(ctx, fn); err == nil {
				t.Errorf("%s took a %T", how, value)
			}
		}
	}
	if n := rows(t, db); n != 0 {
		t.Errorf("%d rows, want 0", n)
	}
}

func refusesMissing(t *testing.T, db store.DB) {
	table(t, db)
	err := db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO things (id, name) VALUES ($1, $2)", 1)
		return err
	})
	if err == nil || rows(t, db) != 0 {
		t.Errorf("got %v", err)
	}
}

func refusesWrites(t *testing.T, db store.DB) {
	table(t, db)
	err := db.Read(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO things (id) VALUES (1)")
		return err
	})
	if err == nil || rows(t, db) != 0 {
		t.Errorf("a reader wrote: %v, %d rows", err, rows(t, db))
	}
}

func loadsAll(t *testing.T, db store.DB) {
	table(t, db)
	const size = 10_000
	load := func(last int) error {
		many := make([][]any, size)
		for i := range many {
			many[i] = []any{i, fmt.Sprint(i), []byte{byte(i), byte(i >> 8)}}
		}
		many[size-1][0] = last
		return db.InTx(ctx, func(tx store.Tx) error { return tx.Load(ctx, "things", []string{"id", "name", "blob"}, many) })
	}
	if err := load(0); err == nil || rows(t, db) != 0 {
		t.Errorf("with a row twice: got %v and %d rows, want an error and none", err, rows(t, db))
	}
	if err := load(size - 1); err != nil || rows(t, db) != size {
		t.Errorf("got %v and %d rows, want %d", err, rows(t, db), size)
	}
	if err := db.InTx(ctx, func(tx store.Tx) error { return tx.Load(ctx, "things", []string{"id"}, nil) }); err != nil {
		t.Errorf("no rows: %v", err)
	}
}

func keepsIntegers(t *testing.T, db store.DB) {
	table(t, db)
	for _, want := range []int64{0, 1, -1, 1<<63 - 1, -1 << 63, 1<<53 + 1} {
		exec(t, db, "DELETE FROM things")
		exec(t, db, "INSERT INTO things (id) VALUES ($1)", want)
		read(t, db, func(tx store.Tx) {
			var got int64
			err := store.One(tx.Query(ctx, "SELECT id FROM things WHERE id = $1", want), func(r store.Row) { got = r.Int64(0) })
			if err != nil || got != want {
				t.Errorf("got %d, %v; want %d", got, err, want)
			}
		})
	}
}

func closes(t *testing.T, db store.DB) {
	table(t, db)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ran := func(store.Tx) error { return errors.New("ran") }
	if err := db.InTx(ctx, ran); err == nil || err.Error() == "ran" {
		t.Errorf("write: got %v", err)
	}
	if err := db.Read(ctx, ran); err == nil || err.Error() == "ran" {
		t.Errorf("read: got %v", err)
	}
	if err := db.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
