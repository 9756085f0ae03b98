// Package generic reads messages from any system that can sign them: JSON under the signatures of Standard Webhooks.
//
// The body is one event, or {"events": […]}. It follows the specification "Standard Webhooks" 1.0, symmetric variant
// (v1). It stores nothing.
package generic

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "generic"

// Config holds the secrets that are shared with the sending system; more than one while they are rotated.
type Config struct {
	Secrets []string `json:"secrets"` // "whsec_" and base64
}

// Provider is any system that signs. It implements messaging.Receiver.
type Provider struct{ keys []string }

// New returns the provider; it needs a secret of 24 to 64 bytes, in base64 after "whsec_".
func New(c Config) (*Provider, error) {
	p := &Provider{}
	for _, s := range c.Secrets {
		key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(s, "whsec_"))
		if err != nil || len(key) < 24 || len(key) > 64 {
			return nil, errors.New("generic: secrets: want whsec_ and 24 to 64 bytes in base64")
		}
		p.keys = append(p.keys, string(key))
	}
	if len(p.keys) == 0 {
		return nil, errors.New("generic: secrets are missing")
	}
	return p, nil
}

// Event is one event in the body.
type Event struct {
	Type    string          `json:"type"` // text, opted_out, opted_in, delivered, failed or deactivated
	ID      string          `json:"id"`
	Number  string          `json:"number"` // the person's, in E.164
	Sender  string          `json:"sender"` // ours
	Channel consent.Channel `json:"channel"`
	Text    string          `json:"text,omitempty"`
	At      time.Time       `json:"at,omitzero"`
	Code    string          `json:"code,omitempty"`
}

var kinds = map[string]messaging.EventKind{
	"text": messaging.Text, "": messaging.Text, "opted_out": messaging.OptedOutThere, "opted_in": messaging.OptedInThere,
	"delivered": messaging.Delivered, "failed": messaging.Failed, "deactivated": messaging.Deactivated,
}

// Receive verifies and reads a webhook.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	id, timestamp := r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp")
	if id == "" || !p.verify(id, timestamp, r) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if err := messaging.Fresh(messaging.Unix(timestamp), r.At); err != nil {
		return messaging.Delivery{}, err
	}
	var body struct {
		Event
		Events []Event `json:"events"`
	}
	body.Channel = consent.SMS
	if err := messaging.Decode(r.Body, &body); err != nil {
		return messaging.Delivery{}, err
	}
	if body.Events == nil {
		body.Events = []Event{body.Event}
	}
	var d messaging.Delivery
	for i, e := range body.Events {
		kind, known := kinds[e.Type]
		if !known || e.ID == "" || e.Number == "" {
			return messaging.Delivery{}, &messaging.MalformedError{Why: fmt.Sprintf("event %d: want a known type, an id and a number", i)}
		}
		if e.Channel == consent.AnyChannel {
			e.Channel = consent.SMS
		}
		d.Events = append(d.Events, messaging.Event{
			Kind: kind, ID: e.ID, Number: e.Number, Sender: e.Sender, Channel: e.Channel, Text: e.Text, At: e.At.UTC(), Code: e.Code,
		})
	}
	return d, nil
}

func (p *Provider) verify(id, timestamp string, r messaging.Request) bool {
	held := false
	for signature := range strings.FieldsSeq(r.Header.Get("Webhook-Signature")) {
		for _, key := range p.keys {
			if messaging.Equal(signature, "v1,"+messaging.SHA256Base64(key, id, ".", timestamp, ".", string(r.Body))) {
				held = true
			}
		}
	}
	return held
}
