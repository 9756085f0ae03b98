package console_test

import (
	"context"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/demo"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
)

const (
	alice = "+12025550123"
	bob   = "+12025550124"
)

// fixture is a running server with the console in front of it.
type fixture struct {
	*server.Server
	t    testing.TB
	http *httptest.Server

	ahead atomic.Int64 // how far the clock runs before the wall's
}

func start(t testing.TB) *fixture { return startWith(t, nil) }

// startWith starts a server whose configuration is made once its address is known.
func startWith(t testing.TB, configure func(*server.Config, string)) *fixture {
	t.Helper()
	f := &fixture{t: t, http: httptest.NewUnstartedServer(nil)}
	c := server.Config{DataDir: t.TempDir(), Now: f.now}
	if configure != nil {
		configure(&c, "http://"+f.http.Listener.Addr().String())
	}
	s, err := server.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	f.http.Config.Handler = s.Console()
	f.http.Start()
	t.Cleanup(func() {
		f.http.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// startBare starts a server without rules of law, which take a while to compile, for what no rule takes part in.
func startBare(t testing.TB) *fixture {
	t.Helper()
	return startWith(t, func(c *server.Config, _ string) { c.Rules = server.NoRules })
}

// startDemo starts with the sample of about five thousand people, counted.
func startDemo(t testing.TB) *fixture {
	t.Helper()
	f := start(t)
	if _, err := demo.Load(t.Context(), f.Server, demo.Options{}); err != nil {
		t.Fatal(err)
	}
	f.count()
	return f
}

// count lets the reports catch up with the ledger.
func (f *fixture) count() {
	f.t.Helper()
	for done := 1; done > 0; {
		var err error
		if done, err = f.Reports.RunOnce(f.t.Context()); err != nil {
			f.t.Fatal(err)
		}
	}
	if err := f.Reports.Recount(f.t.Context()); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

// pass lets time pass.
func (f *fixture) pass(d time.Duration) { f.ahead.Add(int64(d)) }

func (f *fixture) key(r access.Role, brands ...consent.BrandID) (id, secret string) {
	f.t.Helper()
	k, secret, err := f.Gate.Create(context.Background(), access.Local, access.Key{Name: string(r) + " of the tests", Role: r, Brands: brands})
	if err != nil {
		f.t.Fatal(err)
	}
	return k.ID, secret
}

func (f *fixture) record(r act.Report) act.Result {
	f.t.Helper()
	results, err := f.Recorder.Record(f.t.Context(), access.Local, []act.Report{r})
	if err != nil || results[0].Err != nil {
		f.t.Fatal(err, results[0].Err)
	}
	return results[0]
}

func yes(number string) act.Report {
	return act.Report{Number: number, Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm}
}

// visitor visits pages as a browser does, without a script.
type visitor struct {
	f      *fixture
	client *http.Client
	host   string // which the browser asks for; empty: the server's address
}

func (f *fixture) visitor() *visitor {
	jar, err := cookiejar.New(nil)
	if err != nil {
		f.t.Fatal(err)
	}
	return &visitor{f: f, client: &http.Client{Jar: jar}}
}

// as returns a browser in which somebody with a role is signed in.
func (f *fixture) as(r access.Role, brands ...consent.BrandID) *visitor {
	f.t.Helper()
	b := f.visitor()
	_, secret := f.key(r, brands...)
	b.signIn(secret)
	return b
}

func (b *visitor) signIn(secret string) {
	b.f.t.Helper()
	token, err := b.f.Sessions.SignIn(b.f.t.Context(), secret, "")
	if err != nil {
		b.f.t.Fatal(err)
	}
	u, err := url.Parse(b.f.http.URL + "/console/")
	if err != nil {
		b.f.t.Fatal(err)
	}
	b.client.Jar.SetCookies(u, []*http.Cookie{{Name: "consentline_session", Value: token, Path: "/console/"}})
}

// answer is a page that came back.
type answer struct {
	t testing.TB
	*http.Response
	body string
}

func (b *visitor) do(r *http.Request) answer {
	b.f.t.Helper()
	if b.host != "" {
		r.Host = b.host
	}
	res, err := b.client.Do(r)
	if err != nil {
		b.f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return answer{b.f.t, res, string(body)}
}

func (b *visitor) get(path string) answer {
	b.f.t.Helper()
	r, err := http.NewRequestWithContext(b.f.t.Context(), http.MethodGet, b.f.http.URL+path, nil)
	if err != nil {
		b.f.t.Fatal(err)
	}
	return b.do(r)
}

// post sends a form, given as names and values in turn, from a page of the same site.
func (b *visitor) post(path string, pairs ...string) answer {
	b.f.t.Helper()
	return b.do(b.form(path, "same-origin", pairs...))
}

func (b *visitor) form(path, site string, pairs ...string) *http.Request {
	b.f.t.Helper()
	values := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		values.Add(pairs[i], pairs[i+1])
	}
	r, err := http.NewRequestWithContext(b.f.t.Context(), http.MethodPost, b.f.http.URL+path, strings.NewReader(values.Encode()))
	if err != nil {
		b.f.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", site)
	return r
}

// person looks a number up and returns the path of the page that it led to.
func (b *visitor) person(number string) (string, answer) {
	b.f.t.Helper()
	a := b.post("/console/number", "number", number).status(200)
	return a.Request.URL.Path, a
}

func (a answer) status(want int) answer {
	a.t.Helper()
	if a.StatusCode != want {
		a.t.Fatalf("%s %s: got %d, want %d: %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, want, a.words())
	}
	return a
}

// says checks that the page holds each text.
func (a answer) says(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if !strings.Contains(a.body, text) {
			a.t.Errorf("%s %s does not say %q: %s", a.Request.Method, a.Request.URL.Path, text, a.words())
		}
	}
	return a
}

// lacks checks that the page holds none of the texts.
func (a answer) lacks(texts ...string) answer {
	a.t.Helper()
	for _, text := range texts {
		if strings.Contains(a.body, text) {
			a.t.Errorf("%s %s says %q", a.Request.Method, a.Request.URL.Path, text)
		}
	}
	return a
}

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

func (a answer) words() string {
	text := tags.ReplaceAllString(a.body, " ")
	return text[:min(len(text), 1500)]
}

// field returns the value of the first field with a name.
func (a answer) field(name string) string {
	a.t.Helper()
	m := regexp.MustCompile(`name="` + regexp.QuoteMeta(name) + `" value="([^"]*)"`).FindStringSubmatch(a.body)
	if m == nil {
		a.t.Fatalf("%s has no field %s: %s", a.Request.URL.Path, name, a.words())
	}
	return m[1]
}

func mustNumber(t testing.TB, text string) phone.Number {
	t.Helper()
	n, err := phone.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}
