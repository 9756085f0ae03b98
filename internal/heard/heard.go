// Package heard takes in what was changed in outside systems: a no at once, a yes as far as the ledger lets it count, and
// an echo of what they were told never.
//
// It stores nothing of its own. Others may rely on this: a callback is answered after what it tells is durable; the same
// change told twice is one act; a change that says what the ledger said at that moment, or what the system was being told
// at that moment, makes no act, so that no echo undoes what was recorded since, however late it comes.
package heard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
)

// Listener takes in callbacks of destinations. It is safe for concurrent use.
type Listener struct {
	Engine   *sync.Engine
	Ledger   *ledger.Ledger
	Recorder *act.Recorder
	Now      func() time.Time
}

// What became of a change that was heard of.
const (
	Recorded = "recorded" // it is an act now
	Known    = "known"    // it says what the ledger says
	Echo     = "echo"     // it is what the system was told
	Rejected = "rejected" // it cannot be an act
)

// Settled is what became of one change.
type Settled struct {
	Outcome string `json:"outcome" doc:"recorded, known (it says what is on record), echo (it is what the destination was told) or rejected."`
	Seq     uint64 `json:"seq,omitempty" doc:"The entry that it became."`
	Code    string `json:"code,omitempty" doc:"Why it was rejected."`
}

// Take proves a callback, and takes in what it tells, in its order.
func (l *Listener) Take(ctx context.Context, destination string, c sync.Callback) ([]Settled, error) {
	connector, d, err := l.Engine.Destinations.Connector(destination)
	if err != nil {
		return nil, err
	}
	hearing, ok := connector.(sync.Hearing)
	if !ok {
		return nil, sync.ErrForged // nothing that comes can be proved
	}
	heard, err := hearing.Hear(ctx, c)
	if err != nil {
		return nil, err
	}
	out := make([]Settled, 0, len(heard))
	for i := range heard {
		t, err := l.take(ctx, &d, &heard[i])
		if err != nil {
			return nil, fmt.Errorf("take in what a destination told: %w", err)
		}
		out = append(out, t)
	}
	return out, nil
}

// take decides about one change. A destination speaks only of what it is told of.
func (l *Listener) take(ctx context.Context, d *sync.Destination, h *sync.Heard) (Settled, error) {
	n, err := phone.Parse(h.Number, "")
	if err != nil {
		return Settled{Outcome: Rejected, Code: act.CodeInvalidNumber}, nil
	}
	if !d.Wants(n, h.Scope) || !h.Scope.Concrete() {
		return Settled{Outcome: Rejected, Code: "not_concerned"}, nil
	}
	now := l.Now()
	at := h.At
	if at.IsZero() || at.After(now) {
		at = now
	}
	outcome, err := l.weigh(ctx, d.ID, n, h, at.UTC())
	if err != nil || outcome != Recorded {
		return Settled{Outcome: outcome}, err
	}
	return l.record(ctx, d, h, n, at)
}

// weigh says whether a change is news.
func (l *Listener) weigh(ctx context.Context, id string, n phone.Number, h *sync.Heard, at time.Time) (string, error) {
	who, held, recorded, err := l.Engine.Holding(ctx, n, h.Scope)
	if err != nil {
		return "", err
	}
	record := held.Record
	granted := recorded && record.Allows(l.Now())
	switch {
	case h.Ours:
		return Echo, nil
	case granted && h.Granted, recorded && record.Status.Restricted() && !h.Granted:
		return Known, nil
	case !recorded:
		return Recorded, nil
	}
	told, err := l.Engine.Said(ctx, id, who.ID, h.Scope, h.Granted, at)
	if err != nil {
		return "", err
	}
	if told {
		return Echo, nil
	}
	then, err := l.Ledger.RecordAt(ctx, n, h.Scope, ledger.Moment{At: at, KnownAt: at})
	if err != nil {
		return "", err
	}
	// A no that was on record at that moment is no news, unless a yes that is said to be from before it came later: that
	// yes must not outlive a no that the person repeated.
	sameThen := then.Version > 0 && then.Allows(at) == h.Granted && (h.Granted || then.Status.Restricted() && record.GrantedAt.After(at))
	if sameThen {
		return Echo, nil
	}
	return Recorded, nil
}

// record makes the change an act. A yes that a third party tells counts as the ledger lets it: over a no it is a conflict.
func (l *Listener) record(ctx context.Context, d *sync.Destination, h *sync.Heard, n phone.Number, at time.Time) (Settled, error) {
	source, via := l.Engine.Destinations.Source(d.ID), consent.ViaCRM
	if source == consent.Provider {
		via = consent.ViaProvider
	}
	r := act.Report{
		Number: n.String(), Brand: h.Scope.Brand, Purpose: h.Scope.Purpose, Channel: h.Scope.Channel, Act: consent.Withdrawn,
		Source: source, Via: via, Method: "told by " + d.ID, EffectiveAt: at,
	}
	if h.Granted {
		r.Act = consent.Granted
	}
	if h.ID != "" {
		r.EventID = d.ID + "/" + h.ID
	}
	results, err := l.Recorder.Record(ctx, caller, []act.Report{r})
	if err != nil {
		return Settled{}, err
	}
	switch result := results[0]; {
	case result.Err != nil:
		return Settled{Outcome: Rejected, Code: code(result.Err)}, nil
	case result.Outcome == ledger.Duplicate:
		return Settled{Outcome: Known, Seq: result.Seq}, nil
	default:
		return Settled{Outcome: Recorded, Seq: result.Seq}, nil
	}
}

// caller is who records what destinations tell: they proved themselves by their signatures.
var caller = &access.Caller{ID: "destinations", Name: "outside systems", Role: access.Agent}

// code is the stable name of what is wrong.
func code(err error) string {
	var invalid *act.InvalidError
	if errors.As(err, &invalid) {
		return invalid.Code
	}
	return act.CodeInvalidField
}
