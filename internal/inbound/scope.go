package inbound

import (
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging/texts"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/reply"
)

// The rules that decide how far a withdrawal reaches, as the entry names them.
const (
	ruleWords     = "words"                        // the person said how far
	ruleSender    = "sender"                       // what the sender sends
	ruleRevokeAll = "47 CFR 64.1200(a)(10) (2027)" // a STOP ends everything that needs consent
)

// stopScopes returns what a withdrawal covers, as the words, the sender and the rule say, and the text that tells it. A
// sender without a purpose sends whatever the brand sends, so a STOP to it ends all messages.
func (b *Inbox) stopScopes(t *Taken) ([]consent.Scope, texts.Kind) {
	brand := t.sender.Brand
	t.Rule = ruleWords
	switch t.read.Scope {
	case reply.Everything:
		return []consent.Scope{{Brand: brand, Purpose: consent.Any}}, texts.StoppedAll
	case reply.Texts:
		return messages(brand), texts.StoppedTexts
	case reply.Calls:
		return []consent.Scope{
			{Brand: brand, Purpose: consent.Any, Channel: consent.VoiceLive}, {Brand: brand, Purpose: consent.Any, Channel: consent.VoiceAuto},
		}, texts.StoppedCalls
	}
	if rule, ends := b.EndsAll(t.number, b.Now()); ends {
		t.Rule = rule
		return []consent.Scope{{Brand: brand, Purpose: consent.Any}}, texts.StoppedAll
	}
	t.Rule = ruleSender
	if t.sender.Purpose != "" {
		return []consent.Scope{{Brand: brand, Purpose: t.sender.Purpose, Channel: t.sender.Channel}}, texts.StoppedPurpose
	}
	return messages(brand), texts.StoppedTexts
}

// revokeAll is what holds where no rules are asked.
func revokeAll(n phone.Number, at time.Time) (rule string, ends bool) {
	return ruleRevokeAll, phone.Region(n) == "US" && !at.Before(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC))
}

func messages(brand consent.BrandID) []consent.Scope {
	return []consent.Scope{
		{Brand: brand, Purpose: consent.Any, Channel: consent.SMS}, {Brand: brand, Purpose: consent.Any, Channel: consent.WhatsApp},
	}
}
