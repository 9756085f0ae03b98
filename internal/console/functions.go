package console

import (
	"html/template"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

// functions are what templates may call: all of them turn values into words, none decides anything.
var functions = template.FuncMap{
	"when":       when,
	"iso":        iso,
	"day":        func(t time.Time) string { return t.UTC().Format("2 Jan 2006") },
	"moment":     func(t ledger.Time) time.Time { return time.Time(t) },
	"momentp":    func(t *ledger.Time) time.Time { return time.Time(*t) },
	"input":      func(t time.Time) string { return t.UTC().Format(formTime) },
	"grouped":    grouped,
	"grouped64":  func(n uint64) string { return grouped(int(n)) },
	"grouped64u": func(n int64) string { return grouped(int(n)) },
	"channel":    channelName,
	"scope":      scopeWords,
	"source":     sourceName,
	"level":      levelName,
	"act":        actName,
	"any":        func(s string) bool { return s == consent.Any },
	"plus":       func(a, b int) int { return a + b },
	"short":      func(s string) string { return s[:min(len(s), 12)] },
	"dict":       dict,
	"hours":      func(d time.Duration) string { return itoa(int(d.Hours())) + " hours" },
	"str":        text,
	"fieldname":  fieldName,
	"counted":    counted,
	"unread":     func(verified *bool) bool { return verified != nil && !*verified },
}

// text turns the identifiers' own types into plain texts, so that templates can compare them.
func text(v any) string {
	switch v := v.(type) {
	case consent.BrandID:
		return string(v)
	case consent.PurposeID:
		return string(v)
	case interface{ String() string }:
		return v.String()
	case string:
		return v
	}
	return ""
}

// fieldNames are what pages call the fields whose own names do not say it.
var fieldNames = map[string]string{
	"effective_at": "When", "valid_until": "Until", "said_yes": "The person’s yes", "script": "The words", "source": "Where", "level": "How strong",
}

// fieldName is what a page calls a field.
func fieldName(field string) string {
	if known, ok := fieldNames[field]; ok {
		return known
	}
	field = strings.ReplaceAll(field, "_", " ")
	return strings.ToUpper(field[:1]) + field[1:]
}

// counted is a number of things in words: 1 act, 2 acts.
func counted(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return grouped(n) + " " + more
}

// dict makes the arguments of a part of a page.
func dict(pairs ...any) map[string]any {
	out := map[string]any{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i].(string)] = pairs[i+1]
	}
	return out
}

func when(t time.Time) string {
	if t.IsZero() {
		return "–"
	}
	return t.UTC().Format("2 Jan 2006, 15:04 UTC")
}

func iso(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func itoa(n int) string { return strconv.Itoa(n) }

// grouped writes a number with thin spaces between thousands, which every language reads.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteRune('\u2009')
		}
		b.WriteRune(d)
	}
	return b.String()
}

var channelNames = map[consent.Channel]string{
	consent.AnyChannel: "every channel", consent.SMS: "SMS", consent.WhatsApp: "WhatsApp",
	consent.VoiceLive: "a call by a person", consent.VoiceAuto: "an automatic call",
}

func channelName(c consent.Channel) string { return channelNames[c] }

func scopeWords(s consent.Scope) string {
	brand, purpose := string(s.Brand), string(s.Purpose)
	if brand == consent.Any {
		brand = "every brand"
	}
	if purpose == consent.Any {
		purpose = "every purpose"
	}
	return brand + " · " + purpose + " · " + channelName(s.Channel)
}

var sourceNames = map[consent.Source]string{
	consent.WebForm: "Web form", consent.SMSKeyword: "SMS keyword", consent.SMSReply: "SMS reply", consent.VoiceCall: "Phone call",
	consent.InPerson: "In person", consent.Paper: "On paper", consent.PreferenceCentre: "Preference centre", consent.Agent: "Member of staff",
	consent.API: "Interface", consent.Import: "Import", consent.Provider: "Provider", consent.CRM: "CRM", consent.System: "System",
}

func sourceName(s consent.Source) string { return sourceNames[s] }

var levelNames = map[consent.Level]string{
	consent.Implied: "Implied", consent.SoftOptIn: "Soft opt-in", consent.Express: "Express", consent.ExpressWritten: "Express, in writing",
}

func levelName(l consent.Level) string { return levelNames[l] }

var actNames = map[consent.Kind]string{
	consent.Requested: "was asked", consent.Granted: "said yes", consent.Refused: "said no", consent.Withdrawn: "withdrew",
	consent.Revoked: "consent was revoked", consent.Renewed: "renewed the yes", consent.Expired: "consent ran out", consent.Reassigned: "number has a new holder",
}

func actName(k consent.Kind) string { return actNames[k] }
