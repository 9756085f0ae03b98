package twilio

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"github.com/consentline/consentline/internal/messaging"
)

// told is an application that keeps the forms that are relayed to it.
type told struct {
	*httptest.Server
	forms  []url.Values
	status int
}

func application(t *testing.T) *told {
	a := &told{status: http.StatusOK}
	a.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil || r.Header.Get("X-Twilio-Signature") != Sign(vectorToken, a.URL+r.URL.RequestURI(), r.PostForm) {
			t.Errorf("%s is not signed as Twilio signs: %v", r.URL, err)
		}
		a.forms = append(a.forms, r.PostForm)
		w.WriteHeader(a.status)
	}))
	t.Cleanup(a.Close)
	return a
}

// callbackTo is a callback that Twilio sends to an address of ours.
func callbackTo(address string, form url.Values) messaging.Request {
	return messaging.Request{
		Method: http.MethodPost, URL: address, Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}, "X-Twilio-Signature": {Sign(vectorToken, address, form)}},
	}
}

func relaying(t *testing.T, relay map[string]string) *Provider {
	t.Helper()
	p, err := New(Config{AccountSID: "AC1", AuthToken: vectorToken, Relay: relay})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestACallbackIsRelayedToWhomItConcerns(t *testing.T) {
	a := application(t)
	p := relaying(t, map[string]string{"21610": a.URL + "/code", "MG1": a.URL + "/service", "*": a.URL + "/rest"})
	text := url.Values{"MessageSid": {"SM1"}, "From": {"+12025550123"}, "To": {"21610"}, "Body": {"Hello"}, "SmsStatus": {"received"}}
	pooled := url.Values{"MessageSid": {"SM2"}, "From": {"+12025550123"}, "To": {"+12025550199"}, "MessagingServiceSid": {"MG1"}, "Body": {"Hello"}}
	receipt := url.Values{"MessageSid": {"SM3"}, "MessageStatus": {"sent"}, "From": {"21610"}, "To": {"+12025550123"}}
	for _, c := range []struct {
		name, address string
		form          url.Values
	}{
		{"to a sender", hook, text},
		{"to a messaging service", hook, pooled},
		{"a receipt from a sender", hook, receipt},
		{"a receipt that was asked for", p.CallbackFor(hook, a.URL+"/asked?x=1"), receipt},
	} {
		d, err := p.Receive(callbackTo(c.address, c.form))
		if err != nil || d.After == nil {
			t.Fatalf("%s: got %v, relayed: %v", c.name, err, d.After != nil)
		}
		if err := d.After(); err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		if got := a.forms[len(a.forms)-1]; got.Encode() != c.form.Encode() {
			t.Errorf("%s: relayed %v, want %v", c.name, got, c.form)
		}
	}
}

func TestNothingIsRelayedToAnAddressThatWeDidNotWrite(t *testing.T) {
	a := application(t)
	p := relaying(t, map[string]string{"*": a.URL})
	forged := hook + "?" + url.Values{"relay": {"http://192.0.2.1/"}, "proof": {p.proof("http://192.0.2.2/")}}.Encode()
	d, err := p.Receive(callbackTo(forged, url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"sent"}}))
	if err != nil || d.After != nil {
		t.Errorf("got %v, relayed: %v, want nothing relayed", err, d.After != nil)
	}
}

func TestAnApplicationThatDoesNotTakeACallbackIsTold(t *testing.T) {
	a := application(t)
	a.status = http.StatusInternalServerError
	for name, to := range map[string]string{"fails": a.URL, "is away": "http://127.0.0.1:1"} {
		p := relaying(t, map[string]string{"*": to})
		d, err := p.Receive(callbackTo(hook, url.Values{"MessageSid": {"SM1"}, "MessageStatus": {"delivered"}}))
		if err != nil || len(d.Events) != 1 {
			t.Fatalf("%s: got %+v, %v", name, d.Events, err)
		}
		if err := d.After(); !errors.Is(err, messaging.ErrNotRelayed) {
			t.Errorf("%s: got %v, want ErrNotRelayed", name, err)
		}
	}
	if _, err := New(Config{AccountSID: "AC1", AuthToken: "t", Relay: map[string]string{"*": "app.example.com"}}); err == nil {
		t.Error("an address that is no URL is taken")
	}
}
