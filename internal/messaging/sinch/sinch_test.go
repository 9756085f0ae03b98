package sinch

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func provider(t testing.TB, base string) *Provider {
	t.Helper()
	p, err := New(Config{ProjectID: "p", AppID: "app", KeyID: "id", KeySecret: "key", WebhookSecret: "secret", BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signed(body string, at time.Time) messaging.Request {
	stamp := strconv.FormatInt(at.Unix(), 10)
	h := http.Header{}
	h.Set("x-sinch-webhook-signature-algorithm", "HmacSHA256")
	h.Set("x-sinch-webhook-signature-nonce", "n1")
	h.Set("x-sinch-webhook-signature-timestamp", stamp)
	h.Set("x-sinch-webhook-signature", messaging.SHA256Base64("secret", body+".n1."+stamp))
	return messaging.Request{Method: http.MethodPost, Body: []byte(body), Header: h, At: noon}
}

const text = `{"app_id":"app","accepted_time":"2026-03-01T11:59:58Z","message":{"id":"m1","direction":"TO_APP","contact_message":{"text_message":
	{"text":"PARAR"}},"channel_identity":{"channel":"SMS","identity":"447700900123"},"sender_id":"12025550199","accept_time":"2026-03-01T11:59:58Z"}}`

func TestACallbackIsReadWhileItsSignatureIsFresh(t *testing.T) {
	p := provider(t, "")
	d, err := p.Receive(signed(text, noon))
	want := messaging.Event{
		ID: "m1", Number: "+447700900123", Sender: "+12025550199", Service: "app", Channel: consent.SMS, Text: "PARAR", At: noon.Add(-2 * time.Second),
	}
	if err != nil || len(d.Events) != 1 || d.Events[0] != want {
		t.Errorf("got %+v, %v", d.Events, err)
	}
	if _, err := p.Receive(signed(text, noon.Add(-time.Hour))); !errors.Is(err, messaging.ErrReplayed) {
		t.Errorf("an hour old: got %v, want ErrReplayed", err)
	}
	if _, err := p.Receive(signed(strings.Replace(text, `"app"`, `"other"`, 1), noon)); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("for another app: got %v, want ErrBadSignature", err)
	}
	r := signed(text, noon)
	r.Body = []byte(strings.Replace(text, "0123", "0124", 1))
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("altered: got %v, want ErrBadSignature", err)
	}
}

func TestWhatSinchKeepsIsToldOnlyWhenItSucceeded(t *testing.T) {
	for status, want := range map[string]int{"OPT_OUT_SUCCEEDED": 1, "OPT_OUT_FAILED": 0} {
		d, err := provider(t, "").Receive(signed(`{"app_id":"app","event_time":"2026-03-01T11:59:58Z","opt_out_notification":{"request_id":"r1",
			"channel":"WHATSAPP","identity":"447700900123","status":"`+status+`"}}`, noon))
		if err != nil || len(d.Events) != want {
			t.Errorf("%s: got %+v, %v", status, d.Events, err)
		}
		if want == 1 && (d.Events[0].Kind != messaging.OptedOutThere || d.Events[0].Channel != consent.WhatsApp) {
			t.Errorf("%s: got %+v", status, d.Events[0])
		}
	}
}

func TestSendingSaysWhenToComeBack(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/v1/projects/p/messages:send" {
			t.Errorf("asked %s", r.URL.Path)
		}
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"error":{"code":429,"status":"RESOURCE_EXHAUSTED"}}`))
	}))
	defer fake.Close()
	_, err := provider(t, fake.URL).Send(t.Context(), messaging.Message{To: 447700900123, From: "12025550199", Channel: consent.SMS, Text: "Hi"})
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.RateLimited || e.RetryAfter != 3*time.Second {
		t.Errorf("got %v, want rate limited for 3 s", err)
	}
}
