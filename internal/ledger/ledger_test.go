package ledger_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

var ctx = context.Background()

// fixture is a ledger on a database of its own, with a clock that the test steps.
type fixture struct {
	*ledger.Ledger
	db      store.DB
	now     time.Time
	commits []ledger.Commit
	observe func(ledger.Commit) // nil: gather commits
}

func open(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	f.db = dbtest.Open(t)
	f.reopen(t, master)
	t.Cleanup(func() { f.Close() })
	return f
}

var master = []byte("0123456789abcdef0123456789abcdef")

func (f *fixture) reopen(t testing.TB, key []byte) {
	t.Helper()
	v, err := vault.Open(key)
	if err != nil {
		t.Fatal(err)
	}
	observe := f.observe
	if observe == nil {
		observe = func(c ledger.Commit) { f.commits = append(f.commits, c) }
	}
	f.Ledger, err = ledger.Open(ctx, ledger.Config{
		DB: f.db, Vault: v, Now: func() time.Time { return f.now }, OnCommit: observe,
	})
	if err != nil {
		t.Fatal(err)
	}
}

const alice, bob phone.Number = 12025550123, 447700900123

var newsletter = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}

func item(kind consent.Kind, scope consent.Scope) ledger.Item {
	return ledger.Item{
		Kind: ledger.KindAct, Number: alice, By: "key:test",
		Act: consent.Act{Kind: kind, Scope: scope, Source: consent.WebForm, Level: consent.Express},
	}
}

func (f *fixture) append(t testing.TB, it ledger.Item) ledger.Result {
	t.Helper()
	r, err := f.AppendOne(ctx, it)
	if err != nil {
		t.Fatal(err)
	}
	f.now = f.now.Add(time.Minute)
	return r
}

func TestAppendedActsFoldIntoTheRecord(t *testing.T) {
	f := open(t)
	granted := f.append(t, item(consent.Granted, newsletter))
	if granted.Seq != 1 || granted.Record.Status != consent.StatusGranted || granted.Record.Entry != 1 {
		t.Fatalf("grant: got %+v", granted)
	}
	withdrawn := f.append(t, item(consent.Withdrawn, newsletter))
	if withdrawn.Seq != 2 || withdrawn.Record.Status != consent.StatusWithdrawn || withdrawn.Subject != granted.Subject {
		t.Fatalf("withdrawal: got %+v", withdrawn)
	}
	s, err := f.ByNumber(ctx, alice)
	if err != nil || len(s.Records) != 1 || s.Records[0].Record != withdrawn.Record {
		t.Errorf("by number: got %+v, %v; want the record %+v", s, err, withdrawn.Record)
	}
	history, err := f.History(ctx, s.ID, 0, 10)
	if err != nil || len(history) != 2 || history[1].Body.Act != consent.Withdrawn || history[0].Number != alice {
		t.Errorf("history: got %+v, %v", history, err)
	}
	if _, err := f.ByNumber(ctx, bob); !errors.Is(err, ledger.ErrNotFound) {
		t.Errorf("a stranger: got %v, want ErrNotFound", err)
	}
}

func TestALateGrantDoesNotReviveAWithdrawal(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Withdrawn, newsletter))
	old := item(consent.Granted, newsletter)
	old.Act.EffectiveAt = f.now.Add(-24 * time.Hour)
	r := f.append(t, old)
	if r.Outcome != ledger.Superseded || r.Record.Status != consent.StatusWithdrawn {
		t.Errorf("got %+v, want superseded and withdrawn", r)
	}
}

func TestAnImportedGrantOverAWithdrawalIsAConflict(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Withdrawn, newsletter))
	imported := item(consent.Granted, newsletter)
	imported.Act.Source, imported.Act.Via = consent.Import, consent.ViaImport
	r := f.append(t, imported)
	if r.Outcome != ledger.Conflicting || r.Record.Status != consent.StatusWithdrawn || r.Record.Conflict != r.Seq {
		t.Errorf("got %+v, want a conflict and withdrawn", r)
	}
}

