package inbound

import (
	"strings"
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

// language is the person's: that of their own words, else of the wording that they consented to, else of their country.
func (b *Inbox) language(t *Taken) string {
	words := strings.Fields(strings.ToUpper(strings.Trim(t.from.Text, " .!?\n")))
	written := t.read.Language
	if len(words) == 1 && international[words[0]] {
		written = ""
	}
	if written != "" && written != "und" {
		return written
	}
	for _, h := range t.person.Records {
		if w, err := b.Catalog.Wording(h.Record.Disclosure); err == nil && h.Scope.Brand == t.sender.Brand {
			return w.Language
		}
	}
	if l, ok := spoken[phone.Region(t.number)]; ok {
		return l
	}
	return "en"
}

// international are the words that people are told to write in every language, so that they tell none.
var international = map[string]bool{"STOP": true, "STOPALL": true, "HELP": true, "INFO": true, "START": true, "UNSTOP": true, "OK": true}

// spoken is the language that a country's people are written to in, where we have words in it.
var spoken = map[string]string{
	"AR": "es", "AT": "de", "BR": "pt", "CH": "de", "CL": "es", "CN": "zh", "CO": "es", "DE": "de", "DK": "da", "EG": "ar", "ES": "es",
	"FI": "fi", "FR": "fr", "IS": "is", "IT": "it", "JP": "ja", "MX": "es", "NL": "nl", "NO": "nb", "PE": "es", "PT": "pt", "SA": "ar",
	"SE": "sv", "TW": "zh", "AE": "ar",
}
