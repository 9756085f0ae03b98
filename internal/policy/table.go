package policy

import (
	"cmp"
	"slices"

	"github.com/consentline/consentline/internal/consent"
)

// tables works out for every jurisdiction which rules speak about each contact, channel and class, and when.
func (r *Rules) tables() error {
	for i := range r.jurisdictions {
		j := &r.jurisdictions[i]
		for c := range Contact(contacts) {
			for _, ch := range consent.Channels {
				for _, cl := range consent.Classes {
					j.table[c][ch][cl] = r.list(j, ch, cl, c)
				}
			}
		}
	}
	return nil
}

// list collects a jurisdiction's entries for one kind of contact: its own rules, those of its ancestors and of
// overlays, and a fallback for the times at which nothing nearer speaks.
func (r *Rules) list(j *jurisdiction, ch consent.Channel, cl consent.Class, c Contact) []entry {
	var list []entry
	covered := map[Kind][]interval{}
	for _, p := range j.chain {
		for _, rule := range p.Rules {
			if rule.Fallback || !rule.judged(ch, c) || !rule.appliesTo(ch, cl, c) {
				continue
			}
			list = r.enter(list, rule, nil)
			// An overlay binds beside the law and cannot speak in its place.
			if rule.speaksAlways() && p.Overlay == nil {
				covered[rule.Kind] = append(covered[rule.Kind], r.lawful[r.byID[rule.ID]]...)
			}
		}
	}
	for _, p := range j.chain {
		var spoken []*Rule
		for _, rule := range p.Rules {
			if !rule.Fallback || !rule.appliesTo(ch, cl, c) {
				continue
			}
			list = r.enter(list, rule, covered[rule.Kind])
			spoken = append(spoken, rule)
		}
		for _, rule := range spoken {
			covered[rule.Kind] = append(covered[rule.Kind], r.lawful[r.byID[rule.ID]]...)
		}
	}
	essential := KindConsent
	if c == OptOutConfirmation {
		essential = KindConfirmation
	}
	for _, silent := range gaps(interval{-never, never}, covered[essential]) {
		list = append(list, entry{0, silent.from, silent.until})
	}
	list = append(list, r.banEntries(j, ch, cl, c)...)
	r.order(list)
	return list
}

// judged reports whether the rule has a place in judgements of the channel and contact; the others are terms that are
// asked for by themselves.
func (rule *Rule) judged(ch consent.Channel, c Contact) bool {
	switch rule.Kind {
	case KindOptOut, KindRetention:
		return false
	case KindDuty:
		return rule.Duty.AtContact
	case KindDisclosure:
		switch rule.Disclosure.Moment {
		case AtConsentRequest:
			return c == ConsentRequest
		case InMessage:
			return ch.Texts()
		case AtCallStart:
			return !ch.Texts()
		}
		return false
	}
	return true
}

// speaksAlways reports whether the rule leaves no case open that a fallback should fill.
func (rule *Rule) speaksAlways() bool {
	return rule.When == nil && len(rule.Sectors) == 0 && len(rule.Senders) == 0
}

// enter adds the rule, and its forms under overrides, for the times that nothing covers.
func (r *Rules) enter(list []entry, rule *Rule, covered []interval) []entry {
	id := r.byID[rule.ID]
	for _, form := range append([]RuleIndex{id}, r.copies[id]...) {
		for _, s := range r.spans[form] {
			for _, left := range gaps(s, covered) {
				list = append(list, entry{form, left.from, left.until})
			}
		}
	}
	return list
}

// order sorts entries as they are judged: expiry before the consent it may end, and what is cheap before what is not.
func (r *Rules) order(list []entry) {
	slices.SortFunc(list, func(a, b entry) int {
		return cmp.Or(
			cmp.Compare(r.compiled[a.rule].kind, r.compiled[b.rule].kind),
			cmp.Compare(a.rule, b.rule), cmp.Compare(a.from, b.from))
	})
}

// gaps returns what is left of one interval when the covered ones are taken out.
func gaps(whole interval, covered []interval) []interval {
	if whole.from >= whole.until {
		return nil
	}
	left := []interval{whole}
	for _, c := range covered {
		var next []interval
		for _, l := range left {
			if c.until <= l.from || c.from >= l.until {
				next = append(next, l)
				continue
			}
			if c.from > l.from {
				next = append(next, interval{l.from, c.from})
			}
			if c.until < l.until {
				next = append(next, interval{c.until, l.until})
			}
		}
		left = next
	}
	return left
}
