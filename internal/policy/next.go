package policy

import "github.com/consentline/consentline/internal/phone"

// capEnds returns when the cap admits one more contact, zero if it does already, never if it never will.
func (s *scene) capEnds(r *Rules, g *gate) int64 {
	if s.q.Attempts == nil {
		return 0
	}
	c := &r.caps[g.arg]
	at, found := s.q.Attempts.NthLatest(c.key(s.q), c.term.Max)
	if !found {
		return 0
	}
	return s.capLasts(r, c, at)
}

// capLasts returns until when a cap counts a contact.
func (s *scene) capLasts(r *Rules, c *capTable, at int64) int64 {
	if c.term.Per == Rolling {
		return c.term.Window.after(at)
	}
	ends := int64(0)
	for i := range s.zoneCount() {
		z := r.zones[s.zone(i)]
		ends = max(ends, z.startOfDay(c.term.Per.next(z.local(at).day)))
	}
	return ends
}

// next returns the first day of the calendar unit after the one that holds the day.
func (p Per) next(day int64) int64 {
	switch p {
	case CalendarWeek:
		return day + 7 - int64(weekday(day))
	case CalendarMonth:
		y, m, _ := civil(day)
		return dayOf(y+m/12, m%12+1, 1)
	}
	return day + 1
}

func (c *capTable) key(q *Question) CapKey {
	k := CapKey{Number: phone.Number(uint64(q.Number) & digitBits), By: c.term.By, Counts: c.term.Counts, Channels: c.channels, Classes: c.classes, Until: q.At.Unix()}
	switch c.term.By {
	case BySubjectMatter:
		k.Matter = q.Matter
	case BySubjectBrand:
		k.Brand = q.Brand
	case ByEvent:
		k.Event = q.Event
	}
	return k
}

// search returns the earliest moment from the scene's on that every window, cap, cool-down and ban admits, never if
// there is none. Each rule by itself names the first moment it admits; taking the latest of these over and over ends
// at the first that all admit, since none can come before it.
func (r *Rules) search(s *scene) int64 {
	probe := *s
	var scratch Judgement
	for t, limit := s.now, s.now+openDays*daySeconds; t < limit; {
		start := t
		probe.begin(r, t)
		for g := range probe.groupCount {
			for _, e := range r.groups[probe.groups[g]].table[s.q.Contact][s.q.Channel][s.q.Class] {
				if t < e.from || t >= e.until {
					continue
				}
				admitted := min(r.admits(&probe, e, t, &scratch), e.until, r.relaxesAfter(t))
				if admitted > t && (r.compiled[e.rule].kind != KindHours || admitted == e.until) {
					limit = admitted + openDays*daySeconds // what is no window may well hold for longer
				}
				t = max(t, admitted)
			}
		}
		if t == start {
			return t
		}
	}
	return never
}

// admits returns the first moment from t on that the entry's rule, taken alone, does not stand in the way by time.
func (r *Rules) admits(s *scene, e entry, t int64, scratch *Judgement) int64 {
	g := &r.compiled[e.rule]
	switch g.kind {
	case KindExpiry, KindBan, KindHours, KindCap, KindCoolDown:
	default:
		return t
	}
	if !s.concerns(r, g) || s.lifted(r, g) {
		return t
	}
	switch g.kind {
	case KindExpiry:
		s.expiry(e.rule, g, scratch)
	case KindBan:
		if g.arg == 0 {
			return never
		}
		if r.bans[g.arg-1].reaches(s.q.Number, &s.q.Place) {
			return e.until
		}
	case KindHours:
		return s.opens(r, &r.hours[g.arg], t)
	case KindCap:
		return max(t, s.capEnds(r, g))
	case KindCoolDown:
		return max(t, s.coolDownEnds(r, g))
	}
	return t
}

// opens returns the first moment from t on at which the hours are open on every clock that they are read on.
func (s *scene) opens(r *Rules, h *hoursTable, t int64) int64 {
	if z := s.clock(r, h); z != nil {
		return h.nextOpen(z, t)
	}
	for limit := t + openDays*daySeconds; t < limit; {
		start := t
		for i := range s.zoneCount() {
			t = h.nextOpen(r.zones[s.zone(i)], t)
			if t == never {
				return never
			}
		}
		if t == start {
			return t
		}
	}
	return never
}
