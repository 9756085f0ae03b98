package sync

import (
	"context"
	"errors"
	stdsync "sync"
	"time"
)

// outcome is what became of one change.
type outcome struct {
	Change
	err error     // nil: acknowledged; a *RefusedError; a *LaterError
	at  time.Time // when it was known

	from time.Time // when it was first sent
}

// round delivers changes, and returns what became of each. While the system as a whole takes nothing it waits, so it
// ends early only with its context.
type round struct {
	connector Connector
	limits    Limits
	gate      *gate
	now       func() time.Time
}

func (r *round) deliver(ctx context.Context, changes []Change) ([]outcome, error) {
	var mu stdsync.Mutex
	var out []outcome
	var failed error
	var all stdsync.WaitGroup
	for _, lane := range lanes(changes, max(r.limits.InFlight, 1)) {
		if len(lane) == 0 {
			continue
		}
		all.Go(func() {
			done, err := r.lane(ctx, lane)
			mu.Lock()
			defer mu.Unlock()
			out, failed = append(out, done...), errors.Join(failed, err)
		})
	}
	all.Wait()
	return out, failed
}

// lane delivers one batch after the other.
func (r *round) lane(ctx context.Context, lane []Change) (out []outcome, err error) {
	var from time.Time // when the batch was first sent; zero: it was not
	for len(lane) > 0 {
		batch := batchOf(lane, r.limits)
		if err := r.gate.pass(ctx); err != nil {
			return out, err
		}
		if from.IsZero() {
			from = r.now()
		}
		errs := r.call(ctx, batch)
		down := r.down(errs)
		r.gate.report(down)
		if down != nil {
			if ctx.Err() != nil {
				return out, ctx.Err()
			}
			continue
		}
		at := r.now()
		for i := range batch {
			out = append(out, outcome{batch[i], errs[i], at, from})
		}
		lane, from = lane[len(batch):], time.Time{}
	}
	return out, nil
}

// parting is how long a call under way may go on when the engine is asked to end: what was taken and not noted is sent
// again.
const parting = 5 * time.Second

func (r *round) call(ctx context.Context, batch []Change) []error {
	calling, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(parting, cancel) })
	defer stop()
	errs := r.connector.Deliver(calling, batch)
	if len(errs) != len(batch) {
		return Every(len(batch), &LaterError{Code: "answer", Reason: "the system answered for another number of changes", All: true})
	}
	return errs
}

// down returns why the system takes nothing at present, nil if it answered for the changes one by one. Of systems that
// want events nothing may be left out and sent later, so there whatever may be tried again holds up what follows.
func (r *round) down(errs []error) *LaterError {
	for _, err := range errs {
		var later *LaterError
		var refused *RefusedError
		switch {
		case err == nil, errors.As(err, &refused):
		case !errors.As(err, &later):
			return &LaterError{Code: "unreachable", Reason: "no answer that could be read", All: true} // its text may hold what is secret
		case later.All || r.limits.Events:
			return later
		}
	}
	return nil
}
