package policy

import (
	"reflect"

	"github.com/consentline/consentline/internal/consent"
)

// terms finds rules of a pack that cannot all be meant: hours that no minute satisfies, a rule that its own condition
// always lifts, and one registry that is described in two ways.
func (c *census) terms(p *Pack) {
	for _, rule := range p.Rules {
		c.lifts(rule)
		if rule.Registry != nil {
			c.registry(rule)
		}
	}
	for _, ch := range consent.Channels {
		for _, cl := range consent.Classes {
			c.neverOpen(p, ch, cl)
		}
	}
}

// lifts finds the rule that speaks only where one of its own exceptions holds.
func (c *census) lifts(rule *Rule) {
	for i := range rule.Unless {
		if rule.When != nil && reflect.DeepEqual(*rule.When, rule.Unless[i]) {
			c.fault(rule.file, rule.line, "rule %s contradicts itself: wherever it speaks, its own unless lifts it", rule.ID)
		}
	}
}

func (c *census) registry(rule *Rule) {
	first := c.registries[rule.Registry.ID]
	if first == nil {
		c.registries[rule.Registry.ID] = rule
		return
	}
	if first.Registry.Name != rule.Registry.Name || first.Registry.About != rule.Registry.About {
		c.fault(rule.file, rule.line, "rule %s contradicts %s:%d, which describes the registry %s otherwise", rule.ID, first.file, first.line, rule.Registry.ID)
	}
}

// neverOpen finds hours of one pack that hold on some day, whatever the circumstances, and together leave no minute of
// the week, though each leaves some. A single rule that leaves none is a ban, and says so.
func (c *census) neverOpen(p *Pack, ch consent.Channel, cl consent.Class) {
	var plain []*Rule
	for _, rule := range p.Rules {
		if rule.Kind == KindHours && rule.speaksAlways() && len(rule.Unless) == 0 && rule.appliesTo(ch, cl, Ordinary) && everOpen([]*Rule{rule}) {
			plain = append(plain, rule)
		}
	}
	for _, last := range plain { // on the day on which it begins, all that will ever hold with it and began before
		var together []*Rule
		for _, rule := range plain {
			if rule.holdsOn(last.begins()) {
				together = append(together, rule)
			}
		}
		if !everOpen(together) && !c.closed[p] {
			c.closed[p] = true
			c.fault(last.file, last.line, "rule %s contradicts the pack's other hours: together they leave no minute of the week for %s by %s", last.ID, cl, ch)
		}
	}
}

// begins is the day from which the rule holds.
func (r *Rule) begins() int64 {
	if !r.HasFrom {
		return -never
	}
	return r.EffectiveFrom
}

func (r *Rule) holdsOn(day int64) bool {
	return r.begins() <= day && (!r.HasUntil || day < r.EffectiveUntil)
}
