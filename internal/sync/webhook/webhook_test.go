package webhook_test

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/webhook"
)

var (
	ctx      = context.Background()
	secret   = "whsec_" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	previous = "whsec_" + base64.StdEncoding.EncodeToString([]byte("fedcba9876543210fedcba9876543210"))
	seed     = []byte("an Ed25519 seed of 32 bytes long")
	alice    = must(phone.Parse("+12025550123", ""))
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func change() sync.Change {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	act := consent.Act{
		Kind: consent.Withdrawn, Scope: consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}, EffectiveAt: at,
		RecordedAt: at, Source: consent.SMSReply, Seq: 42,
	}
	return sync.Change{
		ID: "c-42", Seq: 42, RecordedAt: at, Subject: [16]byte{1, 2, 3}, Number: alice, Scope: act.Scope, Act: act, Record: consent.Fold([]consent.Act{act}),
	}
}

// receiver keeps what it was sent, and answers with a status.
type receiver struct {
	*httptest.Server
	status int
	header http.Header
	body   []byte
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{status: http.StatusNoContent}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.header, r.body = req.Header, must(io.ReadAll(req.Body))
		if r.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "7")
		}
		w.WriteHeader(r.status)
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) connect(t *testing.T, d sync.Destination) sync.Connector {
	t.Helper()
	d.ID, d.Settings = "hook", map[string]string{"url": r.URL}
	c, err := webhook.Kind.New(sync.Config{
		Destination: d, Now: time.Now,
		Clients: sync.Clients{HTTP: r.Client(), Checkpoint: func(context.Context) string { return "example.com/log\n42\n" }},
	})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestAnotherLibraryAcceptsTheSignatures holds each secret, old and new, against the verifier that the specification's
// authors publish.
func TestAnotherLibraryAcceptsTheSignatures(t *testing.T) {
	r := receive(t)
	c := r.connect(t, sync.Destination{Secrets: map[string]string{
		"secret": secret, "previous_secret": previous, "signing_key": "whsk_" + base64.StdEncoding.EncodeToString(seed),
	}})
	if err := c.Deliver(ctx, []sync.Change{change()})[0]; err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{secret, previous} {
		if err := must(standardwebhooks.NewWebhook(s)).Verify(r.body, r.header); err != nil {
			t.Errorf("the signature is not accepted: %v", err)
		}
	}
	if err := must(standardwebhooks.NewWebhook(secret)).Verify(append(r.body, ' '), r.header); err == nil {
		t.Error("a changed body is accepted")
	}
	signed := r.header.Get("webhook-id") + "." + r.header.Get("webhook-timestamp") + "." + string(r.body)
	_, v1a, _ := strings.Cut(r.header.Get("webhook-signature"), "v1a,")
	key := ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey)
	if !ed25519.Verify(key, []byte(signed), must(base64.StdEncoding.DecodeString(v1a))) {
		t.Error("the asymmetric signature does not hold")
	}
}

func TestTheBodyIsACloudEventWithoutTheNumber(t *testing.T) {
	r := receive(t)
	for numbers, want := range map[bool]string{false: "", true: alice.String()} {
		c := r.connect(t, sync.Destination{Secrets: map[string]string{"secret": secret}, Numbers: numbers})
		if err := c.Deliver(ctx, []sync.Change{change()})[0]; err != nil {
			t.Fatal(err)
		}
		var got struct {
			SpecVersion, ID, Source, Type, Subject, Time, Sequence string
			Data                                                   map[string]any
		}
		if err := json.Unmarshal(r.body, &got); err != nil {
			t.Fatal(err)
		}
		if got.SpecVersion != "1.0" || got.ID != r.header.Get("webhook-id") || got.Source != "/destinations/hook" ||
			got.Type != "com.consentline.consent.withdrawn.v1" || got.Subject != "01020300000000000000000000000000" ||
			got.Time != "2026-03-01T12:00:00Z" || got.Sequence != "00000000000000000042" || got.Data["status"] != "withdrawn" {
			t.Errorf("got %+v", got)
		}
		if number, _ := got.Data["phone_number"].(string); number != want {
			t.Errorf("numbers %t: the body holds one: %t", numbers, number != "")
		}
		if numbers == strings.Contains(string(r.body), alice.String()) {
			continue
		}
		t.Errorf("numbers %t: the body says otherwise", numbers)
	}
}

