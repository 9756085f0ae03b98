package httpapi_test

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/httpapi"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/filelog"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
	"github.com/consentline/consentline/internal/vault"
)

// talking is a server with conversations and one provider.
type talking struct {
	t       testing.TB
	ledger  *ledger.Ledger
	talk    *inbound.Conversations
	api     *httpapi.API
	server  *httptest.Server
	mailbox string

	mu  sync.Mutex
	now time.Time
}

func (f *talking) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.now
}

func (f *talking) pass(d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.now = f.now.Add(d)
}

func check1[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

const publicURL = "https://consent.example.com"

func converse(t testing.TB) *talking { return converseBy(t, "http://127.0.0.1:1", "") }

// converseBy is a server whose messages go through a provider by default, and whose Twilio is at an address.
func converseBy(t testing.TB, twilio, provider string) *talking {
	t.Helper()
	f := &talking{t: t, now: time.Now(), mailbox: filepath.Join(t.TempDir(), "messages.ndjson")}
	db := check1[*sqlite.DB](t)(sqlite.Open(filepath.Join(t.TempDir(), "talk.db")))
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	v := check1[*vault.Vault](t)(vault.Open([]byte("0123456789abcdef0123456789abcdef")))
	var cat *catalog.Catalog
	f.ledger = check1[*ledger.Ledger](t)(ledger.Open(t.Context(), ledger.Config{DB: db, Vault: v, Now: f.clock, OnCommit: func(c ledger.Commit) {
		for _, n := range c.Notices {
			if d, ok := n.Detail.(ledger.Definition); ok && cat.Apply(d) != nil {
				t.Errorf("definition %s was not applied", d.ID)
			}
		}
	}}))
	cat = catalog.New(f.ledger)
	check1[catalog.Brand](t)(cat.CreateBrand(t.Context(), "test", catalog.Brand{ID: "default", Name: "Acme", Country: "US"}))
	check1[catalog.Purpose](t)(cat.CreatePurpose(t.Context(), "test", catalog.Purpose{ID: "marketing", Name: "Offers", Class: consent.Marketing}))
	check1[catalog.Sender](t)(cat.CreateSender(t.Context(), "test", catalog.Sender{ID: "sc", Brand: "default", Kind: "short_code", Address: "21610", Channel: consent.SMS}))
	file := check1[*filelog.Messenger](t)(filelog.Open(f.mailbox, nil, f.clock))
	var config providers.Config
	if err := providers.Decode(strings.NewReader(`{"public_url":"`+publicURL+`","default":"`+provider+`","twilio":{"account_sid":"AC1","auth_token":"token","base_url":"`+twilio+`"},
		"generic":{"secrets":["`+secret+`"]}}`), &config); err != nil {
		t.Fatal(err)
	}
	set := check1[*providers.Set](t)(providers.New(config, file, f.clock))
	f.talk = check1[*inbound.Conversations](t)(inbound.Open(t.Context(), inbound.Parts{Ledger: f.ledger, Catalog: cat, DB: db, Vault: v, Providers: set, Now: f.clock}))
	f.api = httpapi.New(httpapi.Config{
		Ledger: f.ledger, Index: check.New(check.Config{Clock: f.clock}), Catalog: cat, Gate: access.New(f.ledger, f.clock), Feed: changefeed.New(0),
		Recorder: act.NewRecorder(f.ledger, cat, f.clock), Now: f.clock, Log: slog.New(slog.DiscardHandler), Version: "test",
	})
	f.api.Converse(f.talk)
	f.server = httptest.NewServer(f.api.LocalHandler())
	t.Cleanup(func() {
		f.server.Close()
		f.ledger.Close()
		if err := file.Close(); err != nil {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// call makes a request, and decodes the answer into out if it is given.
func (f *talking) call(method, path, body string, header http.Header, out any) (int, string) {
	f.t.Helper()
	r := check1[*http.Request](f.t)(http.NewRequest(method, f.server.URL+path, strings.NewReader(body)))
	r.Header = header.Clone()
	res := check1[*http.Response](f.t)(http.DefaultClient.Do(r))
	defer func() { _ = res.Body.Close() }()
	raw := check1[[]byte](f.t)(io.ReadAll(res.Body))
	if out != nil {
		if err := json.Unmarshal(raw, out); err != nil {
			f.t.Fatalf("%s %s: %d %s", method, path, res.StatusCode, raw)
		}
	}
	return res.StatusCode, string(raw)
}

var asJSON = http.Header{"Content-Type": {"application/json"}}

// fromTwilio is a callback as Twilio sends it, under a token.
func (f *talking) fromTwilio(token string, form url.Values) (int, string) {
	const path = "/v1/inbound/twilio?x=1"
	text := publicURL + path
	var names []string
	for name := range form {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text += name + form.Get(name)
	}
	return f.call(http.MethodPost, path, form.Encode(), http.Header{
		"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {messaging.SHA1Base64(token, text)},
	}, nil)
}

func (f *talking) entries() int {
	return len(check1[[]ledger.Entry](f.t)(f.ledger.Entries(f.t.Context(), 0, 10000)))
}

func TestACallbackIsCommittedBeforeItIsAnsweredAndAForgedOneChangesNothing(t *testing.T) {
	f := converse(t)
	form := url.Values{"MessageSid": {"SM1"}, "From": {"+12025550123"}, "To": {"21610"}, "Body": {"Please stop " + strings.Repeat("now ", 16000)}}
	before := f.entries()
	if status, body := f.fromTwilio("guess", form); status != http.StatusForbidden || f.entries() != before {
		t.Errorf("forged: got %d %s, %d entries", status, body, f.entries()-before)
	}
	for i := range 10 {
		status, body := f.fromTwilio("token", form)
		if status != http.StatusOK || !strings.Contains(body, "<Response>") {
			t.Fatalf("callback %d: got %d %s", i, status, body)
		}
		if got := f.entries() - before; got != 2 { // one for each channel that carries messages
			t.Fatalf("callback %d: %d entries, want 2", i, got)
		}
	}
	r := check1[consent.Record](t)(f.ledger.RecordAt(t.Context(), 12025550123, consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}, ledger.Moment{}))
	if r.Status != consent.StatusWithdrawn {
		t.Errorf("record: got %s, want withdrawn", r.Status)
	}
	if status, _ := f.call(http.MethodPost, "/v1/inbound/nobody", "", nil, nil); status != http.StatusNotFound {
		t.Errorf("an unknown provider: got %d, want 404", status)
	}
	if status, _ := f.fromTwilio("token", url.Values{"Body": {"STOP"}}); status != http.StatusBadRequest {
		t.Errorf("signed and malformed: got %d, want 400", status)
	}
}

func TestASystemOfOnesOwnIsToldWhatFollowed(t *testing.T) {
	f := converse(t)
	const body = `{"id":"e1","number":"+12025550123","sender":"21610","text":"stop calling me"}`
	stamp := ledgerSeconds(f.clock())
	key := string(mustBase64(t, strings.TrimPrefix(secret, "whsec_")))
	var got httpapi.InboundAnswer
	status, raw := f.call(http.MethodPost, "/v1/inbound/generic", body, http.Header{
		"Content-Type": {"application/json"}, "Webhook-Id": {"w1"}, "Webhook-Timestamp": {stamp},
		"Webhook-Signature": {"v1," + messaging.SHA256Base64(key, "w1.", stamp, ".", body)},
	}, &got)
	if status != http.StatusOK || len(got.Items) != 1 || len(got.Items[0].Acts) != 2 || got.Items[0].Acts[0].Channel != consent.VoiceLive || got.Items[0].Rule != "words" {
		t.Errorf("got %d %s", status, raw)
	}
}

func TestARequestForConfirmationIsAskedReadAndConfirmed(t *testing.T) {
	f := converse(t)
	var asked httpapi.OptInAnswer
	const body = `{"number":"+12025550123","purpose":"marketing","means":"code","text":"Offers by SMS.","language":"en"}`
	if status, raw := f.call(http.MethodPost, "/v1/optins", body, asJSON, &asked); status != http.StatusCreated || asked.Status != "pending" {
		t.Fatalf("ask: got %d %s", status, raw)
	}
	var p httpapi.Problem
	if status, raw := f.call(http.MethodPost, "/v1/optins", body, asJSON, &p); status != http.StatusTooManyRequests || p.Code != "resend_too_soon" {
		t.Errorf("at once again: got %d %s", status, raw)
	}
	check1[int](t)(f.talk.Send(t.Context()))
	code := f.lastMessage()[len("Acme: your code is "):][:6]
	if status, raw := f.call(http.MethodPost, "/v1/optins/confirm", `{"id":"`+asked.ID+`","code":"x"}`, asJSON, &p); status != http.StatusUnprocessableEntity || p.Code != "wrong_code" {
		t.Errorf("a wrong code: got %d %s", status, raw)
	}
	var confirmed httpapi.ConsentAnswer
	if status, raw := f.call(http.MethodPost, "/v1/optins/confirm", `{"id":"`+asked.ID+`","code":"`+code+`"}`, asJSON, &confirmed); status != http.StatusOK || !confirmed.Record.Confirmed {
		t.Errorf("the code: got %d %s", status, raw)
	}
	if status, raw := f.call(http.MethodGet, "/v1/optins/"+asked.ID, "", nil, &asked); status != http.StatusOK || asked.Status != "confirmed" {
		t.Errorf("read: got %d %s", status, raw)
	}
	if status, _ := f.call(http.MethodGet, "/v1/optins/zz", "", nil, nil); status != http.StatusNotFound {
		t.Errorf("no such request: got %d", status)
	}
	if status, raw := f.call(http.MethodPost, "/v1/optins", strings.Replace(body, "1202555", "4477009", 1), asJSON, &p); status != http.StatusUnprocessableEntity {
		t.Errorf("another country: got %d %s", status, raw)
	}
}

func TestAQuestionThatTheProviderRefusesSinceThePersonOptedOutThereIsAWithdrawal(t *testing.T) {
	refuses := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"code":21610,"status":400}`))
	}))
	defer refuses.Close()
	f := converseBy(t, refuses.URL, "twilio")
	var asked httpapi.OptInAnswer
	f.call(http.MethodPost, "/v1/optins", `{"number":"+12025550123","purpose":"marketing","text":"Offers by SMS.","language":"en"}`, asJSON, &asked)
	check1[int](t)(f.talk.Send(t.Context()))
	r := check1[consent.Record](t)(f.ledger.RecordAt(t.Context(), 12025550123, consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}, ledger.Moment{}))
	if r.Status != consent.StatusWithdrawn || r.Source != consent.Provider {
		t.Errorf("record: got %s from %s, want withdrawn, told by the provider", r.Status, r.Source)
	}
	f.call(http.MethodGet, "/v1/optins/"+asked.ID, "", nil, &asked)
	if asked.Status != "ended" {
		t.Errorf("request: got %s, want ended", asked.Status)
	}
}

func TestAReviewIsListedAndDecided(t *testing.T) {
	f := converse(t)
	f.fromTwilio("token", url.Values{"MessageSid": {"SM2"}, "From": {"+12025550123"}, "To": {"21610"}, "Body": {"START"}})
	var page httpapi.Page[httpapi.Review]
	if status, raw := f.call(http.MethodGet, "/v1/reviews?limit=1", "", nil, &page); status != http.StatusOK || len(page.Items) != 1 || page.Items[0].Text != "START" || page.Items[0].Reason != inbound.NothingToKeep {
		t.Fatalf("list: got %d %s", status, raw)
	}
	path := "/v1/reviews/" + page.Items[0].ID + "/decision"
	if status, raw := f.call(http.MethodPost, path, `{"decision":"dismiss","actor":"","reason":""}`, asJSON, nil); status != http.StatusUnprocessableEntity {
		t.Errorf("without a reason: got %d %s", status, raw)
	}
	if status, raw := f.call(http.MethodPost, path, `{"decision":"dismiss","actor":"Ann","reason":"a mistake"}`, asJSON, nil); status != http.StatusOK {
		t.Errorf("decide: got %d %s", status, raw)
	}
	if status, _ := f.call(http.MethodPost, path, `{"decision":"dismiss","actor":"Ann","reason":"again"}`, asJSON, nil); status != http.StatusNotFound {
		t.Errorf("decide again: got %d, want 404", status)
	}
}

func TestConversationsAreDocumented(t *testing.T) {
	f := converse(t)
	doc := string(check1[[]byte](t)(f.api.Document()))
	for _, path := range []string{"/v1/inbound/{provider}:", "/v1/optins:", "/v1/optins/confirm:", "/v1/optins/{optin}:", "/v1/reviews:", "/v1/reviews/{review}/decision:"} {
		if !strings.Contains(doc, path) {
			t.Errorf("the document lacks %s", path)
		}
	}
}

func ledgerSeconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }

func mustBase64(t testing.TB, text string) []byte {
	t.Helper()
	return check1[[]byte](t)(base64.StdEncoding.DecodeString(text))
}

// lastMessage is the text of the latest message in the file.
func (f *talking) lastMessage() string {
	f.t.Helper()
	lines := strings.Split(strings.TrimSpace(string(check1[[]byte](f.t)(os.ReadFile(f.mailbox)))), "\n")
	var m struct{ Text string }
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &m); err != nil {
		f.t.Fatal(err)
	}
	return m.Text
}

// BenchmarkACallbackUntilItIsAnswered reports how long a STOP takes from the request to the answer, by when it is durable.
func BenchmarkACallbackUntilItIsAnswered(b *testing.B) {
	f := converse(b)
	took := make([]time.Duration, 0, b.N)
	n := 0
	for b.Loop() {
		n++
		form := url.Values{"MessageSid": {"SM" + strconv.Itoa(n)}, "From": {"+120255501" + strconv.Itoa(10+n%90)}, "To": {"21610"}, "Body": {"STOP"}}
		start := time.Now()
		if status, body := f.fromTwilio("token", form); status != http.StatusOK {
			b.Fatalf("got %d %s", status, body)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs/p50")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs/p99")
}
