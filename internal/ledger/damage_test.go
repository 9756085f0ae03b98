package ledger_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// TestNoEntryCanBeAltered does to the stored entries what somebody with the database could do.
func TestNoEntryCanBeAltered(t *testing.T) {
	for name, c := range map[string]struct {
		sql     string
		damaged uint64
	}{
		"two bodies change places": {"UPDATE ledger SET body = (SELECT o.body FROM ledger o WHERE o.seq = 3 - ledger.seq) WHERE seq < 3", 1},
		"another's body":           {"UPDATE ledger SET body = (SELECT o.body FROM ledger o WHERE o.seq = 3) WHERE seq = 2", 2},
		"given to another subject": {"UPDATE ledger SET subject = 1 WHERE seq = 3", 3},
		"another commitment":       {"UPDATE ledger SET leaf = (SELECT o.leaf FROM ledger o WHERE o.seq = 2) WHERE seq = 1", 1},
		"a shorter body":           {"UPDATE ledger SET body = substr(body, 1, 20) WHERE seq = 2", 2},
		"subjects change places":   {"UPDATE subjects SET sealed = (SELECT o.sealed FROM subjects o WHERE o.id = 2) WHERE id = 1", 1},
	} {
		t.Run(name, func(t *testing.T) {
			f := open(t)
			f.append(t, item(consent.Granted, newsletter))
			f.append(t, item(consent.Withdrawn, newsletter))
			other := item(consent.Granted, newsletter)
			other.Number = bob
			f.append(t, other)
			err := f.db.InTx(ctx, func(tx store.Tx) error {
				_, err := tx.Exec(ctx, c.sql)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			var damaged *ledger.DamagedError
			if _, err := f.Entries(ctx, 0, 10); !errors.As(err, &damaged) || damaged.Seq != c.damaged {
				t.Errorf("got %v, want damage at entry %d", err, c.damaged)
			}
		})
	}
}

// TestAnErasedSubjectsEntriesStayInTheirPlaces deletes the one row that holds the key.
func TestAnErasedSubjectsEntriesStayInTheirPlaces(t *testing.T) {
	f := open(t)
	erased := f.append(t, item(consent.Granted, newsletter))
	other := item(consent.Granted, newsletter)
	other.Number = bob
	kept := f.append(t, other)
	err := f.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "DELETE FROM subjects WHERE subject = $1", erased.Subject[:])
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	entries, err := f.Entries(ctx, 0, 10)
	if err != nil || len(entries) != 2 {
		t.Fatalf("got %d entries, %v; want both", len(entries), err)
	}
	first, second := entries[0], entries[1]
	if _, readable := first.Act(); readable || !first.Erased || first.Raw != nil || first.Number != 0 || first.Commitment == [32]byte{} {
		t.Errorf("erased: got %+v, want the commitment alone", first)
	}
	if act, readable := second.Act(); !readable || second.Erased || act.Kind != consent.Granted || second.Subject != kept.Subject {
		t.Errorf("kept: got %+v", second)
	}
	if _, err := f.ByNumber(ctx, alice); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("by number: got %v, want ErrNotFound", err)
	}
	if _, err := f.ByID(ctx, erased.Subject); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("by ID: got %v, want ErrNotFound", err)
	}
}
