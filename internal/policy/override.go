package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// Changes are what an operator has decided beside the packs; storing and auditing them is done elsewhere.
type Changes struct {
	Overrides    []Override
	Bans         []Ban
	Relaxations  []Relaxation
	Declarations []Declaration
}

// Override changes one rule for a time. What makes it stricter needs only an actor; what makes it looser needs a
// reason and an end as well. The law's own dates still bound the rule.
type Override struct {
	Rule   string
	Reason string
	Actor  string
	From   time.Time // zero: at once
	Until  time.Time // zero: no end, for a stricter change only

	Disable   bool       // the rule does not hold at all
	Requires  *Need      // consent
	Max       *int       // cap, confirmation
	Period    *Period    // cap's window, cool_down's wait, registry's max_age, expiry's after, confirmation's within
	Week      *Week      // hours
	OnHoliday *OnHoliday // hours
	Required  *bool      // double_opt_in, registry
}

// OverrideError says which override cannot stand, and why.
type OverrideError struct {
	Rule   string
	Reason string
}

// Error names the rule and what stands in the way of the override.
func (e *OverrideError) Error() string {
	return fmt.Sprintf("override of rule %s: %s", e.Rule, e.Reason)
}

// Ban forbids contact with a region for a time, as a declared emergency does.
type Ban struct {
	ID       string
	Region   string   // a country's ban covers its states
	Postal   []string // beginnings of postal codes; a person whose code is unknown is taken to be inside
	Prefixes []string // beginnings of numbers, calling code first; empty: every number of the region
	Channels []consent.Channel
	Classes  []consent.Class
	Unless   []Condition
	From     time.Time // zero: at once
	Until    time.Time // zero: until the ban is taken back
	Citation string
	Source   string
	Reason   string
	Actor    string
}

// BanError says which ban cannot stand, and why.
type BanError struct {
	Ban    string
	Reason string
}

// Error names the ban and what stands in its way.
func (e *BanError) Error() string { return fmt.Sprintf("ban %s: %s", e.Ban, e.Reason) }

// With returns new rules: the same packs under these changes, which replace earlier ones. All errors come at once.
func (r *Rules) With(c Changes) (*Rules, error) { return compile(r.packs, c) }

// Changes returns the operator's changes that these rules were compiled with.
func (r *Rules) Changes() Changes { return r.changes }

