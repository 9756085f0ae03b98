package gateway_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/messaging/twilio"
)

// base sends what is meant for Twilio to another base URL, which is all that an application changes.
type base struct{ url *url.URL }

func (b base) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = b.url.Scheme, b.url.Host, ""
	return http.DefaultTransport.RoundTrip(r)
}

// hook is where Twilio tells us what became of a message.
const hook = "https://consent.example.com/v1/inbound/twilio"

// account is the provider with whose auth token callbacks are signed.
func account(t testing.TB) *twilio.Provider {
	t.Helper()
	p, err := twilio.New(twilio.Config{AccountSID: "AC1", AuthToken: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// asTwilio lets the upstream answer as Twilio does.
func (f *fixture) asTwilio() {
	f.answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch {
		case r.Method == http.MethodGet:
			_, _ = w.Write([]byte(`{"messages":[{"sid":"SM1","status":"delivered"}],"page":0,"page_size":5,"uri":"/2010-04-01/Accounts/AC1/Messages.json?PageSize=5"}`))
		case filepath.Base(r.URL.Path) == "Calls.json":
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"sid":"CA1","status":"queued"}`))
		default:
			w.WriteHeader(http.StatusCreated)
			_, _ = w.Write([]byte(`{"sid":"SM1","status":"queued","error_code":null}`))
		}
	}
}

func TestTwiliosOwnClientForGoWorksUnchanged(t *testing.T) {
	f := open(t, nil, nil)
	f.asTwilio()
	at, err := url.Parse(f.server.URL)
	if err != nil {
		t.Fatal(err)
	}
	c := &client.Client{Credentials: client.NewCredentials("AC1", "secret"), HTTPClient: &http.Client{Transport: base{at}}}
	c.SetAccountSid("AC1")
	service := api.NewApiServiceWithClient(c)
	message := func(to string) (*api.ApiV2010Message, error) {
		return service.CreateMessage((&api.CreateMessageParams{}).SetTo(to).SetMessagingServiceSid("MG1").SetBody("Grüße & 100 %"))
	}
	call := func(to string) (*api.ApiV2010Call, error) {
		return service.CreateCall((&api.CreateCallParams{}).SetTo(to).SetFrom("+12025550199").SetUrl("https://app.example.com/voice"))
	}
	if m, err := message("+12025550123"); err != nil || m.Sid == nil || *m.Sid != "SM1" {
		t.Errorf("allowed: got %+v, %v", m, err)
	}
	if m, err := call("+12025550123"); err != nil || m.Sid == nil || *m.Sid != "CA1" {
		t.Errorf("an allowed call: got %+v, %v", m, err)
	}
	_, err = message("+12025550124")
	refusedByTwilio(t, "message", err)
	_, err = call("+12025550124")
	refusedByTwilio(t, "call", err)
	if list, err := service.ListMessage((&api.ListMessageParams{}).SetLimit(5)); err != nil || len(list) != 1 {
		t.Errorf("what is not checked: got %d messages, %v", len(list), err)
	}
}

func refusedByTwilio(t *testing.T, what string, err error) {
	t.Helper()
	var e *client.TwilioRestError
	if !errors.As(err, &e) || e.Status != 400 || e.Code != 21610 || e.Message == "" || e.MoreInfo == "" {
		t.Errorf("%s to somebody who withdrew: got %v, want status 400, code 21610", what, err)
	}
}

// relayed sends a message whose receipts the application wants to hear, lets Twilio tell of it, and returns what the
// application is told.
func relayed(t *testing.T, path string) (at string, params map[string]string, signature string) {
	t.Helper()
	type heard struct {
		form      url.Values
		signature string
	}
	told := make(chan heard, 1)
	application := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		told <- heard{r.PostForm, r.Header.Get("X-Twilio-Signature")}
	}))
	defer application.Close()
	p := account(t)
	f := open(t, nil, func(_ *gateway.Gate, c *gateway.TwilioConfig) {
		c.Callback = func(_, asked string) string { return p.CallbackFor(hook, asked) }
	})
	f.post(t, messages, to(alice, "StatusCallback", application.URL+path))
	sent, err := url.ParseQuery(f.bodies[0])
	if err != nil {
		t.Fatal(err)
	}
	callback := sent.Get("StatusCallback")
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}, "To": {"+12025550123"}, "From": {"+12025550199"}, "AccountSid": {"AC1"}}
	d, err := p.Receive(messaging.Request{
		Method: http.MethodPost, URL: callback, Body: []byte(form.Encode()), At: noon,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {twilio.Sign("secret", callback, form)}},
	})
	if err != nil || len(d.Events) != 1 || d.Events[0].Kind != messaging.Delivered || d.After == nil {
		t.Fatalf("got %+v, %v, want a receipt that is relayed", d.Events, err)
	}
	if err := d.After(); err != nil {
		t.Fatal(err)
	}
	h := <-told
	params = map[string]string{}
	for name := range h.form {
		params[name] = h.form.Get(name)
	}
	return application.URL + path, params, h.signature
}

func TestTwiliosOwnValidatorForGoTakesWhatIsRelayed(t *testing.T) {
	at, params, signature := relayed(t, "/status?tenant=7")
	v := client.NewRequestValidator("secret")
	if params["MessageStatus"] != "delivered" || !v.Validate(at, params, signature) {
		t.Errorf("got %v, signed %q for %s", params, signature, at)
	}
	params["MessageStatus"] = "failed"
	if v.Validate(at, params, signature) {
		t.Error("the signature holds over other parameters")
	}
}

// nodeClient is the folder with Twilio's client for Node.js, which is installed there if it is not.
func nodeClient(t *testing.T) string {
	t.Helper()
	dir := filepath.Join("testdata", "node")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "twilio", "package.json")); err == nil {
		return dir
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	install := exec.CommandContext(ctx, "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--prefix", dir)
	if out, err := install.CombinedOutput(); err != nil {
		t.Fatalf("Twilio's client for Node.js is not installed, and cannot be (%v): run make tools\n%s", err, out)
	}
	return dir
}

func TestTwiliosOwnClientForNodeWorksUnchangedAndTakesWhatIsRelayed(t *testing.T) {
	dir := nodeClient(t)
	at, params, signature := relayed(t, "/status?tenant=7")
	f := open(t, nil, nil)
	f.asTwilio()
	input, err := json.Marshal(map[string]any{
		"gateway": f.server.URL, "callback": map[string]any{"url": at, "params": params, "signature": signature},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "client.js")
	node.Dir, node.Stdin = dir, bytes.NewReader(input)
	var errs bytes.Buffer
	node.Stderr = &errs
	out, err := node.Output()
	if err != nil {
		t.Fatalf("node: %v\n%s", err, errs.Bytes())
	}
	const refused = `{"status":400,"code":21610,"message":"Attempt to send to unsubscribed recipient.","more":"https://www.twilio.com/docs/errors/21610"}`
	const want = `{"allowed":{"sid":"SM1"},"refused":` + refused + `,"called":{"sid":"CA1"},"uncalled":` + refused + `,"listed":{"count":1},"valid":true,"forged":false}`
	if got := string(bytes.TrimSpace(out)); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
}
