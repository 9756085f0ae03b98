package attentive_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/attentive"
)

func TestEventsOfTextSubscriptionsAreHeard(t *testing.T) {
	c, err := attentive.Kind.New(sync.Config{Now: time.Now, Destination: sync.Destination{
		ID: "attentive", Mapping: map[string]string{"acme/marketing/sms": "MARKETING/1", "acme/orders/sms": "TRANSACTIONAL/2"},
		Secrets: map[string]string{"access_token": "t", "inbound_secret": "key"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	hear := func(key, body string) ([]sync.Heard, error) {
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body))
		h := http.Header{}
		h.Set("x-attentive-hmac-sha256", hex.EncodeToString(mac.Sum(nil)))
		return c.(sync.Hearing).Hear(t.Context(), sync.Callback{Header: h, Body: []byte(body)})
	}
	const who = `"timestamp":1632945178104,"subscriber":{"external_id":7,"phone":"+12025550123"}`
	for body, want := range map[string]int{
		`{"type":"sms.unsubscribed",` + who + `}`:                                       2,
		`{"type":"sms.unsubscribed",` + who + `,"subscription":{"type":"MARKETING"}}`:   1,
		`{"type":"sms.subscribed",` + who + `,"subscription":{"type":"TRANSACTIONAL"}}`: 1,
		`{"type":"sms.subscribed",` + who + `}`:                                         0,
		`{"type":"email.unsubscribed",` + who + `}`:                                     0,
	} {
		got, err := hear("key", body)
		if err != nil || len(got) != want {
			t.Errorf("%s: got %d, want %d, %v", body, len(got), want, err)
		}
		for _, h := range got {
			if h.Number != "+12025550123" || !h.At.Equal(time.UnixMilli(1632945178104)) || h.Granted != (body[9:23] == "sms.subscribed") {
				t.Errorf("%s: got %+v", body, h)
			}
		}
	}
	if _, err := hear("other", `{}`); !errors.Is(err, sync.ErrForged) {
		t.Errorf("signed with another key: got %v", err)
	}
}
