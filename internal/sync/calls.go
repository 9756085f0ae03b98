package sync

import (
	"cmp"
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

// Wait waits until the system may be called. Deliver does so itself; whoever lists the system does before each call.
func (c *Calls) Wait(ctx context.Context) error {
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
}

// tell sends what the indexed changes mean in calls of no more than most. It returns an error when the system as a whole
// takes nothing.
func (d *delivery) tell(ctx context.Context, t Told, of []int, most int) error {
	for part := range slices.Chunk(of, most) {
		if err := d.part(ctx, t, part); err != nil {
			return err
		}
	}
	return nil
}

// part sends one part. A place in which everything is refused is refused by itself: the other places have to be told.
func (d *delivery) part(ctx context.Context, t Told, of []int) error {
	var refusal, down error
	errs := Divide(len(of), func(from, to int) ([]error, error) {
		err := d.send(ctx, t, of[from:to])
		var refused *RefusedError
		var later *LaterError
		switch {
		case errors.As(err, &refused) && refused.Code == "404", errors.As(err, &later) && !later.All:
			return Every(to-from, err), nil // it is the place that is not there, whomever the call names
		case refused != nil:
			refusal = err
		case err != nil:
			down = err
		}
		return make([]error, to-from), err
	})
	if down != nil {
		return down
	}
	for i, n := range of {
		var later *LaterError
		if d.errs[n] = cmp.Or(d.errs[n], errs[i]); errors.As(errs[i], &later) && later.All {
			d.errs[n] = refusal
		}
	}
	return nil
}

func (d *delivery) send(ctx context.Context, t Told, of []int) error {
	if err := d.Wait(ctx); err != nil {
		return err
	}
	t.People = make([]*Change, len(of))
	for i, n := range of {
		t.People[i] = &d.changes[n]
	}
	return d.Send(ctx, t)
}
