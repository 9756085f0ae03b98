package policy

import (
	"fmt"
	"strings"
	"time"
)

// Effective returns the civil days, at midnight UTC, on which the rule starts and ceases to hold; zero where it has
// no such day. The midnight that counts is that of the pack's own zone.
func (r *Rule) Effective() (from, until time.Time) {
	if r.HasFrom {
		from = time.Unix(r.EffectiveFrom*daySeconds, 0).UTC()
	}
	if r.HasUntil {
		until = time.Unix(r.EffectiveUntil*daySeconds, 0).UTC()
	}
	return from, until
}

// Statement says in one line what the rule asks, for verdicts and the console.
func (r *Rule) Statement() string {
	switch r.Kind {
	case KindConsent:
		return "consent of at least: " + r.Consent.Requires.String()
	case KindConfirmed:
		return "double opt-in " + choose(r.Confirmed.Required, "required", "recommended")
	case KindHours:
		return "contact only " + r.Hours.Week.String() + r.Hours.onHolidays()
	case KindCap:
		return fmt.Sprintf("at most %d %s per %s and %s", r.Cap.Max, countedWords.name(r.Cap.Counts), r.Cap.per(), capByWords.name(r.Cap.By))
	case KindCoolDown:
		return fmt.Sprintf("no contact for %s after a %s", r.CoolDown.Wait, afterWords.name(r.CoolDown.After))
	case KindRegistry:
		return fmt.Sprintf("%s must be clear, asked at most %s ago (%s, %s)", r.Registry.Name, r.Registry.MaxAge, r.Registry.ID, choose(r.Registry.Voluntary, "voluntary", "required"))
	case KindExpiry:
		return fmt.Sprintf("consent %s %s after %s", choose(r.Expiry.Review, "is reviewed", "ends"), r.Expiry.After, startWords.name(r.Expiry.From))
	case KindConfirmation:
		return fmt.Sprintf("at most %d confirmation of an opt-out, within %s", r.Confirmation.Max, r.Confirmation.Within)
	case KindBan:
		return r.Ban.Text
	}
	return r.term()
}

func (r *Rule) term() string {
	switch r.Kind {
	case KindDisclosure:
		return momentWords.name(r.Disclosure.Moment) + " says: " + strings.Join(r.Disclosure.Items, "; ")
	case KindDuty:
		return r.Duty.Text
	case KindOptOut:
		return "opt-out: " + r.OptOut.String()
	case KindRetention:
		return fmt.Sprintf("keep each %s for %s from %s%s", r.Retention.Of, r.Retention.For, r.Retention.From, choose(r.Retention.RestartsOnUse, ", again from each use", ""))
	}
	return r.Citation
}

// String lists what the term says of an opt-out, in words.
func (t *OptOutTerm) String() string {
	var parts []string
	if t.HasDeadline {
		parts = append(parts, "obeyed within "+t.Deadline.String())
	}
	if t.Honour != nil {
		parts = append(parts, "honoured for "+t.Honour.String())
	}
	if t.Mechanism != nil {
		parts = append(parts, "possible for "+t.Mechanism.String()+" after a message")
	}
	if t.Everything {
		parts = append(parts, "ends everything that needs consent")
	}
	if len(t.Keywords) > 0 {
		parts = append(parts, "words: "+strings.Join(t.Keywords, ", "))
	}
	if t.Means != "" {
		parts = append(parts, t.Means)
	}
	return strings.Join(parts, "; ")
}

func (t *CapTerm) per() string {
	if t.Per == Rolling {
		return t.Window.String()
	}
	return perWords.name(t.Per)
}

func (h *Hours) onHolidays() string {
	switch h.OnHoliday {
	case Blocked:
		return ", never on holidays (" + h.Calendar + ")"
	case SundayHours:
		return ", on holidays (" + h.Calendar + ") as on Sundays"
	}
	return ""
}

func choose(yes bool, one, other string) string {
	if yes {
		return one
	}
	return other
}

// Version is the day on which the facts of the pack were last looked at, as verdicts tell it.
func (p *Pack) Version() string {
	if p.AsOf == 0 {
		return ""
	}
	return time.Unix(p.AsOf*daySeconds, 0).UTC().Format(time.DateOnly)
}
