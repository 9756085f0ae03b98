package console_test

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// keepInStep defines a system that is to be told.
func (f *fixture) keepInStep() {
	f.t.Helper()
	_, err := f.Destinations.Create(f.t.Context(), "test", sync.Destination{
		ID: "hook", Kind: "webhook", Name: "Shop <b>", Settings: map[string]string{"url": "https://shop.example/hook"},
		Secrets: map[string]string{"secret": "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32))},
	})
	if err != nil {
		f.t.Fatal(err)
	}
}

func TestTheOverviewTellsWhichSystemsAreInStep(t *testing.T) {
	f := startBare(t)
	b := f.as(access.Compliance)
	b.Get("/console/").Status(200).Lacks("Kept in step")
	f.keepInStep()
	f.record(act.Report{Number: alice, Purpose: "marketing", Channel: consent.SMS, Act: consent.Withdrawn, Source: consent.SMSReply})
	b.Get("/console/").Status(200).Says("Kept in step", "Shop &lt;b&gt;", "behind", "owes a withdrawal since").Lacks("overdue")
	f.pass(90 * time.Minute)
	b.Get("/console/").Status(200).Says("overdue")
	f.as(access.Compliance, "default").Get("/console/").Status(200).Lacks("Shop")
	f.as(access.Agent).Get("/console/").Status(200).Lacks("Shop")
}
