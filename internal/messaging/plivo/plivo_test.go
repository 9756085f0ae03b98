package plivo

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

func TestSignaturesByPlivosRuleHold(t *testing.T) {
	// Computed apart from this code, over base?sortedQuery[.sortedParameters].nonce, as Plivo's libraries write it.
	const (
		asked, askedSignature   = "https://answer.url/in?Duration=300&CallUUID=97ceeb52-58b6-11e1-86da-77300b68f8bb", "3nvSbKYeqvKl5borGK0PtZiF/PIZEn3qweOnRR1zUTU="
		posted, postedSignature = "https://answer.url/in?b=two%20words&a=1", "XTbEiQBzDScT5MFgUZYlLWspZOaV9w3XQFhpU8eiSy4="
	)
	form := url.Values{"Text": {"STOP"}, "From": {"12025550123"}}
	for _, c := range []struct {
		name, token, url, nonce, signature string
		form                               url.Values
		want                               bool
	}{
		{"GET", "my_auth_token", asked, "12345", askedSignature, nil, true},
		{"one of several", "my_auth_token", asked, "12345", "AAAA, " + askedSignature, nil, true},
		{"POST", "my_auth_token", posted, "12345", postedSignature, form, true},
		{"another token", "other", asked, "12345", askedSignature, nil, false},
		{"another nonce", "my_auth_token", asked, "12346", askedSignature, nil, false},
		{"another query", "my_auth_token", strings.Replace(asked, "300", "301", 1), "12345", askedSignature, nil, false},
		{"other parameters", "my_auth_token", posted, "12345", postedSignature, url.Values{"Text": {"HELP"}, "From": {"12025550123"}}, false},
		{"none", "my_auth_token", asked, "12345", "", nil, false},
	} {
		if got := Verify(c.token, c.url, c.nonce, c.signature, c.form); got != c.want {
			t.Errorf("%s: got %t, want %t", c.name, got, c.want)
		}
	}
}

const hook = "https://consent.example.com/v1/inbound/plivo"

func provider(t testing.TB, base string) *Provider {
	t.Helper()
	p, err := New(Config{AuthID: "MA1", AuthToken: "token", BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signed(form url.Values) messaging.Request {
	text := hook + "?"
	for _, name := range sortedNames(form) {
		text += name + form.Get(name)
	}
	return messaging.Request{
		Method: http.MethodPost, URL: hook, Body: []byte(form.Encode()),
		Header: http.Header{
			"X-Plivo-Signature-V3": {messaging.SHA256Base64("token", text+".nonce")}, "X-Plivo-Signature-V3-Nonce": {"nonce"},
		},
	}
}

func TestMessagesAndReceiptsAreRead(t *testing.T) {
	long := strings.Repeat("ÄÖ ", 20000)
	d, err := provider(t, "").Receive(signed(url.Values{
		"MessageUUID": {"u1"}, "From": {"12025550123"}, "To": {"12025550199"}, "Text": {long}, "Type": {"sms"},
	}))
	want := messaging.Event{ID: "u1", Number: "+12025550123", Sender: "+12025550199", Channel: consent.SMS, Text: long}
	if err != nil || len(d.Events) != 1 || d.Events[0] != want {
		t.Errorf("got %v, %v", d.Events, err)
	}
	d, err = provider(t, "").Receive(signed(url.Values{
		"MessageUUID": {"u2"}, "From": {"12025550199"}, "To": {"12025550123"}, "Status": {"failed"}, "ErrorCode": {"200"},
	}))
	if err != nil || len(d.Events) != 1 || d.Events[0].Kind != messaging.OptedOutThere || d.Events[0].Number != "+12025550123" {
		t.Errorf("code 200: got %v, %v", d.Events, err)
	}
	r := signed(url.Values{"MessageUUID": {"u3"}, "From": {"12025550123"}, "Text": {"STOP"}})
	r.Body = []byte(strings.Replace(string(r.Body), "0123", "0124", 1))
	if _, err := provider(t, "").Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("altered: got %v, want ErrBadSignature", err)
	}
}

func TestSendingNamesTheNumberOrThePowerpack(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/Account/MA1/Message/" {
			t.Errorf("asked %s", r.URL.Path)
		}
		w.WriteHeader(http.StatusAccepted)
		_, _ = w.Write([]byte(`{"message":"message(s) queued","message_uuid":["u9"]}`))
	}))
	defer fake.Close()
	receipt, err := provider(t, fake.URL).Send(t.Context(), messaging.Message{To: 12025550123, From: "+12025550199", Channel: consent.SMS, Text: "Hello"})
	if err != nil || receipt.ID != "u9" {
		t.Errorf("got %v, %v", receipt, err)
	}
}
