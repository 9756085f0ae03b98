package server_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/generic"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/messaging/twilio"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/server"
)

const (
	webhookKey = "0123456789abcdef0123456789abcdef"
	shortCode  = "21610"
)

// talking is a server that serves, with one system that tells what people write.
type talking struct {
	*server.Server
	t     *testing.T
	local *http.Client
	stop  func() error
	told  int
}

func talk(t *testing.T) *talking {
	t.Helper()
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(webhookKey))
	s, err := server.Open(ctx, server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, Providers: providers.Config{Generic: &generic.Config{Secrets: []string{secret}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &talking{Server: s, t: t}
	_, f.local, f.stop = serving(t, s, "")
	t.Cleanup(func() { closing(t, s) })
	f.call(http.MethodPut, "/v1/brands/default", `{"id":"default","name":"Acme","country":"US"}`, nil, nil)
	f.call(http.MethodPost, "/v1/senders", `{"id":"sc","brand":"default","kind":"short_code","address":"`+shortCode+`","channel":"sms"}`, nil, nil)
	return f
}

// call is one exchange over the socket, which must succeed; what comes back is decoded unless into is nil.
func (f *talking) call(method, path, body string, header http.Header, into any) {
	f.t.Helper()
	r, err := http.NewRequestWithContext(f.t.Context(), method, "http://localhost"+path, strings.NewReader(body))
	if err != nil {
		f.t.Fatal(err)
	}
	for name, values := range header {
		r.Header[name] = values
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := f.local.Do(r)
	if err != nil {
		f.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	raw, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode >= 300 {
		f.t.Fatalf("%s %s: got %d %s %v", method, path, answer.StatusCode, raw, err)
	}
	if into != nil {
		if err := json.Unmarshal(raw, into); err != nil {
			f.t.Fatalf("%s %s: %v in %s", method, path, err, raw)
		}
	}
}

// writes tells the server, under a signature, that the person wrote something.
func (f *talking) writes(id, text string) {
	f.t.Helper()
	f.told++
	webhook, stamp := "w"+strconv.Itoa(f.told), strconv.FormatInt(f.Now().Unix(), 10)
	body := `{"id":"` + id + `","number":"+12025550123","sender":"` + shortCode + `","text":"` + text + `"}`
	f.call(http.MethodPost, "/v1/inbound/generic", body, http.Header{
		"Webhook-Id": {webhook}, "Webhook-Timestamp": {stamp},
		"Webhook-Signature": {"v1," + messaging.SHA256Base64(webhookKey, webhook, ".", stamp, ".", body)},
	}, nil)
}

// messages waits until at least n messages have been written into the file, and returns all that are there.
func (f *talking) messages(n int) []string {
	f.t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; pause(10 * time.Millisecond) {
		raw, err := os.ReadFile(filepath.Join(f.DataDir, server.MessagesFile))
		if err != nil {
			f.t.Fatal(err)
		}
		var texts []string
		for line := range bytes.Lines(raw) {
			var m struct{ To, From, Text string }
			if err := json.Unmarshal(line, &m); err != nil || m.To != "+12025550123" || m.From != shortCode {
				break // half written: a later look sees it whole
			}
			texts = append(texts, m.Text)
		}
		if len(texts) >= n {
			return texts
		}
		if time.Now().After(deadline) {
			f.t.Fatalf("got %d messages, want %d: %q", len(texts), n, texts)
		}
	}
}

func (f *talking) wantVerdict(outcome, status string) {
	f.t.Helper()
	var v struct {
		Verdict string
		Reasons []struct{ Code string }
		Record  *struct {
			Status    string
			Confirmed bool
		}
	}
	f.call(http.MethodPost, "/v1/checks", `{"number":"+12025550123","purpose":"marketing","channel":"sms"}`, nil, &v)
	if v.Verdict != outcome || v.Record == nil || v.Record.Status != status || v.Record.Confirmed != (status == "granted") {
		f.t.Errorf("check: got %+v with record %+v, want %s and %s", v, v.Record, outcome, status)
	}
}

// TestAPersonIsAskedSaysYesAndLaterStopInOtherWords is the life of a consent by text message, from the question to the
// one confirmation of its end.
func TestAPersonIsAskedSaysYesAndLaterStopInOtherWords(t *testing.T) {
	f := talk(t)
	var asked struct{ ID, Status string }
	f.call(http.MethodPost, "/v1/optins", `{"number":"+12025550123","purpose":"marketing","text":"Offers by SMS, four a month.","language":"en"}`, nil, &asked)
	if asked.Status != "pending" {
		t.Errorf("asked: got %s, want pending", asked.Status)
	}
	f.wantVerdict("deny", "pending")
	if got := f.messages(1); len(got) != 1 || !strings.Contains(got[0], "Offers by SMS, four a month.") || !strings.Contains(got[0], "YES") {
		t.Fatalf("the question: got %q", got)
	}
	f.writes("e1", "YES")
	f.wantVerdict("allow", "granted")
	f.call(http.MethodGet, "/v1/optins/"+asked.ID, "", nil, &asked)
	if asked.Status != "confirmed" {
		t.Errorf("answered: got %s, want confirmed", asked.Status)
	}
	before := len(f.messages(2))
	for range 10 {
		f.writes("e2", "please stop texting me")
		f.wantVerdict("deny", "withdrawn")
	}
	f.messages(before + 1)
	if _, err := f.Conversations.Send(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := f.stop(); err != nil { // what was being sent has been sent
		t.Fatal(err)
	}
	got := f.messages(before + 1)
	if len(got) != before+1 || strings.Contains(got[before], "Offers") {
		t.Errorf("after the withdrawal: got %q, want one confirmation without marketing", got[before:])
	}
}

// TestWhatACommandQueuesIsSentOnceTheServerServes queues a question in a process that only opens the directory.
func TestWhatACommandQueuesIsSentOnceTheServerServes(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	f := &talking{Server: s, t: t}
	if _, err := s.Catalog.ChangeBrand(ctx, "test", catalog.Brand{ID: "default", Name: "Acme", Country: "US"}); err != nil {
		t.Fatal(err)
	}
	_, err := s.Catalog.CreateSender(ctx, "test", catalog.Sender{
		ID: "sc", Brand: "default", Kind: "short_code", Address: shortCode, Channel: consent.SMS,
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Conversations.OptIns.Ask(ctx, access.Local, optin.Request{
		Number: alice, Purpose: "marketing", Channel: consent.SMS, Text: "Offers by SMS.", Language: "en",
	})
	if err != nil {
		t.Fatal(err)
	}
	closing(t, s)
	if got := f.messages(0); len(got) != 0 {
		t.Errorf("sent by the command: %q", got)
	}
	f.Server = open(t, dir)
	defer closing(t, f.Server)
	_, _, f.stop = serving(t, f.Server, "")
	f.messages(1)
	if err := f.stop(); err != nil {
		t.Error(err)
	}
}

func TestANumberOnAListIsNotAsked(t *testing.T) {
	f := talk(t)
	f.call(http.MethodPost, "/v1/lists", `{"id":"dnc","name":"Do not call","kind":"own"}`, nil, nil)
	f.call(http.MethodPost, "/v1/lists/dnc/members", `{"add":["+12025550123"]}`, nil, nil)
	answer, err := f.local.Post("http://localhost/v1/optins", "application/json", strings.NewReader(`{"number":"+12025550123","purpose":"marketing","text":"Offers.","language":"en"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if raw, _ := io.ReadAll(answer.Body); answer.StatusCode != http.StatusConflict || !bytes.Contains(raw, []byte(`"code":"suppressed"`)) {
		t.Errorf("got %d %s, want 409, suppressed", answer.StatusCode, raw)
	}
	if err := f.stop(); err != nil {
		t.Error(err)
	}
}

// TestTheGatewayForTwilioForwardsWhatTheCheckAllows sends by the gateway before and after a grant.
func TestTheGatewayForTwilioForwardsWhatTheCheckAllows(t *testing.T) {
	var forwarded atomic.Int32
	upstream := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		forwarded.Add(1)
		w.WriteHeader(http.StatusCreated)
	}))
	defer upstream.Close()
	s, err := server.Open(ctx, server.Config{DataDir: t.TempDir(), Rules: server.NoRules, Providers: providers.Config{
		Twilio: &twilio.Config{AccountSID: "AC1", AuthToken: "token", BaseURL: upstream.URL},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	addr, stop := gated(t, s, server.Listening{GatewayTwilio: "127.0.0.1:0"})
	send := func() int {
		const form = "To=%2B12025550123&From=%2B12025550199&Body=Hello"
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/2010-04-01/Accounts/AC1/Messages.json", strings.NewReader(form))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Consentline-Purpose", "marketing")
		r.SetBasicAuth("AC1", "token")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		return answer.StatusCode
	}
	if got := send(); got == http.StatusCreated {
		t.Errorf("without a consent: got %d", got)
	}
	forwarded.Store(0) // whoever is refused must know the account, which Twilio was asked
	record(t, s, consent.Granted)
	if got := send(); got != http.StatusCreated || forwarded.Load() != 1 {
		t.Errorf("with a consent: got %d, forwarded %d times, want 201 and once", got, forwarded.Load())
	}
	wantVerdict(t, s, check.Allow, check.Granted)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

// gated runs a server until it is stopped, and returns the address of its one gateway.
func gated(t *testing.T, s *server.Server, l server.Listening) (addr string, stop func() error) {
	t.Helper()
	running, cancel := context.WithCancel(t.Context())
	ready, ended := make(chan struct{}), make(chan error, 1)
	l.GatewayReady = func(_ string, a net.Addr) { addr = a.String() }
	l.Ready = func(net.Addr) { close(ready) }
	go func() { ended <- s.Serve(running, l) }()
	select {
	case <-ready:
	case err := <-ended:
		t.Fatal(err)
	}
	return addr, func() error {
		cancel()
		return <-ended
	}
}

func TestTheGatewayForSMPPNeedsAnSMSC(t *testing.T) {
	s := open(t, t.TempDir())
	defer closing(t, s)
	err := s.Serve(ctx, server.Listening{GatewaySMPP: "127.0.0.1:0"})
	if err == nil || !strings.Contains(err.Error(), "names no SMSC") {
		t.Errorf("got %v, want an error that says that no SMSC is configured", err)
	}
}
