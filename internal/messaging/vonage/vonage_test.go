package vonage

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func provider(t testing.TB, c Config) *Provider {
	t.Helper()
	c.SignatureSecret, c.APIKey = "secret", "key"
	if c.PrivateKey == "" {
		c.APISecret = "api"
	}
	p, err := New(c, func() time.Time { return noon })
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func signed(body, hash string) messaging.Request {
	enc := base64.RawURLEncoding.EncodeToString
	token := enc([]byte(`{"alg":"HS256"}`)) + "." + enc(fmt.Appendf(nil, `{"iat":%d,"api_key":"key","payload_hash":%q}`, noon.Unix(), hash))
	return messaging.Request{
		Method: http.MethodPost, Body: []byte(body), At: noon,
		Header: http.Header{"Authorization": {"Bearer " + token + "." + enc(messaging.MAC(sha256.New, "secret", token))}},
	}
}

const inbound = `{"channel":"sms","message_uuid":"u1","to":"12025550199","from":"447700900123","timestamp":"2026-03-01T11:59:58Z",
	"message_type":"text","text":"Arrêt"}`

func TestMessagesAreHeldByTheHashInTheirToken(t *testing.T) {
	p := provider(t, Config{})
	d, err := p.Receive(signed(inbound, messaging.BodyHash([]byte(inbound))))
	want := messaging.Event{
		ID: "u1", Number: "+447700900123", Sender: "+12025550199", Channel: consent.SMS, Text: "Arrêt", At: noon.Add(-2 * time.Second),
	}
	if err != nil || len(d.Events) != 1 || d.Events[0] != want {
		t.Errorf("got %+v, %v", d.Events, err)
	}
	if _, err := p.Receive(signed(strings.Replace(inbound, "u1", "u2", 1), messaging.BodyHash([]byte(inbound)))); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("another body: got %v, want ErrBadSignature", err)
	}
	late := signed(inbound, messaging.BodyHash([]byte(inbound)))
	late.At = noon.Add(6 * time.Minute)
	if _, err := p.Receive(late); !errors.Is(err, messaging.ErrReplayed) {
		t.Errorf("six minutes later: got %v, want ErrReplayed", err)
	}
}

func TestTheFirstVersionNamesPartiesInObjects(t *testing.T) {
	body := `{"message_uuid":"u3","channel":"whatsapp","to":{"type":"whatsapp","number":"447700900123"},"from":{"number":"12025550199"},
		"status":"rejected","error":{"title":9}}`
	d, err := provider(t, Config{}).Receive(signed(body, messaging.BodyHash([]byte(body))))
	if err != nil || len(d.Events) != 1 || d.Events[0].Kind != messaging.OptedOutThere || d.Events[0].Number != "+447700900123" {
		t.Errorf("got %+v, %v", d.Events, err)
	}
}

func TestTheSMSAPIsSignatureMethodsAllHold(t *testing.T) {
	for method := range signatures {
		p := provider(t, Config{SignatureMethod: method})
		q := url.Values{
			"msisdn": {"447700900123"}, "to": {"12025550199"}, "messageId": {"0B"}, "text": {"a&b=c"}, "type": {"text"},
			"message-timestamp": {"2026-03-01 11:59:58"}, "timestamp": {"1772366398"},
		}
		q.Set("sig", strings.ToUpper(Sign(method, "secret", q)))
		r := messaging.Request{Method: http.MethodGet, URL: "https://consent.example.com/v1/inbound/vonage?" + q.Encode(), At: noon}
		d, err := p.Receive(r)
		if err != nil || len(d.Events) != 1 || d.Events[0].Text != "a&b=c" || !d.Events[0].At.Equal(noon.Add(-2*time.Second)) {
			t.Errorf("%s: got %+v, %v", method, d.Events, err)
		}
		r.URL = strings.Replace(r.URL, "447700900123", "447700900124", 1)
		if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
			t.Errorf("%s: altered: got %v, want ErrBadSignature", method, err)
		}
		q.Del("sig")
		r.URL = "https://consent.example.com/v1/inbound/vonage?" + q.Encode()
		if _, err := p.Receive(r); !errors.Is(err, messaging.ErrUnsigned) {
			t.Errorf("%s: unsigned: got %v, want ErrUnsigned", method, err)
		}
	}
	// Computed apart from this code: the MD5 of "&a=1&b=x_y" and the secret.
	if got := Sign("md5hash", "abc", url.Values{"b": {"x=y"}, "a": {"1"}, "sig": {"zz"}}); got != "da304ef11761a6d2c7c14227a7b77640" {
		t.Errorf("md5hash: got %q", got)
	}
}

func TestAnOptOutAtVonageComesAsAReceipt(t *testing.T) {
	p := provider(t, Config{SignatureMethod: "sha256"})
	q := url.Values{"msisdn": {"12025550123"}, "to": {"12025550199"}, "messageId": {"0C"}, "status": {"rejected"}, "err-code": {"9"}, "timestamp": {"1772366398"}}
	q.Set("sig", Sign("sha256", "secret", q))
	d, err := p.Receive(messaging.Request{
		Method: http.MethodPost, Body: []byte(q.Encode()), At: noon, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
	})
	if err != nil || len(d.Events) != 1 || d.Events[0].Kind != messaging.OptedOutThere || d.Events[0].Number != "+12025550123" {
		t.Errorf("got %+v, %v", d.Events, err)
	}
}

func TestSendingOpensTheAPIWithATokenOfTheApplication(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var authorization string
	fake := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		authorization = r.Header.Get("Authorization")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"type":"https://developer.vonage.com/api-errors#throttled"}`))
	}))
	defer fake.Close()
	block := &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	p := provider(t, Config{BaseURL: fake.URL, ApplicationID: "app", PrivateKey: string(pem.EncodeToMemory(block))})
	_, err = p.Send(t.Context(), messaging.Message{To: 447700900123, From: "+12025550199", Channel: consent.SMS, Text: "Hi"})
	var e *messaging.SendError
	if !errors.As(err, &e) || e.Reason != messaging.RateLimited || !e.Again() {
		t.Errorf("got %v, want rate limited", err)
	}
	if strings.Count(authorization, ".") != 2 || !strings.HasPrefix(authorization, "Bearer ") {
		t.Errorf("authorization: got %q, want a token", authorization)
	}
}
