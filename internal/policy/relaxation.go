package policy

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Relaxation takes the relaxed reading of one contested point for a time. It is never stricter than the default, so it
// needs an actor, a reason and an end.
type Relaxation struct {
	Switch string
	Reason string
	Actor  string
	From   time.Time // zero: at once
	Until  time.Time
}

// Declaration says what holds of all contacts of a brand and a purpose, so that callers need not tell it each time.
type Declaration struct {
	ID           string
	Brand        string // empty: every brand
	Purpose      string // empty: every purpose
	Sender       Sender
	Sector       Sector
	DispatchZone string // an IANA zone; empty: unknown
	Facts        Fact   // what lifts rules, and so needs a reason
	Reason       string
	Actor        string
	From         time.Time // zero: at once
	Until        time.Time // zero: no end
}

// ChangeError says which relaxation or declaration cannot stand, and why.
type ChangeError struct {
	ID     string
	Reason string
}

// Error names the change and what stands in its way.
func (e *ChangeError) Error() string { return fmt.Sprintf("%s: %s", e.ID, e.Reason) }

type relaxed struct {
	switches Switches
	span     interval
}

type declared struct {
	brand, purpose string
	span           interval
	all            Circumstances
}

// relax compiles the operator's readings of contested points.
func (r *Rules) relax() error {
	var errs []error
	for _, one := range r.changes.Relaxations {
		s, known := r.Switch(one.Switch)
		reason := ""
		switch {
		case !known:
			reason = "no pack defines this switch"
		case strings.TrimSpace(one.Actor) == "" || strings.TrimSpace(one.Reason) == "":
			reason = "it loosens rules, which needs a reason, and who decided it"
		case one.Until.IsZero():
			reason = "it loosens rules, which needs an end"
		case !one.Until.After(one.From):
			reason = "it ends before it starts"
		}
		if reason != "" {
			errs = append(errs, &ChangeError{one.Switch, reason})
			continue
		}
		r.relaxed = append(r.relaxed, relaxed{s, interval{unixOr(one.From, -never), one.Until.Unix()}})
	}
	return errors.Join(errs...)
}

// relax notes which contested points are relaxed at the scene's moment, and which facts are declared.
func (s *scene) relax(r *Rules) {
	s.switches, s.facts = s.q.Switches, s.q.Facts
	for i := range r.relaxed {
		one := &r.relaxed[i]
		if s.now >= one.span.from && s.now < one.span.until {
			s.switches |= one.switches
			s.until(one.span.until)
		} else {
			s.until(one.span.from)
		}
	}
	for i := range r.declared {
		d := &r.declared[i]
		switch {
		case d.all.Facts == 0 || !d.concerns(s.q):
		case s.now >= d.span.from && s.now < d.span.until:
			s.facts |= d.all.Facts
			s.until(d.span.until)
		default:
			s.until(d.span.from)
		}
	}
}

// relaxesAfter returns the first moment after t at which something more is relaxed or declared, never if there is none.
func (r *Rules) relaxesAfter(t int64) int64 {
	next := int64(never)
	for i := range r.relaxed {
		if from := r.relaxed[i].span.from; from > t {
			next = min(next, from)
		}
	}
	for i := range r.declared {
		if from := r.declared[i].span.from; from > t {
			next = min(next, from)
		}
	}
	return next
}

// declare compiles what holds of all contacts of a kind.
func (r *Rules) declare() error {
	var errs []error
	for _, d := range r.changes.Declarations {
		one := declared{d.Brand, d.Purpose, interval{unixOr(d.From, -never), unixOr(d.Until, never)}, Circumstances{Sender: d.Sender, Sector: d.Sector, Facts: d.Facts}}
		zone, known := r.DispatchZone(d.DispatchZone)
		reason := ""
		switch {
		case strings.TrimSpace(d.ID) == "" || strings.TrimSpace(d.Actor) == "":
			reason = "it needs an id, and who decided it"
		case d.Facts != 0 && strings.TrimSpace(d.Reason) == "":
			reason = "facts lift rules, which needs a reason"
		case d.DispatchZone != "" && !known:
			reason = fmt.Sprintf("no time zone %q is known", d.DispatchZone)
		case one.span.until <= one.span.from:
			reason = "it ends before it starts"
		case d.Sender == UnknownSender && d.Sector == NoSector && d.Facts == 0 && d.DispatchZone == "":
			reason = "it declares nothing"
		}
		if reason != "" {
			errs = append(errs, &ChangeError{d.ID, reason})
			continue
		}
		if known {
			one.all.DispatchZone = zone
		}
		r.declared = append(r.declared, one)
	}
	return errors.Join(errs...)
}

// Declare fills in what the operator declared of the sender, the sector and the dispatcher of the question's contact.
// Facts, which may end, are looked up at each moment that is judged.
func (r *Rules) Declare(q *Question) {
	now := q.At.Unix()
	for i := range r.declared {
		if d := &r.declared[i]; now >= d.span.from && now < d.span.until && d.concerns(q) {
			q.merge(&d.all)
		}
	}
}

// concerns reports whether the declaration is about the brand and the purpose of the question.
func (d *declared) concerns(q *Question) bool {
	return (d.brand == "" || d.brand == string(q.Seller)) && (d.purpose == "" || d.purpose == string(q.Purpose))
}
