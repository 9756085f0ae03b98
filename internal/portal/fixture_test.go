package portal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/form"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/visit"
)

const (
	alice = "+12025550123"
	bob   = "+12025550124"
)

// answer is a page that came back.
type answer = visit.Answer

// fixture is a running server with the portal in front of it.
type fixture struct {
	*server.Server
	*visit.Visitor
	t     testing.TB
	http  *httptest.Server
	ahead atomic.Int64 // how far the clock runs before the wall's
}

func start(t testing.TB) *fixture { return startWith(t, server.Config{}) }

// startWith starts a server with a configuration; its directory and its clock are the fixture's.
func startWith(t testing.TB, c server.Config) *fixture {
	t.Helper()
	f := &fixture{t: t}
	c.DataDir, c.Now = t.TempDir(), f.now
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	f.http = httptest.NewServer(s.Portal())
	f.Visitor = visit.New(t, f.http.URL)
	t.Cleanup(func() {
		f.http.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

// pass lets time pass.
func (f *fixture) pass(d time.Duration) { f.ahead.Add(int64(d)) }

func (f *fixture) record(r act.Report) {
	f.t.Helper()
	results, err := f.Recorder.Record(f.t.Context(), access.Local, []act.Report{r})
	if err != nil || results[0].Err != nil {
		f.t.Fatal(err, results[0].Err)
	}
}

func yes(number string) act.Report {
	return act.Report{Number: number, Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm}
}

func number(t testing.TB, text string) phone.Number {
	t.Helper()
	n, err := phone.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// subject returns the person at a number, with what stands.
func (f *fixture) subject(text string) ledger.Subject {
	f.t.Helper()
	s, err := f.Ledger.ByNumber(f.t.Context(), number(f.t, text))
	if err != nil {
		f.t.Fatal(err)
	}
	return s
}

// status is where the record for marketing by SMS stands.
func (f *fixture) status(text string) consent.Status {
	f.t.Helper()
	for _, h := range f.subject(text).Records {
		if h.Scope == (consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}) {
			return h.Record.At(f.now())
		}
	}
	return consent.None
}

// last returns the latest entry about a number.
func (f *fixture) last(text string) ledger.Entry {
	f.t.Helper()
	entries, err := f.Ledger.History(f.t.Context(), f.subject(text).ID, 0, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	return entries[len(entries)-1]
}

func (f *fixture) head() uint64 {
	f.t.Helper()
	seq, err := f.Ledger.Head(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	return seq
}

// link returns the path of the preference centre of the person at a number.
func (f *fixture) link(text string) string {
	f.t.Helper()
	return "/p/" + f.Links.Sign(f.subject(text).ID, "default", 0)
}

// texts sends what is queued, and returns all that was sent so far.
func (f *fixture) texts() (texts []string) {
	f.t.Helper()
	if _, err := f.Conversations.Send(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
	raw, err := os.ReadFile(filepath.Join(f.DataDir, server.MessagesFile))
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range bytes.Lines(raw) {
		var m struct{ Text string }
		if err := json.Unmarshal(line, &m); err != nil {
			f.t.Fatal(err)
		}
		texts = append(texts, m.Text)
	}
	return texts
}

var sixDigits = regexp.MustCompile(`\b\d{6}\b`)

// code returns the code in the latest message.
func (f *fixture) code() string {
	f.t.Helper()
	texts := f.texts()
	if len(texts) == 0 {
		f.t.Fatal("nothing was sent")
	}
	return sixDigits.FindString(texts[len(texts)-1])
}

// brand changes the default brand; it is in the United States.
func (f *fixture) brand(change func(*catalog.Brand)) {
	f.t.Helper()
	b, err := f.Catalog.Brand("default")
	if err != nil {
		f.t.Fatal(err)
	}
	b.Country = "US"
	change(&b)
	if _, err := f.Catalog.ChangeBrand(f.t.Context(), "local", b); err != nil {
		f.t.Fatal(err)
	}
}

// newsletter defines a form with one box, in English and German.
func (f *fixture) newsletter(change ...func(*form.Form)) {
	f.t.Helper()
	ctx := context.Background()
	for id, w := range map[string]catalog.Wording{
		"news-en": {Language: "en-US", Text: "I agree to texts from the default brand. Reply STOP to end."},
		"news-de": {Language: "de-DE", Text: "Ich will SMS von der Standardmarke. Mit STOPP ist Schluss."},
	} {
		if _, err := f.Catalog.CreateDisclosure(ctx, "local", catalog.Disclosure{ID: id, Brand: "default", Purpose: "marketing"}, w, f.now()); err != nil {
			f.t.Fatal(err)
		}
	}
	f.brand(func(*catalog.Brand) {})
	one := form.Form{ID: "news", Brand: "default", Region: "US", Items: []form.Item{{Purpose: "marketing", Channel: consent.SMS, Wordings: []string{"news-en", "news-de"}}}}
	for _, c := range change {
		c(&one)
	}
	if err := f.Forms.Create(ctx, "local", one); err != nil {
		f.t.Fatal(err)
	}
}
