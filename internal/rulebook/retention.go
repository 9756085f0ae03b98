package rulebook

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
)

// CountedFor implements attempt.Rules: the longest time for which any cap in force counts an ordinary contact,
// or a waiting time runs from a conversation.
func (b *Book) CountedFor() time.Duration { return b.current.Load().countedFor }

// leastCounted is for how long contacts are counted though no cap asks it: a cap may be entered at any time.
const leastCounted = 400 * 24 * time.Hour

func countedFor(rules *policy.Rules) time.Duration {
	longest := leastCounted
	for _, r := range rules.All() {
		if w := r.CoolDown; w != nil && w.After == policy.AfterConversation {
			longest = max(longest, longestOf(&policy.CapTerm{Window: w.Wait}))
		}
		if r.Cap == nil || r.Cap.Counts == policy.Requests || r.Cap.Counts == policy.Confirmations {
			continue
		}
		longest = max(longest, longestOf(r.Cap))
	}
	return longest
}

// longestOf is never less than what a cap counts; a month has at most 31 days.
func longestOf(c *policy.CapTerm) time.Duration {
	const day = 24 * time.Hour
	switch {
	case c.Per != policy.Rolling:
		return 32 * day
	case c.Window.Forever:
		return forever
	}
	return time.Duration(c.Window.Months)*31*day + time.Duration(c.Window.Seconds)*time.Second
}

// forever is longer than anybody is remembered by this program.
const forever = 200 * 365 * 24 * time.Hour

// KeptUntil implements attempt.Rules: the end of the longest time for which the rules of every place where the person
// may be want the log of a contact kept, and the proof of the consent that it used.
func (b *Book) KeptUntil(n phone.Number, c consent.Channel, class consent.Class, made time.Time) (until time.Time) {
	rules := b.Rules()
	terms := rules.Terms(&policy.Question{Number: n, Channel: c, Class: class, At: made})
	for i := range terms.Retention {
		r := &terms.Retention[i]
		if !extends(r, c) {
			continue
		}
		if end := r.For.After(made); end.After(until) {
			until = end
		}
	}
	return until
}

// extends reports whether a contact begins a time of retention: it is of such contacts, or of consents since their last
// use.
func extends(r *policy.RetentionTerms, c consent.Channel) bool {
	switch r.Of {
	case "contact_log":
		return true
	case "call_record":
		return c == consent.VoiceLive || c == consent.VoiceAuto
	case "consent":
		return r.RestartsOnUse || r.From == "last_use"
	}
	return false
}
