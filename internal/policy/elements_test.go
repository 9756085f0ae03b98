package policy

import (
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

func states(r *Rules, w Wording, region string, ch consent.Channel) map[string]ElementState {
	out := map[string]ElementState{}
	for _, e := range r.Elements(w, r.AtRequest(region, ch, consent.Marketing, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC))) {
		out[e.Item] = e.State
	}
	return out
}

func TestAWordingIsHeldAgainstWhatItsCountryWantsSaid(t *testing.T) {
	full := Wording{
		Text: "By ticking this box I agree to receive recurring automated marketing texts from Harbour Coffee Roasters at the number I gave. " +
			"Consent is not a condition of any purchase. Up to 6 messages a month. Message and data rates may apply. Reply STOP to end, HELP for help. Terms and privacy: harbour.example",
		Language: "en-US", Brand: "Harbour Coffee Roasters",
	}
	for item, state := range states(builtIn, full, "US", consent.SMS) {
		if state != Said && state != ByForm {
			t.Errorf("a wording that says everything: %q is %s", item, state)
		}
	}
	short := states(builtIn, Wording{Text: "Text me offers.", Language: "en-US", Brand: "Harbour Coffee Roasters"}, "US", consent.SMS)
	for item, want := range map[string]ElementState{
		"sellers by name": Missing, "message frequency": Missing, "STOP": Missing, "HELP": Missing, "that it is no condition of purchase": Missing,
		"that marketing calls or texts are authorised": Said, "signature (E-SIGN is enough)": ByForm, "link to terms": Missing,
	} {
		if got := short[item]; got != want {
			t.Errorf("%q is %s, want %s", item, got, want)
		}
	}
	german := states(builtIn, Wording{Text: "Ich willige ein, dass die Lumen-Praxis mir Angebote per SMS schickt. Ich kann das jederzeit widerrufen.", Language: "de-DE", Brand: "Lumen-Praxis Dr. Weber"}, "DE", consent.SMS)
	if len(german) == 0 || german["the right to withdraw"] != Said || german["identity of the controller"] != Said {
		t.Errorf("the German wording is %v", german)
	}
	if got := states(builtIn, Wording{Text: "ok", Language: "tlh"}, "US", consent.SMS)["message frequency"]; got != Unsure {
		t.Errorf("in a language that is not known it is %s", got)
	}
	if got := builtIn.AtRequest("XX", consent.SMS, consent.Marketing, time.Now()); got != nil {
		t.Errorf("a country without a pack wants %v", got)
	}
}

// Every item of the packs is one that the table knows, and every element has words by which it is known, save those that
// words cannot tell.
func TestEveryItemOfThePacksIsKnown(t *testing.T) {
	table := elements()
	for _, rule := range builtIn.All() {
		if rule.Kind != KindDisclosure || rule.Disclosure.Moment != AtConsentRequest {
			continue
		}
		for _, item := range rule.Disclosure.Items {
			if table.items[item] == "" {
				t.Errorf("%s: no element for %q", rule.ID, item)
			}
		}
	}
	for item, element := range table.items {
		if element != "form" && element != "brand" && element != "address" && len(table.cues[element]) == 0 {
			t.Errorf("%q asks for %s, which no words tell", item, element)
		}
	}
}
