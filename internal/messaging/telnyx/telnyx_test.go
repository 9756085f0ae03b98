package telnyx

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

var (
	noon    = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	private = ed25519.NewKeyFromSeed([]byte("0123456789abcdef0123456789abcdef"))
)

func provider(t testing.TB, base string) *Provider {
	t.Helper()
	p, err := New(Config{APIKey: "KEY", PublicKey: base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey)), BaseURL: base})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signed(body string, at time.Time) messaging.Request {
	stamp := strconv.FormatInt(at.Unix(), 10)
	return messaging.Request{
		Method: http.MethodPost, Body: []byte(body), At: noon,
		Header: http.Header{
			"Telnyx-Timestamp":         {stamp},
			"Telnyx-Signature-Ed25519": {base64.StdEncoding.EncodeToString(ed25519.Sign(private, []byte(stamp+"|"+body)))},
		},
	}
}

const text = `{"data":{"event_type":"message.received","occurred_at":"2026-03-01T11:59:58Z","payload":{"id":"m1",
	"from":{"phone_number":"+12025550123"},"to":[{"phone_number":"+12025550199"}],"text":"Stop","messaging_profile_id":"p1",
	"autoresponse_type":"opt_out","received_at":"2026-03-01T11:59:57.5Z"}}}`

func TestAWebhookIsReadWhileItsSignatureIsFresh(t *testing.T) {
	p := provider(t, "")
	d, err := p.Receive(signed(text, noon.Add(-time.Minute)))
	want := messaging.Event{
		ID: "m1", Number: "+12025550123", Sender: "+12025550199", Service: "p1", Channel: consent.SMS, Text: "Stop",
		At: time.Date(2026, 3, 1, 11, 59, 57, 500_000_000, time.UTC),
	}
	if err != nil || len(d.Events) != 2 || d.Events[0] != want || d.Events[1].Kind != messaging.OptedOutThere {
		t.Errorf("got %+v, %v", d.Events, err)
	}
	if _, err := p.Receive(signed(text, noon.Add(-6*time.Minute))); !errors.Is(err, messaging.ErrReplayed) {
		t.Errorf("six minutes old: got %v, want ErrReplayed", err)
	}
	r := signed(text, noon)
	r.Header.Set("Telnyx-Timestamp", strconv.FormatInt(noon.Unix()+1, 10))
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("another time under the same signature: got %v, want ErrBadSignature", err)
	}
}

func TestAReceiptWithTheStopCodeIsAnOptOut(t *testing.T) {
	for code, want := range map[string]messaging.EventKind{"40300": messaging.OptedOutThere, "40008": messaging.Failed} {
		d, err := provider(t, "").Receive(signed(`{"data":{"event_type":"message.finalized","payload":{"id":"m2","from":{"phone_number":"+12025550199"},
			"to":[{"phone_number":"+12025550123","status":"delivery_failed"}],"errors":[{"code":"`+code+`"}]}}}`, noon))
		if err != nil || len(d.Events) != 1 || d.Events[0].Kind != want || d.Events[0].Number != "+12025550123" {
			t.Errorf("%s: got %+v, %v", code, d.Events, err)
		}
	}
}

func TestSendingReportsTheStopCode(t *testing.T) {
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer KEY" || r.Header.Get("Idempotency-Key") != "k" {
			t.Errorf("headers: %v", r.Header)
		}
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`{"errors":[{"code":"40300","title":"Blocked due to STOP message"}]}`))
	}))
	defer fake.Close()
	_, err := provider(t, fake.URL).Send(t.Context(), messaging.Message{To: 12025550123, From: "+12025550199", Text: "Hi", Key: "k"})
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.OptedOut || e.Again() {
		t.Errorf("got %v, want opted out", err)
	}
}
