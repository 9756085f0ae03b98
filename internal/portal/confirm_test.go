package portal_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/portal"
	"github.com/consentline/consentline/internal/server"
)

// asked is a fixture whose links are sent, with the path of the one that Alice was sent.
func asked(t *testing.T) (f *fixture, link string) {
	t.Helper()
	f = startWith(t, server.Config{Rules: server.NoRules, Providers: providers.Config{PublicURL: "https://consent.example.com/"}})
	_, err := f.Conversations.OptIns.Ask(t.Context(), access.Local, optin.Request{
		Number: alice, Brand: "default", Purpose: "marketing", Channel: consent.SMS, Means: optin.ByLink, Text: "Four offers a month by SMS.", Language: "en-US",
	})
	if err != nil {
		t.Fatal(err)
	}
	sent := f.texts()
	if len(sent) != 1 {
		t.Fatalf("sent %d messages", len(sent))
	}
	_, link, _ = strings.Cut(sent[0], "https://consent.example.com")
	if link, _, _ = strings.Cut(link, " "); !strings.HasPrefix(link, portal.ConfirmPath) {
		t.Fatalf("the message holds no link: %q", sent[0])
	}
	return f, strings.TrimRight(link, ".")
}

func TestALinkShowsWhatItConfirmsAndOnlyTheButtonDoes(t *testing.T) {
	f, link := asked(t)
	for range 3 { // a scanner of messages, a preview, the person
		f.Get(link, "Accept-Language", "de").Status(200).Says("Möchten Sie Nachrichten von Default brand?", "Four offers a month by SMS.").Lacks(alice)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.http.URL+link, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.Do(r).Status(200)
	if got := f.status(alice); got != consent.Pending {
		t.Fatalf("opening the link made the record %s", got)
	}
	f.Do(f.Form(link, "cross-site")).Status(http.StatusForbidden)
	f.Post(link).Status(200).Says("You said yes")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Errorf("the record is %s, want granted", got)
	}
	last := f.last(alice)
	a, _ := last.Act()
	if !a.Confirmed || a.Source != consent.WebForm || a.Method != "link" {
		t.Errorf("the act is %+v", a)
	}
	f.Post(link).Status(http.StatusGone).Says("This link has ended")
	f.Get(link).Status(http.StatusGone)
}

func TestALinkThatNobodySentOrWhoseTimeIsOverConfirmsNothing(t *testing.T) {
	f, link := asked(t)
	f.Post("/c/aaaaaaaaaaaaaaaaaaaaaaaaaa").Status(http.StatusGone)
	f.pass(31 * 24 * time.Hour)
	f.Get(link).Status(http.StatusGone)
	f.Post(link).Status(http.StatusGone)
	if got := f.status(alice); got == consent.StatusGranted {
		t.Errorf("the record is %s", got)
	}
}
