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
	b.get("/console/rules").status(200).says("not legal advice", "United States, federal", "Nothing was changed", "Take the relaxed reading")
	b.get("/console/rules/us").status(200).says("us.hours_marketing", "47 CFR 64.1200")
	b.get("/console/rules/nowhere").status(http.StatusNotFound)

	b.post("/console/rules/change/ban", "id", "storm", "region", "US-FL", "reason", "State of emergency").status(200).says("Saved.", "no contact with US-FL", "until it is taken back")
	b.post("/console/rules/change/override", "id", "looser", "rule", "us.hours_marketing", "disable", "1", "reason", "Why not").status(http.StatusUnprocessableEntity).says("needs an end", "Why not")
	b.post("/console/rules/change/override", "id", "mornings", "rule", "us.hours_marketing", "week", "mon 10:00-12:00\ntue 10:00-12:00").status(200).says("mon 10:00-12:00, tue 10:00-12:00")
	b.post("/console/rules/change/override", "id", "x", "rule", "us.hours_marketing", "week", "mon").status(http.StatusUnprocessableEntity).says("one day a line")
	b.post("/console/rules/change/override", "id", "x", "rule", "us-fl.cap", "max", "many").status(http.StatusUnprocessableEntity).says("a whole number")
	until := f.now().Add(24 * time.Hour).UTC().Format("2006-01-02T15:04")
	b.post("/console/rules/change/relaxation", "id", "us.quiet_hours_lifted_by_consent", "reason", "Counsel", "until", until).status(200).says("read the relaxed way")
	b.post("/console/rules/change/wish", "id", "x").status(http.StatusNotFound)

	f.as(access.Viewer).get("/console/rules").status(200).says("State of emergency").lacks("Forbid it")
	f.as(access.Viewer).post("/console/rules/change/ban", "id", "storm", "do", "lift").status(http.StatusForbidden)
	b.post("/console/rules/change/ban", "id", "storm", "do", "lift").status(200).lacks("no contact with US-FL")
	b.post("/console/rules/change/ban", "id", "storm", "do", "lift").status(http.StatusNotFound)
	f.pass(48 * time.Hour)
	b = f.as(access.Compliance)
	b.get("/console/rules").status(200).says("over")
}

func TestWithoutRulesThePageSaysThatConsentAloneDecides(t *testing.T) {
	f := startWith(t, func(c *server.Config, _ string) { c.Rules = server.NoRules })
	b := f.as(access.Compliance)
	b.get("/console/rules").status(200).says("without rules")
	b.post("/console/rules/change/ban", "id", "storm", "region", "US-FL", "reason", "x").status(http.StatusNotFound)
}
