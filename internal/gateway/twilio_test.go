package gateway_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// quiet are rules under which nothing may be sent before two o'clock.
type quiet struct{}

func (quiet) Judge(c check.Case) (j check.Judgement) {
	if end := noon.Add(2 * time.Hour); c.At.Before(end) {
		j.Fail(check.Failure{Code: check.OutsideWindow, Defers: true})
		j.NextAllowedAt = end
	}
	return j
}

// entries keeps what is appended.
type entries struct {
	cat   *catalog.Catalog
	kept  []ledger.Item
	fails error
}

func (e *entries) AppendOne(_ context.Context, it ledger.Item) (ledger.Result, error) {
	if e.fails != nil {
		return ledger.Result{}, e.fails
	}
	if d, ok := it.Detail.(ledger.Definition); ok {
		return ledger.Result{}, e.cat.Apply(d)
	}
	e.kept = append(e.kept, it)
	return ledger.Result{}, nil
}

// fixture is a gateway before an upstream that keeps what it is sent.
type fixture struct {
	index   *check.Index
	entries *entries
	gate    *gateway.Gate
	server  *httptest.Server
	mu      sync.Mutex // while messages are on their way, guards:
	got     []*http.Request
	bodies  []string
	answer  func(http.ResponseWriter, *http.Request)
}

const alice, bob = 12025550123, 12025550124 // alice has consented to everything, bob withdrew

