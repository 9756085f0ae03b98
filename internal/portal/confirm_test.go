package portal_test

import (
	"bufio"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
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
	f = &fixture{t: t}
	s, err := server.Open(t.Context(), server.Config{
		DataDir: t.TempDir(), Now: f.now, Rules: server.NoRules, Providers: providers.Config{PublicURL: "https://consent.example.com/"},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	f.http = httptest.NewServer(s.Portal())
	t.Cleanup(func() {
		f.http.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	_, err = s.Conversations.OptIns.Ask(t.Context(), access.Local, optin.Request{
		Number: alice, Brand: "default", Purpose: "marketing", Channel: consent.SMS, Means: optin.ByLink, Text: "Four offers a month by SMS.", Language: "en-US",
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Conversations.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(filepath.Join(s.DataDir, server.MessagesFile))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	var m struct{ Text string }
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &m) != nil {
		t.Fatal("no message was sent")
	}
	_, link, _ = strings.Cut(m.Text, "https://consent.example.com")
	if link, _, _ = strings.Cut(link, " "); !strings.HasPrefix(link, portal.ConfirmPath) {
		t.Fatalf("the message holds no link: %q", m.Text)
	}
	return f, strings.TrimRight(link, ".")
}

func TestALinkShowsWhatItConfirmsAndOnlyTheButtonDoes(t *testing.T) {
	f, link := asked(t)
	for range 3 { // a scanner of messages, a preview, the person
		f.get(link, "Accept-Language", "de").status(200).says("Möchten Sie Nachrichten von Default brand?", "Four offers a month by SMS.").lacks(alice)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodHead, f.http.URL+link, nil)
	if err != nil {
		t.Fatal(err)
	}
	f.do(r).status(200)
	if got := f.status(alice); got != consent.Pending {
		t.Fatalf("opening the link made the record %s", got)
	}
	f.do(f.form(link, "cross-site")).status(http.StatusForbidden)
	f.post(link).status(200).says("You said yes")
	if got := f.status(alice); got != consent.StatusGranted {
		t.Errorf("the record is %s, want granted", got)
	}
	last := f.last(alice)
	a, _ := last.Act()
	if !a.Confirmed || a.Source != consent.WebForm || a.Method != "link" {
		t.Errorf("the act is %+v", a)
	}
	f.post(link).status(http.StatusGone).says("This link has ended")
	f.get(link).status(http.StatusGone)
}

func TestALinkThatNobodySentOrWhoseTimeIsOverConfirmsNothing(t *testing.T) {
	f, link := asked(t)
	f.post("/c/aaaaaaaaaaaaaaaaaaaaaaaaaa").status(http.StatusGone)
	f.pass(31 * 24 * time.Hour)
	f.get(link).status(http.StatusGone)
	f.post(link).status(http.StatusGone)
	if got := f.status(alice); got == consent.StatusGranted {
		t.Errorf("the record is %s", got)
	}
}
