package report_test

import (
	"errors"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/report"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

type fixture struct {
	*ledger.Ledger
	t   *testing.T
	db  store.DB
	now time.Time
}

func start(t *testing.T) *fixture {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	v, err := vault.Open(make([]byte, vault.KeySize))
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, db: db, now: began}
	if f.Ledger, err = ledger.Open(t.Context(), ledger.Config{DB: db, Vault: v, Now: func() time.Time { return f.now }, OnCommit: func(ledger.Commit) {}}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		f.Ledger.Close()
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) reports() *report.Reports {
	return report.New(f.db, f.Ledger, func() time.Time { return f.now })
}

func (f *fixture) tell(text string, a consent.Act) ledger.Result {
	f.t.Helper()
	n, err := phone.Parse(text, "")
	if err != nil {
		f.t.Fatal(err)
	}
	if a.Scope = (consent.Scope{Brand: "b", Purpose: "p", Channel: consent.SMS}); a.Source == consent.NoSource {
		a.Source = consent.WebForm
	}
	r, err := f.AppendOne(f.t.Context(), ledger.Item{Kind: ledger.KindAct, Number: n, Act: a, By: "test"})
	if err != nil {
		f.t.Fatal(err)
	}
	return r
}

func (f *fixture) counted(r *report.Reports) map[consent.Kind]int {
	f.t.Helper()
	out := map[consent.Kind]int{}
	if err := r.Since(f.t.Context(), began.AddDate(-1, 0, 0), func(a report.Acts) { out[a.Kind] += a.N }); err != nil {
		f.t.Fatal(err)
	}
	return out
}

const alice, bob = "+12025550123", "+12025550124"

func TestNodesThatCountAtOnceCountEachActOnce(t *testing.T) {
	f := start(t)
	for range 200 {
		f.tell(alice, consent.Act{Kind: consent.Granted, Level: consent.Express})
	}
	var nodes sync.WaitGroup
	for range 4 {
		nodes.Go(func() {
			r := f.reports()
			for done := 1; done > 0; {
				var err error
				if done, err = r.RunOnce(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	nodes.Wait()
	if got := f.counted(f.reports())[consent.Granted]; got != 200 {
		t.Errorf("counted %d grants, want 200", got)
	}
}

func TestAnActCountsOnTheDayItHappened(t *testing.T) {
	f := start(t)
	f.tell(alice, consent.Act{Kind: consent.Granted, Level: consent.Express, EffectiveAt: began.AddDate(0, 0, -3), Dated: true})
	r := f.reports()
	if _, err := r.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	var days []time.Time
	if err := r.Since(t.Context(), began.AddDate(0, 0, -10), func(a report.Acts) { days = append(days, a.Day) }); err != nil {
		t.Fatal(err)
	}
	if want := time.Date(2026, 2, 26, 0, 0, 0, 0, time.UTC); len(days) != 1 || !days[0].Equal(want) {
		t.Errorf("got %v, want %v", days, want)
	}
	if err := r.Since(t.Context(), began.AddDate(0, 0, -2), func(a report.Acts) { t.Errorf("counted %+v", a) }); err != nil {
		t.Fatal(err)
	}
}

func TestAYesThatRanOutCountsAsExpiredWithoutAnEntry(t *testing.T) {
	f := start(t)
	f.tell(alice, consent.Act{Kind: consent.Granted, Level: consent.Express, ValidUntil: began.AddDate(0, 0, 10), Disclosure: consent.DisclosureRef{ID: "w", Version: 2}})
	f.tell(bob, consent.Act{Kind: consent.Granted, Level: consent.Express})
	r := f.reports()
	look := func() (granted, expired, expiring int) {
		if err := r.Recount(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, s := range r.Counts().Standing {
			switch s.Status {
			case consent.StatusGranted:
				granted += s.N
			case consent.StatusExpired:
				expired += s.N
			}
			expiring += s.Expiring
		}
		return granted, expired, expiring
	}
	if g, e, soon := look(); g != 2 || e != 0 || soon != 1 {
		t.Errorf("before its end: %d granted, %d expired, %d expiring", g, e, soon)
	}
	if got := r.Counts().Wordings["w@2"]; got != 1 {
		t.Errorf("%d records rest on the wording, want 1", got)
	}
	f.now = began.AddDate(0, 0, 10)
	if g, e, soon := look(); g != 1 || e != 1 || soon != 0 {
		t.Errorf("at its end: %d granted, %d expired, %d expiring", g, e, soon)
	}
}

func TestConflictsAndPlacesAreFoundAndNothingElse(t *testing.T) {
	f := start(t)
	first := f.tell(alice, consent.Act{Kind: consent.Withdrawn})
	f.tell(bob, consent.Act{Kind: consent.Granted, Level: consent.Express})
	f.now = f.now.Add(time.Minute)
	grant := f.tell(alice, consent.Act{Kind: consent.Granted, Level: consent.Express, Source: consent.CRM, Via: consent.ViaCRM})
	if grant.Outcome != ledger.Conflicting {
		t.Fatalf("the grant is %v", grant.Outcome)
	}
	if _, err := f.AppendOne(t.Context(), ledger.Item{Kind: ledger.KindDenial, By: "test", Detail: "x"}); err != nil {
		t.Fatal(err)
	}
	r := f.reports()
	got, err := r.Conflicts(t.Context(), 0, 10)
	if err != nil || len(got) != 1 || got[0].Subject != first.Subject || got[0].Grant != grant.Seq || got[0].Entry != first.Seq {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := r.Conflicts(t.Context(), grant.Seq, 10); err != nil || len(got) != 0 {
		t.Errorf("after it: %+v, %v", got, err)
	}
	places, err := r.Places(t.Context(), first.Subject, 1<<62, 10)
	if err != nil || len(places) != 2 || places[0] != grant.Seq || places[1] != first.Seq {
		t.Errorf("places %v, %v", places, err)
	}
	admin, err := r.Administrative(t.Context(), 1<<62, 10)
	if err != nil || len(admin) != 1 || admin[0] != grant.Seq+1 {
		t.Errorf("administrative %v, %v", admin, err)
	}
	if places, err := r.Places(t.Context(), ledger.SubjectID{9}, 1<<62, 10); err != nil || len(places) != 0 {
		t.Error(places, errors.Join(err))
	}
}

func TestWhoWaitsForAnAnswerIsListedUntilTheyGiveIt(t *testing.T) {
	f := start(t)
	first := f.tell(alice, consent.Act{Kind: consent.Requested})
	second := f.tell(bob, consent.Act{Kind: consent.Requested})
	r := f.reports()
	if consent.Pending != 1 {
		t.Fatal("the query and its index say 1 for pending")
	}
	got, err := r.Pending(t.Context(), 0, 10)
	if err != nil || len(got) != 2 || got[0].Subject != first.Subject || got[0].Entry != first.Seq || got[1].Entry != second.Seq || got[0].Scope.Purpose != "p" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := r.Pending(t.Context(), first.Seq, 1); err != nil || len(got) != 1 || got[0].Entry != second.Seq {
		t.Errorf("after the first: %+v, %v", got, err)
	}
	f.tell(bob, consent.Act{Kind: consent.Granted, Level: consent.Express, Confirmed: true})
	f.tell(alice, consent.Act{Kind: consent.Refused})
	if got, err := r.Pending(t.Context(), 0, 10); err != nil || len(got) != 0 {
		t.Errorf("after their answers: %+v, %v", got, err)
	}
}

func TestAnswersAreCountedByDayOnAllNodes(t *testing.T) {
	f := start(t)
	ctx := t.Context()
	for i, day := range []int{-40, -1, 0} {
		counts := []report.Checks{{Verdict: "deny", Code: "withdrawn", N: i + 1}, {Verdict: "allow", Code: "granted", N: 10}, {Verdict: "defer", Code: "outside_window"}}
		if err := f.reports().AddChecks(ctx, began.AddDate(0, 0, day), counts); err != nil {
			t.Fatal(err)
		}
	}
	got, err := f.reports().ChecksSince(ctx, began.AddDate(0, 0, -30))
	want := []report.Checks{{Verdict: "allow", Code: "granted", N: 20}, {Verdict: "deny", Code: "withdrawn", N: 5}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
