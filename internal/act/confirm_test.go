package act_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
)

func TestNoYesSkipsADoubleOptInUnlessSomebodyAnswersForIt(t *testing.T) {
	r, c := recorder(t)
	p := catalog.Purpose{ID: "strict", Name: "Strict", Class: consent.Marketing, DoubleOptIn: true}
	if _, err := c.CreatePurpose(ctx, "test", p); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*act.Report)
		field  string // that is missing; empty: it is recorded
	}{
		"a yes":                     {func(*act.Report) {}, "actor"},
		"said to be confirmed":      {func(p *act.Report) { p.Confirmed = true }, "actor"},
		"of an import":              {func(p *act.Report) { p.Via, p.Actor, p.Method = consent.ViaImport, "Ann", "" }, "method"},
		"with who answers, and why": {func(p *act.Report) { p.Actor, p.Method = "Ann", "confirmed on paper" }, ""},
		"for calls":                 {func(p *act.Report) { p.Channel = consent.VoiceLive }, ""},
		"a request":                 {func(p *act.Report) { p.Act, p.Level = consent.Requested, consent.NoLevel }, ""},
		"a no":                      {func(p *act.Report) { p.Act, p.Level = consent.Withdrawn, consent.NoLevel }, ""},
		"for another purpose":       {func(p *act.Report) { p.Purpose = "marketing" }, ""},
	} {
		q := act.Report{
			Number: "+12025550123", Purpose: "strict", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm,
		}
		c.change(&q)
		results, err := r.Record(ctx, access.Local, []act.Report{q})
		if err != nil {
			t.Fatal(err)
		}
		var invalid *act.InvalidError
		switch {
		case c.field == "" && results[0].Err != nil:
			t.Errorf("%s: %v", name, results[0].Err)
		case c.field != "" && (!errors.As(results[0].Err, &invalid) || invalid.Code != act.CodeUnconfirmed || invalid.Field != c.field):
			t.Errorf("%s: got %v, want %s for %s", name, results[0].Err, act.CodeUnconfirmed, c.field)
		}
	}
}
