package policy

import (
	"fmt"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Finding is something in a set of packs that is no fault but that their keeper should know.
type Finding struct {
	File string
	Line int
	Text string
}

// String returns file, line and text in the form that editors jump to.
func (f Finding) String() string { return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text) }

// Lint looks through packs that compile for what is old, unused, unverified where it decides, or leaves no way
// open. The moment is the one at which the packs are to be used.
func Lint(packs []*Pack, now time.Time) ([]Finding, error) {
	r, err := Compile(packs)
	if err != nil {
		return nil, err
	}
	l := &linter{rules: r, now: now}
	for _, p := range packs {
		l.pack(p)
	}
	l.unused(packs)
	slices.SortStableFunc(l.found, func(a, b Finding) int {
		if a.File != b.File {
			if a.File < b.File {
				return -1
			}
			return 1
		}
		return a.Line - b.Line
	})
	return l.found, nil
}

type linter struct {
	rules *Rules
	now   time.Time
	found []Finding
}

func (l *linter) find(file string, line int, format string, args ...any) {
	l.found = append(l.found, Finding{file, line, fmt.Sprintf(format, args...)})
}

// freshFor is how long a pack's facts are taken to be current.
const freshFor = 365 * daySeconds

func (l *linter) pack(p *Pack) {
	if age := l.now.Unix() - p.AsOf*daySeconds; age > freshFor {
		l.find(p.file, p.line, "pack %s was last looked at %d days ago", p.Name, age/daySeconds)
	}
	for _, s := range l.rules.Silent(p.Region, l.now) {
		l.find(p.file, p.line, "region %s says nothing about %s by %s: it is always denied", p.Region, s.Class, s.Channel)
	}
	for _, rule := range p.Rules {
		if rule.HasUntil && rule.EffectiveUntil*daySeconds < l.now.Unix()-freshFor {
			l.find(rule.file, rule.line, "rule %s ended more than a year ago", rule.ID)
		}
		if !rule.Verified && rule.Kind <= KindConfirmation {
			l.find(rule.file, rule.line, "rule %s decides and is not verified", rule.ID)
		}
	}
	l.closed(p)
}

// closed finds channels and classes for which a pack's own hours together leave no minute of the week open.
func (l *linter) closed(p *Pack) {
	for _, ch := range consent.Channels {
		for _, cl := range consent.Classes {
			var all []*Rule
			for _, rule := range p.Rules {
				if rule.Kind == KindHours && rule.appliesTo(ch, cl, Ordinary) && l.rules.holdsAt(l.rules.byID[rule.ID], l.now.Unix()) {
					all = append(all, rule)
				}
			}
			if len(all) > 0 && !everOpen(all) {
				l.find(p.file, all[0].line, "the hours of pack %s leave no minute open for %s by %s", p.Name, cl, ch)
			}
		}
	}
}

func everOpen(rules []*Rule) bool {
	for d := range 7 {
		for m := range int16(dayMinutes) {
			open := true
			for _, rule := range rules {
				_, ok := rule.Hours.Week[d].open(m)
				open = open && ok
			}
			if open {
				return true
			}
		}
	}
	return false
}

func (l *linter) unused(packs []*Pack) {
	calendars, switches := map[string]bool{}, map[string]bool{}
	for _, p := range packs {
		for _, rule := range p.Rules {
			if rule.Hours != nil {
				calendars[rule.Hours.Calendar] = true
			}
			if rule.When != nil {
				switches[rule.When.Switch] = true
			}
			for _, c := range rule.Unless {
				switches[c.Switch] = true
			}
		}
	}
	for _, p := range packs {
		for _, c := range p.Calendars {
			if !calendars[c.ID] {
				l.find(c.file, c.line, "no rule uses the calendar %s", c.ID)
			}
		}
		for _, s := range p.Switches {
			if !switches[s.ID] {
				l.find(s.file, s.line, "no rule asks for the switch %s", s.ID)
			}
		}
	}
}
