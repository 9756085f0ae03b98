package sync

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// Deadline is until when an opt-out is to be obeyed by the rules that hold for its number; the zero value is none.
type Deadline struct {
	At   time.Time
	Rule string // that sets it
}

// Restriction is an act that restricts and what became of it at one destination.
type Restriction struct {
	Seq        uint64
	Subject    ledger.SubjectID
	Scope      consent.Scope
	RecordedAt time.Time
	AckedAt    time.Time // zero: not yet
	Deadline   Deadline
}

// Took is how long the destination took to acknowledge it, or has taken by now.
func (r *Restriction) Took(now time.Time) time.Duration {
	if r.AckedAt.IsZero() {
		return max(now.Sub(r.RecordedAt), 0)
	}
	return max(r.AckedAt.Sub(r.RecordedAt), 0)
}

// Propagation is how acts that restrict reached one destination within a time.
type Propagation struct {
	Destination  Destination
	Acknowledged int // acts that every scope of was acknowledged
	Waiting      int // acts of which something waits, or was parked
	Overdue      int // of these, those that wait for longer than the destination may take

	// How long acknowledgements took. The quantiles are the upper end of a class of durations that is 1.6 % wide.
	P50, P99, Max time.Duration

	// Slowest are the acts that took or take longest, those that still wait first.
	Slowest []Restriction

	// Behind says that the destination has not come to the ledger's end: what it has not come to is in none of the
	// counts, and Oldest is when the earliest act that restricts among all that it owes was recorded.
	Behind uint64
	Oldest time.Time
}

// mostSlow is how many of the slowest acts are told of each destination.
const mostSlow = 10

// Propagation tells how acts that restrict, recorded from a moment on, reached the destinations: all, or the one named.
func (e *Engine) Propagation(ctx context.Context, since time.Time, id string) ([]Propagation, error) {
	found := map[string]*tally{}
	for _, d := range e.Destinations.All() {
		if id == "" || d.ID == id {
			found[d.ID] = &tally{Propagation: Propagation{Destination: d}}
		}
	}
	if id != "" && len(found) == 0 {
		return nil, ErrNotFound
	}
	now := e.Now()
	err := e.Acks(ctx, since, func(a Ack) error {
		if t := found[a.Destination]; t != nil {
			t.add(a, now)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read what was acknowledged: %w", err)
	}
	var out []Propagation
	for _, id := range slices.Sorted(maps.Keys(found)) {
		p, err := e.told(ctx, found[id], now)
		if err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, nil
}

// told adds to a tally what the status and the entries tell.
func (e *Engine) told(ctx context.Context, t *tally, now time.Time) (Propagation, error) {
	p := t.Propagation
	p.P50, p.P99 = t.took.quantile(0.5), t.took.quantile(0.99)
	p.P50, p.P99 = min(p.P50, p.Max), min(p.P99, p.Max)
	status, err := e.Status(ctx, p.Destination.ID)
	if err != nil {
		return p, err
	}
	p.Behind, p.Oldest = status.Head-min(status.Cursor, status.Head), status.Oldest
	slices.SortStableFunc(p.Slowest, func(a, b Restriction) int { return slower(&a, &b, now) })
	for i := range p.Slowest {
		if err := e.describe(ctx, &p.Slowest[i]); err != nil {
			return p, err
		}
	}
	return p, nil
}

// slower orders what waits before what was acknowledged, then by how long it took.
func slower(a, b *Restriction, now time.Time) int {
	waits := func(r *Restriction) int { return rank(r.AckedAt.IsZero()) }
	return cmp.Or(waits(a)-waits(b), cmp.Compare(b.Took(now), a.Took(now)), cmp.Compare(a.Seq, b.Seq))
}

// describe says whom an act is about, and until when the law wants it obeyed. Of whoever was erased nothing is known.
func (e *Engine) describe(ctx context.Context, r *Restriction) error {
	entry, err := e.Ledger.Entry(ctx, r.Seq)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	act, ok := entry.Act()
	if !ok {
		return nil
	}
	r.Subject, r.Scope = entry.Subject, act.Scope
	if e.Deadline != nil && entry.Number != 0 {
		from := act.EffectiveAt
		if from.IsZero() || from.After(entry.RecordedAt) {
			from = entry.RecordedAt
		}
		r.Deadline = e.Deadline(entry.Number, act.Scope, from)
	}
	return nil
}

// DeadlineFunc says until when an opt-out from a scope, given at a moment, is to be obeyed.
type DeadlineFunc func(n phone.Number, s consent.Scope, from time.Time) Deadline

// tally counts what becomes of one destination's acts.
type tally struct {
	Propagation
	took durations
}

func (t *tally) add(a Ack, now time.Time) {
	r := Restriction{Seq: a.Seq, RecordedAt: a.RecordedAt, AckedAt: a.AckedAt}
	took := r.Took(now)
	if a.AckedAt.IsZero() {
		t.Waiting++
		if took > t.Destination.Overdue() {
			t.Overdue++
		}
	} else {
		t.Acknowledged++
		t.took.add(took)
		t.Max = max(t.Max, took)
	}
	if len(t.Slowest) == mostSlow && slower(&t.Slowest[mostSlow-1], &r, now) <= 0 {
		return
	}
	at, _ := slices.BinarySearchFunc(t.Slowest, r, func(a, b Restriction) int { return slower(&a, &b, now) })
	t.Slowest = slices.Insert(t.Slowest, at, r)
	t.Slowest = t.Slowest[:min(len(t.Slowest), mostSlow)]
}

// durations counts durations in classes of which each is 1/64 of its lower end wide, so that millions take a few
// kilobytes.
type durations struct {
	n       int
	classes [64 * 64]int32
}

// classBits is how many bits after the first tell classes apart.
const classBits = 6

func (d *durations) add(took time.Duration) {
	d.n++
	d.classes[classOf(uint64(took.Microseconds()))]++
}

func classOf(us uint64) int {
	if us < 1<<classBits {
		return int(us)
	}
	shift := bits.Len64(us) - classBits - 1
	return (shift+1)<<classBits + int(us>>shift&(1<<classBits-1))
}

// endOf is the upper end of a class, in microseconds.
func endOf(class int) uint64 {
	if class < 1<<classBits {
		return uint64(class)
	}
	shift := class>>classBits - 1
	return (uint64(class&(1<<classBits-1)|1<<classBits)+1)<<shift - 1
}

// quantile returns the duration that the share q of all does not exceed, zero when there are none.
func (d *durations) quantile(q float64) time.Duration {
	if d.n == 0 {
		return 0
	}
	wanted := max(int(q*float64(d.n)+0.999999), 1)
	for class, n := range d.classes {
		if wanted -= int(n); wanted <= 0 {
			return time.Duration(endOf(class)) * time.Microsecond
		}
	}
	return 0
}