func TestAWideWithdrawalReachesEveryRecordThereIsOrWillBe(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Granted, newsletter))
	r := f.append(t, item(consent.Withdrawn, consent.Scope{Brand: "acme", Purpose: consent.Any}))
	s, err := f.ByNumber(ctx, alice)
	if err != nil || len(s.Records) != 2 {
		t.Fatalf("got %+v, %v; want the wide record and the one it covers", s, err)
	}
	for _, h := range s.Records {
		if h.Record.Status != consent.StatusWithdrawn || h.Record.Entry != r.Seq {
			t.Errorf("%s: got %+v, want withdrawn by entry %d", h.Scope, h.Record, r.Seq)
		}
	}
	calls := consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.VoiceLive}
	old := item(consent.Granted, calls)
	old.Act.EffectiveAt = f.now.Add(-time.Hour)
	if r := f.append(t, old); r.Record.Status != consent.StatusWithdrawn {
		t.Errorf("an old grant in a new scope: got %+v, want withdrawn", r.Record)
	}
	if r := f.append(t, item(consent.Granted, calls)); r.Record.Status != consent.StatusGranted {
		t.Errorf("a new act of the person: got %+v, want granted", r.Record)
	}
}

func TestAWideWithdrawalThatALaterYesOutlivesSaysSo(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Granted, newsletter))
	late := item(consent.Withdrawn, consent.Everything)
	late.Act.EffectiveAt = f.now.Add(-time.Hour)
	if r := f.append(t, late); r.Outcome != ledger.Superseded {
		t.Errorf("got %+v, want superseded: the yes in %s still stands", r, newsletter)
	}
}

func TestAStopOfASlowClockCounts(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Granted, newsletter))
	f.now = f.now.Add(-time.Minute) // right after the grant
	stop := item(consent.Withdrawn, newsletter)
	stop.Act.EffectiveAt = f.now.Add(-5 * time.Second)
	if r := f.append(t, stop); r.Outcome != ledger.Recorded || r.Record.Status != consent.StatusWithdrawn {
		t.Errorf("got %+v, want recorded and withdrawn", r)
	}
}

func TestManyLateActsInOneBatchFoldOnce(t *testing.T) {
	f := open(t)
	var items []ledger.Item
	for i := range 3000 {
		it := item(consent.Granted, newsletter)
		it.Act.EffectiveAt = f.now.Add(-time.Duration(i+1) * time.Hour)
		items = append(items, it)
	}
	results, err := f.Append(ctx, items)
	if err != nil {
		t.Fatal(err)
	}
	for i, r := range results {
		want, version := ledger.Superseded, len(items)
		if i == 0 {
			want, version = ledger.Recorded, 1 // it came first, and was answered from what stood then
		}
		if r.Outcome != want || r.Record.Entry != 1 || r.Record.Version != version {
			t.Fatalf("act %d: got %+v, want outcome %d, resting on entry 1, of %d acts", i, r, want, version)
		}
	}
}

func TestOneStopMayBeReportedForEveryScopeItEnds(t *testing.T) {
	f := open(t)
	calls := newsletter
	calls.Channel = consent.VoiceLive
	grant := item(consent.Granted, newsletter)
	grant.EventID = "evt-1"
	f.append(t, grant)
	f.append(t, item(consent.Granted, calls))
	for _, scope := range []consent.Scope{newsletter, calls} {
		stop := item(consent.Withdrawn, scope)
		stop.EventID = "evt-1"
		if r := f.append(t, stop); r.Outcome != ledger.Recorded || r.Record.Status != consent.StatusWithdrawn {
			t.Errorf("%s: got %+v, want withdrawn", scope, r)
		}
		if r := f.append(t, stop); r.Outcome != ledger.Recorded && r.Outcome != ledger.Duplicate {
			t.Errorf("%s again: got %+v", scope, r)
		}
	}
}

func TestTheSameKeyGivesTheSameEntry(t *testing.T) {
	f := open(t)
	it := item(consent.Granted, newsletter)
	it.IdempotencyKey = "k1"
	first := f.append(t, it)
	again := f.append(t, it)
	if again.Outcome != ledger.Duplicate || again.Seq != first.Seq || !again.RecordedAt.Equal(first.RecordedAt) || again.Record != first.Record {
		t.Errorf("again: got %+v, want a duplicate of %+v", again, first)
	}
	other := it
	other.Act.Scope.Channel = consent.VoiceLive
	if _, err := f.AppendOne(ctx, other); !errors.Is(err, ledger.ErrKeyReused) {
		t.Errorf("other content: got %v, want ErrKeyReused", err)
	}
	stranger := other
	stranger.By = "key:other"
	if r := f.append(t, stranger); r.Outcome != ledger.Recorded {
		t.Errorf("another caller's key: got %+v, want recorded", r)
	}
}

