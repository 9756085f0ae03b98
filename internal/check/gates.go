package check

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/policy"
)

// words fails for every word of the question that nobody defined.
func (v *Verdict) words(q *Question, f *Found) {
	if !f.BrandKnown {
		v.fail(Reason{Code: UnknownBrand})
	}
	if f.Class == consent.NoClass {
		v.fail(Reason{Code: UnknownPurpose})
	}
	if q.Channel == consent.AnyChannel || q.Channel > consent.VoiceAuto {
		v.fail(Reason{Code: UnknownChannel})
	}
}

// suppressed fails for every list the number is on, for an erased person, and for every list too old to be relied on.
func (v *Verdict) suppressed(q *Question, f *facts) {
	for _, list := range f.lists.lists[:min(f.lists.count, maxSuppressions)] {
		v.fail(Reason{Code: Suppressed, List: list})
	}
	v.Omitted += max(f.lists.count-maxSuppressions, 0)
	if v.Record.Flags&FlagSuppressed != 0 {
		v.fail(Reason{Code: Suppressed, Entry: v.Record.Seq})
	}
	for _, list := range f.lists.view.aging {
		if !list.applies(q.Brand) || f.lists.of.answers(list) {
			continue
		}
		if list.Stale(v.At) {
			v.fail(Reason{Code: ListStale, List: list})
		}
		f.expires = sooner(f.expires, list.Expires())
	}
}

// consented fails unless the record says yes, or says nothing and a rule exempts. Of a no one thing may still be said to
// the person, if a rule admits it: that it was heard.
func (v *Verdict) consented(q *Question, f *facts) {
	confirms := q.About != nil && q.About.Contact == policy.OptOutConfirmation && v.Status.Restricted()
	if f.code == Granted && !confirms || f.judgement.Exempt != 0 && (confirms || silent(f.code, v.Record)) {
		return
	}
	v.fail(Reason{Code: f.code, Entry: v.Record.Seq})
}

// silent reports whether nobody has said no. A yes that ran out, or that begins later, is silence; so is a request that
// waits for its answer, unless there was a no before it.
func silent(c Code, s State) bool {
	switch c {
	case NoRecord, Expired, NotYetGranted, Pending:
		return s.Flags&FlagRestricted == 0
	}
	return false
}

// judged adds what the rules found.
func (v *Verdict) judged(f *facts) {
	j := &f.judgement
	for _, failure := range j.failures[:j.count] {
		if !failure.Defers || j.NextAllowedAt.IsZero() {
			v.hard = true
		}
		v.note(Reason{Code: failure.Code, Rule: failure.Rule})
	}
	v.obligations, v.ObligationsOmitted = uint8(copy(v.obliged[:], j.obliged[:j.obligations])), j.Omitted
	v.Place = j.Place
}

// decide draws the conclusion: allow if no gate failed, defer if time alone opens all that did, else deny.
func (v *Verdict) decide(f *facts, useWithin time.Duration) {
	if v.count > 0 {
		v.refuse(f)
		return
	}
	v.Outcome = Allow
	v.ChangesAt = sooner(f.expires, f.judgement.ChangesAt)
	if f.code == Granted {
		v.note(Reason{Code: Granted, Entry: v.Record.Seq})
		v.ChangesAt = sooner(v.ChangesAt, v.Record.ValidUntil.Time())
	} else {
		v.note(Reason{Code: Exempt, Rule: f.judgement.Exempt})
	}
	if !v.ChangesAt.IsZero() {
		useWithin = max(min(useWithin, v.ChangesAt.Sub(v.CheckedAt)), 0)
	}
	// An allow for another moment than now tells, it does not permit: what it leaves of the time is what may be used.
	v.UseWithin = max(useWithin-v.At.Sub(v.CheckedAt).Abs(), 0)
}

// refuse tells deny from defer. A defer to a moment at which the consent will have run out would be a false promise.
func (v *Verdict) refuse(f *facts) {
	next := f.judgement.NextAllowedAt
	runsOut := f.code == Granted && v.Record.ValidUntil != 0 && !next.Before(v.Record.ValidUntil.Time())
	switch {
	case !v.hard && !runsOut:
		v.Outcome, v.NextAllowedAt, v.ChangesAt = Defer, next, next
	case f.code == NotYetGranted && v.count == 1:
		v.ChangesAt = v.Record.GrantedAt.Time()
	}
}

// sooner returns the earlier of two moments, of which a zero one is never.
func sooner(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
