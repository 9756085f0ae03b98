package consent

import (
	"cmp"
	"slices"
	"time"
)

// place orders acts: by when they happened; at the same moment the act that restricts comes last, and so wins; then by
// place in the ledger.
type place struct {
	at        time.Time
	restricts bool
	seq       uint64
}

func placeOf(a Act) place { return place{a.EffectiveAt, a.Kind.Restricts(), a.Seq} }

func (p place) compare(q place) int {
	if c := p.at.Compare(q.at); c != 0 {
		return c
	}
	if p.restricts != q.restricts {
		if p.restricts {
			return 1
		}
		return -1
	}
	return cmp.Compare(p.seq, q.seq)
}

// Fold returns the record that a set of acts amounts to, in whatever order and however often they are given. The acts
// must all cover the one scope that the record is for. The slice is sorted in place.
func Fold(acts []Act) Record { return FoldEach(acts, func(Act, Record) {}) }

// FoldEach is Fold, and tells of each act what the record was right after it.
func FoldEach(acts []Act, each func(Act, Record)) Record {
	slices.SortFunc(acts, func(a, b Act) int { return placeOf(a).compare(placeOf(b)) })
	var r Record
	for i, a := range acts {
		if i > 0 && acts[i-1].Seq == a.Seq {
			continue
		}
		r = step(r, a)
		each(a, r)
	}
	return r
}

// Follows reports whether the act comes after all that the record was folded from, so that Next may be used.
func (r Record) Follows(a Act) bool { return r.Version == 0 || placeOf(a).compare(r.last) > 0 }

// Next folds one more act into the record. The act must follow the record's others; if it does not, fold all again.
func (r Record) Next(a Act) Record {
	if !r.Follows(a) {
		panic("consent: Next with an act that does not follow")
	}
	return step(r, a)
}

// Resume returns the record as it was stored, ready for Next. The arguments are those of the latest act folded.
func (r Record) Resume(at time.Time, restricts bool, seq uint64) Record {
	r.last = place{at, restricts, seq}
	return r
}

// Last returns the place of the latest act folded, to be stored and given back to Resume.
func (r Record) Last() (at time.Time, restricts bool, seq uint64) {
	return r.last.at, r.last.restricts, r.last.seq
}

func step(r Record, a Act) Record {
	r.Version++
	r.last = placeOf(a)
	switch a.Kind {
	case Requested:
		return r.requested(a)
	case Granted, Renewed:
		return r.granted(a)
	case Refused:
		return r.restricted(a, StatusRefused)
	case Withdrawn:
		return r.restricted(a, StatusWithdrawn)
	case Revoked, Reassigned:
		return r.restricted(a, StatusRevoked)
	case Expired:
		return r.expired(a)
	}
	return r
}

// requested leaves a standing yes alone, and remembers a standing no: to ask is neither.
func (r Record) requested(a Act) Record {
	if r.At(a.EffectiveAt) == StatusGranted {
		return r
	}
	return Record{
		Status: Pending, RequestedAt: a.EffectiveAt, Source: a.Source, Disclosure: a.Disclosure, Evidenced: a.Evidence != "",
		RestrictedAt: r.RestrictedAt, RestrictedBy: r.RestrictedBy, Under: r.Under,
		Entry: a.Seq, Conflict: r.Conflict, Version: r.Version, last: r.last,
	}
}

func (r Record) granted(a Act) Record {
	standing := r.At(a.EffectiveAt) == StatusGranted
	switch {
	case !standing && r.Status != None && !a.Personal():
		r.Conflict = a.Seq
		return r
	case standing && a.Level < r.Level:
		return r
	case standing && a.Level == r.Level && !a.Personal():
		return r // told again by a third party: that does not make the yes any younger
	}
	return Record{
		Status: StatusGranted, Level: a.Level, Confirmed: a.Confirmed || standing && r.Confirmed,
		GrantedAt: a.EffectiveAt, ValidUntil: a.ValidUntil, ReviewAt: a.ReviewAt,
		Disclosure: a.Disclosure, Evidenced: a.Evidence != "", Source: a.Source,
		RestrictedAt: r.RestrictedAt, RestrictedBy: r.RestrictedBy,
		Entry: a.Seq, Version: r.Version, last: r.last,
	}
}

func (r Record) restricted(a Act, s Status) Record {
	return Record{
		Status: s, RestrictedAt: a.EffectiveAt, RestrictedBy: s, Under: s, Source: a.Source, Disclosure: a.Disclosure, Evidenced: a.Evidence != "",
		Entry: a.Seq, Version: r.Version, last: r.last,
	}
}

// expired ends a yes or an open request; a no does not expire into something weaker.
func (r Record) expired(a Act) Record {
	switch {
	case r.Status == Pending && r.Under != None:
		r.Status, r.RequestedAt, r.Entry = r.Under, time.Time{}, a.Seq
	case r.Status == Pending, r.Status == StatusGranted:
		r.Status, r.RequestedAt, r.Entry = StatusExpired, time.Time{}, a.Seq
	}
	return r
}

// Personal reports whether a grant is a dated act of the person, the only kind that can end a no: it comes from where
// the person acted; told live, or with its own date; and, when a third party tells it, with evidence too.
func (a Act) Personal() bool {
	if !a.Source.OfThePerson() {
		return false
	}
	switch a.Via {
	case Live:
		return true
	case ViaBatch:
		return a.Dated
	}
	return a.Dated && a.Evidence != ""
}
