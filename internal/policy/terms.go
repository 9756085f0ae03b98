package policy

import (
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Terms are what the rules of every jurisdiction that may apply ask beside the moment of contact: the strictest of
// each, with the rule that asks it.
type Terms struct {
	Requires      Need // the least consent for an ordinary contact
	RequiresBy    RuleIndex
	DoubleOptIn   bool // a consent must be confirmed to count
	DoubleOptInBy RuleIndex

	OptOut      OptOutTerms
	Retention   []RetentionTerms // longest first within each kind of record
	Disclosures []RuleIndex
	Duties      []RuleIndex
	ReviewAfter *Period // the soonest review or end of a consent, nil if none is asked
	ReviewBy    RuleIndex
}

// OptOutTerms are how an opt-out is to be obeyed: the shortest deadline, and the longest of everything else.
type OptOutTerms struct {
	HasDeadline  bool
	Deadline     Deadline
	DeadlineBy   RuleIndex
	Honour       *Period // nil: until the person consents anew
	HonourBy     RuleIndex
	Mechanism    *Period
	MechanismBy  RuleIndex
	Everything   bool // a withdrawal from one thing ends all contact by the brand that needs consent
	EverythingBy RuleIndex
	Keywords     []string
	Means        []RuleIndex // the rules that say how an opt-out may be given
}

// RetentionTerms is how long one kind of record is kept.
type RetentionTerms struct {
	RetentionTerm
	By RuleIndex
}

// Terms collects what holds for the question's number, channel, class, facts and moment. It allocates.
func (r *Rules) Terms(q *Question) Terms {
	s := scene{q: q}
	r.locate(q, &s)
	s.begin(r, q.At.Unix())
	none := NoRuleIndex
	t := Terms{RequiresBy: none, DoubleOptInBy: none, ReviewBy: none}
	t.OptOut = OptOutTerms{DeadlineBy: none, HonourBy: none, MechanismBy: none, EverythingBy: none}
	for _, i := range r.speaking(&s) {
		t.take(i, r.rules[i])
	}
	slices.Sort(t.OptOut.Keywords)
	t.OptOut.Keywords = slices.Compact(t.OptOut.Keywords)
	slices.SortStableFunc(t.Retention, func(a, b RetentionTerms) int {
		if a.Of != b.Of {
			return slices.Index(retentionOf, a.Of) - slices.Index(retentionOf, b.Of)
		}
		return b.For.cmp(a.For)
	})
	return t
}

// speaking lists the rules of all candidate jurisdictions that hold at the scene's moment and in its case.
func (r *Rules) speaking(s *scene) []RuleIndex {
	var list []RuleIndex
	for _, region := range s.members(r) {
		j := &r.jurisdictions[region]
		if int(s.q.Channel) < channels && int(s.q.Class) < classes {
			for _, e := range j.table[Ordinary][s.q.Channel][s.q.Class] {
				if s.now >= e.from && s.now < e.until && r.compiled[e.rule].kind <= KindConfirmed {
					list = append(list, e.rule)
				}
			}
		}
		for _, p := range j.chain {
			for _, rule := range p.Rules {
				id := r.byID[rule.ID]
				if rule.Kind >= KindDisclosure && rule.appliesTo(s.q.Channel, s.q.Class, Ordinary) && r.holdsAt(id, s.now) {
					list = append(list, id)
				}
			}
		}
	}
	slices.Sort(list)
	return slices.DeleteFunc(slices.Compact(list), func(i RuleIndex) bool {
		g := &r.compiled[i]
		return g.kind == NoKind || !s.concerns(r, g) || s.lifted(r, g)
	})
}

func (r *Rules) holdsAt(i RuleIndex, t int64) bool {
	return slices.ContainsFunc(r.spans[i], func(s interval) bool { return t >= s.from && t < s.until })
}

// members lists the indexes of the candidate jurisdictions.
func (s *scene) members(r *Rules) []uint16 {
	var all []uint16
	for g := range s.groupCount {
		all = append(all, r.groups[s.groups[g]].members...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func (t *Terms) take(i RuleIndex, rule *Rule) {
	switch rule.Kind {
	case KindConsent:
		if rule.Consent.Requires > t.Requires || t.RequiresBy == NoRuleIndex {
			t.Requires, t.RequiresBy = rule.Consent.Requires, i
		}
	case KindConfirmed:
		if rule.Confirmed.Required {
			t.DoubleOptIn, t.DoubleOptInBy = true, i
		}
	case KindExpiry:
		if t.ReviewAfter == nil || rule.Expiry.After.cmp(*t.ReviewAfter) < 0 {
			t.ReviewAfter, t.ReviewBy = &rule.Expiry.After, i
		}
	case KindDisclosure:
		t.Disclosures = append(t.Disclosures, i)
	case KindDuty:
		t.Duties = append(t.Duties, i)
	case KindOptOut:
		t.OptOut.take(i, rule.OptOut)
	case KindRetention:
		t.Retention = append(t.Retention, RetentionTerms{*rule.Retention, i})
	}
}

func (o *OptOutTerms) take(i RuleIndex, t *OptOutTerm) {
	if t.HasDeadline && (!o.HasDeadline || t.Deadline.hours() < o.Deadline.hours()) {
		o.HasDeadline, o.Deadline, o.DeadlineBy = true, t.Deadline, i
	}
	if t.Honour != nil && (o.Honour == nil || t.Honour.cmp(*o.Honour) > 0) {
		o.Honour, o.HonourBy = t.Honour, i
	}
	if t.Mechanism != nil && (o.Mechanism == nil || t.Mechanism.cmp(*o.Mechanism) > 0) {
		o.Mechanism, o.MechanismBy = t.Mechanism, i
	}
	if t.Everything {
		o.Everything, o.EverythingBy = true, i
	}
	o.Keywords = append(o.Keywords, t.Keywords...)
	if t.Means != "" {
		o.Means = append(o.Means, i)
	}
}

// RetentionFor returns the longest time for which a record of the kind is kept, false if no rule names it.
func (t *Terms) RetentionFor(of string) (RetentionTerms, bool) {
	for _, one := range t.Retention {
		if one.Of == of {
			return one, true
		}
	}
	return RetentionTerms{}, false
}

// After returns the end of the deadline that starts at t. Business days are Monday to Friday in t's zone; holidays
// are not left out, so that it never ends too late.
func (d Deadline) After(t time.Time) time.Time {
	switch {
	case d.Hours:
		return t.Add(time.Duration(d.Count) * time.Hour)
	case !d.Business:
		return t.AddDate(0, 0, d.Count)
	}
	for left := d.Count; left > 0; {
		t = t.AddDate(0, 0, 1)
		if wd := t.Weekday(); wd != time.Saturday && wd != time.Sunday {
			left--
		}
	}
	return t
}

// Silent lists the channels and classes on which the region's packs say nothing at the moment, so that all is denied.
func (r *Rules) Silent(region string, at time.Time) []Silence {
	id, known := r.byRegion[region]
	if !known {
		return nil
	}
	var list []Silence
	for _, ch := range consent.Channels {
		for _, cl := range consent.Classes {
			for _, e := range r.jurisdictions[id].table[Ordinary][ch][cl] {
				if e.rule == 0 && at.Unix() >= e.from && at.Unix() < e.until {
					list = append(list, Silence{ch, cl})
				}
			}
		}
	}
	return list
}

// Silence is a channel and class about which a jurisdiction's packs say nothing.
type Silence struct {
	Channel consent.Channel
	Class   consent.Class
}
