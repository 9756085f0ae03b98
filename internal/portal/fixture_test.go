package portal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
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
)

const (
	alice = "+12025550123"
	bob   = "+12025550124"
)

// fixture is a running server with the portal in front of it.
type fixture struct {
	*server.Server
	t     testing.TB
	http  *httptest.Server
	ahead atomic.Int64 // how far the clock runs before the wall's
}

func start(t testing.TB) *fixture {
	t.Helper()
	f := &fixture{t: t}
	s, err := server.Open(t.Context(), server.Config{DataDir: t.TempDir(), Now: f.now})
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

// answer is a page that came back.
type answer struct {
	t testing.TB
	*http.Response
	body string
}

func (f *fixture) do(r *http.Request) answer {
	f.t.Helper()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{f.t, res, string(body)}
}

// get visits a path; headers are names and values in turn.
func (f *fixture) get(path string, headers ...string) answer {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodGet, f.http.URL+path, nil)
	if err != nil {
		f.t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return f.do(r)
}

// post sends a form, given as names and values in turn.
func (f *fixture) post(path string, pairs ...string) answer {
	f.t.Helper()
	return f.do(f.form(path, "same-origin", pairs...))
}

func (f *fixture) form(path, site string, pairs ...string) *http.Request {
	f.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(f.t.Context(), http.MethodPost, f.http.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	return r
}

func (a answer) status(want int) answer {
	a.t.Helper()
	if a.StatusCode != want {
		a.t.Fatalf("%s %s: got %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, want, a.body)
	}
	return a
}

func (a answer) says(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(html.UnescapeString(a.body), text) {
			a.t.Errorf("%s %s does not say %q: %s", a.Request.Method, a.Request.URL.Path, text, a.body)
		}
	}
	return a
}

// lacks checks that the page's source holds none of the texts.
func (a answer) lacks(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			a.t.Errorf("%s %s says %q: %s", a.Request.Method, a.Request.URL.Path, text, a.body)
		}
	}
	return a
}

// field returns the value of the first field with a name.
func (a answer) field(name string) string {
	a.t.Helper()
	m := regexp.MustCompile(`name="` + regexp.QuoteMeta(name) + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		a.t.Fatalf("%s has no field %s: %s", a.Request.URL.Path, name, a.body)
	}
	return html.UnescapeString(m[1])
}
