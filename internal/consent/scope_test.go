package consent_test

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

func drawScope(t *rapid.T, label string) consent.Scope {
	return consent.Scope{
		Brand:   rapid.SampledFrom([]consent.BrandID{consent.Any, "acme", "bolt"}).Draw(t, label+" brand"),
		Purpose: rapid.SampledFrom([]consent.PurposeID{consent.Any, "news", "bills"}).Draw(t, label+" purpose"),
		Channel: consent.Channel(rapid.IntRange(0, int(consent.VoiceAuto)).Draw(t, label+" channel")),
	}
}

func TestTheLawsOfCovering(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := drawScope(t, "a"), drawScope(t, "b"), drawScope(t, "c")
		switch {
		case !a.Covers(a):
			t.Fatalf("%s does not cover itself", a)
		case !consent.Everything.Covers(a):
			t.Fatalf("everything does not cover %s", a)
		case a.Covers(b) && b.Covers(c) && !a.Covers(c):
			t.Fatalf("%s covers %s, that covers %s, but the first does not cover the last", a, b, c)
		case a.Covers(b) && b.Covers(a) && a != b:
			t.Fatalf("%s and %s cover each other", a, b)
		case a.Concrete() && a.Covers(b) && a != b:
			t.Fatalf("%s is concrete and covers %s", a, b)
		case a.Concrete() != (a.Brand != "*" && a.Purpose != "*" && a.Channel != 0):
			t.Fatalf("%s: concrete is %t", a, a.Concrete())
		}
	})
}

// TestCoveringGoesByPart holds that each part of a scope is compared by itself.
func TestCoveringGoesByPart(t *testing.T) {
	in := consent.Scope{Brand: "acme", Purpose: "news", Channel: consent.SMS}
	for _, c := range []struct {
		wide   consent.Scope
		covers bool
	}{
		{consent.Scope{Brand: "acme", Purpose: consent.Any}, true},
		{consent.Scope{Brand: consent.Any, Purpose: "news", Channel: consent.SMS}, true},
		{consent.Scope{Brand: "acme", Purpose: "news"}, true},
		{consent.Scope{Brand: "bolt", Purpose: consent.Any}, false},
		{consent.Scope{Brand: consent.Any, Purpose: "bills"}, false},
		{consent.Scope{Brand: consent.Any, Purpose: consent.Any, Channel: consent.WhatsApp}, false},
	} {
		if got := c.wide.Covers(in); got != c.covers {
			t.Errorf("%s covers %s: got %t, want %t", c.wide, in, got, c.covers)
		}
	}
	if got := in.String(); got != "acme/news/sms" {
		t.Errorf("got %s, want acme/news/sms", got)
	}
}
