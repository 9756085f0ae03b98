package sync

import (
	"context"
	"errors"
	"slices"
	stdsync "sync"
	"time"

	"golang.org/x/time/rate"
)

// Calls hands changes to a system that is told of one place and one answer at a time: subscribe these to that list.
type Calls struct {
	Mapping Mapping
	Now     func() time.Time

	Granted, Denied int    // how many people a call of either answer may name
	Pace            Limits // how the system wants to be called; Batch follows from the two above

	// Send makes one call. What it returns holds for everybody whom the call names.
	Send func(context.Context, Told) error

	once stdsync.Once
	rate *rate.Limiter // set once
}

// Told is what one call tells: that these people said yes, or that they did not, in one place.
type Told struct {
	Mapped
	Granted bool
	People  []*Change
}

// Numbers are the people's numbers, each once, as systems know them that know no extensions.
func (t *Told) Numbers() []string {
	out := make([]string, 0, len(t.People))
	for _, c := range t.People {
		out = append(out, c.Number.WithoutExtension().String())
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Limits says how many changes a batch may hold. The rate is kept call by call, since a batch may need several.
func (c *Calls) Limits() Limits {
	return Limits{Batch: max(c.Granted, c.Denied, 1), InFlight: c.Pace.InFlight}
}

// wait waits until the system may be called.
func (c *Calls) wait(ctx context.Context) error {
	c.once.Do(func() {
		c.rate = rate.NewLimiter(rate.Inf, 1)
		if c.Pace.PerSecond > 0 {
			c.rate = rate.NewLimiter(rate.Limit(c.Pace.PerSecond), max(c.Pace.Burst, 1))
		}
	})
	return c.rate.Wait(ctx)
}

// Deliver tells who said no before who said yes.
func (c *Calls) Deliver(ctx context.Context, changes []Change) []error {
	d := delivery{Calls: c, changes: changes, errs: make([]error, len(changes))}
	places := c.Mapping.ByPlace(changes, c.Now())
	for _, p := range places {
		if err := d.tell(ctx, Told{Mapped: p.Mapped}, p.Denied, max(c.Denied, 1)); err != nil {
			return Every(len(changes), err)
		}
	}
	for _, p := range places {
		if err := d.tell(ctx, Told{Mapped: p.Mapped, Granted: true}, p.Granted, max(c.Granted, 1)); err != nil {
			return Every(len(changes), err)
		}
	}
	return d.errs
}

// delivery is one batch on its way.
type delivery struct {
	*Calls
	changes []Change
	errs    []error

	taken, refused int // calls
}

// tell sends what the indexed changes mean in calls of no more than most. It returns an error when the system as a whole
// takes nothing.
func (d *delivery) tell(ctx context.Context, t Told, of []int, most int) error {
	for part := range slices.Chunk(of, most) {
		if err := d.send(ctx, t, part); err != nil {
			return err
		}
	}
	return nil
}

// send makes a call. One that is refused is made again for each half of those whom it named, so that one number that a
// system cannot read does not keep it from hearing of the others.
func (d *delivery) send(ctx context.Context, t Told, of []int) error {
	t.People = make([]*Change, len(of))
	for i, n := range of {
		t.People[i] = &d.changes[n]
	}
	if err := d.wait(ctx); err != nil {
		return err
	}
	err := d.Send(ctx, t)
	var refused *RefusedError
	var later *LaterError
	switch {
	case err == nil:
		d.taken++
		return nil
	case errors.As(err, &refused):
		d.refused++
		if len(of) > 1 && d.named(refused) {
			half := len(of) / 2
			if err := d.send(ctx, t, of[:half]); err != nil {
				return err
			}
			return d.send(ctx, t, of[half:])
		}
	case errors.As(err, &later) && !later.All:
	default:
		return err
	}
	for _, n := range of {
		d.errs[n] = err
	}
	return nil
}

// mostRefusals is how many calls in one batch may be refused while none is taken, before the fault is sought elsewhere
// than in those whom they name.
const mostRefusals = 16

// named reports whether a refusal may be due to some of those whom the call names. A place that is not there is not.
func (d *delivery) named(e *RefusedError) bool {
	return e.Code != "404" && (d.taken > 0 || d.refused < mostRefusals)
}