func TestAReplayedEventStaysOld(t *testing.T) {
	f := open(t)
	grant := item(consent.Granted, newsletter)
	grant.EventID, grant.Act.EffectiveAt = "evt-1", f.now
	f.append(t, grant)
	f.append(t, item(consent.Withdrawn, newsletter))
	grant.By = "key:other"
	if r := f.append(t, grant); r.Outcome != ledger.Duplicate || r.Record.Status != consent.StatusWithdrawn {
		t.Errorf("replay: got %+v, want a duplicate, withdrawn", r)
	}
	grant.Act.EffectiveAt = f.now
	if _, err := f.AppendOne(ctx, grant); !errors.Is(err, ledger.ErrEventReused) {
		t.Errorf("the event with another date: got %v, want ErrEventReused", err)
	}
}

func TestRepetitionsWithinOneBatch(t *testing.T) {
	f := open(t)
	it := item(consent.Granted, newsletter)
	it.IdempotencyKey = "k1"
	results, err := f.Append(ctx, []ledger.Item{it, it})
	if err != nil || results[0].Outcome != ledger.Recorded || results[1].Outcome != ledger.Duplicate || results[1].Seq != 1 {
		t.Errorf("got %+v, %v; want recorded and a duplicate of it", results, err)
	}
}

func TestThePastCanBeAsked(t *testing.T) {
	f := open(t)
	t0 := f.now
	f.append(t, item(consent.Granted, newsletter))
	backdated := item(consent.Withdrawn, newsletter)
	backdated.Act.EffectiveAt = t0.Add(30 * time.Second)
	f.now = t0.Add(time.Hour)
	f.append(t, backdated)
	for _, c := range []struct {
		name string
		m    ledger.Moment
		want consent.Status
	}{
		{"before anything", ledger.Moment{At: t0.Add(-time.Second)}, consent.None},
		{"as granted", ledger.Moment{At: t0}, consent.StatusGranted},
		{"at the withdrawal", ledger.Moment{At: t0.Add(30 * time.Second)}, consent.StatusWithdrawn},
		{"then, on what was known then", ledger.Moment{At: t0.Add(30 * time.Second), KnownAt: t0.Add(30 * time.Second)}, consent.StatusGranted},
		{"now", ledger.Moment{}, consent.StatusWithdrawn},
	} {
		r, err := f.RecordAt(ctx, alice, newsletter, c.m)
		if err != nil || r.Status != c.want {
			t.Errorf("%s: got %s, %v; want %s", c.name, r.Status, err, c.want)
		}
	}
}

func TestAnotherMasterKeyIsRefused(t *testing.T) {
	f := open(t)
	v, err := vault.Open([]byte("another master key of 32 bytes!!"))
	if err != nil {
		t.Fatal(err)
	}
	var wrong *ledger.WrongKeyError
	if _, err := ledger.Open(ctx, ledger.Config{DB: f.db, Vault: v}); !errors.As(err, &wrong) {
		t.Errorf("got %v, want a WrongKeyError", err)
	}
}

func TestADamagedEntryIsNamed(t *testing.T) {
	f := open(t)
	r := f.append(t, item(consent.Granted, newsletter))
	err := f.db.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, "UPDATE ledger SET body = body || $1 WHERE seq = 1", []byte{0})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	var damaged *ledger.DamagedError
	if _, err := f.History(ctx, r.Subject, 0, 10); !errors.As(err, &damaged) || damaged.Seq != 1 {
		t.Errorf("got %v, want damage at entry 1", err)
	}
}

func TestTheObserverHearsOfEveryCommitInOrder(t *testing.T) {
	f := open(t)
	f.append(t, item(consent.Granted, newsletter))
	f.append(t, item(consent.Withdrawn, newsletter))
	if len(f.commits) != 2 || f.commits[0].To != 1 || f.commits[1].From != 1 || f.commits[1].Changes[0].Record.Status != consent.StatusWithdrawn {
		t.Errorf("got %+v", f.commits)
	}
	var loaded []ledger.Change
	seq, err := f.LoadRecords(ctx, func(c ledger.Change) { loaded = append(loaded, c) })
	if err != nil || seq != 2 || len(loaded) != 1 || loaded[0] != f.commits[1].Changes[0] {
		t.Errorf("loaded %+v up to %d, %v; want what was committed", loaded, seq, err)
	}
}

func TestNothingIsTakenAfterClose(t *testing.T) {
	f := open(t)
	f.Close()
	if _, err := f.AppendOne(ctx, item(consent.Granted, newsletter)); !errors.Is(err, ledger.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	f.reopen(t, master)
}
