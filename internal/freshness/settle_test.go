package freshness_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/freshness"
)

// TestTheWaitIsForDeltaAndTheMarginOnTheNodesOwnClock steps that clock: what timers do, which stand still while a
// machine sleeps, ends no wait.
func TestTheWaitIsForDeltaAndTheMarginOnTheNodesOwnClock(t *testing.T) {
	for _, c := range []struct{ delta, drift, want time.Duration }{
		{time.Millisecond, 0, 11 * time.Millisecond}, // a margin of at least 10 ms
		{500 * time.Millisecond, 0, 525 * time.Millisecond},
		{time.Millisecond, 3 * time.Millisecond, 4 * time.Millisecond},
	} {
		var now atomic.Int64
		clock := func() check.Instant { return check.Instant(now.Load()) }
		node := freshness.New(freshness.Config{Lease: check.NewLease(clock), Clock: clock, Delta: c.delta, Drift: c.drift})
		now.Store(int64(time.Hour))
		wait := node.Settle()
		now.Add(int64(c.want) - 1)
		short, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if err := wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Δ %s: a nanosecond before its end the wait returned %v", c.delta, err)
		}
		cancel()
		now.Add(1)
		if err := wait(t.Context()); err != nil {
			t.Errorf("Δ %s: got %v at the end of the wait", c.delta, err)
		}
	}
}

// TestAWaitThatAMachineSleptThroughIsOver wakes up an hour later: every other node's lease has run out meanwhile.
func TestAWaitThatAMachineSleptThroughIsOver(t *testing.T) {
	var now atomic.Int64
	clock := func() check.Instant { return check.Instant(now.Load()) }
	lease := check.NewLease(clock)
	wait := freshness.New(freshness.Config{Lease: lease, Clock: clock}).Settle()
	lease.Extend(0, freshness.DefaultDelta)
	now.Store(int64(time.Hour))
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if err := wait(ended); err != nil {
		t.Errorf("got %v, want no wait", err)
	}
	if lease.Fresh(clock()) {
		t.Error("a node that slept for an hour is fresh")
	}
}
