package infobip

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

const batch = `{"results":[
	{"messageId":"817790313235066447","from":"447700900123","to":"12025550199","text":"QUIZ stop","cleanText":"stop","keyword":"QUIZ",
		"receivedAt":"2026-03-01T14:03:00.000+0200","smsCount":1},
	{"messageId":"m2","to":"447700900124","from":"12025550199","doneAt":"2026-03-01T12:03:00.000+0000","status":{"groupName":"REJECTED","name":"REJECTED_DND"}},
	{"messageId":"m3","to":"447700900125","status":{"groupName":"PENDING","name":"PENDING_ENROUTE"}}],"messageCount":3}`

func TestABatchIsReadUnderEitherProof(t *testing.T) {
	signed, err := New(Config{APIKey: "k", BaseURL: "https://example.com", SignatureHeader: "X-Signature", SignatureSecret: "secret", SignatureAlgorithm: "sha512"})
	if err != nil {
		t.Fatal(err)
	}
	basic, err := New(Config{APIKey: "k", BaseURL: "https://example.com", WebhookUser: "u", WebhookPassword: "p"})
	if err != nil {
		t.Fatal(err)
	}
	signature := hex.EncodeToString(messaging.MAC(sha512.New, "secret", batch))
	authorized := &http.Request{Header: http.Header{}}
	authorized.SetBasicAuth("u", "p")
	for name, c := range map[string]struct {
		p *Provider
		h http.Header
	}{"signature": {signed, http.Header{"X-Signature": {strings.ToUpper(signature)}}}, "basic": {basic, authorized.Header}} {
		d, err := c.p.Receive(messaging.Request{Method: http.MethodPost, Body: []byte(batch), Header: c.h})
		if err != nil || len(d.Events) != 2 {
			t.Fatalf("%s: got %+v, %v", name, d.Events, err)
		}
		want := messaging.Event{
			ID: "817790313235066447", Number: "+447700900123", Sender: "+12025550199", Channel: consent.SMS, Text: "QUIZ stop",
			At: time.Date(2026, 3, 1, 12, 3, 0, 0, time.UTC),
		}
		if d.Events[0] != want || d.Events[1].Kind != messaging.OptedOutThere || d.Events[1].Number != "+447700900124" {
			t.Errorf("%s: got %+v", name, d.Events)
		}
		if _, err := c.p.Receive(messaging.Request{Body: []byte(batch), Header: http.Header{}}); !errors.Is(err, messaging.ErrBadSignature) {
			t.Errorf("%s: without proof: got %v, want ErrBadSignature", name, err)
		}
	}
	if _, err := signed.Receive(messaging.Request{Body: []byte(batch + " "), Header: http.Header{"X-Signature": {signature}}}); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("altered: got %v, want ErrBadSignature", err)
	}
}

func TestAnAccountWithoutAnyProofIsRefused(t *testing.T) {
	if _, err := New(Config{APIKey: "k", BaseURL: "https://example.com"}); err == nil {
		t.Error("anybody could send webhooks")
	}
}

func TestARejectionWithinA200IsAnError(t *testing.T) {
	for name, want := range map[string]messaging.Reason{"REJECTED_DND": messaging.OptedOut, "REJECTED_SENDER": messaging.Refused} {
		fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/sms/3/messages" || r.Header.Get("Authorization") != "App k" {
				t.Errorf("asked %s", r.URL.Path)
			}
			_, _ = w.Write([]byte(`{"messages":[{"messageId":"m9","status":{"groupName":"REJECTED","name":"` + name + `"}}]}`))
		}))
		p, err := New(Config{APIKey: "k", BaseURL: fake.URL, WebhookUser: "u", WebhookPassword: "p"})
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Send(t.Context(), messaging.Message{To: 447700900123, From: "ACME", Channel: consent.SMS, Text: "Hi"})
		var e *messaging.SendError
		if !errors.As(err, &e) || e.Reason != want {
			t.Errorf("%s: got %v, want %s", name, err, want)
		}
		fake.Close()
	}
}
