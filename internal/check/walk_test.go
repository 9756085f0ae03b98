package check

import (
	"math/rand/v2"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

func TestAKeyLeadsBackToItsNumber(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for range 10_000 {
		s := &slots{spread: r.Uint64()<<1 | 1}
		n := phone.Number(r.Uint64())
		if got := s.number(s.key(n)); got != n {
			t.Fatalf("spread %x, number %x: got %x", s.spread, uint64(n), uint64(got))
		}
	}
}

func TestAViewSeesEveryRecordOfItsScopeOnce(t *testing.T) {
	scope := consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}
	other := consent.Scope{Brand: "acme", Purpose: "alerts", Channel: consent.SMS}
	x := New(Config{Seed: 99})
	b := Batch{Seq: 3}
	const many = 5000
	for i := range many {
		n := phone.Number(12_025_550_100 + uint64(i)) //nolint:gosec // stays in memory
		s := scope
		if i%5 == 0 {
			s = other
		}
		b.Records = append(b.Records, RecordChange{Number: n, Scope: s, State: State{Status: consent.StatusGranted, GrantedAt: 5, Seq: 1}})
	}
	no := RecordChange{Number: 1, Scope: consent.Scope{Brand: "acme", Purpose: consent.Any, Channel: consent.AnyChannel}, State: State{Status: consent.StatusWithdrawn, RestrictedAt: 9, Seq: 3}}
	b.Records = append(b.Records, no)
	if err := x.Apply(b); err != nil {
		t.Fatal(err)
	}
	view, seen := x.View(scope), map[phone.Number]bool{}
	view.Each(func(n phone.Number, s State) bool {
		if seen[n] || s.Status != consent.StatusGranted || s.GrantedAt != 5 {
			t.Errorf("number %x: seen before %t, state %+v", uint64(n), seen[n], s)
		}
		seen[n] = true
		return true
	})
	if len(seen) != many*4/5 {
		t.Errorf("saw %d of %d", len(seen), many*4/5)
	}
	if s, ok := view.Record(1); !ok || s.Status != consent.StatusWithdrawn {
		t.Errorf("a wide no is told as %+v, %t", s, ok)
	}
	if _, ok := x.View(consent.Scope{Brand: "nobody", Purpose: "x", Channel: consent.SMS}).Record(1); ok {
		t.Error("a scope that nobody knows has a record")
	}
	calls := 0
	view.Each(func(phone.Number, State) bool { calls++; return false })
	if calls != 1 {
		t.Errorf("went on %d times after it was told to end", calls)
	}
}
