// Package bird reads the webhooks of Bird, and those of MessageBird, which it was called before.
//
// It follows the documents "Verifying a webhook" of Bird and "Verify HTTP requests" of MessageBird. It stores nothing.
package bird

import (
	"crypto/sha256"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "bird"

// Config is a webhook subscription at Bird, or an account at MessageBird.
type Config struct {
	SigningKey string `json:"signing_key"`
}

// Provider is Bird. It implements messaging.Receiver.
type Provider struct{ config Config }

// New returns the provider; it needs the signing key.
func New(c Config) (*Provider, error) {
	if c.SigningKey == "" {
		return nil, errors.New("bird: signing_key is missing: webhooks are signed with it")
	}
	return &Provider{c}, nil
}

// Receive verifies and reads a webhook of either.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	if token := r.Header.Get("MessageBird-Signature-JWT"); token != "" {
		return p.receiveOld(r, token)
	}
	timestamp := r.Header.Get("MessageBird-Request-Timestamp")
	sum := sha256.Sum256(r.Body)
	want := messaging.SHA256Base64(p.config.SigningKey, timestamp, "\n", r.URL, "\n", string(sum[:]))
	if !messaging.Equal(r.Header.Get("MessageBird-Signature"), want) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if err := messaging.Fresh(messaging.Unix(timestamp), r.At); err != nil {
		return messaging.Delivery{}, err
	}
	var hook webhook
	if err := messaging.Decode(r.Body, &hook); err != nil {
		return messaging.Delivery{}, err
	}
	events, err := hook.events()
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK}}, err
}

type contact struct {
	Contact struct {
		Key   string `json:"identifierKey"`
		Value string `json:"identifierValue"`
	} `json:"contact"`
	Contacts []struct {
		Value string `json:"identifierValue"`
	} `json:"contacts"`
	Connector struct {
		ID    string `json:"id"`
		Value string `json:"identifierValue"`
	} `json:"connector"`
}

type webhook struct {
	Event   string `json:"event"`
	Payload struct {
		ID        string  `json:"id"`
		ChannelID string  `json:"channelId"`
		Sender    contact `json:"sender"`
		Receiver  contact `json:"receiver"`
		Body      struct {
			Text struct {
				Text string `json:"text"`
			} `json:"text"`
		} `json:"body"`
		Status    string `json:"status"`
		Direction string `json:"direction"`
		CreatedAt string `json:"createdAt"`
	} `json:"payload"`
}

func (w *webhook) events() ([]messaging.Event, error) {
	p := &w.Payload
	platform, what, _ := strings.Cut(w.Event, ".")
	e := messaging.Event{ID: p.ID, Service: p.ChannelID, At: messaging.RFC3339(p.CreatedAt)}
	switch platform {
	case "sms", "rcs":
		e.Channel = consent.SMS
	case "whatsapp":
		e.Channel = consent.WhatsApp
	default:
		return nil, nil
	}
	if p.ID == "" {
		return nil, &messaging.MalformedError{Why: "the payload has no id"}
	}
	switch {
	case what == "inbound" || p.Direction == "incoming":
		e.Number, e.Sender, e.Text = p.Sender.Contact.Value, p.Receiver.Connector.Value, p.Body.Text.Text
		if e.Sender == "" {
			e.Sender = p.ChannelID
		}
	case len(p.Receiver.Contacts) == 0:
		return nil, nil
	default:
		e.Number, e.Sender = p.Receiver.Contacts[0].Value, p.ChannelID
		switch p.Status {
		case "delivered":
			e.Kind = messaging.Delivered
		case "delivery_failed", "sending_failed", "rejected", "expired":
			e.Kind = messaging.Failed
		default:
			return nil, nil
		}
	}
	return []messaging.Event{e}, nil
}

// receiveOld reads a callback of MessageBird, signed with a token over the URL and the body.
func (p *Provider) receiveOld(r messaging.Request, token string) (messaging.Delivery, error) {
	claims, err := messaging.ParseToken(token, p.config.SigningKey, r.At)
	if err != nil {
		return messaging.Delivery{}, err
	}
	body := ""
	if len(r.Body) > 0 {
		body = messaging.BodyHash(r.Body)
	}
	if claims.Issuer != "MessageBird" || !messaging.Equal(claims.URLHash, messaging.BodyHash([]byte(r.URL))) ||
		!messaging.Equal(claims.PayloadHash, body) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	form := r.Query()
	if r.Method != http.MethodGet {
		if form, err = r.Form(); err != nil {
			return messaging.Delivery{}, err
		}
	}
	events, err := oldEvents(form)
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK, Type: "text/plain", Body: "OK"}}, err
}

func oldEvents(form url.Values) ([]messaging.Event, error) {
	e := messaging.Event{ID: form.Get("id"), Channel: consent.SMS}
	status := form.Get("status")
	if status == "" {
		e.Number, e.Sender = messaging.Plus(form.Get("originator")), messaging.Plus(form.Get("recipient"))
		e.At = messaging.RFC3339(form.Get("createdDatetime"))
		if e.Text = form.Get("body"); e.Text == "" {
			e.Text = form.Get("message")
		}
	} else {
		e.Number, e.Code, e.At = messaging.Plus(form.Get("recipient")), form.Get("statusErrorCode"), messaging.RFC3339(form.Get("statusDatetime"))
	}
	switch {
	case e.ID == "" || e.Number == "":
		return nil, &messaging.MalformedError{Why: "it has no id or number"}
	case status == "delivered":
		e.Kind = messaging.Delivered
	case status == "delivery_failed" || status == "expired":
		e.Kind = messaging.Failed
	case status != "":
		return nil, nil
	}
	return []messaging.Event{e}, nil
}
