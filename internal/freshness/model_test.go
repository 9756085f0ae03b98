package freshness

import (
	"testing"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/testkit/reliability"
)

// The model is one node that follows, one that withdraws, and a caller who asks the first after hearing of success
// from the second. Nodes meet only in the database, so that one follower stands for any number of them. Time goes in
// ticks; whatever may happen may happen at any of them, or never: that is what pauses, losses and delays come to.
const (
	delta   = 3 // ticks that a poll keeps a node fresh
	drift   = 1 // ticks by which the follower's clock may fall behind
	horizon = 9
)

// world is one state of the model.
type world struct {
	now, clock int8 // true time, and the follower's clock

	withdrawn bool // in the database that the writer commits to
	committed int8 // when, by the writer's clock
	acked     bool
	promoted  bool // that database is the promoted standby; the follower still reaches the old primary

	applied bool // the follower has applied the withdrawal
	until   int8 // the end of its lease
	poll    step
	sent    int8 // by the follower's clock, before the poll was sent
	saw     bool // the poll's snapshot has the withdrawal
	old     bool // the poll's transaction is on the first primary, which cannot commit once another is promoted

	check step
	late  bool // the question was sent after the acknowledgement
	term  int8 // the end of the lease as it was before the index was read
	read  bool // what was read was before the withdrawal
	fresh bool // a test of the lease that is kept for later
}

type step int8

const (
	idle    step = iota
	sent         // the poll is on its way; the question is
	taken        // the snapshot is taken; so is the term of the lease
	arrived      // the poll's answer is there; the index is read
)

// protocol says what a node does; the zero value is what this package does, each flag a way to do it wrong.
type protocol struct {
	ackAtOnce      bool // acknowledge when committed
	noMargin       bool // wait for Delta without the drift
	fromReceipt    bool // count the lease from when the answer came
	unapplied      bool // extend the lease before what was learned is applied
	leaseLast      bool // look at the lease only after reading, when a poll may have extended it
	clockFirst     bool // compare the clock before, once for many answers
	pollsRead      bool // poll by a transaction that commits nothing
	clockMayFreeze bool // the follower's clock does not count time asleep
}

func (p protocol) next(w world) (out []world) {
	add := func(ok bool, change func(*world)) {
		if ok {
			n := w
			change(&n)
			out = append(out, n)
		}
	}
	add(w.now < horizon, func(n *world) { n.now++; n.clock++ })
	add(w.now < horizon && (p.clockMayFreeze || w.now-w.clock < drift), func(n *world) { n.now++ })
	p.writer(w, add)
	p.follower(w, add)
	p.caller(w, add)
	return out
}

func (p protocol) writer(w world, add func(bool, func(*world))) {
	add(!w.promoted && !w.withdrawn, func(n *world) { n.promoted = true })
	add(!w.withdrawn, func(n *world) { n.withdrawn, n.committed = true, n.now })
	wait := int8(delta + drift)
	switch {
	case p.ackAtOnce:
		wait = 0
	case p.noMargin:
		wait = delta
	}
	add(w.withdrawn && !w.acked && w.now >= w.committed+wait, func(n *world) { n.acked = true })
}

func (p protocol) follower(w world, add func(bool, func(*world))) {
	add(w.poll == idle, func(n *world) { n.poll, n.sent = sent, n.clock })
	// The first primary has no withdrawal that was made after the promotion.
	add(w.poll == sent, func(n *world) { n.poll, n.saw, n.old = taken, n.withdrawn && !n.promoted, true })
	add(w.poll == sent && w.promoted, func(n *world) { n.poll, n.saw, n.old = taken, n.withdrawn, false })
	add(w.poll == taken && (!w.old || !w.promoted || p.pollsRead), func(n *world) { n.poll = arrived })
	add(w.poll != idle, func(n *world) { n.poll = idle }) // lost, or given up
	add(w.poll == arrived, func(n *world) {
		from := n.sent
		if p.fromReceipt {
			from = n.clock
		}
		n.poll, n.until = idle, max(n.until, from+delta)
		if !p.unapplied {
			n.applied = n.applied || n.saw
		}
	})
}

func (p protocol) caller(w world, add func(bool, func(*world))) {
	add(p.clockFirst && w.check == idle, func(n *world) { n.fresh = w.leased(w.until) })
	add(w.check == idle, func(n *world) { n.check, n.late = sent, n.acked })
	add(w.check == sent, func(n *world) { n.check, n.term = taken, n.until })
	add(w.check == taken, func(n *world) { n.check, n.read = arrived, !n.applied })
}

// leased asks a real lease that ends at a moment.
func (w *world) leased(until int8) bool {
	l := check.NewLease(func() check.Instant { return check.Instant(w.clock) })
	l.Extend(check.Instant(until)-delta, delta)
	return l.Fresh(l.Now())
}

// stale reports whether the next thing said could be an allow that must not be.
func (p protocol) stale(w world) bool {
	fresh := w.leased(w.term)
	switch {
	case p.leaseLast:
		fresh = w.leased(w.until)
	case p.clockFirst:
		fresh = w.fresh
	}
	return w.check == arrived && w.late && w.read && fresh
}

// explore visits every state there is, and returns how many until one that must not be.
func explore(p protocol) (states int, stale bool) {
	first := world{until: -1}
	seen, queue := map[world]bool{first: true}, []world{first}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		if p.stale(w) {
			return len(seen), true
		}
		for _, n := range p.next(w) {
			if !seen[n] {
				seen[n] = true
				queue = append(queue, n)
			}
		}
	}
	return len(seen), false
}

func TestTheProtocolAllowsNothingStale(t *testing.T) {
	states, stale := explore(protocol{})
	t.Logf("%d states", states)
	reliability.Count(t, "states of the lease explored", states)
	if stale || states < 100_000 {
		t.Errorf("stale: %t after %d states", stale, states)
	}
}

func TestEveryWorseProtocolAllowsSomethingStale(t *testing.T) {
	for name, p := range map[string]protocol{
		"acknowledged when committed":         {ackAtOnce: true},
		"no margin for clocks":                {noMargin: true},
		"lease from receipt":                  {fromReceipt: true},
		"lease extended before applying":      {unapplied: true},
		"lease looked at after reading":       {leaseLast: true},
		"clock compared before, and kept":     {clockFirst: true},
		"polls that only read":                {pollsRead: true},
		"a clock that stops with the machine": {clockMayFreeze: true},
	} {
		states, stale := explore(p)
		t.Logf("%s: %d states", name, states)
		if !stale {
			t.Errorf("%s: nothing stale in %d states", name, states)
			continue
		}
		reliability.Count(t, "weaker protocols found out", 1)
	}
}
