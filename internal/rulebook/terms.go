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