func open(t testing.TB, rules check.Rules, change func(*gateway.Gate, *gateway.TwilioConfig)) *fixture {
	t.Helper()
	f := &fixture{entries: &entries{}}
	f.index = check.New(check.Config{Clock: func() time.Time { return noon }, Lease: check.AlwaysFresh(), Rules: rules})
	batch := check.Batch{
		Seq: 1, Brands: []check.BrandChange{{Brand: "acme"}},
		Purposes: []check.PurposeChange{{Purpose: "offers", Class: consent.Marketing}, {Purpose: "orders", Class: consent.Transactional}},
	}
	for _, p := range []consent.PurposeID{"offers", "orders"} {
		for _, c := range consent.Channels {
			s := consent.Scope{Brand: "acme", Purpose: p, Channel: c}
			yes := consent.Record{Status: consent.StatusGranted, Level: consent.ExpressWritten, GrantedAt: noon.Add(-time.Hour), Entry: 1}
			no := consent.Record{Status: consent.StatusWithdrawn, Entry: 1}
			batch.Records = append(batch.Records,
				check.RecordChange{Number: alice, Scope: s, State: check.StateOf(yes)}, check.RecordChange{Number: bob, Scope: s, State: check.StateOf(no)})
		}
	}
	if err := f.index.Apply(batch); err != nil {
		t.Fatal(err)
	}
	cat := catalog.New(f.entries)
	f.entries.cat = cat
	define(t, cat)
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.mu.Lock()
		f.got, f.bodies = append(f.got, r), append(f.bodies, string(body))
		f.mu.Unlock()
		f.answer(w, r)
	}))
	f.answer = func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"sid":"SM1"}`)) }
	t.Cleanup(upstream.Close)
	f.gate = &gateway.Gate{Check: f.index, Catalog: cat, Ledger: f.entries, Log: slog.New(slog.DiscardHandler)}
	c := gateway.TwilioConfig{Upstream: upstream.URL, Now: func() time.Time { return noon }}
	if change != nil {
		change(f.gate, &c)
	}
	h, err := gateway.NewTwilio(f.gate, c)
	if err != nil {
		t.Fatal(err)
	}
	f.server = httptest.NewServer(h)
	t.Cleanup(f.server.Close)
	return f
}

func define(t testing.TB, cat *catalog.Catalog) {
	t.Helper()
	for _, err := range []error{
		second(cat.CreateBrand(t.Context(), "test", catalog.Brand{ID: "acme", Name: "Acme"})),
		second(cat.CreatePurpose(t.Context(), "test", catalog.Purpose{ID: "offers", Name: "Offers", Class: consent.Marketing})),
		second(cat.CreatePurpose(t.Context(), "test", catalog.Purpose{ID: "orders", Name: "Orders", Class: consent.Transactional})),
		second(cat.CreateSender(t.Context(), "test", catalog.Sender{ID: "mg", Brand: "acme", Kind: "messaging_service", Address: "MG1", Channel: consent.SMS, Purpose: "offers"})),
		second(cat.CreateSender(t.Context(), "test", catalog.Sender{ID: "n", Brand: "acme", Kind: "number", Address: "+12025550199", Channel: consent.VoiceAuto, Purpose: "orders"})),
		second(cat.CreateSender(t.Context(), "test", catalog.Sender{ID: "bare", Brand: "acme", Kind: "number", Address: "+12025550198", Channel: consent.SMS})),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// answer is what the application reads.
type answer struct {
	status int
	body   string
	header http.Header
	Code   int `json:"code"`
}

const messages = "/2010-04-01/Accounts/AC1/Messages.json"

func (f *fixture) post(t testing.TB, path string, form url.Values, headers ...string) answer {
	t.Helper()
	r, err := http.NewRequest(http.MethodPost, f.server.URL+path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth("AC1", "secret")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return f.do(t, r)
}

func (f *fixture) do(t testing.TB, r *http.Request) answer {
	t.Helper()
	f.got, f.bodies = nil, nil
	res, err := (&http.Transport{DisableCompression: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	a := answer{status: res.StatusCode, body: string(body), header: res.Header}
	_ = json.Unmarshal(body, &a)
	return a
}

// created reports whether the upstream was asked to create something.
func (f *fixture) created() bool {
	for _, r := range f.got {
		if r.Method == http.MethodPost {
			return true
		}
	}
	return false
}

func to(n phone.Number, more ...string) url.Values {
	v := url.Values{"To": {n.String()}, "Body": {"Hello"}, "MessagingServiceSid": {"MG1"}}
	for i := 0; i < len(more); i += 2 {
		v.Set(more[i], more[i+1])
		if more[i+1] == "" {
			v.Del(more[i])
		}
	}
	return v
}

func TestAnAllowedMessageIsForwardedAndAnsweredByteForByte(t *testing.T) {
	f := open(t, nil, nil)
	packed := []byte{0x1f, 0x8b, 0, 1, 2, 255}
	f.answer = func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Encoding", "gzip")
		w.Header().Set("Twilio-Request-Id", "RQ1")
		w.WriteHeader(http.StatusCreated)
		_, _ = w.Write(packed)
	}
	form := "To=%2B1202555%30123&Body=Hello+%F0%9F%91%8B&MessagingServiceSid=MG1&StatusCallback=&X=1"
	r, _ := http.NewRequest(http.MethodPost, f.server.URL+messages, strings.NewReader(form))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("User-Agent", "twilio-go/1.31.0 (linux amd64) go/1.26")
	r.Header.Set("Accept-Encoding", "gzip")
	r.Header.Set("X-Consentline-Purpose", "offers")
	r.SetBasicAuth("SK1", "secret")
	a := f.do(t, r)
	if a.status != http.StatusCreated || !bytes.Equal([]byte(a.body), packed) || a.header.Get("Twilio-Request-Id") != "RQ1" {
		t.Errorf("answer: got %d %q %v", a.status, a.body, a.header)
	}
	if len(f.got) != 1 || f.bodies[0] != form {
		t.Fatalf("forwarded: got %q, want %q", f.bodies, form)
	}
	up := f.got[0]
	user, secret, _ := up.BasicAuth()
	if user != "SK1" || secret != "secret" || up.Header.Get("User-Agent") != "twilio-go/1.31.0 (linux amd64) go/1.26" || up.URL.Path != messages {
		t.Errorf("forwarded: got %s as %s, %v", up.URL, user, up.Header)
	}
	for _, h := range []string{"X-Consentline-Purpose", "X-Forwarded-For"} {
		if up.Header.Get(h) != "" {
			t.Errorf("%s was forwarded", h)
		}
	}
}

func TestWhatIsNotAllowedIsRefusedInTwiliosForm(t *testing.T) {
	f := open(t, nil, nil)
	for name, c := range map[string]struct {
		path    string
		form    url.Values
		headers []string
		status  int
		code    int
	}{
		"withdrawn":                  {path: messages, form: to(bob), status: 400, code: 21610},
		"a stranger":                 {path: messages, form: to(12025550125), status: 400, code: 21610},
		"no number":                  {path: messages, form: to(bob, "To", "12345"), status: 400, code: 21211},
		"no To":                      {path: messages, form: to(bob, "To", ""), status: 400, code: 21211},
		"on WhatsApp":                {path: messages, form: to(bob, "To", "whatsapp:+12025550124"), headers: []string{"X-Consentline-Brand", "acme", "X-Consentline-Purpose", "offers"}, status: 400, code: 21610},
		"an unknown sender":          {path: messages, form: to(alice, "MessagingServiceSid", "MG2"), status: 400, code: 21610},
		"a sender without a purpose": {path: messages, form: to(alice, "MessagingServiceSid", "", "From", "+12025550198"), status: 400, code: 21610},
		"a call":                     {path: "/2010-04-01/Accounts/AC1/Calls.json", form: url.Values{"To": {"+12025550124"}, "From": {"+12025550199"}, "Url": {"https://example.com"}}, status: 400, code: 21610},
		"a conference's participant": {path: "/2010-04-01/Accounts/AC1/Conferences/CF1/Participants.json", form: url.Values{"To": {"+12025550124"}, "From": {"+12025550199"}}, status: 400, code: 21610},
		"without .json":              {path: "/2010-04-01/Accounts/AC1/Messages", form: to(bob), status: 400, code: 21610},
		"as XML":                     {path: "/2010-04-01/Accounts/AC1/Messages.xml", form: to(bob), status: 400, code: 21610},
		"in the old place":           {path: "/2010-04-01/Accounts/AC1/SMS/Messages.json", form: to(bob), status: 400, code: 21610},
		"spelt otherwise":            {path: "/2010-04-01//accounts/AC1/%4dessages.json/", form: to(bob), status: 400, code: 21610},
		"To twice":                   {path: messages, form: url.Values{"To": {"+12025550123", "+12025550124"}, "MessagingServiceSid": {"MG1"}}, status: 400, code: 20001},
		"to beside To":               {path: messages, form: url.Values{"To": {"+12025550123"}, "to": {"+12025550124"}, "MessagingServiceSid": {"MG1"}}, status: 400, code: 20001},
		"To in the URL":              {path: messages + "?To=%2B12025550124", form: to(alice), status: 400, code: 20001},
		"JSON":                       {path: messages, form: to(alice), headers: []string{"Content-Type", "application/json"}, status: 400, code: 20001},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.post(t, c.path, c.form, c.headers...)
			if a.status != c.status || a.Code != c.code || a.header.Get("X-Consentline-Reason") == "" {
				t.Errorf("got %d %s, want %d with code %d", a.status, a.body, c.status, c.code)
			}
			if f.created() {
				t.Error("it was forwarded")
			}
		})
	}
}

func TestWhatCreatesNothingPasses(t *testing.T) {
	f := open(t, nil, nil)
	for _, c := range []struct{ method, path string }{
		{http.MethodGet, messages},
		{http.MethodPost, "/2010-04-01/Accounts/AC1/Messages/SM1.json"},
		{http.MethodDelete, "/2010-04-01/Accounts/AC1/Messages/SM1.json"},
		{http.MethodPost, "/2010-04-01/Accounts/AC1/Calls/CA1.json"},
		{http.MethodPost, "/2010-04-01/Accounts/AC1/Conferences/CF1/Participants/CA1.json"},
		{http.MethodPost, "/v1/Services"},
		{http.MethodGet, "/"},
	} {
		r, _ := http.NewRequest(c.method, f.server.URL+c.path+"?a=b%20c", strings.NewReader("Status=completed"))
		if a := f.do(t, r); a.status != 200 || len(f.got) != 1 || f.got[0].URL.RequestURI() != c.path+"?a=b%20c" || f.bodies[0] != "Status=completed" && c.method != http.MethodGet {
			t.Errorf("%s %s: got %d, forwarded %v", c.method, c.path, a.status, f.bodies)
		}
	}
	for _, who := range []string{"client:alice", "sip:alice@example.com"} {
		if a := f.post(t, "/2010-04-01/Accounts/AC1/Calls.json", url.Values{"To": {who}}); a.status != 200 || !f.created() {
			t.Errorf("%s: got %d %s", who, a.status, a.body)
		}
	}
}

func TestWhyTwilioRefusedAMessageIsTold(t *testing.T) {
	packed := func(text string) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write([]byte(text)) // into memory
		_ = z.Close()
		return b.String()
	}
	for name, c := range map[string]struct {
		status         int
		kind, encoding string
		body, want     string
	}{
		"in JSON":         {400, "application/json", "", `{"code":21610,"status":400}`, "21610"},
		"compressed":      {400, "application/json;charset=utf-8", "gzip", packed(`{"code":21610,"status":400}`), "21610"},
		"in XML":          {400, "application/xml", "", `<TwilioResponse><RestException><Code>21610</Code></RestException></TwilioResponse>`, "21610"},
		"no code":         {404, "text/html", "", `<html>`, ""},
		"badly encoded":   {400, "application/json", "gzip", `{"code":21610}`, ""},
		"sent":            {201, "application/json", "", `{"code":21610}`, ""},
		"not of its form": {500, "application/json", "", `{"code":21610}`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			told := make(chan gateway.Unsent, 1)
			f := open(t, nil, func(_ *gateway.Gate, c *gateway.TwilioConfig) {
				c.Unsent = func(_ context.Context, u gateway.Unsent) error { told <- u; return nil }
			})
			f.answer = func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", c.kind)
				if c.encoding != "" {
					w.Header().Set("Content-Encoding", c.encoding)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}
			r, _ := http.NewRequest(http.MethodPost, f.server.URL+messages, strings.NewReader(to(alice).Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.Header.Set("Accept-Encoding", "gzip")
			if a := f.do(t, r); a.status != c.status || a.body != c.body {
				t.Errorf("got %d %q, want %d %q as it was", a.status, a.body, c.status, c.body)
			}
			var want gateway.Unsent
			if c.want != "" {
				want = gateway.Unsent{To: alice, Service: "MG1", Channel: consent.SMS, Code: c.want}
			}
			f.server.Close() // waits for the handler
			close(told)
			if got := <-told; got != want {
				t.Errorf("told %+v, want %+v", got, want)
			}
		})
	}
}

func TestACallIsAutodialledUnlessAPersonPlacesIt(t *testing.T) {
	f := open(t, nil, nil)
	if err := f.index.Apply(check.Batch{Seq: 2, Records: []check.RecordChange{{
		Number: alice, Scope: consent.Scope{Brand: "acme", Purpose: "orders", Channel: consent.VoiceAuto},
		State: check.StateOf(consent.Record{Status: consent.StatusWithdrawn, Entry: 2}),
	}}}); err != nil {
		t.Fatal(err)
	}
	call := url.Values{"To": {"+12025550123"}, "From": {"+12025550199"}}
	if a := f.post(t, "/2010-04-01/Accounts/AC1/Calls.json", call); a.Code != 21610 {
		t.Errorf("by a program: got %s", a.body)
	}
	a := f.post(t, "/2010-04-01/Accounts/AC1/Calls.json", call, "X-Consentline-Channel", "voice_live", "X-Consentline-Brand", "acme", "X-Consentline-Purpose", "orders")
	if a.status != 200 {
		t.Errorf("by a person: got %s", a.body)
	}
}

func TestQuietHoursRefuseOrSchedule(t *testing.T) {
	f := open(t, quiet{}, nil)
	if a := f.post(t, messages, to(alice)); a.status != 400 || a.Code != 30610 || f.created() {
		t.Errorf("now: got %s", a.body)
	}
	if a := f.post(t, messages, to(alice, "SendAt", "2026-03-01T14:30:00Z", "ScheduleType", "fixed")); a.status != 200 || !f.created() {
		t.Errorf("scheduled by the application: got %s", a.body)
	}
	if a := f.post(t, messages, to(alice, "SendAt", "2026-03-01T13:30:00Z", "ScheduleType", "fixed")); a.Code != 30610 {
		t.Errorf("scheduled into quiet hours: got %s", a.body)
	}
	a := f.post(t, messages, to(alice), "X-Consentline-Schedule", "1")
	form, _ := url.ParseQuery(f.bodies[len(f.bodies)-1])
	if a.status != 200 || form.Get("SendAt") != "2026-03-01T14:00:00Z" || form.Get("ScheduleType") != "fixed" || form.Get("Body") != "Hello" {
		t.Errorf("scheduled by the gateway: got %s, forwarded %v", a.body, form)
	}
	if a := f.post(t, messages, to(bob), "X-Consentline-Schedule", "1"); a.Code != 21610 || f.created() {
		t.Errorf("withdrawn: got %s", a.body)
	}
}

func TestAStaleCheckRefusesUnlessTheClassFailsOpenAndIsRecorded(t *testing.T) {
	f := open(t, nil, func(g *gateway.Gate, _ *gateway.TwilioConfig) { g.FailOpen = []consent.Class{consent.Transactional} })
	f.index.Lease().Break()
	if a := f.post(t, messages, to(alice)); a.status != 503 || f.created() {
		t.Errorf("marketing: got %d %s", a.status, a.body)
	}
	orders := []string{"X-Consentline-Purpose", "orders"}
	if a := f.post(t, messages, to(alice), orders...); a.status != 200 || len(f.entries.kept) != 1 || f.entries.kept[0].Kind != ledger.KindAttempt {
		t.Errorf("transactional: got %d %s, entries %+v", a.status, a.body, f.entries.kept)
	}
	if a := f.post(t, messages, to(bob), orders...); a.status == 200 || f.created() {
		t.Errorf("transactional to somebody who withdrew: got %d %s", a.status, a.body)
	}
	f.entries.fails = io.ErrClosedPipe
	if a := f.post(t, messages, to(alice), orders...); a.status != 503 || f.created() {
		t.Errorf("transactional that cannot be recorded: got %d %s", a.status, a.body)
	}
	_, err := gateway.NewTwilio(&gateway.Gate{FailOpen: []consent.Class{consent.Marketing}}, gateway.TwilioConfig{})
	if err == nil {
		t.Error("marketing may fail open")
	}
}

func TestARefusalIsToldOnlyToThoseWhoCanSend(t *testing.T) {
	f := open(t, nil, nil)
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		if _, secret, _ := r.BasicAuth(); secret != "secret" {
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = w.Write([]byte(`{"code":20003,"message":"Authenticate","status":401}`))
			return
		}
		_, _ = w.Write([]byte(`{"messages":[]}`))
	}
	stranger := f.post(t, messages, to(bob), "Authorization", "Basic QUMxOmd1ZXNz")
	if stranger.status != 401 || stranger.Code != 20003 || stranger.header.Get("X-Consentline-Reason") != "" {
		t.Errorf("a stranger: got %d %s", stranger.status, stranger.body)
	}
	if a := f.post(t, messages, to(bob)); a.Code != 21610 || len(f.got) != 1 {
		t.Errorf("first: got %s after %d questions", a.body, len(f.got))
	}
	if a := f.post(t, messages, to(bob)); a.Code != 21610 || len(f.got) != 0 {
		t.Errorf("then: got %s after %d questions, want none", a.body, len(f.got))
	}
}

func TestAnUpstreamThatDoesNotAnswerIsSaidInTwiliosForm(t *testing.T) {
	f := open(t, nil, func(_ *gateway.Gate, c *gateway.TwilioConfig) { c.Upstream = "http://127.0.0.1:1" })
	for _, n := range []phone.Number{alice, bob} {
		if a := f.post(t, messages, to(n)); a.status != 503 || a.Code != 20503 {
			t.Errorf("got %d %s", a.status, a.body)
		}
	}
}

func BenchmarkAMessage(b *testing.B) {
	f := open(b, nil, nil)
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"sid":"SM1"}`)) }))
	defer up.Close()
	h, err := gateway.NewTwilio(f.gate, gateway.TwilioConfig{Upstream: up.URL, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	through := httptest.NewServer(h)
	defer through.Close()
	form := to(alice).Encode()
	for name, target := range map[string]string{"direct": up.URL, "through": through.URL} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				res, err := http.Post(target+messages, "application/x-www-form-urlencoded", strings.NewReader(form))
				if err != nil {
					b.Fatal(err)
				}
				_, _ = io.Copy(io.Discard, res.Body)
				_ = res.Body.Close()
			}
		})
	}
}
