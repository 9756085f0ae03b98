package policy

import (
	"fmt"
	"slices"
)

// contradictions finds what only shows when all packs are seen together.
func contradictions(packs []*Pack) Faults {
	c := &census{
		packs: map[string]*Pack{}, rules: map[string]*Rule{}, regions: map[string]*Pack{}, prefixes: map[string]string{},
		switches: map[string]bool{}, calendars: map[string]bool{}, registries: map[string]*Rule{}, closed: map[*Pack]bool{},
	}
	for _, p := range packs {
		c.packs[p.Name] = p
	}
	for _, p := range packs {
		c.count(p)
	}
	for _, p := range packs {
		c.links(p)
		c.terms(p)
		for _, rule := range p.Rules {
			c.rule(p, rule)
		}
	}
	return c.faults
}

type census struct {
	packs     map[string]*Pack
	rules     map[string]*Rule
	regions   map[string]*Pack
	prefixes  map[string]string // to the region that claims it
	switches  map[string]bool
	calendars map[string]bool
	faults    Faults

	registries map[string]*Rule // the first rule that asks each
	closed     map[*Pack]bool   // packs whose hours were found to leave nothing open
}

func (c *census) fault(file string, line int, format string, args ...any) {
	c.faults = append(c.faults, Fault{file, line, fmt.Sprintf(format, args...)})
}

// count enters what the pack defines and finds what is defined twice.
func (c *census) count(p *Pack) {
	for _, rule := range p.Rules {
		if first := c.rules[rule.ID]; first != nil {
			c.fault(rule.file, rule.line, "rule id %s stands in %s:%d already", rule.ID, first.file, first.line)
			continue
		}
		c.rules[rule.ID] = rule
	}
	if p.Region != "" {
		c.region(p, p.Region)
	}
	for region := range p.Areas {
		if owner := c.regions[region]; owner == nil || owner.Parent != p.Name {
			c.region(p, region)
		}
		for _, prefix := range p.Areas[region] {
			c.claim(p, prefix, p.Name+" areas")
		}
	}
	for _, prefix := range p.Prefixes {
		c.claim(p, prefix, p.Region)
	}
	for _, prefix := range p.Elsewhere {
		c.claim(p, prefix, "elsewhere")
	}
	for _, s := range p.Switches {
		if c.switches[s.ID] {
			c.fault(s.file, s.line, "switch %s is defined twice", s.ID)
		}
		c.switches[s.ID] = true
	}
	for _, cal := range p.Calendars {
		if c.calendars[cal.ID] {
			c.fault(cal.file, cal.line, "calendar %s is defined twice", cal.ID)
		}
		c.calendars[cal.ID] = true
	}
}

// region notes whose region it is. A state's pack and its country's areas may both name it: they speak of one place.
func (c *census) region(p *Pack, region string) {
	owner := c.regions[region]
	if owner != nil && owner.Parent != p.Name && p.Parent != owner.Name {
		c.fault(p.file, p.line, "region %s belongs to pack %s already", region, owner.Name)
		return
	}
	if owner == nil || p.Region == region {
		c.regions[region] = p
	}
}

func (c *census) claim(p *Pack, prefix, region string) {
	if other, taken := c.prefixes[prefix]; taken && other != region {
		c.fault(p.file, p.line, "prefix %s belongs to %s already, %s claims it too", prefix, other, region)
		return
	}
	c.prefixes[prefix] = region
}

func (c *census) links(p *Pack) {
	seen := []string{p.Name}
	for at := p; at.Parent != ""; {
		parent := c.packs[at.Parent]
		if parent == nil {
			c.fault(p.file, p.line, "the parent %s is no pack", at.Parent)
			break
		}
		if slices.Contains(seen, parent.Name) {
			c.fault(p.file, p.line, "pack %s is its own ancestor", parent.Name)
			break
		}
		seen, at = append(seen, parent.Name), parent
	}
	if p.Overlay != nil {
		for _, name := range p.Overlay.Packs {
			if c.packs[name] == nil {
				c.fault(p.file, p.line, "the overlay lies on %s, which is no pack", name)
			}
		}
		if p.Region != "" || p.Parent != "" {
			c.fault(p.file, p.line, "an overlay has neither region nor parent: it lies on packs that have")
		}
	}
	if p.Region == "" && len(p.Prefixes) > 0 {
		c.fault(p.file, p.line, "prefixes need a region that their numbers belong to")
	}
	for region := range p.Postal {
		if c.regions[region] == nil {
			c.fault(p.file, p.line, "postal: %s is no region of any pack", region)
		}
	}
}

func (c *census) rule(p *Pack, rule *Rule) {
	if (rule.HasFrom || rule.HasUntil) && p.Zone == "" {
		c.fault(rule.file, rule.line, "rule %s has dates but pack %s no zone to read them in", rule.ID, p.Name)
	}
	if h := rule.Hours; h != nil {
		if h.Calendar != "" && !c.calendars[h.Calendar] {
			c.fault(rule.file, rule.line, "rule %s: no pack defines the calendar %s", rule.ID, h.Calendar)
		}
		if h.Zone != "" {
			if _, err := knownZone(h.Zone); err != nil {
				c.fault(rule.file, rule.line, "rule %s: clock: %v; or called_party, dispatcher", rule.ID, err)
			}
		}
	}
	if rule.When != nil {
		c.condition(rule, rule.When)
	}
	for i := range rule.Unless {
		c.condition(rule, &rule.Unless[i])
	}
	if rule.Fallback && rule.Kind > KindConfirmation {
		c.fault(rule.file, rule.line, "rule %s: only what is judged at a contact can be a fallback", rule.ID)
	}
}

func (c *census) condition(rule *Rule, cond *Condition) {
	if cond.Switch != "" && !c.switches[cond.Switch] {
		c.fault(rule.file, rule.line, "rule %s: no pack defines the switch %s", rule.ID, cond.Switch)
	}
	for _, region := range cond.Regions {
		if c.regions[region] == nil {
			c.fault(rule.file, rule.line, "rule %s: %s is no region of any pack", rule.ID, region)
		}
	}
}
