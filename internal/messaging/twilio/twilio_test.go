package twilio

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// The vectors are those that Twilio's own libraries are tested with.
const (
	vectorToken = "12345"
	vectorURL   = "https://mycompany.com/myapp.php?foo=1&bar=2"
	vectorBody  = `{"property": "value", "boolean": true}`
	vectorHash  = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
)

var vectorForm = url.Values{
	"Digits": {"1234"}, "CallSid": {"CA1234567890ABCDE"}, "To": {"+18005551212"}, "Caller": {"+14158675309"}, "From": {"+14158675309"},
}

func TestSignaturesOfTwiliosLibrariesHold(t *testing.T) {
	for _, c := range []struct{ name, url, signature string }{
		{"as signed", vectorURL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{"with a port that was not signed", strings.Replace(vectorURL, ".com", ".com:1234", 1), "RSOYDt4T1cUTdK1PDd93/VVr8B8="},
		{"with the port of https that was signed", vectorURL, "kvajT1Ptam85bY51eRf/AJRuM3w="},
		{"with the port of http that was signed", "http://mycompany.com/myapp.php?foo=1&bar=2", "0ZXoZLH/DfblKGATFgpif+LLRf4="},
		{"with its own port", "http://mycompany.com:1234/myapp.php?foo=1&bar=2", "Zmvh+3yNM1Phv2jhDCwEM3q5ebU="},
	} {
		if !Verify(vectorToken, c.url, vectorForm, c.signature) {
			t.Errorf("%s: the signature does not hold", c.name)
		}
		if Verify("12346", c.url, vectorForm, c.signature) {
			t.Errorf("%s: the signature holds under another token", c.name)
		}
	}
	if Verify(vectorToken, vectorURL, url.Values{"Digits": {"1235"}}, "RSOYDt4T1cUTdK1PDd93/VVr8B8=") {
		t.Error("the signature holds over other parameters")
	}
}

func TestJSONBodiesAreHeldByTheirHashInTheURL(t *testing.T) {
	p := provider(t, vectorToken, "")
	r := messaging.Request{
		Method: http.MethodPost, URL: vectorURL + "&bodySHA256=" + vectorHash, Body: []byte(vectorBody),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Twilio-Signature": {"a9nBmqA0ju/hNViExpshrM61xv4="}},
	}
	var malformed *messaging.MalformedError
	if _, err := p.Receive(r); !errors.As(err, &malformed) {
		t.Errorf("a signed body that is no message: got %v, want a *MalformedError: the signature holds", err)
	}
	r.Body = []byte(strings.Replace(vectorBody, "true", "null", 1))
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("another body under the same signature: got %v, want ErrBadSignature", err)
	}
}

