package check

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

func TestAGivenRecordPassesTheSameGates(t *testing.T) {
	granted := State{Status: consent.StatusGranted, Level: consent.Express, GrantedAt: SecondsOf(start), ValidUntil: SecondsOf(start.Add(time.Hour)), Seq: 7}
	states := map[string]State{
		"granted": granted, "withdrawn": {Status: consent.StatusWithdrawn, Seq: 8}, "pending": {Status: consent.Pending, Seq: 3},
		"suppressed": {Status: consent.StatusGranted, GrantedAt: SecondsOf(start), Flags: FlagSuppressed, Seq: 2},
	}
	for name, s := range states {
		b := recordOf(s)
		b.Lists = []ListChange{{Define: &List{ID: "dnc", Name: "Do not contact", Kind: "own"}, Add: []phone.Number{sample(2)}}}
		x := indexWith(t, Config{}, b)
		empty := indexWith(t, Config{}, Batch{Lists: b.Lists})
		for _, at := range []time.Time{{}, start.Add(-time.Minute), start.Add(time.Minute), start.Add(2 * time.Hour)} {
			q := theQuestion()
			q.At = at
			want, got := x.Check(q), empty.CheckRecord(q, s, true, nil)
			if string(AppendJSON(nil, &want, nil)) != string(AppendJSON(nil, &got, nil)) {
				t.Errorf("%s at %v: got %s, want %s", name, at, AppendJSON(nil, &got, nil), AppendJSON(nil, &want, nil))
			}
		}
	}
}

func TestAGivenRecordDoesNotEscapeListsLeaseOrErasure(t *testing.T) {
	granted := State{Status: consent.StatusGranted, GrantedAt: SecondsOf(start), Seq: 7}
	listed := Batch{Lists: []ListChange{{Define: &List{ID: "dnc", Name: "Do not contact", Kind: "own"}, Add: []phone.Number{sample(1)}}}}
	v := indexWith(t, Config{}, listed).CheckRecord(theQuestion(), granted, true, nil)
	if v.Outcome != Deny || v.Code() != Suppressed {
		t.Errorf("on a list: got %v, %v", v.Outcome, v.Code())
	}
	x := indexWith(t, Config{Lease: NewLease(func() Instant { return 1 })}, Batch{})
	if v := x.CheckRecord(theQuestion(), granted, true, nil); v.Outcome != Deny || v.Code() != Stale {
		t.Errorf("without a lease: got %v, %v", v.Outcome, v.Code())
	}
	x = indexWith(t, Config{Erased: func(phone.Number) bool { return true }}, Batch{})
	if v := x.CheckRecord(theQuestion(), State{}, false, nil); v.Code() != Suppressed {
		t.Errorf("erased: got %v", v.Code())
	}
	q := theQuestion()
	q.Number = 0
	if v := x.CheckRecord(q, granted, true, nil); v.Outcome != Deny || v.Code() != InvalidNumber {
		t.Errorf("no number: got %v, %v", v.Outcome, v.Code())
	}
}
