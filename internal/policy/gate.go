package policy

import (
	"fmt"

	"github.com/consentline/consentline/internal/consent"
)

// capTable is what one rule counts, with the set of channels and classes whose contacts count: a cap, or the
// conversations that a waiting time runs from.
type capTable struct {
	term     CapTerm
	channels uint8
	classes  uint8
}

// condition is a Condition with its names resolved.
type condition struct {
	Condition
	regions  regionSet
	anywhere bool // no regions were named
	relaxed  Switches
}

// gate compiles one rule; the error says what in it cannot be resolved.
func (r *Rules) gate(rule *Rule) (gate, error) {
	g := gate{kind: rule.Kind, unverified: !rule.Verified}
	for _, s := range rule.Sectors {
		g.sectors |= 1 << s
	}
	for _, s := range rule.Senders {
		g.senders |= 1 << s
	}
	if rule.When != nil {
		id, err := r.condition(rule.When)
		if err != nil {
			return g, err
		}
		g.when = id
	}
	g.unless[0] = uint16(len(r.when))
	for i := range rule.Unless {
		if _, err := r.condition(&rule.Unless[i]); err != nil {
			return g, err
		}
	}
	g.unless[1] = uint16(len(r.when))
	return g, r.term(rule, &g)
}

func (r *Rules) condition(c *Condition) (uint16, error) {
	one := condition{Condition: *c, anywhere: len(c.Regions) == 0}
	for _, region := range c.Regions {
		id, known := r.byRegion[region]
		if !known {
			return 0, fmt.Errorf("%s is no region", region)
		}
		one.regions.add(id)
	}
	if c.Switch != "" {
		s, known := r.Switch(c.Switch)
		if !known {
			return 0, fmt.Errorf("%s is no switch", c.Switch)
		}
		one.relaxed = s
	}
	r.when = append(r.when, one)
	return uint16(len(r.when) - 1), nil
}

// term compiles what is particular to the rule's kind.
func (r *Rules) term(rule *Rule, g *gate) error {
	switch rule.Kind {
	case KindConsent:
		g.need = rule.Consent.Requires
		g.soft = len(rule.Consent.Conditions) > 0
	case KindConfirmed:
		g.soft = !rule.Confirmed.Required
	case KindExpiry:
		for _, l := range rule.Expiry.Levels {
			g.levels |= 1 << l
		}
		g.start, g.period, g.soft = rule.Expiry.From, rule.Expiry.After, rule.Expiry.Review
	case KindHours:
		return r.compileHours(rule.Hours, g)
	case KindCap:
		g.arg = r.counted(rule, rule.Cap)
	case KindCoolDown:
		g.after, g.period = rule.CoolDown.After, rule.CoolDown.Wait
		if g.after == AfterConversation {
			g.arg = r.counted(rule, &CapTerm{Max: 1, By: BySubjectMatter, Counts: Conversations})
		}
	case KindRegistry:
		g.arg, g.period, g.soft = r.registryID(rule.Registry), rule.Registry.MaxAge, rule.Registry.Voluntary
	case KindConfirmation:
		g.max, g.period = int32(rule.Confirmation.Max), rule.Confirmation.Within
	}
	return nil
}

func (r *Rules) compileHours(h *Hours, g *gate) error {
	t := hoursTable{week: h.Week, onHoliday: h.OnHoliday, clock: h.Clock, calendar: r.calendars[h.Calendar]}
	if h.Clock == FixedZone {
		id, err := r.zone(h.Zone)
		if err != nil {
			return err
		}
		t.zone = id
	}
	g.arg = uint16(len(r.hours))
	r.hours = append(r.hours, t)
	return nil
}

// counted adds what the rule asks of contacts that were made, and returns its place among them.
func (r *Rules) counted(rule *Rule, term *CapTerm) uint16 {
	t := capTable{term: *term}
	for _, ch := range consent.Channels {
		for _, cl := range consent.Classes {
			if rule.appliesTo(ch, cl, Ordinary) || rule.appliesTo(ch, cl, ConsentRequest) {
				t.channels |= 1 << ch
				t.classes |= 1 << cl
			}
		}
	}
	r.caps = append(r.caps, t)
	return uint16(len(r.caps) - 1)
}

func (r *Rules) registryID(t *RegistryTerm) uint16 {
	id, known := r.registryOf[t.ID]
	if !known {
		id = RegistryID(len(r.registry))
		r.registry, r.registryOf[t.ID] = append(r.registry, *t), id
	}
	return uint16(id)
}

// Switches is a set of contested points that the operator has relaxed; the zero value is strict throughout.
type Switches uint64

// Switch returns the one-element set that relaxes the contested point, false if no pack defines it.
func (r *Rules) Switch(id string) (Switches, bool) {
	for i, s := range r.switches {
		if s.ID == id {
			return 1 << i, true
		}
	}
	return 0, false
}

// Contested lists every contested point with its strict and its relaxed reading.
func (r *Rules) Contested() []Switch { return r.switches }
