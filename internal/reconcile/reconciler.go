package reconcile

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/sync"
)

// Reconciler compares destinations with the ledger. It is safe for concurrent use.
type Reconciler struct {
	Engine   *sync.Engine
	Ledger   *ledger.Ledger
	Index    *check.Index
	Recorder *act.Recorder
	DB       store.DB
	Now      func() time.Time
}

// ErrNoList says that a destination cannot tell what it holds.
var ErrNoList = errors.New("destinations of this kind cannot be asked what they hold: give a file that was exported from it")

// Request is one reconciliation that is asked for.
type Request struct {
	Destination string
	By          *access.Caller

	// Source is an exported list with the moment at which it was made; nil: the destination itself is asked.
	Source Source
	AsOf   time.Time

	Repair bool
}

// Outcome is what came of a reconciliation.
type Outcome struct {
	Destination string           `json:"-"`
	BeganAt     time.Time        `json:"-"`
	EndedAt     time.Time        `json:"-"`
	By          string           `json:"-"`
	AsOf        time.Time        `json:"as_of"`
	Rows        int64            `json:"rows"`
	Counts      map[string]int64 `json:"counts"`
	InStep      bool             `json:"in_step"`
	Repaired    *Repaired        `json:"repaired,omitempty"`

	Report *Report `json:"-"` // nil of one that was read back
}

// Repaired is what a repair did.
type Repaired struct {
	ToldAgain int `json:"told_again"` // numbers of which the destination is told anew that the answer is no, or yes
	TakenIn   int `json:"taken_in"`   // numbers of which the destination's no was recorded here
	Left      int `json:"left"`       // numbers that differ and were left: nothing is on record of them, or they wait to be told
}

// Run compares, mends if it is asked to, and notes what came of it.
func (r *Reconciler) Run(ctx context.Context, q Request) (*Outcome, error) {
	began := r.Now()
	o, source, err := r.prepare(ctx, q)
	if err != nil {
		return nil, err
	}
	report, err := Run(ctx, r.Index, source, o)
	if err != nil {
		return nil, err
	}
	out := &Outcome{
		Destination: q.Destination, BeganAt: began, By: q.By.ID, AsOf: report.AsOf, Rows: report.Rows, Counts: map[string]int64{},
		InStep: report.InStep(), Report: report,
	}
	for _, k := range Kinds() {
		out.Counts[k.String()] = report.Counts[k]
	}
	if q.Repair {
		if out.Repaired, err = r.repair(ctx, q, report); err != nil {
			return nil, fmt.Errorf("mend what differs: %w", err)
		}
	}
	out.EndedAt = r.Now()
	return out, r.keep(ctx, out)
}

// prepare finds out what the destination holds, and what it had been told of when its list was made.
func (r *Reconciler) prepare(ctx context.Context, q Request) (o Options, source Source, err error) {
	if o.Destination, err = r.Engine.Destinations.Get(q.Destination); err != nil {
		return o, nil, err
	}
	for key := range o.Destination.Mapping {
		if s, err := sync.ParseScope(key); err == nil && s.Concrete() {
			o.Scopes = append(o.Scopes, s)
		}
	}
	if o.Told, err = r.Engine.Told(ctx, q.Destination); err != nil {
		return o, nil, err
	}
	if o.AsOf = q.AsOf; o.AsOf.IsZero() || o.AsOf.After(r.Now()) {
		o.AsOf = r.Now()
	}
	if q.Source == nil {
		source, err = r.listing(q.Destination)
		return o, source, err
	}
	then, err := r.recordedBy(ctx, o.AsOf)
	o.Told = min(o.Told, then)
	return o, q.Source, err
}

// listing is the destination's own list.
func (r *Reconciler) listing(id string) (Source, error) {
	connector, _, err := r.Engine.Destinations.Connector(id)
	if err != nil {
		return nil, err
	}
	listing, ok := connector.(sync.Listing)
	if !ok {
		return nil, ErrNoList
	}
	return func(ctx context.Context, fn func(*Row) error) error {
		var row Row
		return listing.List(ctx, func(l sync.Listed) error {
			row = Row{Number: l.Number, Scope: l.Scope, Granted: l.Granted}
			return fn(&row)
		})
	}, nil
}

// recordedBy returns the last entry that was recorded by a moment. Entries are in the order of their moments, so that
// twenty looks find it among a million.
func (r *Reconciler) recordedBy(ctx context.Context, at time.Time) (uint64, error) {
	low, high := uint64(0), r.Engine.Feed.Head()
	for low < high {
		middle := low + (high-low+1)/2
		e, err := r.Ledger.Entry(ctx, middle)
		if err != nil {
			return 0, fmt.Errorf("find what was recorded when the list was made: %w", err)
		}
		if e.RecordedAt.After(at) {
			high = middle - 1
		} else {
			low = middle
		}
	}
	return low, nil
}

