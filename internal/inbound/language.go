package inbound

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

// language is the person's: that of their own words, else of what the brand and they said before, else of their country.
func (b *Inbox) language(ctx context.Context, t *Taken) string {
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
	if said := b.saidBefore(ctx, t); said != "" {
		return said
	}
	if l, ok := spoken[phone.Region(t.number)]; ok {
		return l
	}
	return "en"
}

// maxBefore is how many of a person's entries are looked at for their language.
const maxBefore = 100

// saidBefore is the language of the last message or wording between the person and the brand. It is looked for where no
// record names a wording any more, as after a withdrawal. A history that cannot be read holds no answer up.
func (b *Inbox) saidBefore(ctx context.Context, t *Taken) (last string) {
	if len(t.person.Records) == 0 {
		return ""
	}
	entries, err := b.Ledger.History(ctx, t.person.ID, 0, maxBefore)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		if e.Body.Brand != t.sender.Brand {
			continue
		}
		if l := b.languageOf(e.Body); l != "" {
			last = l
		}
	}
	return last
}

// languageOf is the language of an entry's wording, or of the message that it follows from.
func (b *Inbox) languageOf(e ledger.Body) string {
	if ref, err := ledger.ParseDisclosure(e.Disclosure); err == nil && ref != (consent.DisclosureRef{}) {
		if w, err := b.Catalog.Wording(ref); err == nil {
			return w.Language
		}
	}
	var told Evidence
	if json.Unmarshal(e.Detail, &told) != nil || told.Reading.Language == "und" || international[strings.ToUpper(strings.TrimSpace(told.Text))] {
		return ""
	}
	return told.Reading.Language
}

// international are the words that people are told to write in every language, so that they tell none.
var international = map[string]bool{"STOP": true, "STOPALL": true, "HELP": true, "INFO": true, "START": true, "UNSTOP": true, "OK": true}

// spoken is the language that a country's people are written to in, where we have words in it.
var spoken = map[string]string{
	"AR": "es", "AT": "de", "BR": "pt", "CH": "de", "CL": "es", "CN": "zh", "CO": "es", "DE": "de", "DK": "da", "EG": "ar", "ES": "es",
	"FI": "fi", "FR": "fr", "IS": "is", "IT": "it", "JP": "ja", "MX": "es", "NL": "nl", "NO": "nb", "PE": "es", "PT": "pt", "SA": "ar",
	"SE": "sv", "TW": "zh", "AE": "ar",
}
