package texts

import (
	"strings"
	"testing"
)

var full = Fill{Brand: "Acme", Contact: "help@example.com", Purpose: "offers", Code: "123456", Link: "https://example.com/c/x", Disclosure: "Offers by SMS."}

func TestEveryKindHasEnglishWordsAndEveryPlaceholderIsFilled(t *testing.T) {
	for _, kind := range Kinds {
		if _, ok := Default().words[key{kind, "en"}]; !ok {
			t.Errorf("%s has no English words", kind)
		}
	}
	for k := range Default().words {
		text := Default().Text(k.kind, k.language, full)
		if strings.ContainsAny(text, "{}") || !strings.Contains(text, "Acme") {
			t.Errorf("%s in %s: %q", k.kind, k.language, text)
		}
		if len(text) > 400 {
			t.Errorf("%s in %s has %d bytes, more than two messages", k.kind, k.language, len(text))
		}
	}
}

// TestWhoeverSaysNoIsAnsweredInTheirLanguage holds for every language in which people are understood.
func TestWhoeverSaysNoIsAnsweredInTheirLanguage(t *testing.T) {
	for _, language := range []string{"en", "fr", "es", "pt", "de", "it", "nl", "sv", "nb", "da", "is", "fi", "af", "zu", "hi", "ar", "ja", "zh"} {
		for _, kind := range []Kind{StoppedPurpose, StoppedTexts, StoppedCalls, StoppedAll} {
			if _, ok := Default().words[key{kind, language}]; !ok {
				t.Errorf("%s has no words in %s", kind, language)
			}
		}
	}
}

func TestTheNearestLanguageIsSpoken(t *testing.T) {
	for language, want := range map[string]string{
		"fr-CA": "désinscrit", "de": "abgemeldet", "nn": "avmeldt", "no": "avmeldt", "en-GB": "unsubscribed", "xx": "unsubscribed", "": "unsubscribed",
	} {
		if got := Default().Text(StoppedTexts, language, full); !strings.Contains(got, want) {
			t.Errorf("%q: got %q, want %q in it", language, got, want)
		}
	}
}

func TestASentenceWhosePlaceholderIsEmptyIsLeftOut(t *testing.T) {
	f := full
	f.Contact = ""
	const want = "Acme: Reply STOP to get no more messages. Msg & data rates may apply."
	if got := Default().Text(Help, "en", f); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOperatorsReplaceWordsLineByLine(t *testing.T) {
	s, err := Parse("help\ten\t{brand}: call us.\n# nothing\n\n")
	if err != nil || s.Text(Help, "en", full) != "Acme: call us." || s.Text(Clarify, "en", full) != Default().Text(Clarify, "en", full) {
		t.Errorf("got %q, %v", s.Text(Help, "en", full), err)
	}
	if _, err := Parse("help\ten\tok\nshout\ten\tHEY"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("an unknown kind: got %v, want an error that names line 2", err)
	}
}
