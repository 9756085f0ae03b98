package rulebook

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
)

// EndsAll says by which rule, if by any, a no to one text from a number ends all contact by the brand that needs consent.
func (b *Book) EndsAll(n phone.Number, at time.Time) (rule string, ends bool) {
	rules := b.Rules()
	terms := rules.Terms(&policy.Question{Number: n, Channel: consent.SMS, Class: consent.Marketing, At: at})
	if !terms.OptOut.Everything {
		return "", false
	}
	return rules.Rule(terms.OptOut.EverythingBy).ID, true
}

// OptOutDeadline says until when an opt-out that a person gave at a moment is to be obeyed, and the rule that says so.
// Where a channel is left open, the strictest of all holds.
func (b *Book) OptOutDeadline(n phone.Number, c consent.Channel, class consent.Class, from time.Time) (until time.Time, rule string, ok bool) {
	rules := b.Rules()
	channels := []consent.Channel{c}
	if c == consent.AnyChannel {
		channels = consent.Channels
	}
	for _, channel := range channels {
		terms := rules.Terms(&policy.Question{Number: n, Channel: channel, Class: class, At: from})
		if !terms.OptOut.HasDeadline {
			continue
		}
		if at := terms.OptOut.Deadline.After(from); !ok || at.Before(until) {
			until, rule, ok = at, rules.Rule(terms.OptOut.DeadlineBy).ID, true
		}
	}
	return until, rule, ok
}
