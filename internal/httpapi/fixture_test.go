package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/heard"
	"github.com/consentline/consentline/internal/httpapi"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging/generic"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/server"
)

const (
	alice = "+12025550123"
	bob   = "+12025550124"
)

// fixture is a running server with a key for each role.
type fixture struct {
	*server.Server
	t    testing.TB
	http *httptest.Server
	api  *httpapi.API
	keys map[string]string

	ahead atomic.Int64 // how far the clock runs before the wall's
}

func start(t testing.TB) *fixture {
	t.Helper()
	return startWith(t, server.NoRules)
}

// startWith starts a server that judges by the rules of a folder, or where it is empty by those built in.
func startWith(t testing.TB, rules string) *fixture {
	t.Helper()
	f := &fixture{t: t, keys: map[string]string{}}
	s, err := server.Open(t.Context(), server.Config{
		DataDir: t.TempDir(), Now: f.now, Rules: rules, Providers: providers.Config{Generic: &generic.Config{Secrets: []string{secret}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.Server = s
	f.api = httpapi.New(httpapi.Config{
		Ledger: s.Ledger, Index: s.Index, Catalog: s.Catalog, Lists: s.Lists, Gate: s.Gate, People: s.People, Recorder: s.Recorder,
		Tree: s.Tree, Signer: s.Signer, Forms: s.Forms, Feed: s.Feed, Now: f.now, Log: s.Log, Version: "test", Rules: s.Rules, Attempts: s.Attempts,
	})
	f.api.Converse(s.Conversations)
	f.api.KeepInStep(s.Sync)
	f.api.Reconcile(s.Reconciler)
	f.api.Hear(&heard.Listener{Engine: s.Sync, Ledger: s.Ledger, Recorder: s.Recorder, Now: s.Now}, s.Conversations.Providers.URL)
	f.http = httptest.NewServer(f.api.Handler())
	t.Cleanup(func() {
		f.http.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range access.Roles {
		f.keys[string(r)] = f.key(r)
	}
	return f
}

func (f *fixture) now() time.Time { return time.Now().Add(time.Duration(f.ahead.Load())) }

// pass lets time pass.
func (f *fixture) pass(d time.Duration) { f.ahead.Add(int64(d)) }

func (f *fixture) key(r access.Role, brands ...consent.BrandID) string {
	f.t.Helper()
	_, secret, err := f.Gate.Create(context.Background(), access.Local, access.Key{Name: string(r), Role: r, Brands: brands})
	if err != nil {
		f.t.Fatal(err)
	}
	return secret
}

// answer is what came back, with its body read.
type answer struct {
	t testing.TB
	*http.Response
	body []byte
}

// request is one call; the zero values of all but the first two are good.
type request struct {
	method, path string
	as           string // a role or a secret; empty: admin
	body         any    // a string or bytes are sent as they are, the rest as JSON
	media        string // empty: application/json for a body
	header       map[string]string
}

func (f *fixture) do(r request) answer {
	f.t.Helper()
	res, err := http.DefaultClient.Do(f.build(r))
	if err != nil {
		f.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		f.t.Fatal(err)
	}
	return answer{f.t, res, body}
}

func (f *fixture) build(r request) *http.Request {
	f.t.Helper()
	var body io.Reader
	switch b := r.body.(type) {
	case nil:
	case string:
		body = strings.NewReader(b)
	case []byte:
		body = bytes.NewReader(b)
	case io.Reader:
		body = b
	default:
		raw, err := json.Marshal(b)
		if err != nil {
			f.t.Fatal(err)
		}
		body = bytes.NewReader(raw)
	}
	req, err := http.NewRequestWithContext(f.t.Context(), r.method, f.http.URL+r.path, body)
	if err != nil {
		f.t.Fatal(err)
	}
	secret := r.as
	if s, ok := f.keys[r.as]; ok {
		secret = s
	}
	if r.as == "" {
		secret = f.keys["admin"]
	}
	if secret != "none" {
		req.Header.Set("Authorization", "Bearer "+secret)
	}
	switch {
	case r.media != "":
		req.Header.Set("Content-Type", r.media)
	case body != nil:
		req.Header.Set("Content-Type", "application/json")
	}
	for name, value := range r.header {
		req.Header.Set(name, value)
	}
	return req
}

func (f *fixture) post(path string, body any) answer {
	f.t.Helper()
	return f.do(request{method: "POST", path: path, body: body})
}

func (f *fixture) get(path string) answer {
	f.t.Helper()
	return f.do(request{method: "GET", path: path})
}

// status ends the test unless the answer has the status.
func (a answer) status(want int) answer {
	a.t.Helper()
	if a.StatusCode != want {
		a.t.Fatalf("%s %s: got %d %s, want %d", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body, want)
	}
	return a
}

// into decodes the answer.
func (a answer) into(v any) answer {
	a.t.Helper()
	if err := json.Unmarshal(a.body, v); err != nil {
		a.t.Fatalf("%s %s: %v in %s", a.Request.Method, a.Request.URL.Path, err, a.body)
	}
	return a
}

// problem checks that the answer is a problem of this status, code and field.
func (a answer) problem(status int, code, field string) {
	a.t.Helper()
	var p httpapi.Problem
	if err := json.Unmarshal(a.body, &p); err != nil || a.Header.Get("Content-Type") != "application/problem+json" {
		a.t.Errorf("%s %s: no problem but %d %s", a.Request.Method, a.Request.URL.Path, a.StatusCode, a.body)
		return
	}
	if a.StatusCode != status || p.Status != status || p.Code != code || p.Field != field {
		a.t.Errorf("%s %s: got %d %s in %q (%s), want %d %s in %q", a.Request.Method, a.Request.URL.Path, a.StatusCode, p.Code, p.Field, p.Detail, status, code, field)
	}
	if p.Title == "" || p.Detail == "" || !strings.HasSuffix(p.Type, "/"+p.Code) {
		a.t.Errorf("%s %s: the problem says too little: %s", a.Request.Method, a.Request.URL.Path, a.body)
	}
}

// grant is the body of a consent in the scope that most tests use.
func grant(number string, changes ...string) map[string]any {
	body := map[string]any{"number": number, "purpose": "marketing", "channel": "sms", "act": "granted", "source": "web_form"}
	for i := 0; i+1 < len(changes); i += 2 {
		if body[changes[i]] = changes[i+1]; changes[i+1] == "" {
			delete(body, changes[i])
		}
	}
	return body
}

func (f *fixture) verdict(number string) string {
	f.t.Helper()
	var v struct{ Verdict string }
	f.post("/v1/checks", map[string]any{"number": number, "purpose": "marketing", "channel": "sms"}).status(200).into(&v)
	return v.Verdict
}

func (f *fixture) head() uint64 {
	f.t.Helper()
	seq, err := f.Ledger.Head(context.Background())
	if err != nil {
		f.t.Fatal(err)
	}
	return seq
}

// denials counts the denials among the entries after one.
func (f *fixture) denials(after uint64) int {
	f.t.Helper()
	entries, err := f.Ledger.Entries(context.Background(), after, 100_000)
	if err != nil {
		f.t.Fatal(err)
	}
	n := 0
	for _, e := range entries {
		if e.Kind == ledger.KindDenial {
			n++
		}
	}
	return n
}

// waitForLog returns when the log has taken in all that was recorded so far.
func (f *fixture) waitForLog() {
	f.t.Helper()
	ctx, cancel := context.WithTimeout(f.t.Context(), 20*time.Second)
	defer cancel()
	if err := f.Tree.WaitIntegrated(ctx, f.head()); err != nil {
		f.t.Fatal(err)
	}
}
