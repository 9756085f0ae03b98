package bird

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

const hook = "https://consent.example.com/v1/inbound/bird"

func provider(t testing.TB) *Provider {
	t.Helper()
	p, err := New(Config{SigningKey: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

const inbound = `{"service":"channels","event":"sms.inbound","payload":{"id":"96a0","channelId":"6142","sender":{"contact":{"identifierKey":"phonenumber",
	"identifierValue":"+447700900123"}},"receiver":{"connector":{"id":"86cc"}},"body":{"type":"text","text":{"text":"Stop it"}},
	"direction":"incoming","createdAt":"2026-03-01T11:59:58Z"}}`

func signed(body string, at time.Time) messaging.Request {
	stamp := strconv.FormatInt(at.Unix(), 10)
	sum := sha256.Sum256([]byte(body))
	h := http.Header{}
	h.Set("messagebird-request-timestamp", stamp)
	h.Set("messagebird-signature", messaging.SHA256Base64("secret", stamp+"\n"+hook+"\n"+string(sum[:])))
	return messaging.Request{Method: http.MethodPost, URL: hook, Body: []byte(body), Header: h, At: noon}
}

func TestBirdsWebhookIsReadWhileItsSignatureIsFresh(t *testing.T) {
	d, err := provider(t).Receive(signed(inbound, noon))
	want := messaging.Event{
		ID: "96a0", Number: "+447700900123", Sender: "6142", Service: "6142", Channel: consent.SMS, Text: "Stop it", At: noon.Add(-2 * time.Second),
	}
	if err != nil || len(d.Events) != 1 || d.Events[0] != want {
		t.Errorf("got %+v, %v", d.Events, err)
	}
	if _, err := provider(t).Receive(signed(inbound, noon.Add(6*time.Minute))); !errors.Is(err, messaging.ErrReplayed) {
		t.Errorf("from the future: got %v, want ErrReplayed", err)
	}
	r := signed(inbound, noon)
	r.URL += "?x"
	if _, err := provider(t).Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("at another URL: got %v, want ErrBadSignature", err)
	}
}

func old(url, body string) messaging.Request {
	enc := base64.RawURLEncoding.EncodeToString
	hash := ""
	if body != "" {
		hash = fmt.Sprintf(`,"payload_hash":%q`, messaging.BodyHash([]byte(body)))
	}
	claims := fmt.Sprintf(`{"iss":"MessageBird","nbf":%d,"exp":%d,"jti":"1","url_hash":%q%s}`, noon.Unix(), noon.Unix()+60, messaging.BodyHash([]byte(url)), hash)
	token := enc([]byte(`{"alg":"HS256"}`)) + "." + enc([]byte(claims))
	h := http.Header{}
	h.Set("MessageBird-Signature-JWT", token+"."+enc(messaging.MAC(sha256.New, "secret", token)))
	h.Set("Content-Type", "application/x-www-form-urlencoded")
	return messaging.Request{Method: http.MethodPost, URL: url, Body: []byte(body), Header: h, At: noon}
}

func TestMessageBirdsTokenHoldsURLAndBody(t *testing.T) {
	const body = "id=8&originator=447700900123&recipient=12025550199&body=STOP&createdDatetime=2026-03-01T11%3A59%3A58%2B00%3A00"
	d, err := provider(t).Receive(old(hook, body))
	if err != nil || len(d.Events) != 1 || d.Events[0].Text != "STOP" || d.Events[0].Number != "+447700900123" {
		t.Errorf("got %+v, %v", d.Events, err)
	}
	for name, change := range map[string]func(*messaging.Request){
		"body":    func(r *messaging.Request) { r.Body = []byte(strings.Replace(body, "STOP", "HI", 1)) },
		"no body": func(r *messaging.Request) { r.Body = nil },
		"URL":     func(r *messaging.Request) { r.URL += "?a=b" },
	} {
		r := old(hook, body)
		change(&r)
		if _, err := provider(t).Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
			t.Errorf("another %s: got %v, want ErrBadSignature", name, err)
		}
	}
	r := old(hook+"?id=9&recipient=447700900123&status=delivered", "")
	r.Method = http.MethodGet
	if d, err := provider(t).Receive(r); err != nil || len(d.Events) != 1 || d.Events[0].Kind != messaging.Delivered {
		t.Errorf("a report: got %+v, %v", d.Events, err)
	}
}
