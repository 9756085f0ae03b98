// Package telnyx sends through Telnyx's Messaging API v2 and reads its webhooks, which are signed with Ed25519.
//
// It follows Telnyx's documents "Send a message", "Receiving webhooks" and "Webhook verification". It stores nothing.
package telnyx

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "telnyx"

// Config is an account at Telnyx.
type Config struct {
	APIKey    string `json:"api_key"`
	PublicKey string `json:"public_key"`           // base64, from the portal's "Keys & Credentials"
	ProfileID string `json:"profile_id,omitempty"` // the messaging profile of alphanumeric senders
	BaseURL   string `json:"base_url,omitempty"`   // empty: https://api.telnyx.com
}

// Provider is Telnyx. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	public   ed25519.PublicKey
	endpoint messaging.Endpoint
}

// New returns the provider; it needs an API key, and the public key that webhooks are verified with.
func New(c Config) (*Provider, error) {
	public, err := base64.StdEncoding.DecodeString(c.PublicKey)
	if err != nil || len(public) != ed25519.PublicKeySize {
		return nil, errors.New("telnyx: public_key: want the 32 bytes of an Ed25519 key in base64, as the portal shows it")
	}
	if c.APIKey == "" {
		return nil, errors.New("telnyx: api_key is missing")
	}
	return &Provider{c, public, messaging.NewEndpoint(Name, c.BaseURL, "https://api.telnyx.com")}, nil
}

// reasons are the codes of Telnyx's messaging errors that say more than their status.
var reasons = map[string]messaging.Reason{
	"40300": messaging.OptedOut, // blocked due to STOP message
	"40310": messaging.InvalidNumber,
	"40301": messaging.InvalidNumber, // unsupported message type to the number, such as a landline
	"10011": messaging.RateLimited,
	"40311": messaging.RateLimited,
	"40318": messaging.RateLimited, // the queue is full
}

// Send creates a message.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	body := map[string]string{"from": m.From, "to": m.To.WithoutExtension().String(), "text": m.Text}
	if p.config.ProfileID != "" {
		body["messaging_profile_id"] = p.config.ProfileID
	}
	res, err := p.endpoint.PostJSON(ctx, "/v2/messages", body, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+p.config.APIKey)
		if m.Key != "" {
			r.Header.Set("Idempotency-Key", m.Key)
		}
	})
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		Data struct {
			ID string `json:"id"`
		} `json:"data"`
		Errors []flaw `json:"errors"`
	}
	res.Decode(&answer)
	return messaging.Receipt{ID: answer.Data.ID}, p.endpoint.Judge(res, firstCode(answer.Errors), reasons)
}

type flaw struct {
	Code string `json:"code"`
}

func firstCode(errs []flaw) string {
	if len(errs) == 0 {
		return ""
	}
	return errs[0].Code
}

// Receive verifies and reads a webhook.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	timestamp := r.Header.Get("Telnyx-Timestamp")
	signature, err := base64.StdEncoding.DecodeString(r.Header.Get("Telnyx-Signature-Ed25519"))
	if err != nil || !ed25519.Verify(p.public, append([]byte(timestamp+"|"), r.Body...), signature) {
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

type address struct {
	Number string `json:"phone_number"`
	Status string `json:"status"`
}

type webhook struct {
	Data struct {
		Type       string `json:"event_type"`
		OccurredAt string `json:"occurred_at"`
		Payload    struct {
			ID           string    `json:"id"`
			From         address   `json:"from"`
			To           []address `json:"to"`
			Text         string    `json:"text"`
			ProfileID    string    `json:"messaging_profile_id"`
			AutoResponse string    `json:"autoresponse_type"`
			Errors       []flaw    `json:"errors"`
			ReceivedAt   string    `json:"received_at"`
		} `json:"payload"`
	} `json:"data"`
}

func (w *webhook) events() ([]messaging.Event, error) {
	p := &w.Data.Payload
	if p.ID == "" || len(p.To) == 0 {
		if strings.HasPrefix(w.Data.Type, "message.") {
			return nil, &messaging.MalformedError{Why: "it has no payload with id and to"}
		}
		return nil, nil // of another product
	}
	e := messaging.Event{
		ID: p.ID, Number: p.From.Number, Sender: p.To[0].Number, Service: p.ProfileID, Channel: consent.SMS,
		Text: p.Text, At: messaging.RFC3339(p.ReceivedAt),
	}
	switch w.Data.Type {
	case "message.received":
		return append([]messaging.Event{e}, kept(e, p.AutoResponse)...), nil
	case "message.finalized":
		e.Number, e.Sender, e.Text, e.Code = p.To[0].Number, p.From.Number, "", firstCode(p.Errors)
		e.At = messaging.RFC3339(w.Data.OccurredAt)
		return receipt(e, p.To[0].Status), nil
	}
	return nil, nil
}

// kept is what Telnyx did about a message by itself. Its documents and its libraries spell the operations differently.
func kept(text messaging.Event, autoResponse string) []messaging.Event {
	e := text
	e.Text = ""
	switch strings.ToLower(autoResponse) {
	case "opt_out", "stop":
		e.Kind = messaging.OptedOutThere
	case "opt_in", "start":
		e.Kind = messaging.OptedInThere
	default:
		return nil
	}
	return []messaging.Event{e}
}

func receipt(e messaging.Event, status string) []messaging.Event {
	switch {
	case status == "delivered":
		e.Kind = messaging.Delivered
	case reasons[e.Code] == messaging.OptedOut:
		e.Kind = messaging.OptedOutThere
	default:
		e.Kind = messaging.Failed
	}
	return []messaging.Event{e}
}
