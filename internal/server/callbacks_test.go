package server_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/gateway"
	"github.com/consentline/consentline/internal/messaging/providers"
	"github.com/consentline/consentline/internal/messaging/twilio"
	"github.com/consentline/consentline/internal/server"
)

// TestWhatBecomesOfAMessageIsHeardAndRelayed sends through the gateway, and lets Twilio tell that the person opted out there.
func TestWhatBecomesOfAMessageIsHeardAndRelayed(t *testing.T) {
	const public = "https://consent.example.com"
	sent, told := make(chan url.Values, 1), make(chan url.Values, 1)
	forms := func(into chan url.Values) *httptest.Server {
		up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			into <- r.PostForm
			w.WriteHeader(http.StatusCreated)
		}))
		t.Cleanup(up.Close)
		return up
	}
	upstream, application := forms(sent), forms(told)
	s, err := server.Open(ctx, server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, Gateway: gateway.Settings{Callbacks: true},
		Providers: providers.Config{PublicURL: public, Twilio: &twilio.Config{AccountSID: "AC1", AuthToken: "token", BaseURL: upstream.URL}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	record(t, s, consent.Granted)
	addr, stop := gated(t, s, server.Listening{GatewayTwilio: "127.0.0.1:0"})
	send := func(account string) string {
		form := url.Values{"To": {"+12025550123"}, "From": {"+12025550199"}, "Body": {"Hello"}, "StatusCallback": {application.URL + "/status"}}
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/2010-04-01/Accounts/"+account+"/Messages.json", strings.NewReader(form.Encode()))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Consentline-Purpose", "marketing")
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close() // what it says is not read
		return (<-sent).Get("StatusCallback")
	}
	if got := send("AC2"); got != application.URL+"/status" {
		t.Errorf("of an account whose callbacks cannot be verified: got %s, want what the application asked for", got)
	}
	callback := send("AC1")
	path, ours := strings.CutPrefix(callback, public)
	if !ours {
		t.Fatalf("Twilio is to tell %s, want us", callback)
	}
	form := url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"undelivered"}, "ErrorCode": {"21610"}, "To": {"+12025550123"}, "From": {"+12025550199"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, path, strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.RequestURI = path
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Twilio-Signature", twilio.Sign("token", callback, form))
	answer := httptest.NewRecorder()
	s.API("test").Handler().ServeHTTP(answer, r)
	if answer.Code != http.StatusOK {
		t.Fatalf("the callback was answered %d %s", answer.Code, answer.Body)
	}
	if got := <-told; got.Encode() != form.Encode() {
		t.Errorf("the application was told %v, want %v", got, form)
	}
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	if err := stop(); err != nil {
		t.Error(err)
	}
}

func TestAnOptOutForWhichTwilioRefusesAMessageIsRecorded(t *testing.T) {
	const refusal = `{"code":21610,"message":"Attempt to send to unsubscribed recipient","more_info":"","status":400}`
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		if r.Method == http.MethodPost {
			w.WriteHeader(http.StatusBadRequest)
		}
		_, _ = w.Write([]byte(refusal))
	}))
	t.Cleanup(up.Close)
	s, err := server.Open(ctx, server.Config{
		DataDir: t.TempDir(), Rules: server.NoRules, Providers: providers.Config{Twilio: &twilio.Config{AccountSID: "AC1", AuthToken: "token", BaseURL: up.URL}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer closing(t, s)
	record(t, s, consent.Granted)
	addr, stop := gated(t, s, server.Listening{GatewayTwilio: "127.0.0.1:0"})
	form := url.Values{"To": {"+12025550123"}, "From": {"+12025550199"}, "Body": {"Hello"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+addr+"/2010-04-01/Accounts/AC1/Messages.json", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Consentline-Purpose", "marketing")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close() // it was read
	if err != nil || string(body) != refusal {
		t.Errorf("the application was answered %q (%v), want %q", body, err, refusal)
	}
	wantVerdict(t, s, check.Deny, check.Withdrawn)
	if err := stop(); err != nil {
		t.Error(err)
	}
}
