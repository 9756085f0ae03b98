package ledger_test

import (
	"context"
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// fill makes a database that takes no more rows of the ledger, and returns what makes room again.
func fill(t *testing.T, db store.DB) (free func()) {
	t.Helper()
	run := func(statements ...string) {
		t.Helper()
		err := db.InTx(context.Background(), func(tx store.Tx) error {
			for _, s := range statements {
				if err := store.Each(tx.Query(context.Background(), s), func(store.Row) error { return nil }); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if db.Dialect().Name() == "sqlite" {
		run("PRAGMA max_page_count = 1") // no page beyond those there are; the limit ends with the connection
		return func() {}
	}
	run("CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
		"CREATE TRIGGER full_disk BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION full_disk()")
	return func() { run("DROP TRIGGER full_disk ON head") }
}

// TestAFullStorageIsToldAndRecoversByItself fills the database: nothing is recorded, all say so, and once there is
// room the same idempotency key is recorded once.
func TestAFullStorageIsToldAndRecoversByItself(t *testing.T) {
	f := open(t)
	if err := f.Writable(t.Context()); err != nil {
		t.Fatalf("before: got %v", err)
	}
	free := fill(t, f.db)
	large := ledger.Item{Kind: ledger.KindDefinition, By: "test", Detail: make([]byte, 1<<20), IdempotencyKey: "once"}
	if _, err := f.AppendOne(t.Context(), large); !errors.Is(err, ledger.ErrFull) {
		t.Fatalf("into a full storage: got %v, want %v", err, ledger.ErrFull)
	}
	if err := f.Writable(t.Context()); f.db.Dialect().Name() == "postgres" && !errors.Is(err, ledger.ErrFull) {
		t.Errorf("while it is full: got %v, want %v", err, ledger.ErrFull)
	}
	free()
	if err := f.Writable(t.Context()); err != nil {
		t.Errorf("when there is room: got %v", err)
	}
	first, err := f.AppendOne(t.Context(), large)
	if err != nil || first.Outcome != ledger.Recorded {
		t.Fatalf("when there is room: got %+v, %v", first, err)
	}
	if again, err := f.AppendOne(t.Context(), large); err != nil || again.Seq != first.Seq || again.Outcome != ledger.Duplicate {
		t.Errorf("told again: got %+v, %v; want a duplicate of entry %d", again, err, first.Seq)
	}
}

// TestADatabaseThatWasPutBackStaysUnwritable takes the last entry away, as a lossy failover does.
func TestADatabaseThatWasPutBackStaysUnwritable(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Granted, newsletter))
	f.append(t, item(consent.Withdrawn, newsletter))
	err := f.db.InTx(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "DELETE FROM ledger WHERE seq = 2"); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE head SET seq = 1")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var forked *ledger.ForkedError
	if _, err := f.AppendOne(ctx, item(consent.Granted, newsletter)); !errors.As(err, &forked) {
		t.Fatalf("an append: got %v, want a ForkedError", err)
	}
	for range 2 {
		if err := f.Writable(ctx); !errors.As(err, &forked) {
			t.Errorf("got %v, want it unwritable until a restart", err)
		}
	}
}
