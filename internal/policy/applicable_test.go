package policy

import (
	"slices"
	"testing"

	"github.com/consentline/consentline/internal/consent"
)

func TestApplicableListsWhatJudgesAndWhatElseIsAsked(t *testing.T) {
	q := &Question{Number: 12025550123, Channel: consent.SMS, Class: consent.Marketing, At: at(t, "America/New_York", "2026-11-23T03:00")}
	list := builtIn.Applicable(q)
	var ids []string
	for _, i := range list {
		ids = append(ids, builtIn.Rule(i).ID)
	}
	for _, want := range []string{"us.consent_text_marketing", "us.hours_marketing", "us.registry_texts", "us.opt_out", "us.retention_consent"} {
		if !slices.Contains(ids, want) {
			t.Errorf("%s is missing in %q", want, ids)
		}
	}
	for _, other := range []string{"us.consent_text_other", "us.opt_out_everything", "us.hours_debt"} {
		if slices.Contains(ids, other) {
			t.Errorf("%s does not speak about it, or not yet", other)
		}
	}
	var j Judgement
	builtIn.Judge(q, &j)
	for _, f := range j.Failed() {
		if !slices.Contains(list, f.Rule) {
			t.Errorf("%s judges and is not listed", builtIn.Rule(f.Rule).ID)
		}
	}
}
