package ledger

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Pending is a commit that other nodes may not obey yet.
type Pending struct{ wait func(context.Context) error }

// Wait returns once no node can answer from before the commit, or with the context's error. Of nil it returns at once.
func (p *Pending) Wait(ctx context.Context) error {
	if p == nil {
		return nil
	}
	if err := p.wait(ctx); err != nil {
		return fmt.Errorf("recorded, but not known to be obeyed by every node yet: %w", err)
	}
	return nil
}

type hurriedKey struct{}

// WithoutWaiting returns a context under which Append answers when its items are committed and obeyed by this node.
// What the others may not obey yet is Pending in the results.
func WithoutWaiting(ctx context.Context) context.Context {
	return context.WithValue(ctx, hurriedKey{}, true)
}

// pend begins the wait for the other nodes. It is called right after the commit: whatever they were told before it
// counts from before it.
func (l *Ledger) pend(groups [][]Result) *Pending {
	if l.settle == nil {
		return nil
	}
	for _, results := range groups {
		for i := range results {
			if results[i].restricts {
				return &Pending{l.settle()}
			}
		}
	}
	return nil
}

// settled waits until every node obeys the results, unless the caller is in a hurry.
func settled(ctx context.Context, results []Result) error {
	if ctx.Value(hurriedKey{}) != nil {
		return nil
	}
	var last *Pending // those of one request are one commit's
	for i := range results {
		if results[i].Pending != nil {
			last = results[i].Pending
		}
	}
	if err := last.Wait(ctx); err != nil {
		return err
	}
	for i := range results {
		results[i].Pending = nil
	}
	return nil
}

// restricts reports whether an item can turn an allow into a deny, whatever stands on record. What was reported of
// contacts and refusals of calls cannot; entries of other kinds may, unless they say that they widen.
func (it *Item) restricts() bool {
	switch it.Kind {
	case KindAct:
		return it.Act.Kind.Restricts()
	case KindDenial, KindDisclosed, KindAttempt:
		return false
	}
	return !it.Widens
}

// weaker reports whether a yes that stood has become a no, or a yes to less.
func weaker(before, after consent.Record) bool {
	if before.Status != consent.StatusGranted {
		return false
	}
	return after.Status != consent.StatusGranted ||
		after.Level < before.Level ||
		before.Confirmed && !after.Confirmed ||
		before.Evidenced && !after.Evidenced ||
		before.Source != after.Source ||
		sooner(after.ReviewAt, before.ReviewAt) ||
		sooner(after.ValidUntil, before.ValidUntil)
}

// sooner reports whether a ends before b; zero is never.
func sooner(a, b time.Time) bool { return !a.IsZero() && (b.IsZero() || a.Before(b)) }
