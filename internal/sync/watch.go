package sync

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/store"
)

// State is where a destination stood when the engine last looked: what figures and alerts are made from.
type State struct {
	Destination Destination
	Status

	// OldestSeq is the entry that Oldest tells of, zero where it is one that the destination has not come to.
	OldestSeq uint64
	Overdue   bool
}

// Alert says that a destination has not acknowledged an act that restricts within the time that it has.
type Alert struct {
	ID          string // the same for the same act, on whichever node
	Destination string
	Seq         uint64 // zero: one of those that it has not come to
	RecordedAt  time.Time
	Overdue     time.Duration // how long it may take
	At          time.Time
}

// Alerting is a Connector that can also tell of alerts about other destinations.
type Alerting interface {
	Connector

	// Alert tells of an alert in one call.
	Alert(ctx context.Context, a Alert) error
}

const lookEvery = 5 * time.Second

// watch looks for what is overdue until its context ends.
func (e *Engine) watch(ctx context.Context) {
	told := map[string]string{} // the alert that each destination was last told to be in
	for ctx.Err() == nil {
		if err := e.look(ctx, told); err != nil && ctx.Err() == nil {
			e.Log.WarnContext(ctx, "destinations were not looked after", "error", err)
		}
		_ = sleep(ctx, cmp.Or(e.LookEvery, lookEvery), nil) // the loop looks at the context
	}
	e.states.Store(nil)
}

// look notes where all destinations stand, and raises an alert for each that has become overdue.
func (e *Engine) look(ctx context.Context, told map[string]string) error {
	states, err := e.stateOfAll(ctx)
	if err != nil {
		return err
	}
	e.states.Store(&states)
	for i := range states {
		s := &states[i]
		if !s.Overdue {
			delete(told, s.Destination.ID)
			continue
		}
		a := Alert{
			ID: fmt.Sprintf("alert-%s-%d", s.Destination.ID, s.Oldest.UnixMicro()), Destination: s.Destination.ID, Seq: s.OldestSeq,
			RecordedAt: s.Oldest, Overdue: s.Destination.Overdue(), At: e.Now(),
		}
		if told[a.Destination] != a.ID {
			e.alert(ctx, a)
			told[a.Destination] = a.ID
		}
	}
	return nil
}

// alert says that a destination is overdue: in the log, and to all destinations that take alerts. Whoever cannot be
// told now is not told later, since the log and the figures say the same.
func (e *Engine) alert(ctx context.Context, a Alert) {
	e.Log.WarnContext(ctx, "destination has not acknowledged a restriction in time", "destination", a.Destination, "seq", a.Seq,
		"recorded_at", a.RecordedAt, "may_take", a.Overdue)
	for _, d := range e.Destinations.All() {
		now := e.get(d.ID)
		if now == nil || d.ID == a.Destination {
			continue
		}
		teller, ok := now.runner.connector.(Alerting)
		if !ok {
			continue
		}
		calling, cancel := context.WithTimeout(ctx, parting)
		if err := teller.Alert(calling, a); err != nil {
			e.Log.WarnContext(ctx, "an alert was not taken", "destination", d.ID, "error", err)
		}
		cancel()
	}
}

// stateOfAll reads where all destinations stand.
func (e *Engine) stateOfAll(ctx context.Context) (out []State, err error) {
	at := map[string]int{}
	for _, d := range e.Destinations.All() {
		at[d.ID] = len(out)
		out = append(out, State{Destination: d})
	}
	if len(out) == 0 {
		return nil, nil
	}
	err = e.DB.Read(ctx, func(tx store.Tx) error {
		const query = `
			SELECT destination, count(CASE WHEN parked = 0 THEN 1 END), count(CASE WHEN parked = 1 THEN 1 END),
				coalesce(min(CASE WHEN since > 0 THEN since_at END), 0), coalesce(min(CASE WHEN since > 0 THEN since END), 0)
			FROM sync_items
			GROUP BY destination`
		err := store.Each(tx.Query(ctx, query), func(r store.Row) error {
			i, defined := at[r.Text(0)]
			if !defined {
				return nil // it was removed, and is about to be forgotten
			}
			out[i].Waiting, out[i].Parked = r.Int64(1), r.Int64(2)
			if us := r.Int64(3); us > 0 {
				out[i].Oldest, out[i].OldestSeq = time.UnixMicro(us).UTC(), uint64(r.Int64(4))
			}
			return nil
		})
		if err != nil {
			return err
		}
		return store.Each(tx.Query(ctx, "SELECT follower, seq FROM cursors WHERE follower LIKE 'sync %'"), func(r store.Row) error {
			if i, defined := at[r.Text(0)[len(cursorName("")):]]; defined {
				out[i].Cursor = uint64(r.Int64(1))
			}
			return nil
		})
	})
	if err != nil {
		return nil, fmt.Errorf("read where destinations stand: %w", err)
	}
	for i := range out {
		if err := e.complete(ctx, &out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// complete adds what the runner knows, and what the destination has not come to.
func (e *Engine) complete(ctx context.Context, s *State) error {
	s.Head = e.Feed.Head()
	if now := e.get(s.Destination.ID); now != nil {
		s.Failures, s.Until = now.runner.gate.state()
		s.Cursor = max(s.Cursor, now.runner.reached.Load())
	}
	before := s.Oldest
	if s.Cursor > 0 { // else it has not begun
		if err := e.oldest(ctx, s.Destination, &s.Status); err != nil {
			return err
		}
	}
	if !s.Oldest.Equal(before) {
		s.OldestSeq = 0
	}
	s.Overdue = !s.Oldest.IsZero() && e.Now().Sub(s.Oldest) > s.Destination.Overdue()
	return nil
}

// States returns where all destinations stood a few seconds ago, nil on a node that does not keep them in step.
func (e *Engine) States() []State {
	if states := e.states.Load(); states != nil {
		return *states
	}
	return nil
}
