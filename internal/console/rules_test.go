package console_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/server"
)

func TestRulesAreReadChangedAndTakenBack(t *testing.T) {
	f := start(t)
	b := f.as(access.Compliance)
	b.Get("/console/rules").Status(200).Says("not legal advice", "United States, federal", "Nothing was changed", "Take the relaxed reading", "The exception covers SMS too").Lacks("</b> false")
	b.Get("/console/rules/us").Status(200).Says("us.hours_marketing", "47 CFR 64.1200")
	b.Get("/console/rules/nowhere").Status(http.StatusNotFound)

	b.Post("/console/rules/change/ban", "id", "storm", "region", "US-FL", "reason", "State of emergency").Status(200).Says("Saved.", "no contact with US-FL", "until it is taken back")
	b.Post("/console/rules/change/override", "id", "looser", "rule", "us.hours_marketing", "disable", "1", "reason", "Why not").Status(http.StatusUnprocessableEntity).Says("needs an end", "Why not")
	b.Post("/console/rules/change/override", "id", "mornings", "rule", "us.hours_marketing", "week", "mon 10:00-12:00\ntue 10:00-12:00").Status(200).Says("mon 10:00-12:00, tue 10:00-12:00")
	b.Post("/console/rules/change/override", "id", "x", "rule", "us.hours_marketing", "week", "mon").Status(http.StatusUnprocessableEntity).Says("one day a line")
	b.Post("/console/rules/change/override", "id", "x", "rule", "us-fl.cap", "max", "many").Status(http.StatusUnprocessableEntity).Says("a whole number")
	until := f.now().Add(24 * time.Hour).UTC().Format("2006-01-02T15:04")
	b.Post("/console/rules/change/relaxation", "id", "us.quiet_hours_lifted_by_consent", "reason", "Counsel", "until", until).Status(200).Says("read the relaxed way")
	b.Post("/console/rules/change/wish", "id", "x").Status(http.StatusNotFound)

	f.as(access.Viewer).Get("/console/rules").Status(200).Says("State of emergency").Lacks("Forbid it")
	f.as(access.Viewer).Post("/console/rules/change/ban", "id", "storm", "do", "lift").Status(http.StatusForbidden)
	b.Post("/console/rules/change/ban", "id", "storm", "do", "lift").Status(200).Lacks("no contact with US-FL")
	b.Post("/console/rules/change/ban", "id", "storm", "do", "lift").Status(http.StatusNotFound)
	f.pass(48 * time.Hour)
	b = f.as(access.Compliance)
	b.Get("/console/rules").Status(200).Says("over")
}

func TestWithoutRulesThePageSaysThatConsentAloneDecides(t *testing.T) {
	f := startWith(t, func(c *server.Config, _ string) { c.Rules = server.NoRules })
	b := f.as(access.Compliance)
	b.Get("/console/rules").Status(200).Says("without rules")
	b.Post("/console/rules/change/ban", "id", "storm", "region", "US-FL", "reason", "x").Status(http.StatusNotFound)
}