func TestTheSameEventKeepsItsID(t *testing.T) {
	r := receive(t)
	c := r.connect(t, sync.Destination{Secrets: map[string]string{"secret": secret}})
	var ids []string
	for range 2 {
		if err := c.Deliver(ctx, []sync.Change{change()})[0]; err != nil {
			t.Fatal(err)
		}
		ids = append(ids, r.header.Get("webhook-id"))
	}
	if ids[0] != ids[1] {
		t.Errorf("ids %v differ", ids)
	}
}

func TestOnly422IsForGood(t *testing.T) {
	r := receive(t)
	c := r.connect(t, sync.Destination{Secrets: map[string]string{"secret": secret}})
	for _, status := range []int{400, 401, 404, 410, 429, 500, 503, 302} {
		r.status = status
		err := c.Deliver(ctx, []sync.Change{change()})[0]
		var later *sync.LaterError
		if !errors.As(err, &later) || !later.All {
			t.Errorf("%d: got %v, want that it is tried again", status, err)
		}
		if status == 429 && later.After != 7*time.Second {
			t.Errorf("429: to be tried after %s, want 7 s", later.After)
		}
	}
	r.status = http.StatusUnprocessableEntity
	var refused *sync.RefusedError
	if err := c.Deliver(ctx, []sync.Change{change()})[0]; !errors.As(err, &refused) {
		t.Errorf("422: got %v", err)
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for field, d := range map[string]sync.Destination{
		"url":             {Settings: map[string]string{"url": "ftp://example.com"}, Secrets: map[string]string{"secret": secret}},
		"secret":          {Settings: map[string]string{"url": "https://example.com"}},
		"previous_secret": {Settings: map[string]string{"url": "https://example.com"}, Secrets: map[string]string{"previous_secret": "whsec_short"}},
		"signing_key":     {Settings: map[string]string{"url": "https://example.com"}, Secrets: map[string]string{"signing_key": secret}},
	} {
		_, err := webhook.Kind.New(sync.Config{Destination: d, Now: time.Now})
		var invalid *sync.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}

func TestAnAlertIsASignedEventAboutADestinationAndNoPerson(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	var got map[string]any
	hook := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(r.Header.Get("webhook-id") + "." + r.Header.Get("webhook-timestamp") + "." + string(body)))
		if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
			t.Errorf("signature %q, want %q", r.Header.Get("webhook-signature"), want)
		}
		if err := json.Unmarshal(body, &got); err != nil {
			t.Error(err)
		}
	}))
	defer hook.Close()
	c, err := webhook.Kind.New(sync.Config{
		Destination: sync.Destination{
			ID: "watch", Settings: map[string]string{"url": hook.URL},
			Secrets: map[string]string{"secret": "whsec_" + base64.StdEncoding.EncodeToString(key)},
		},
		Clients: sync.Clients{HTTP: hook.Client()}, Now: time.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	err = c.(sync.Alerting).Alert(t.Context(), sync.Alert{ID: "alert-crm-1", Destination: "crm", RecordedAt: time.Unix(1, 0), Overdue: time.Minute, At: time.Unix(100, 0)})
	data, _ := got["data"].(map[string]any)
	if err != nil || got["type"] != "com.consentline.destination.overdue.v1" || got["id"] != "evt_alert-crm-1" || data["destination"] != "crm" || data["alert_seconds"] != 60.0 {
		t.Errorf("told %v, %v", got, err)
	}
}