// repair tells the destination again whatever it holds otherwise than the ledger, apart from a no of its own: that is
// taken in, unless the yes here is one that it has not taken yet.
func (r *Reconciler) repair(ctx context.Context, q Request, report *Report) (*Repaired, error) {
	out := &Repaired{Left: int(report.Counts[UnknownYes])}
	for _, k := range []Kind{YesThere, MissingYes} {
		all := report.about(k)
		n, err := r.Engine.TellAgain(ctx, q.Destination, all)
		out.ToldAgain += n
		out.Left += len(all) - n
		if err != nil {
			return nil, err
		}
	}
	source := r.Engine.Destinations.Source(q.Destination)
	all := report.about(YesHere)
	for len(all) > 0 {
		group := all[:min(len(all), 500)]
		all = all[len(group):]
		taken, err := r.takeIn(ctx, q, source, report.AsOf, group)
		if err != nil {
			return nil, err
		}
		out.TakenIn += taken
		out.Left += len(group) - taken
	}
	return out, nil
}

// takeIn records what the destination holds as a no. Nobody saw the person say it, so it is a revocation.
func (r *Reconciler) takeIn(ctx context.Context, q Request, source consent.Source, asOf time.Time, group []sync.About) (int, error) {
	var reports []act.Report
	for _, one := range group {
		waits, err := r.Engine.Waits(ctx, q.Destination, one)
		if err != nil {
			return 0, err
		}
		if waits {
			continue
		}
		reports = append(reports, act.Report{
			Number: one.Number.String(), Brand: one.Scope.Brand, Purpose: one.Scope.Purpose, Channel: one.Scope.Channel, Act: consent.Revoked,
			Source: source, Method: "reconciliation with " + q.Destination, EffectiveAt: asOf,
		})
	}
	if len(reports) == 0 {
		return 0, nil
	}
	results, err := r.Recorder.Record(ctx, q.By, reports)
	if err != nil {
		return 0, err
	}
	taken := 0
	for i := range results {
		if results[i].Err == nil {
			taken++
		}
	}
	return taken, nil
}

// about gathers the differences of a kind.
func (r *Report) about(k Kind) (out []sync.About) {
	_ = r.EachOf(k, func(d Difference) error { // which never fails
		out = append(out, sync.About{Number: d.Number, Scope: d.Scope})
		return nil
	})
	return out
}

// keep notes what came of a reconciliation, and lets go of what came of those a year ago.
func (r *Reconciler) keep(ctx context.Context, o *Outcome) error {
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("encode the outcome: %w", err)
	}
	return r.DB.InTx(ctx, func(tx store.Tx) error {
		const purge = "DELETE FROM reconciliations WHERE destination = $1 AND began_at < $2"
		if _, err := tx.Exec(ctx, purge, o.Destination, o.BeganAt.AddDate(-1, 0, 0).UnixMicro()); err != nil {
			return err
		}
		const insert = "INSERT INTO reconciliations (destination, began_at, ended_at, caller, outcome) VALUES ($1, $2, $3, $4, $5)"
		_, err := tx.Exec(ctx, insert, o.Destination, o.BeganAt.UnixMicro(), o.EndedAt.UnixMicro(), o.By, string(text))
		return err
	})
}

// Outcomes returns up to limit outcomes of a destination's reconciliations, the latest first.
func (r *Reconciler) Outcomes(ctx context.Context, id string, limit int) (out []Outcome, err error) {
	if _, err := r.Engine.Destinations.Get(id); err != nil {
		return nil, err
	}
	err = r.DB.Read(ctx, func(tx store.Tx) error {
		const query = "SELECT began_at, ended_at, caller, outcome FROM reconciliations WHERE destination = $1 ORDER BY began_at DESC LIMIT $2"
		return store.Each(tx.Query(ctx, query, id, limit), func(row store.Row) error {
			o := Outcome{
				Destination: id, BeganAt: time.UnixMicro(row.Int64(0)).UTC(), EndedAt: time.UnixMicro(row.Int64(1)).UTC(), By: row.Text(2),
			}
			err := json.Unmarshal([]byte(row.Text(3)), &o)
			out = append(out, o)
			return err
		})
	})
	return out, err
}

// schedule is who asks for reconciliations that are due.
var schedule = &access.Caller{ID: "schedule", Name: "scheduled reconciliation", Role: access.Admin}

// RunOnce carries out the reconciliations that are due, one after the other. It is called every few minutes, on one node;
// one that is carried out twice finds the second time what the first one mended.
func (r *Reconciler) RunOnce(ctx context.Context) (done int, err error) {
	for _, d := range r.Engine.Destinations.All() {
		if d.ReconcileHours <= 0 || d.Paused {
			continue
		}
		last, err := r.Outcomes(ctx, d.ID, 1)
		if err != nil {
			return done, err
		}
		if len(last) > 0 && r.Now().Sub(last[0].BeganAt) < time.Duration(d.ReconcileHours)*time.Hour {
			continue
		}
		if _, err := r.Run(ctx, Request{Destination: d.ID, By: schedule, Repair: d.ReconcileRepair}); err != nil {
			return done, fmt.Errorf("reconcile destination %q: %w", d.ID, err)
		}
		done++
	}
	return done, nil
}
