package demo

import (
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
)

// story is one way in which a consent comes about and goes.
type story struct {
	weight int
	tell   func(*thread)
}

// stories are weighed so that most people agreed once and let it be, as most do.
var stories = []story{
	{24, (*thread).agrees},
	{18, (*thread).confirms},
	{10, (*thread).stops},
	{5, (*thread).returns},
	{4, (*thread).waits},
	{4, (*thread).neverAnswers},
	{3, (*thread).refuses},
	{6, (*thread).runsOut},
	{5, (*thread).renews},
	{4, (*thread).isUploadedAgain},
	{3, (*thread).stopsTheBrand},
	{2, (*thread).stopsEverything},
	{2, (*thread).isRevoked},
	{1, (*thread).givesUpTheNumber},
	{5, (*thread).wasImported},
	{3, (*thread).cameFromTheCRM},
	{2, (*thread).cameFromTheProvider},
}

// agrees is a yes in one of the places where people say it.
func (th *thread) agrees() {
	switch th.rng.IntN(10) {
	case 0:
		th.tell(consent.Granted, consent.Paper, "signed form", th.worded, th.evidenced, level(consent.ExpressWritten))
	case 1:
		th.tell(consent.Granted, consent.VoiceCall, "recorded call", th.evidenced, by("agent-"+th.staff()))
	case 2:
		th.tell(consent.Granted, consent.InPerson, "at the counter", th.worded, by("agent-"+th.staff()))
	case 3:
		th.tell(consent.Granted, consent.SMSKeyword, "keyword JOIN", th.worded)
	case 4:
		th.tell(consent.Granted, consent.PreferenceCentre, "toggle", th.worded)
	case 5:
		th.tell(consent.Granted, consent.Agent, "told on the phone", by("agent-"+th.staff()))
	case 6:
		th.tell(consent.Granted, consent.API, "app settings", th.worded)
	default:
		th.tell(consent.Granted, consent.WebForm, "checkbox", th.worded, th.evidenced)
	}
}

func (th *thread) staff() string { return string(rune('a' + th.rng.IntN(6))) }

// confirms is a double opt-in that was answered.
func (th *thread) confirms() {
	th.tell(consent.Requested, consent.WebForm, "form, confirmation sent", th.worded)
	th.later(time.Minute, 3*time.Hour)
	th.tell(consent.Granted, consent.SMSReply, "replied YES", th.worded, th.evidenced, confirmed)
}

func (th *thread) stops() {
	th.agrees()
	th.later(2*day, 300*day)
	switch th.rng.IntN(5) {
	case 0:
		th.tell(consent.Withdrawn, consent.PreferenceCentre, "toggle")
	case 1:
		th.tell(consent.Withdrawn, consent.VoiceCall, "said so on a call", by("agent-"+th.staff()))
	default:
		th.tell(consent.Withdrawn, consent.SMSReply, "replied STOP")
	}
}

func (th *thread) returns() {
	th.stops()
	th.later(5*day, 200*day)
	th.tell(consent.Granted, consent.WebForm, "checkbox", th.worded, th.evidenced)
}

// waits is a double opt-in of the last two days that may still be answered.
func (th *thread) waits() {
	th.at = th.until.Add(-48 * time.Hour)
	th.later(time.Minute, 47*time.Hour)
	th.tell(consent.Requested, consent.WebForm, "form, confirmation sent", th.worded)
}

func (th *thread) neverAnswers() {
	th.tell(consent.Requested, consent.SMSKeyword, "keyword JOIN, confirmation sent", th.worded)
	th.at = th.at.Add(7 * day)
	th.tell(consent.Expired, consent.System, "no answer within 7 days")
}

func (th *thread) refuses() {
	th.tell(consent.Requested, consent.InPerson, "asked at the counter", by("agent-"+th.staff()))
	th.later(time.Second, time.Minute)
	th.tell(consent.Refused, consent.InPerson, "said no", by("agent-"+th.staff()))
}

// runsOut is a yes with an end; for some the end is yet to come.
func (th *thread) runsOut() {
	th.tell(consent.Granted, consent.WebForm, "checkbox", th.worded, until(th.at.Add(365*day)))
}

func (th *thread) renews() {
	end := th.at.Add(180 * day)
	th.tell(consent.Granted, consent.WebForm, "checkbox", th.worded, until(end))
	th.later(150*day, 175*day)
	th.tell(consent.Renewed, consent.PreferenceCentre, "renewed when asked", th.worded, until(th.at.Add(365*day)))
}

func until(t time.Time) func(*act.Report) {
	return func(r *act.Report) { r.ValidUntil, r.ReviewAt = t, t.Add(-30*day) }
}

// isUploadedAgain is the old yes that must not beat a later no: a marketing list from before the STOP is imported after it.
func (th *thread) isUploadedAgain() {
	th.stops()
	th.later(10*day, 120*day)
	th.tell(consent.Granted, consent.Import, "spring list.csv", via(consent.ViaImport), by("marketing"))
}

func (th *thread) stopsTheBrand() {
	th.agrees()
	th.later(2*day, 250*day)
	th.tell(consent.Withdrawn, consent.SMSReply, "replied STOP ALL", scope(th.offer.brand, consent.Any, consent.AnyChannel))
}

func (th *thread) stopsEverything() {
	th.agrees()
	th.later(2*day, 250*day)
	th.tell(consent.Withdrawn, consent.Agent, "wrote a letter", th.evidenced, by("agent-"+th.staff()),
		scope(consent.Any, consent.Any, consent.AnyChannel))
}

func (th *thread) isRevoked() {
	th.agrees()
	th.later(5*day, 200*day)
	th.tell(consent.Revoked, consent.System, "the form had no lawful wording", by("compliance"))
}

func (th *thread) givesUpTheNumber() {
	th.agrees()
	th.later(60*day, 300*day)
	th.tell(consent.Reassigned, consent.Provider, "reassigned numbers query", via(consent.ViaProvider),
		scope(consent.Any, consent.Any, consent.AnyChannel))
}

func (th *thread) wasImported() {
	th.tell(consent.Granted, consent.Import, "customers.csv", via(consent.ViaImport), by("marketing"))
}

func (th *thread) cameFromTheCRM() {
	th.tell(consent.Granted, consent.CRM, "contact property", via(consent.ViaCRM))
	th.later(30*day, 200*day)
	if th.rng.IntN(3) == 0 {
		th.tell(consent.Withdrawn, consent.CRM, "contact property", via(consent.ViaCRM))
	}
}

func (th *thread) cameFromTheProvider() {
	th.tell(consent.Granted, consent.SMSKeyword, "keyword START", via(consent.ViaProvider), th.evidenced)
	th.later(30*day, 200*day)
	th.tell(consent.Withdrawn, consent.Provider, "opt-out list", via(consent.ViaProvider))
}
