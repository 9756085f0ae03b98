package check

import (
	"math"
	"testing"
	"time"
)

func TestLeaseEndsAtDeltaAfterSending(t *testing.T) {
	now := Instant(0)
	l := NewLease(func() Instant { return now })
	if l.Fresh(math.MinInt64) || l.Fresh(-5) || l.Fresh(0) || l.Remaining(l.Now()) != 0 {
		t.Error("a lease that was never extended is fresh")
	}
	l.Extend(1000, 500)
	for _, c := range []struct {
		now   Instant
		fresh bool
		left  time.Duration
	}{{1000, true, 500}, {1499, true, 1}, {1500, false, 0}, {1501, false, 0}, {math.MaxInt64, false, 0}} {
		now = c.now
		if l.Fresh(l.Now()) != c.fresh || l.Remaining(l.Now()) != c.left {
			t.Errorf("at %d: fresh %v for %d, want %v for %d", c.now, l.Fresh(now), l.Remaining(now), c.fresh, c.left)
		}
	}
}

func TestLateAnswerNeverShortensLease(t *testing.T) {
	l := NewLease(func() Instant { return 0 })
	l.Extend(1000, 500)
	l.Extend(900, 500)
	if !l.Fresh(1499) {
		t.Error("an answer to an earlier poll shortened the lease")
	}
	l.Extend(1001, 500)
	if !l.Fresh(1500) || l.Fresh(1501) {
		t.Error("an answer to a later poll did not extend the lease by one")
	}
}

func TestBrokenLeaseStaysBroken(t *testing.T) {
	for name, l := range map[string]*Lease{"extended": NewLease(func() Instant { return 0 }), "always fresh": AlwaysFresh()} {
		l.Extend(0, 100)
		if !l.Fresh(l.Now()) {
			t.Errorf("%s: not fresh before", name)
		}
		l.Break()
		l.Extend(50, 100)
		if l.Fresh(l.Now()) || l.Remaining(0) != 0 {
			t.Errorf("%s: fresh though broken", name)
		}
	}
}

func TestAlwaysFreshOutlastsEveryInstant(t *testing.T) {
	if l := AlwaysFresh(); !l.Fresh(math.MaxInt64) || l.Remaining(l.Now()) != math.MaxInt64 {
		t.Error("the lease of an only node ended")
	}
}

func TestBootClockNeverStepsBack(t *testing.T) {
	for last, i := BootClock(), 0; i < 1000; i++ {
		next := BootClock()
		if next < last || next <= 0 {
			t.Fatalf("%d after %d", next, last)
		}
		last = next
	}
}

// TestClockIsReadAfterTheIndex lets the lease run out while the rules, the last to read anything, are judging.
func TestClockIsReadAfterTheIndex(t *testing.T) {
	boot := Instant(0)
	lease := NewLease(func() Instant { return boot })
	lease.Extend(0, 10)
	x := grantedIndex(t, Config{Lease: lease, Rules: rulesFunc(func(Case) Judgement { boot++; return Judgement{} })})
	for want := Instant(1); want < 10; want++ {
		if v := x.Check(theQuestion()); v.Outcome != Allow || v.UseWithin != time.Duration(10-want) {
			t.Fatalf("at %d: %v for %v", boot, v.Outcome, v.UseWithin)
		}
	}
	if v := x.Check(theQuestion()); v.Outcome != Deny || v.Code() != Stale || v.UseWithin != 0 {
		t.Errorf("at %d: %v, %v", boot, v.Outcome, v.Code())
	}
	if boot != 10 {
		t.Errorf("the rules were asked %d times", boot)
	}
}

// TestALeaseExtendedMeanwhileDoesNotCoverWhatWasReadBefore lets a poll be applied between reading and comparing.
func TestALeaseExtendedMeanwhileDoesNotCoverWhatWasReadBefore(t *testing.T) {
	lease := NewLease(func() Instant { return 100 })
	lease.Extend(0, 100) // ends at this moment
	x := grantedIndex(t, Config{Lease: lease, Rules: rulesFunc(func(Case) Judgement { lease.Extend(100, 100); return Judgement{} })})
	if v := x.Check(theQuestion()); v.Outcome != Deny || v.Code() != Stale {
		t.Errorf("read under a lease that had ended: got %v, %v", v.Outcome, v.Code())
	}
	if v := x.Check(theQuestion()); v.Outcome != Allow || v.UseWithin != 100 {
		t.Errorf("read under the next lease: got %v for %v", v.Outcome, v.UseWithin)
	}
}
