package httpapi_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/inbound"
	"github.com/consentline/consentline/internal/messaging"
	"github.com/consentline/consentline/internal/optin"
	"github.com/consentline/consentline/internal/server"
)

// callback is a signed callback of a system of one's own.
func (r *replay) callback() request {
	const body = `{"id":"e1","number":"` + bob + `","sender":"21610","text":"stop calling me"}`
	stamp := ledgerSeconds(r.f.now())
	key := string(mustBase64(r.f.t, strings.TrimPrefix(secret, "whsec_")))
	return request{method: "POST", path: "/v1/inbound/generic", as: "none", body: body, header: map[string]string{
		"Webhook-Id": "w1", "Webhook-Timestamp": stamp, "Webhook-Signature": "v1," + messaging.SHA256Base64(key, "w1.", stamp, ".", body),
	}}
}

// ambiguous lets the default brand send in its country, and somebody write it what only a person can judge.
func (r *replay) ambiguous(t *testing.T) {
	b := check1[catalog.Brand](t)(r.f.Catalog.Brand("default"))
	b.Country = "US"
	check1[catalog.Brand](t)(r.f.Catalog.ChangeBrand(t.Context(), "test", b))
	check1[[]inbound.Taken](t)(r.f.Conversations.Take(t.Context(), "generic", []messaging.Event{
		{ID: "a1", Number: "+12025550125", Sender: "21610", Channel: consent.SMS, Text: "maybe stop?"},
	}))
}

var sixDigits = regexp.MustCompile(`\b[0-9]{6}\b`)

// askByCode asks somebody by code, and returns what confirms it.
func (r *replay) askByCode(t *testing.T) map[string]any {
	t.Helper()
	asked := check1[optin.Asked](t)(r.f.Conversations.OptIns.Ask(t.Context(), access.Local, optin.Request{
		Number: bob, Brand: "default", Purpose: "marketing", Channel: consent.SMS, Means: optin.ByCode, Text: "Offers by SMS.", Language: "en",
	}))
	for check1[int](t)(r.f.Conversations.Send(t.Context())) > 0 {
	}
	raw := check1[[]byte](t)(os.ReadFile(filepath.Join(r.f.DataDir, server.MessagesFile)))
	for line := range strings.Lines(string(raw)) {
		var m struct{ To, Text string }
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatal(err)
		}
		if code := sixDigits.FindString(m.Text); m.To == bob && code != "" {
			return map[string]any{"id": asked.ID.String(), "code": code}
		}
	}
	t.Fatalf("no code was sent: %d bytes of messages", len(raw))
	return nil
}