// override gives each overridden rule a second form that holds for the time of the change.
func (r *Rules) override() error {
	var errs []error
	for _, o := range r.changes.Overrides {
		if err := r.overrideOne(o); err != nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (r *Rules) overrideOne(o Override) error {
	id, known := r.byID[o.Rule]
	if !known {
		return &OverrideError{o.Rule, "no pack has a rule of this id"}
	}
	form, looser, err := o.apply(r.rules[id])
	if err != nil {
		return &OverrideError{o.Rule, err.Error()}
	}
	if err := o.check(looser); err != nil {
		return &OverrideError{o.Rule, err.Error()}
	}
	window := interval{unixOr(o.From, -never), unixOr(o.Until, never)}
	for _, copied := range r.copies[id] {
		if slices.ContainsFunc(r.spans[copied], window.meets) || r.disabled(copied, window) {
			return &OverrideError{o.Rule, "two overrides hold at the same time"}
		}
	}
	g, err := r.gate(form)
	if err != nil {
		return &OverrideError{o.Rule, err.Error()}
	}
	copied := RuleIndex(len(r.rules))
	r.rules, r.compiled = append(r.rules, form), append(r.compiled, g)
	r.lawful = append(r.lawful, []interval{window})
	r.spans = append(r.spans, nil)
	if !o.Disable {
		r.spans[copied] = intersect(r.lawful[id], window)
	}
	r.copies[id] = append(r.copies[id], copied)
	var left []interval
	for _, s := range r.spans[id] {
		left = append(left, gaps(s, []interval{window})...)
	}
	r.spans[id] = left
	return nil
}

func (r *Rules) disabled(form RuleIndex, w interval) bool {
	return len(r.spans[form]) == 0 && slices.ContainsFunc(r.lawful[form], w.meets)
}

func (i interval) meets(o interval) bool { return i.from < o.until && o.from < i.until }

func intersect(spans []interval, w interval) []interval {
	var both []interval
	for _, s := range spans {
		if one := (interval{max(s.from, w.from), min(s.until, w.until)}); one.from < one.until {
			both = append(both, one)
		}
	}
	return both
}

func unixOr(t time.Time, otherwise int64) int64 {
	if t.IsZero() {
		return otherwise
	}
	return t.Unix()
}

func (o *Override) check(looser bool) error {
	if strings.TrimSpace(o.Actor) == "" {
		return errors.New("say who decided it")
	}
	if !o.Until.IsZero() && !o.Until.After(o.From) {
		return errors.New("it ends before it starts")
	}
	if looser && strings.TrimSpace(o.Reason) == "" {
		return errors.New("it loosens the rule, which needs a reason")
	}
	if looser && o.Until.IsZero() {
		return errors.New("it loosens the rule, which needs an end")
	}
	return nil
}

// told says who overrides, and why if they said.
func (o *Override) told() string {
	if reason := strings.TrimRight(strings.TrimSpace(o.Reason), "."); reason != "" {
		return fmt.Sprintf("Overridden by %s: %s.", o.Actor, reason)
	}
	return fmt.Sprintf("Overridden by %s.", o.Actor)
}

// apply returns the rule as the override has it, and whether anything in it is looser than before.
func (o *Override) apply(rule *Rule) (form *Rule, looser bool, err error) {
	changed := *rule
	changed.Note = strings.TrimSpace(o.told() + " " + rule.Note)
	changed.Verified = false // its source says what the rule was
	if o.Disable {
		if o.Requires != nil || o.Max != nil || o.Period != nil || o.Week != nil || o.OnHoliday != nil || o.Required != nil {
			return nil, false, errors.New("a disabled rule has no other terms")
		}
		return &changed, true, nil
	}
	steps := []struct {
		set   bool
		apply func(*Rule) (looser, fits bool)
		what  string
	}{
		{o.Requires != nil, o.requires, "requires"}, {o.Max != nil, o.max, "max"}, {o.Period != nil, o.period, "period"},
		{o.Week != nil, o.week, "week"}, {o.OnHoliday != nil, o.onHoliday, "on_holiday"}, {o.Required != nil, o.required, "required"},
	}
	set := false
	for _, s := range steps {
		if !s.set {
			continue
		}
		set = true
		l, fits := s.apply(&changed)
		if !fits {
			return nil, false, fmt.Errorf("a rule of kind %s has no %s", rule.Kind, s.what)
		}
		looser = looser || l
	}
	if !set {
		return nil, false, errors.New("it changes nothing")
	}
	return &changed, looser, nil
}

func (o *Override) requires(rule *Rule) (looser, fits bool) {
	if rule.Consent == nil {
		return false, false
	}
	t := *rule.Consent
	looser = *o.Requires < t.Requires
	t.Requires = *o.Requires
	rule.Consent = &t
	return looser, true
}

func (o *Override) max(rule *Rule) (looser, fits bool) {
	switch {
	case rule.Cap != nil:
		t := *rule.Cap
		looser, t.Max = *o.Max > t.Max, *o.Max
		rule.Cap = &t
		return looser, true
	case rule.Confirmation != nil:
		t := *rule.Confirmation
		looser, t.Max = *o.Max > t.Max, *o.Max
		rule.Confirmation = &t
		return looser, true
	}
	return false, false
}

// period replaces the one length of time that the rule has; whether longer is looser depends on the kind.
func (o *Override) period(rule *Rule) (looser, fits bool) {
	p := *o.Period
	switch {
	case rule.Cap != nil && rule.Cap.Per == Rolling:
		t := *rule.Cap
		looser, t.Window = p.cmp(t.Window) < 0, p
		rule.Cap = &t
	case rule.CoolDown != nil:
		t := *rule.CoolDown
		looser, t.Wait = p.cmp(t.Wait) < 0, p
		rule.CoolDown = &t
	case rule.Registry != nil:
		t := *rule.Registry
		looser, t.MaxAge = p.cmp(t.MaxAge) > 0, p
		rule.Registry = &t
	case rule.Expiry != nil:
		t := *rule.Expiry
		looser, t.After = p.cmp(t.After) > 0, p
		rule.Expiry = &t
	case rule.Confirmation != nil:
		t := *rule.Confirmation
		looser, t.Within = p.cmp(t.Within) > 0, p
		rule.Confirmation = &t
	default:
		return false, false
	}
	return looser, true
}

func (o *Override) week(rule *Rule) (looser, fits bool) {
	if rule.Hours == nil {
		return false, false
	}
	h := *rule.Hours
	looser = !o.Week.within(&h.Week)
	h.Week = *o.Week
	rule.Hours = &h
	return looser, true
}

func (o *Override) onHoliday(rule *Rule) (looser, fits bool) {
	if rule.Hours == nil || rule.Hours.Calendar == "" {
		return false, false
	}
	h := *rule.Hours
	// Sunday's hours may be the longer ones, so only a day without contact is surely stricter.
	looser = *o.OnHoliday != Blocked && *o.OnHoliday != h.OnHoliday
	h.OnHoliday = *o.OnHoliday
	rule.Hours = &h
	return looser, true
}

func (o *Override) required(rule *Rule) (looser, fits bool) {
	switch {
	case rule.Confirmed != nil:
		looser = rule.Confirmed.Required && !*o.Required
		rule.Confirmed = &ConfirmedTerm{Required: *o.Required}
	case rule.Registry != nil:
		t := *rule.Registry
		looser, t.Voluntary = !t.Voluntary && !*o.Required, !*o.Required
		rule.Registry = &t
	default:
		return false, false
	}
	return looser, true
}