func provider(t testing.TB, token, base string) *Provider {
	t.Helper()
	p, err := New(Config{AccountSID: "AC1", AuthToken: token, BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const hook = "https://consent.example.com/v1/inbound/twilio"

// signed is a callback as Twilio sends it.
func signed(form url.Values) messaging.Request {
	var all strings.Builder
	for _, k := range []string{"Body", "ErrorCode", "From", "MessageSid", "MessageStatus", "MessagingServiceSid", "OptOutType", "SmsStatus", "To"} {
		if form.Has(k) {
			all.WriteString(k + form.Get(k))
		}
	}
	return messaging.Request{
		Method: http.MethodPost, URL: hook, Body: []byte(form.Encode()),
		Header: http.Header{
			"Content-Type":       {"application/x-www-form-urlencoded"},
			"X-Twilio-Signature": {messaging.SHA1Base64("token", hook, all.String())},
		},
	}
}

func TestAMessageIsReadAndMayNotBeAltered(t *testing.T) {
	p := provider(t, "token", "")
	long := strings.Repeat("стоп 🛑 ", 4096)
	form := url.Values{
		"MessageSid": {"SM1"}, "From": {"+12025550123"}, "To": {"+12025550199"}, "Body": {long}, "SmsStatus": {"received"},
		"MessagingServiceSid": {"MG7"}, "OptOutType": {"STOP"},
	}
	d, err := p.Receive(signed(form))
	if err != nil {
		t.Fatal(err)
	}
	want := messaging.Event{
		Kind: messaging.Text, ID: "SM1", Number: "+12025550123", Sender: "+12025550199", Service: "MG7", Channel: consent.SMS, Text: long,
	}
	if len(d.Events) != 2 || d.Events[0] != want || d.Events[1].Kind != messaging.OptedOutThere {
		t.Errorf("events: got %+v", d.Events)
	}
	r := signed(form)
	r.Body = append(r.Body, "&From=%2B12025550124"...)
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("a parameter added: got %v, want ErrBadSignature", err)
	}
	r = signed(form)
	r.Header.Del("X-Twilio-Signature")
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("no signature: got %v, want ErrBadSignature", err)
	}
}

func TestReceiptsTellDeliveryAndOptOutsButQuietHoursAreNone(t *testing.T) {
	p := provider(t, "token", "")
	for _, c := range []struct {
		status, code string
		want         []messaging.EventKind
	}{
		{"delivered", "", []messaging.EventKind{messaging.Delivered}},
		{"undelivered", "21610", []messaging.EventKind{messaging.OptedOutThere}},
		{"undelivered", "30610", []messaging.EventKind{messaging.Failed}},
		{"failed", "30003", []messaging.EventKind{messaging.Failed}},
		{"queued", "", nil},
	} {
		d, err := p.Receive(signed(url.Values{
			"MessageSid": {"SM2"}, "From": {"+12025550199"}, "To": {"whatsapp:+12025550123"}, "MessageStatus": {c.status}, "ErrorCode": {c.code},
		}))
		if err != nil {
			t.Fatal(err)
		}
		var got []messaging.EventKind
		for _, e := range d.Events {
			got = append(got, e.Kind)
			if e.Number != "+12025550123" || e.Channel != consent.WhatsApp {
				t.Errorf("%s: the person is %q on %s, want To", c.status, e.Number, e.Channel)
			}
		}
		if len(got) != len(c.want) || len(got) > 0 && got[0] != c.want[0] {
			t.Errorf("%s %s: got %v, want %v", c.status, c.code, got, c.want)
		}
	}
}

func TestAReassignedNumberIsADeactivation(t *testing.T) {
	body := `[{"id":"EV1","type":"com.twilio.messaging.reassigned-number.detected","time":"2026-03-01T14:03:00Z",
		"data":{"from_number":"+12025550199","to_number":"+12025550123","is_reassigned":true}}]`
	target := hook + "?bodySHA256=" + messaging.BodyHash([]byte(body))
	d, err := provider(t, "token", "").Receive(messaging.Request{
		Method: http.MethodPost, URL: target, Body: []byte(body),
		Header: http.Header{"Content-Type": {"application/json"}, "X-Twilio-Signature": {messaging.SHA1Base64("token", target)}},
	})
	if err != nil || len(d.Events) != 1 || d.Events[0].Kind != messaging.Deactivated || d.Events[0].Number != "+12025550123" {
		t.Errorf("got %+v, %v", d.Events, err)
	}
}

func TestSendingSaysWhatTwilioAnswered(t *testing.T) {
	for _, c := range []struct {
		name   string
		status int
		body   string
		after  string
		want   messaging.SendError
	}{
		{name: "taken", status: 201, body: `{"sid":"SM9","status":"queued"}`},
		{name: "opted out", status: 400, body: `{"code":21610,"status":400}`, want: messaging.SendError{Reason: messaging.OptedOut, Code: "21610"}},
		{name: "not a number", status: 400, body: `{"code":21211}`, want: messaging.SendError{Reason: messaging.InvalidNumber, Code: "21211"}},
		{name: "too fast", status: 429, body: `{"code":20429}`, after: "7", want: messaging.SendError{Reason: messaging.RateLimited, Code: "20429", RetryAfter: 7 * time.Second}},
		{name: "busy", status: 503, want: messaging.SendError{Reason: messaging.Temporary, Code: "503"}},
		{name: "failed midway", status: 500, want: messaging.SendError{Reason: messaging.Unclear, Code: "500"}},
		{name: "wrong key", status: 401, body: `{"code":20003}`, want: messaging.SendError{Reason: messaging.Refused, Code: "20003"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got url.Values
			fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				user, secret, _ := r.BasicAuth()
				if r.URL.Path != "/2010-04-01/Accounts/AC1/Messages.json" || user != "AC1" || secret != "token" {
					t.Errorf("asked %s as %s", r.URL.Path, user)
				}
				_ = r.ParseForm()
				got = r.PostForm
				if c.after != "" {
					w.Header().Set("Retry-After", c.after)
				}
				w.WriteHeader(c.status)
				_, _ = w.Write([]byte(c.body))
			}))
			defer fake.Close()
			receipt, err := provider(t, "token", fake.URL).Send(context.Background(), messaging.Message{
				To: 12025550123, From: "MG7", Channel: consent.SMS, Text: "Hello",
			})
			if got.Get("To") != "+12025550123" || got.Get("Body") != "Hello" || got.Get("MessagingServiceSid") != "MG7" {
				t.Errorf("sent %v", got)
			}
			if c.want == (messaging.SendError{}) {
				if err != nil || receipt.ID != "SM9" {
					t.Errorf("got %v, %v", receipt, err)
				}
				return
			}
			c.want.Provider = Name
			var e *messaging.SendError
			if !errors.As(err, &e) || *e != c.want {
				t.Errorf("got %+v, want %+v", err, c.want)
			}
		})
	}
}
