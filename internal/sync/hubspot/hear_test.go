package hubspot_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/hubspot"
)

func TestChangesOfMappedPropertiesAreHeardWithTheirNumbers(t *testing.T) {
	asked := 0
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked++
		if r.URL.Path == "/crm/v3/objects/contacts/404" {
			w.WriteHeader(http.StatusNotFound)
			return
		}
		if r.URL.Path != "/crm/v3/objects/contacts/77" || r.URL.Query().Get("properties") != "consent_number" || r.Header.Get("Authorization") != "Bearer t" {
			t.Errorf("asked for %s", r.URL)
		}
		_, _ = w.Write([]byte(`{"id":"77","properties":{"consent_number":"+12025550123"}}`))
	}))
	defer api.Close()
	c, err := hubspot.Kind.New(sync.Config{Now: time.Now, Clients: sync.Clients{HTTP: api.Client()}, Destination: sync.Destination{
		ID: "hubspot", Mapping: map[string]string{"acme/marketing/sms": "sms_consent"}, Settings: map[string]string{"id_property": "consent_number", "base_url": api.URL},
		Secrets: map[string]string{"access_token": "t", "inbound_secret": "client"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	const url, body = "https://consent.example/v1/destinations/hubspot/inbound", `[
		{"eventId":1,"subscriptionType":"contact.propertyChange","objectId":77,"propertyName":"sms_consent","propertyValue":"false","occurredAt":1708986598741},
		{"eventId":2,"subscriptionType":"contact.propertyChange","objectId":77,"propertyName":"sms_consent","propertyValue":"true","occurredAt":1708986599000},
		{"eventId":3,"subscriptionType":"contact.propertyChange","objectId":77,"propertyName":"city","propertyValue":"false","occurredAt":1},
		{"eventId":4,"subscriptionType":"contact.propertyChange","objectId":404,"propertyName":"sms_consent","propertyValue":"false","occurredAt":1}]`
	hear := func(stamp time.Time) ([]sync.Heard, error) {
		text := strconv.FormatInt(stamp.UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte("client"))
		mac.Write([]byte("POST" + url + body + text))
		h := http.Header{}
		h.Set("X-HubSpot-Signature-v3", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		h.Set("X-HubSpot-Request-Timestamp", text)
		return c.(sync.Hearing).Hear(t.Context(), sync.Callback{Method: "POST", URL: url, Header: h, Body: []byte(body), At: time.Now()})
	}
	got, err := hear(time.Now())
	if err != nil || len(got) != 2 || asked != 2 {
		t.Fatalf("got %+v after asking %d times, %v", got, asked, err)
	}
	if h := got[0]; h.ID != "1" || h.Granted || h.Number != "+12025550123" || h.Scope.Purpose != "marketing" || !h.At.Equal(time.UnixMilli(1708986598741)) || !got[1].Granted {
		t.Errorf("got %+v", got)
	}
	if _, err := hear(time.Now().Add(-10 * time.Minute)); !errors.Is(err, sync.ErrForged) {
		t.Errorf("an old signature: got %v", err)
	}
}
