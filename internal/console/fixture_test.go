package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/demo"
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

// visitor is a browser that knows whose pages it visits.
type visitor struct {
	*visit.Visitor
	f *fixture
}

func (f *fixture) visitor() *visitor { return &visitor{visit.New(f.t, f.http.URL), f} }

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
	b.Client.Jar.SetCookies(u, []*http.Cookie{{Name: "consentline_session", Value: token, Path: "/console/"}})
}

// person looks a number up and returns the path of the page that it led to.
func (b *visitor) person(number string) (string, answer) {
	b.f.t.Helper()
	a := b.Post("/console/number", "number", number).Status(200)
	return a.Request.URL.Path, a
}

func mustNumber(t testing.TB, text string) phone.Number {
	t.Helper()
	n, err := phone.Parse(text, "")
	if err != nil {
		t.Fatal(err)
	}
	return n
}
