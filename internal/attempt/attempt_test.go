package attempt_test

import (
	"context"
	"errors"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Run(m)) }

var (
	ctx  = context.Background()
	noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
)

const alice, bob phone.Number = 12025550123, 447700900123

func opened(t testing.TB, db store.DB) *attempt.Attempts {
	t.Helper()
	v, err := vault.Open([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	a := attempt.New(attempt.Config{DB: db, Vault: v, Now: func() time.Time { return noon }}, attempt.NewCounter())
	if err := a.Load(ctx); err != nil {
		t.Fatal(err)
	}
	return a
}

func made(n phone.Number, ago time.Duration) attempt.Attempt {
	return attempt.Attempt{Number: n, Brand: "acme", Class: consent.Marketing, Channel: consent.SMS, At: noon.Add(-ago)}
}

const everything = 1<<8 - 1

func of(a *attempt.Attempts, n phone.Number) policy.CapKey {
	return policy.CapKey{
		Number: n, By: policy.BySubjectBrand, Counts: policy.Attempts, Channels: everything, Classes: everything,
		Brand: a.Brand([]byte("acme")), Until: noon.Unix(),
	}
}

func counted(a *attempt.Attempts, key policy.CapKey) (n int) {
	for {
		if _, found := a.NthLatest(key, n+1); !found {
			return n
		}
		n++
	}
}

func report(t testing.TB, a *attempt.Attempts, list ...attempt.Attempt) []attempt.ID {
	t.Helper()
	ids, err := a.Report(ctx, list...)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func TestContactsAreCountedFromTheLatestAndSurviveARestart(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	report(t, a, made(alice, 3*time.Hour), made(alice, time.Hour), made(bob, 0), made(alice, 2*time.Hour))
	for _, a := range []*attempt.Attempts{a, opened(t, db)} {
		for nth, ago := range []time.Duration{time.Hour, 2 * time.Hour, 3 * time.Hour} {
			if at, found := a.NthLatest(of(a, alice), nth+1); !found || at != noon.Add(-ago).Unix() {
				t.Errorf("number %d: got %d %t, want %s ago", nth+1, at, found, ago)
			}
		}
		if got := counted(a, of(a, alice)); got != 3 {
			t.Errorf("got %d contacts, want 3", got)
		}
	}
}

func TestACapCountsWhatItsKeySays(t *testing.T) {
	a := opened(t, dbtest.Open(t))
	other := made(alice, time.Hour)
	other.Brand = "other"
	call := made(alice, time.Hour)
	call.Channel, call.Outcome, call.Matter = consent.VoiceLive, attempt.Conversation, "loan 7"
	request := made(alice, time.Hour)
	request.Contact = policy.ConsentRequest
	report(t, a, other, call, request, made(alice, time.Hour))
	for name, c := range map[string]struct {
		change func(*policy.CapKey)
		want   int
	}{
		"the brand":                      {func(*policy.CapKey) {}, 3},
		"the person":                     {func(k *policy.CapKey) { k.By = policy.BySubject }, 4},
		"texts":                          {func(k *policy.CapKey) { k.Channels = 1 << consent.SMS }, 2},
		"no class that was used":         {func(k *policy.CapKey) { k.Classes = 1 << consent.DebtCollection }, 0},
		"conversations":                  {func(k *policy.CapKey) { k.Counts = policy.Conversations }, 1},
		"unanswered":                     {func(k *policy.CapKey) { k.Counts = policy.Unanswered }, 0},
		"requests":                       {func(k *policy.CapKey) { k.Counts = policy.Requests }, 1},
		"confirmations":                  {func(k *policy.CapKey) { k.Counts = policy.Confirmations }, 0},
		"a matter, unknown ones too":     {func(k *policy.CapKey) { k.By, k.Matter = policy.BySubjectMatter, 99 }, 3},
		"an unknown matter":              {func(k *policy.CapKey) { k.By = policy.BySubjectMatter }, 4},
		"what came before they were":     {func(k *policy.CapKey) { k.Until = noon.Add(-2 * time.Hour).Unix() }, 0},
		"the very second they were made": {func(k *policy.CapKey) { k.Until = noon.Add(-time.Hour).Unix() }, 3},
	} {
		key := of(a, alice)
		c.change(&key)
		if got := counted(a, key); got != c.want {
			t.Errorf("%s: got %d, want %d", name, got, c.want)
		}
	}
}

func TestANamedContactCountsOnce(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	one := made(alice, time.Hour)
	one.Name = "msg-1"
	first, again := report(t, a, one), report(t, a, one)
	if first[0] != again[0] || counted(a, of(a, alice)) != 1 || counted(opened(t, db), of(opened(t, db), alice)) != 1 {
		t.Errorf("got %s and %s, %d counted; want the same, one", first[0], again[0], counted(a, of(a, alice)))
	}
}

func always(consent.BrandID) error { return nil }

func allowed(max int, a *attempt.Attempts, n phone.Number) func() check.Verdict {
	return func() (v check.Verdict) {
		v.CheckedAt = noon
		if counted(a, of(a, n)) < max {
			v.Outcome = check.Allow
		}
		return v
	}
}

func TestOfManyWhoReserveAtOnceAsManyAsTheCapAllowsGetThrough(t *testing.T) {
	a := opened(t, dbtest.Open(t))
	report(t, a, made(alice, time.Hour)) // so that the brand has its number
	const most = 4
	var through atomic.Int32
	var all sync.WaitGroup
	for range 32 {
		all.Go(func() {
			v, _, err := a.Reserve(ctx, made(alice, 0), allowed(most, a, alice))
			if err != nil {
				t.Error(err)
			}
			if v.Outcome == check.Allow {
				through.Add(1)
			}
		})
	}
	all.Wait()
	if through.Load() != most-1 {
		t.Errorf("%d got through, want %d", through.Load(), most-1)
	}
}

func TestAReservationCountsUntilItIsReleased(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	_, id, err := a.Reserve(ctx, made(alice, 0), allowed(9, a, alice))
	if err != nil || counted(a, of(a, alice)) != 1 {
		t.Fatalf("reserved: %v, %d counted", err, counted(a, of(a, alice)))
	}
	for range 2 { // said again, it changes nothing
		if err := a.Release(ctx, id, always); err != nil {
			t.Fatal(err)
		}
	}
	if after := opened(t, db); counted(a, of(a, alice)) != 0 || counted(after, of(after, alice)) != 0 {
		t.Error("a released contact counts")
	}
	if err := a.Confirm(ctx, id, attempt.Made, always); !errors.Is(err, attempt.ErrNotFound) {
		t.Errorf("confirm what was released: got %v, want ErrNotFound", err)
	}
}

func TestAConfirmedContactIsNotReleased(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	_, id, err := a.Reserve(ctx, made(alice, 0), allowed(9, a, alice))
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := a.Confirm(ctx, id, attempt.Conversation, always); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Release(ctx, id, always); !errors.Is(err, attempt.ErrSettled) {
		t.Errorf("got %v, want ErrSettled", err)
	}
	for _, a := range []*attempt.Attempts{a, opened(t, db)} {
		key := of(a, alice)
		if key.Counts = policy.Conversations; counted(a, key) != 1 {
			t.Error("the conversation does not count")
		}
	}
}

func TestOnlyWhoMaySettles(t *testing.T) {
	a := opened(t, dbtest.Open(t))
	_, id, err := a.Reserve(ctx, made(alice, 0), allowed(9, a, alice))
	if err != nil {
		t.Fatal(err)
	}
	denied := errors.New("denied")
	var asked consent.BrandID
	err = a.Release(ctx, id, func(b consent.BrandID) error { asked = b; return denied })
	if !errors.Is(err, denied) || asked != "acme" || counted(a, of(a, alice)) != 1 {
		t.Errorf("got %v for %q, %d counted", err, asked, counted(a, of(a, alice)))
	}
	if err := a.Release(ctx, attempt.ID{1}, always); !errors.Is(err, attempt.ErrNotFound) {
		t.Errorf("an id that nobody was told: got %v, want ErrNotFound", err)
	}
}

func TestADeniedContactIsNotReserved(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	if v, _, err := a.Reserve(ctx, made(alice, 0), allowed(0, a, alice)); err != nil || v.Outcome != check.Deny {
		t.Errorf("got %v %v, want a deny", v.Outcome, err)
	}
	if after := opened(t, db); counted(after, of(after, alice)) != 0 {
		t.Error("it counts")
	}
}

func TestWhatNoCapCountsIsDeletedAndRequestsAreKept(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	request := made(alice, attempt.Kept+time.Hour)
	request.Contact = policy.ConsentRequest
	report(t, a, made(alice, attempt.Kept+time.Second), made(alice, attempt.Kept-time.Second), request)
	if done, err := a.RunOnce(ctx); done != 1 || err != nil {
		t.Fatalf("deleted %d, %v; want 1", done, err)
	}
	for _, a := range []*attempt.Attempts{a, opened(t, db)} {
		if got := counted(a, of(a, alice)); got != 2 {
			t.Errorf("%d are left, want 2", got)
		}
	}
}

// lawful keeps contacts with bob for two years, and counts for a day.
type lawful struct{}

func (lawful) CountedFor() time.Duration { return 24 * time.Hour }

func (lawful) KeptUntil(n phone.Number, _ consent.Channel, _ consent.Class, made time.Time) time.Time {
	if n == bob {
		return made.AddDate(2, 0, 0)
	}
	return time.Time{}
}

func TestWhatTheLawWantsKeptIsKeptAndTellsTheLastUse(t *testing.T) {
	a := opened(t, dbtest.Open(t))
	a.Rules = lawful{}
	report(t, a, made(alice, 25*time.Hour), made(alice, 23*time.Hour), made(bob, 25*time.Hour), made(bob, 3*365*24*time.Hour))
	if done, err := a.RunOnce(ctx); done != 2 || err != nil {
		t.Errorf("deleted %d, %v; want what is too old for the cap and for the law", done, err)
	}
	if counted(a, of(a, alice)) != 1 || counted(a, of(a, bob)) != 0 {
		t.Errorf("%d and %d are counted, want 1 and 0", counted(a, of(a, alice)), counted(a, of(a, bob)))
	}
	used, err := a.LastUsed(ctx, bob, "acme", consent.Marketing, consent.SMS)
	if err != nil || !used.Equal(noon.Add(-25*time.Hour)) {
		t.Errorf("last used %s, %v", used, err)
	}
	if used, err := a.LastUsed(ctx, bob, "other", consent.Marketing, consent.SMS); err != nil || !used.IsZero() {
		t.Errorf("another brand: last used %s, %v", used, err)
	}
	past, err := a.Past(ctx, bob, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	if at, found := past.NthLatest(policy.CapKey{Number: bob, By: policy.BySubject, Counts: policy.Attempts, Channels: everything, Classes: everything, Until: noon.Unix()}, 1); !found || at != noon.Add(-25*time.Hour).Unix() {
		t.Errorf("the past counts %d %t", at, found)
	}
}

func TestAForgottenNumberHasNoContacts(t *testing.T) {
	db := dbtest.Open(t)
	a := opened(t, db)
	report(t, a, made(alice, 0), made(bob, 0))
	if err := a.Forget(ctx, alice); err != nil {
		t.Fatal(err)
	}
	for _, a := range []*attempt.Attempts{a, opened(t, db)} {
		if counted(a, of(a, alice)) != 0 || counted(a, of(a, bob)) != 1 {
			t.Error("the wrong ones are forgotten")
		}
	}
}

func TestAskingAllocatesNothing(t *testing.T) {
	a := opened(t, dbtest.Open(t))
	report(t, a, made(alice, 0), made(alice, time.Hour))
	key := of(a, alice)
	if got := testing.AllocsPerRun(100, func() { a.NthLatest(key, 2); a.Brand([]byte("acme")) }); got != 0 {
		t.Errorf("got %v allocations, want none", got)
	}
}

func BenchmarkNthLatest(b *testing.B) {
	a := opened(b, dbtest.Open(b))
	report(b, a, made(alice, 0), made(alice, time.Hour), made(alice, 2*time.Hour))
	key := of(a, alice)
	for b.Loop() {
		a.NthLatest(key, 3)
	}
}
