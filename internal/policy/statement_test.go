package policy

import "testing"

func TestStatements(t *testing.T) {
	for id, want := range map[string]string{
		"us.consent_text_marketing": "consent of at least: express_written",
		"de.double_opt_in":          "double opt-in required",
		"ctia.double_opt_in":        "double opt-in recommended",
		"us-me.hours":               "contact only mon 09:00-17:00, tue 09:00-17:00, wed 09:00-17:00, thu 09:00-17:00, fri 09:00-17:00, sat none, sun none",
		"us-ne.hours":               "contact only mon 08:00-21:00, tue 08:00-21:00, wed 08:00-21:00, thu 08:00-21:00, fri 08:00-21:00, sat 08:00-21:00, sun 13:00-21:00, on holidays (US-NE-LEGAL) as on Sundays",
		"fi.holidays":               "contact only mon 00:00-24:00, tue 00:00-24:00, wed 00:00-24:00, thu 00:00-24:00, fri 00:00-24:00, sat 00:00-24:00, sun 00:00-24:00, never on holidays (FI-NAT)",
		"us-fl.cap":                 "at most 3 attempts per P1D and subject_matter",
		"ae.cap_day":                "at most 1 unanswered per day and subject_brand",
		"za.request_once":           "at most 1 requests per forever and subject_brand",
		"fr.cool_down":              "no contact for P60D after a refusal",
		"it.registry":               "Registro Pubblico delle Opposizioni must be clear, asked at most P15D ago (it.rpo, required)",
		"es.expiry":                 "consent ends P2Y after grant",
		"eu.review":                 "consent is reviewed P2Y after grant",
		"us.confirmation":           "at most 1 confirmation of an opt-out, within PT5M",
		"us.ban_whatsapp_marketing": "Meta does not deliver marketing templates to numbers of the United States",
		"ae.caller_id":              "Calls come from local numbers that are registered to the company; prior approval is needed",
		"no.hours":                  "contact only mon 09:00-21:00, tue 09:00-21:00, wed 09:00-21:00, thu 09:00-21:00, fri 09:00-21:00, sat none, sun none, never on holidays (NO-NAT)",
		"ca.opt_out_call":           "opt-out: obeyed within 14 days; honoured for P3Y14D",
		"au.opt_out":                "opt-out: obeyed within 5 business_days; possible for P30D after a message; no log-in, no further personal data, no fee",
		"us.opt_out_everything":     "opt-out: ends everything that needs consent",
		"us-va.opt_out":             "opt-out: honoured for P10Y; words: UNSUBSCRIBE, STOP",
		"de.retention":              "keep each consent for P5Y from last_use, again from each use",
		"sg.disclosure_message":     "message says: <ADV>; contact of the sender; unsubscribe",
	} {
		rule := builtIn.RuleByID(id)
		if rule == nil {
			t.Errorf("no rule %s", id)
			continue
		}
		if got := rule.Statement(); got != want {
			t.Errorf("%s: %s, want %s", id, got, want)
		}
	}
	for _, rule := range builtIn.All()[1:] {
		if rule.Statement() == "" {
			t.Errorf("%s states nothing", rule.ID)
		}
	}
	from, until := builtIn.RuleByID("fr.consent_live_before").Effective()
	if !from.IsZero() || until.Format("2006-01-02") != "2026-08-11" {
		t.Errorf("effective from %v until %v", from, until)
	}
}
