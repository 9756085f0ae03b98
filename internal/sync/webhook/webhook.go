// Package webhook tells an address of the operator's own of each act, as Standard Webhooks 1.0 with a CloudEvents 1.0
// object in the body.
//
// Others may rely on this: webhook-id is the same whenever the same event is sent again; the body holds no number
// unless the destination may have numbers; every request is signed with each secret that is in use, so that secrets
// can be changed while events flow.
package webhook

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/cloudevent"
)

// Kind describes the webhook for operators.
var Kind = sync.Kind{
	Name: "webhook",
	Doc:  "An address of your own: Standard Webhooks with CloudEvents, one request an act.",
	Settings: []sync.Setting{
		{Name: "url", Doc: "where events are posted, https://…", Required: true},
		{Name: "secret", Doc: "what requests are signed with: whsec_ and 24 to 64 bytes in base64", Secret: true},
		{Name: "previous_secret", Doc: "an earlier secret, while receivers change to the new one", Secret: true},
		{Name: "signing_key", Doc: "for signatures that need no shared secret: whsk_ and an Ed25519 seed of 32 bytes in base64", Secret: true},
		sync.InboundSecret("what events that come back are signed with, as Standard Webhooks: whsec_ and 24 to 64 bytes in base64"),
	},
	New: open,
}

type connector struct {
	url     string
	events  cloudevent.Maker
	secrets [][]byte
	key     ed25519.PrivateKey
	inbound []byte
	clients sync.Clients
	now     func() time.Time
}

func open(c sync.Config) (sync.Connector, error) {
	w := &connector{
		url: c.Settings["url"], events: cloudevent.NewMaker(&c), clients: c.Clients, now: c.Now,
	}
	at, err := url.Parse(w.url)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" || at.User != nil {
		return nil, &sync.InvalidError{Field: "url", Reason: "want an address such as https://example.com/hooks"}
	}
	for _, name := range []string{"secret", "previous_secret"} {
		if c.Secrets[name] == "" {
			continue
		}
		secret, err := decode(c.Secrets[name], "whsec_", 24, 64)
		if err != nil {
			return nil, &sync.InvalidError{Field: name, Reason: err.Error()}
		}
		w.secrets = append(w.secrets, secret)
	}
	if c.Secrets["signing_key"] != "" {
		seed, err := decode(c.Secrets["signing_key"], "whsk_", ed25519.SeedSize, ed25519.SeedSize)
		if err != nil {
			return nil, &sync.InvalidError{Field: "signing_key", Reason: err.Error()}
		}
		w.key = ed25519.NewKeyFromSeed(seed)
	}
	if c.Secrets["inbound_secret"] != "" {
		if w.inbound, err = decode(c.Secrets["inbound_secret"], "whsec_", 24, 64); err != nil {
			return nil, &sync.InvalidError{Field: "inbound_secret", Reason: err.Error()}
		}
	}
	if len(w.secrets) == 0 && w.key == nil {
		return nil, &sync.InvalidError{Field: "secret", Reason: "a secret or a signing_key is needed: receivers must be able to tell our requests from others'"}
	}
	return w, nil
}

func decode(text, prefix string, least, most int) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, prefix))
	if err != nil || !strings.HasPrefix(text, prefix) || len(raw) < least || len(raw) > most {
		return nil, fmt.Errorf("want %s and %d to %d bytes in base64", prefix, least, most)
	}
	return raw, nil
}

// Limits wants each act by itself. What is about one number stays in order.
func (w *connector) Limits() sync.Limits { return sync.Limits{Batch: 1, InFlight: 16, Events: true} }

// Deliver posts one event.
func (w *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	out := make([]error, len(changes))
	for i := range changes {
		out[i] = w.post(ctx, &changes[i])
	}
	return out
}

func (w *connector) post(ctx context.Context, c *sync.Change) error {
	e := w.events.Of(ctx, c)
	return w.send(ctx, e.ID, e)
}

// send posts an object under an ID that is the same whenever it is sent again.
func (w *connector) send(ctx context.Context, id string, event any) error {
	body, err := json.Marshal(event)
	if err != nil {
		return fmt.Errorf("encode an event: %w", err)
	}
	req, err := sync.JSON(ctx, http.MethodPost, w.url, json.RawMessage(body))
	if err != nil {
		return err
	}
	stamp := strconv.FormatInt(w.now().Unix(), 10)
	req.Header.Set("Content-Type", cloudevent.ContentType)
	req.Header.Set("webhook-id", id)
	req.Header.Set("webhook-timestamp", stamp)
	req.Header.Set("webhook-signature", w.sign(id, stamp, body))
	answer, err := w.clients.Call(req)
	if err != nil {
		return err
	}
	err = answer.Judge(w.now())
	if refused, ok := err.(*sync.RefusedError); ok && answer.Status != http.StatusUnprocessableEntity { //nolint:errorlint // as Judge returns it
		// Receivers answer 4xx while they are set up wrong. Only 422 says that this one event will never be taken.
		later := &sync.LaterError{Code: refused.Code, Reason: refused.Reason, All: true}
		if answer.Status == http.StatusGone {
			later.Reason, later.After = "the receiver says that it is gone for good: change or remove the destination", time.Hour
		}
		err = later
	}
	return err
}

// sign makes one signature with each secret and key (Standard Webhooks 1.0, "Signature scheme").
func (w *connector) sign(id, stamp string, body []byte) string {
	signed := []byte(id + "." + stamp + "." + string(body))
	var out []string
	for _, secret := range w.secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write(signed)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	if w.key != nil {
		out = append(out, "v1a,"+base64.StdEncoding.EncodeToString(ed25519.Sign(w.key, signed)))
	}
	return strings.Join(out, " ")
}
