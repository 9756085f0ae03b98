// Package whatsapp sends through Meta's WhatsApp Cloud API and reads its webhooks.
//
// It follows Meta's documents "Cloud API: messages", "Webhooks: getting started" and the reference of user_preferences.
// Its signatures carry no time, so a webhook can be repeated; the event's ID makes that harmless. It stores nothing.
package whatsapp

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"

	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "whatsapp"

// Config is an app at Meta. A message's sender is the ID of a phone number, not the number.
type Config struct {
	AppSecret   string `json:"app_secret"`
	VerifyToken string `json:"verify_token"` // chosen by the operator, entered when the webhook is set up
	AccessToken string `json:"access_token"`
	BaseURL     string `json:"base_url,omitempty"` // empty: https://graph.facebook.com/v23.0
}

// Provider is WhatsApp's Cloud API. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	endpoint messaging.Endpoint
}

// New returns the provider; it needs the app's secret, the verify token and an access token.
func New(c Config) (*Provider, error) {
	if c.AppSecret == "" || c.VerifyToken == "" || c.AccessToken == "" {
		return nil, errors.New("whatsapp: app_secret, verify_token and access_token are needed")
	}
	return &Provider{c, messaging.NewEndpoint(Name, c.BaseURL, "https://graph.facebook.com/v23.0")}, nil
}

// stoppedMarketing says that the person stopped marketing of this business; other messages may still be sent.
const stoppedMarketing = "131050"

// reasons are the codes of Meta's "Cloud API error codes" that say more than their status.
var reasons = map[string]messaging.Reason{
	stoppedMarketing: messaging.OptedOut,
	"131026":         messaging.InvalidNumber, // undeliverable: not on WhatsApp, or blocked the business
	"4":              messaging.RateLimited,
	"80007":          messaging.RateLimited,
	"130429":         messaging.RateLimited,
	"131048":         messaging.RateLimited,
	"131056":         messaging.RateLimited,
	"131016":         messaging.Temporary,
	"133004":         messaging.Temporary,
}

// Send sends a text within the service window that the person's own message opened.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	body := map[string]any{
		"messaging_product": "whatsapp", "recipient_type": "individual", "to": m.To.WithoutExtension().String()[1:],
		"type": "text", "text": map[string]any{"body": m.Text, "preview_url": false},
	}
	if m.Key != "" {
		body["biz_opaque_callback_data"] = m.Key
	}
	res, err := p.endpoint.PostJSON(ctx, "/"+url.PathEscape(m.From)+"/messages", body, func(r *http.Request) {
		r.Header.Set("Authorization", "Bearer "+p.config.AccessToken)
	})
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		Messages []struct {
			ID string `json:"id"`
		} `json:"messages"`
		Error struct {
			Code int `json:"code"`
		} `json:"error"`
	}
	res.Decode(&answer)
	var receipt messaging.Receipt
	if len(answer.Messages) > 0 {
		receipt.ID = answer.Messages[0].ID
	}
	code := ""
	if answer.Error.Code != 0 {
		code = strconv.Itoa(answer.Error.Code)
	}
	return receipt, p.endpoint.Judge(res, code, reasons)
}

// Receive answers the question by which Meta verifies a webhook, and verifies and reads the webhooks.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	if r.Method == http.MethodGet {
		q := r.Query()
		if q.Get("hub.mode") != "subscribe" || !messaging.Equal(q.Get("hub.verify_token"), p.config.VerifyToken) {
			return messaging.Delivery{}, messaging.ErrBadSignature
		}
		return messaging.Delivery{Answer: messaging.Answer{Status: http.StatusOK, Type: "text/plain", Body: q.Get("hub.challenge")}}, nil
	}
	if !messaging.Equal(r.Header.Get("X-Hub-Signature-256"), "sha256="+messaging.SHA256Hex(p.config.AppSecret, string(r.Body))) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	var hook webhook
	if err := messaging.Decode(r.Body, &hook); err != nil {
		return messaging.Delivery{}, err
	}
	events, err := hook.events()
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK}}, err
}
