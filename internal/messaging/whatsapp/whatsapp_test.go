package whatsapp

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

func provider(t testing.TB, base string) *Provider {
	t.Helper()
	p, err := New(Config{AppSecret: "secret", VerifyToken: "hello", AccessToken: "token", BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signed(body string) messaging.Request {
	return messaging.Request{
		Method: http.MethodPost, Body: []byte(body),
		Header: http.Header{"X-Hub-Signature-256": {"sha256=" + messaging.SHA256Hex("secret", body)}},
	}
}

const hook = `{"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":"messages","value":{"messaging_product":"whatsapp",
	"metadata":{"display_phone_number":"12025550199","phone_number_id":"555"},
	"messages":[{"from":"447700900123","id":"wamid.1","timestamp":"1772366398","type":"button","button":{"text":"Stop promotions"}}],
	"statuses":[{"id":"wamid.2","status":"failed","recipient_id":"447700900124","timestamp":"1772366398","errors":[{"code":131050}]}],
	"user_preferences":[{"wa_id":"447700900125","detail":"x","category":"marketing_messages","value":"stop","timestamp":1772366398}]}}]}]}`

func TestMessagesStatusesAndPreferencesAreRead(t *testing.T) {
	d, err := provider(t, "").Receive(signed(hook))
	if err != nil || len(d.Events) != 3 {
		t.Fatalf("got %+v, %v", d.Events, err)
	}
	text, failed, preference := d.Events[0], d.Events[1], d.Events[2]
	if text.Kind != messaging.Text || text.Text != "Stop promotions" || text.Sender != "555" || text.Channel != consent.WhatsApp || text.Number != "+447700900123" {
		t.Errorf("message: got %+v", text)
	}
	if failed.Kind != messaging.OptedOutThere || !failed.Marketing {
		t.Errorf("131050: got %+v, want an opt-out from marketing", failed)
	}
	if preference.Kind != messaging.OptedOutThere || !preference.Marketing || preference.Number != "+447700900125" || preference.ID == "" {
		t.Errorf("preference: got %+v", preference)
	}
	r := signed(hook)
	r.Body = []byte(strings.Replace(hook, "0123", "0124", 1))
	if _, err := provider(t, "").Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("altered: got %v, want ErrBadSignature", err)
	}
}

func TestAWebhookIsVerifiedByItsToken(t *testing.T) {
	ask := func(token string) (messaging.Delivery, error) {
		return provider(t, "").Receive(messaging.Request{
			Method: http.MethodGet, URL: "https://consent.example.com/v1/inbound/whatsapp?hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=" + token,
		})
	}
	if d, err := ask("hello"); err != nil || d.Answer.Body != "1158201444" {
		t.Errorf("got %+v, %v, want the challenge", d.Answer, err)
	}
	if _, err := ask("guess"); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("another token: got %v, want ErrBadSignature", err)
	}
}

func TestSendingReportsThatMarketingWasStopped(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/555/messages" || r.Header.Get("Authorization") != "Bearer token" {
			t.Errorf("asked %s", r.URL.Path)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"error":{"code":131050,"message":"…"}}`))
	}))
	defer fake.Close()
	_, err := provider(t, fake.URL).Send(t.Context(), messaging.Message{To: 447700900123, From: "555", Channel: consent.WhatsApp, Text: "Hi"})
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.OptedOut {
		t.Errorf("got %v, want opted out", err)
	}
}
