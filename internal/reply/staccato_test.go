package reply

import (
	"strings"
	"testing"
)

func TestSentencesOfOneWordEachAreReadAsOneThatWithdrawsOrNotAtAll(t *testing.T) {
	for text, want := range map[string]Label{
		"No. More. Texts.": OptOut,
		"I asked you three times already. No. More. Ads.": OptOut,
		"Leave. My. Phone. Alone.":                        OptOut,
		"Do! Not! Text! Me!":                              OptOut,
		"Best. Pizza. Ever.":                              None,
		"Love. These. Deals. Send more!":                  None,
		strings.Repeat("Wow. ", 5000):                     None,
	} {
		if got := Classify(Input{Text: text, Region: "US"}); got.Label != want {
			t.Errorf("%.60q: got %s by %s, want %s", text, got.Label, got.Rule, want)
		}
	}
}
