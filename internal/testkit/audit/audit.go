// Package audit holds a ledger to what it says of itself, for tests that crash, cut or crowd it.
//
// It reads every entry and every record through the ledger's own doors, and works out the records again from the
// entries. It stores nothing.
package audit

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/verify"
)

// Place is where a record stands: one number in one scope.
type Place struct {
	Number phone.Number
	Scope  consent.Scope
}

// Records are the current records of a ledger or of whoever keeps a copy of them.
type Records map[Place]consent.Record

// Apply takes in what a commit changed, as an index does.
func (r Records) Apply(changes []ledger.Change) {
	for _, c := range changes {
		r[Place{c.Number, c.Scope}] = c.Record
	}
}

// Diff tells of one place where two sets of records differ; empty when they do not.
func (r Records) Diff(other Records) string {
	for place, want := range r {
		if got, there := other[place]; !there || got != want {
			return fmt.Sprintf("in %s (there: %t): %+v against %+v", place.Scope, there, want, got)
		}
	}
	for place := range other {
		if _, there := r[place]; !there {
			return fmt.Sprintf("a record more in %s: %+v", place.Scope, other[place])
		}
	}
	return ""
}

// Report is what an audit found in a ledger that is in order.
type Report struct {
	Head    uint64
	Told    map[string]uint64 // the entry of each correlation id
	Records Records
}

const page = 1000

// Ledger reads everything, and returns an error that names the first thing that is not as promised: a gap, time that
// runs backwards, a commitment that does not open, a head or a record that does not follow from the entries.
func Ledger(ctx context.Context, l *ledger.Ledger) (Report, error) {
	out := Report{Told: map[string]uint64{}, Records: Records{}}
	acts := map[phone.Number][]consent.Act{}
	var before time.Time
	for {
		entries, err := l.Entries(ctx, out.Head, page)
		if err != nil {
			return out, fmt.Errorf("read after entry %d: %w", out.Head, err)
		}
		for i := range entries {
			e := &entries[i]
			if err := follows(e, out.Head, before); err != nil {
				return out, err
			}
			out.Head, before = e.Seq, e.RecordedAt
			if seq, twice := out.Told[e.Body.CorrelationID]; twice {
				return out, fmt.Errorf("entries %d and %d are one act recorded twice", seq, e.Seq)
			}
			if e.Body.CorrelationID != "" {
				out.Told[e.Body.CorrelationID] = e.Seq
			}
			if act, ok := e.Act(); ok {
				acts[e.Number] = append(acts[e.Number], act)
			}
		}
		if len(entries) < page {
			break
		}
	}
	if head, err := l.Head(ctx); err != nil || head != out.Head {
		return out, fmt.Errorf("the head says %d, the last entry is %d (%w)", head, out.Head, err)
	}
	return out, out.records(ctx, l, acts)
}

func follows(e *ledger.Entry, last uint64, before time.Time) error {
	switch {
	case e.Seq != last+1:
		return fmt.Errorf("entry %d comes after entry %d", e.Seq, last)
	case e.RecordedAt.Before(before):
		return fmt.Errorf("entry %d was recorded before the one before it", e.Seq)
	case len(e.Body.Salt) != 16 || verify.Commit([16]byte(e.Body.Salt), e.Raw) != e.Commitment:
		return fmt.Errorf("entry %d does not open its commitment", e.Seq)
	}
	return nil
}

// records holds the stored records against those that the acts amount to.
func (r *Report) records(ctx context.Context, l *ledger.Ledger, acts map[phone.Number][]consent.Act) error {
	want := Records{}
	for number, told := range acts {
		maps.Copy(want, Of(number, told))
	}
	seq, err := l.LoadRecords(ctx, func(c ledger.Change) { r.Records.Apply([]ledger.Change{c}) })
	if err != nil {
		return fmt.Errorf("load the records: %w", err)
	}
	if seq != r.Head {
		return fmt.Errorf("the records are folded up to %d, the last entry is %d", seq, r.Head)
	}
	if diff := want.Diff(r.Records); diff != "" {
		return fmt.Errorf("the records are not the fold of the entries: %s", diff)
	}
	return nil
}

// Of works out a number's records from its acts: one for each scope in which somebody acted. An act counts where it
// was made, and one that restricts counts in every concrete scope that it covers.
func Of(number phone.Number, acts []consent.Act) Records {
	out := Records{}
	for _, own := range acts {
		place := Place{number, own.Scope}
		if _, done := out[place]; done {
			continue
		}
		var counting []consent.Act
		for _, a := range acts {
			wide := a.Kind.Restricts() && own.Scope.Concrete() && a.Scope.Covers(own.Scope)
			if wide || a.Scope == own.Scope {
				counting = append(counting, a)
			}
		}
		out[place] = consent.Fold(slices.Clone(counting))
	}
	return out
}
