package generic

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/messaging"
)

// The vector of the Standard Webhooks reference libraries.
const (
	secret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	body      = `{"test": 2432232314}`
	signature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

var then = time.Unix(1614265330, 0)

func vector() messaging.Request {
	return messaging.Request{
		Method: http.MethodPost, Body: []byte(body), At: then,
		Header: http.Header{"Webhook-Id": {"msg_p5jXN8AQM9LWM0D4loKWxJek"}, "Webhook-Timestamp": {"1614265330"}, "Webhook-Signature": {signature}},
	}
}

func TestTheSpecificationsVectorHolds(t *testing.T) {
	p, err := New(Config{Secrets: []string{secret}})
	if err != nil {
		t.Fatal(err)
	}
	var malformed *messaging.MalformedError
	if _, err := p.Receive(vector()); !errors.As(err, &malformed) {
		t.Errorf("got %v, want a *MalformedError: the signature holds, and the body is no event", err)
	}
	r := vector()
	r.At = then.Add(6 * time.Minute)
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrReplayed) {
		t.Errorf("six minutes later: got %v, want ErrReplayed", err)
	}
	r = vector()
	r.Body = []byte(strings.Replace(body, "4", "5", 1))
	if _, err := p.Receive(r); !errors.Is(err, messaging.ErrBadSignature) {
		t.Errorf("altered: got %v, want ErrBadSignature", err)
	}
}

func TestEventsAreReadAloneAndTogether(t *testing.T) {
	p, err := New(Config{Secrets: []string{"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", secret}})
	if err != nil {
		t.Fatal(err)
	}
	for want, text := range []string{
		1: `{"id":"e1","number":"+12025550123","sender":"21610","text":"STOP","channel":"whatsapp"}`,
		2: `{"events":[{"id":"e1","number":"+12025550123","text":"STOP"},{"id":"e2","type":"deactivated","number":"+12025550124"}]}`,
	} {
		if want == 0 {
			continue
		}
		r := vector()
		r.Body = []byte(text)
		r.Header.Set("Webhook-Signature", "v1,AAAA v1,"+messaging.SHA256Base64(p.keys[1], r.Header.Get("Webhook-Id"), ".1614265330.", text))
		d, err := p.Receive(r)
		if err != nil || len(d.Events) != want || d.Events[0].Text != "STOP" {
			t.Errorf("got %+v, %v, want %d events", d.Events, err, want)
		}
	}
}

func TestAShortSecretIsRefused(t *testing.T) {
	if _, err := New(Config{Secrets: []string{"whsec_c2hvcnQ="}}); err == nil {
		t.Error("a secret of five bytes was taken")
	}
}
