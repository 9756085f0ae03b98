package audit_test

import (
	"path/filepath"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/testkit/audit"
	"github.com/consentline/consentline/internal/vault"
)

// TestAnAuditFindsWhatIsAmiss spoils a sound ledger in one way at a time: the test of the tests that rely on it.
func TestAnAuditFindsWhatIsAmiss(t *testing.T) {
	for name, sql := range map[string]string{
		"an entry is missing":             "DELETE FROM ledger WHERE seq = 2",
		"the last entry is missing":       "DELETE FROM ledger WHERE seq = 4",
		"the head is ahead":               "UPDATE head SET seq = 5",
		"the head is behind":              "UPDATE head SET seq = 3",
		"time runs backwards":             "UPDATE ledger SET recorded_at = recorded_at - 1000000000 WHERE seq = 3",
		"a commitment is another's":       "UPDATE ledger SET leaf = (SELECT o.leaf FROM ledger o WHERE o.seq = 2) WHERE seq = 1",
		"a record is not the fold":        "UPDATE records SET status = 2 WHERE subject = 1",
		"a record counts an act too many": "UPDATE records SET version = version + 1 WHERE subject = 1",
		"a record is missing":             "DELETE FROM records WHERE subject = 1",
		"a record was made up":            "INSERT INTO records SELECT 2, scope, status, level, confirmed, source, evidenced, granted_at, valid_until, review_at, requested_at, restricted_at, under, disclosure, entry, conflict, version, last_at, last_restricts, last_seq FROM records WHERE subject = 1 AND scope > 1",
	} {
		t.Run(name, func(t *testing.T) {
			db, l := fourEntries(t)
			if found, err := audit.Ledger(ctx, l); err != nil || found.Head != 4 || len(found.Told) != 4 || len(found.Records) != 3 {
				t.Fatalf("before: got %+v, %v; want a sound ledger", found, err)
			}
			err := db.InTx(ctx, func(tx store.Tx) error {
				n, err := tx.Exec(ctx, sql)
				if n == 0 {
					t.Error("the statement changed nothing")
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := audit.Ledger(ctx, l); err == nil {
				t.Error("the audit found nothing")
			}
		})
	}
}

func fourEntries(t *testing.T) (store.DB, *ledger.Ledger) {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(ctx, db); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(master)
	if err != nil {
		t.Fatal(err)
	}
	l, err := ledger.Open(ctx, ledger.Config{DB: db, Vault: v})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		l.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	news := consent.Scope{Brand: "acme", Purpose: "news", Channel: consent.SMS}
	calls := consent.Scope{Brand: "acme", Purpose: "news", Channel: consent.VoiceLive}
	var items []ledger.Item
	for i, told := range []struct {
		kind   consent.Kind
		scope  consent.Scope
		number phone.Number
	}{{consent.Granted, news, 0}, {consent.Withdrawn, news, 0}, {consent.Granted, calls, 0}, {consent.Granted, news, 1}} {
		items = append(items, ledger.Item{
			Kind: ledger.KindAct, Number: 12025550123 + told.number, CorrelationID: string(rune('a' + i)),
			Act: consent.Act{Kind: told.kind, Scope: told.scope, Source: consent.WebForm, Level: consent.Express},
		})
	}
	if _, err := l.Append(ctx, items); err != nil {
		t.Fatal(err)
	}
	return db, l
}
