package check

import (
	"math"
	"sync/atomic"
	"time"
)

// Instant is a moment in nanoseconds on a clock of this machine that never steps and that counts time asleep.
type Instant int64

// Lease says until when this node may answer from its index. It is extended by every poll of the ledger whose answer
// was applied; without one it runs out, and the node can only answer stale. No wall time takes part.
type Lease struct {
	clock  func() Instant // nil: always fresh
	until  atomic.Int64
	broken atomic.Bool
}

// NewLease returns a lease that has run out, on a clock such as [BootClock].
func NewLease(clock func() Instant) *Lease {
	l := &Lease{clock: clock}
	l.until.Store(math.MinInt64)
	return l
}

// AlwaysFresh returns the lease of the only node of an embedded ledger: nobody else can have written.
func AlwaysFresh() *Lease { return &Lease{} }

// Extend keeps the node fresh until delta after sentAt, the moment at which the poll was sent, not answered. Call it
// once everything that the answer named is applied. An answer that comes late never shortens the lease.
func (l *Lease) Extend(sentAt Instant, delta time.Duration) {
	next := int64(sentAt) + int64(delta)
	for {
		until := l.until.Load()
		if next <= until || l.until.CompareAndSwap(until, next) {
			return
		}
	}
}

// Break ends the lease for good: the node has found that the ledger does not continue what it has applied.
func (l *Lease) Break() { l.broken.Store(true) }

// Now returns the moment on the lease's clock. A lease that is always fresh needs none and returns zero.
func (l *Lease) Now() Instant {
	if l.clock == nil {
		return 0
	}
	return l.clock()
}

// Term is a lease as it stood when it was taken. It vouches for what is read after it was taken, and for nothing newer
// that the lease learns meanwhile: a poll that is applied between reading and comparing would else pass off what was
// read before it as fresh.
type Term struct {
	lease *Lease
	until int64
}

// Term takes the lease as it stands, before anything is read under it.
func (l *Lease) Term() Term { return Term{l, l.until.Load()} }

// Remaining returns for how long the term still runs; zero when it has run out or the lease was broken.
func (t Term) Remaining(now Instant) time.Duration {
	switch {
	case t.lease.broken.Load():
		return 0
	case t.lease.clock == nil:
		return math.MaxInt64
	case t.until <= int64(now):
		return 0
	}
	return time.Duration(t.until - int64(now))
}

// Fresh reports whether the lease still runs at the moment now. At the very moment of its end it no longer does.
func (l *Lease) Fresh(now Instant) bool { return l.Remaining(now) > 0 }

// Remaining returns for how long the lease still runs; zero when it has run out or was broken.
func (l *Lease) Remaining(now Instant) time.Duration { return l.Term().Remaining(now) }
