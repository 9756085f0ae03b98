// Package sinch sends through Sinch's Conversation API and reads its callbacks.
//
// It follows Sinch's documents "Conversation API: callbacks", "Validating callbacks" and "Consent management". It
// stores nothing.
package sinch

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "sinch"

// Config is an app of the Conversation API.
type Config struct {
	ProjectID     string `json:"project_id"`
	AppID         string `json:"app_id"`
	KeyID         string `json:"key_id"`
	KeySecret     string `json:"key_secret"`
	WebhookSecret string `json:"webhook_secret"`
	Region        string `json:"region,omitempty"`   // us, eu or br; empty: us
	BaseURL       string `json:"base_url,omitempty"` // empty: that of the region
}

// Provider is Sinch. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	endpoint messaging.Endpoint
}

// New returns the provider; it needs the project, the app, an access key and the webhook's secret.
func New(c Config) (*Provider, error) {
	if c.ProjectID == "" || c.AppID == "" || c.KeyID == "" || c.KeySecret == "" || c.WebhookSecret == "" {
		return nil, errors.New("sinch: project_id, app_id, key_id, key_secret and webhook_secret are needed")
	}
	region := c.Region
	if region == "" {
		region = "us"
	}
	return &Provider{c, messaging.NewEndpoint(Name, c.BaseURL, "https://"+region+".conversation.api.sinch.com")}, nil
}

// reasons are the codes of Sinch's errors that say more than their status.
var reasons = map[string]messaging.Reason{
	"RESOURCE_EXHAUSTED":                messaging.RateLimited,
	"UNAVAILABLE":                       messaging.Temporary,
	"RECIPIENT_INVALID_CHANNEL_ADDRESS": messaging.InvalidNumber,
	"RECIPIENT_OPTED_OUT":               messaging.OptedOut,
	"257":                               messaging.OptedOut, // toll-free, kept by the network
}

// Send sends a text message to the number as a channel identity. Whether the person is opted out is told later.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	channel, property := "SMS", "SMS_SENDER"
	if m.Channel == consent.WhatsApp {
		channel, property = "WHATSAPP", ""
	}
	body := map[string]any{
		"app_id": p.config.AppID,
		"recipient": map[string]any{"identified_by": map[string]any{"channel_identities": []map[string]string{
			{"channel": channel, "identity": m.To.WithoutExtension().String()},
		}}},
		"message":          map[string]any{"text_message": map[string]string{"text": m.Text}},
		"message_metadata": m.Key,
	}
	if property != "" && m.From != "" {
		body["channel_properties"] = map[string]string{property: m.From}
	}
	res, err := p.endpoint.PostJSON(ctx, "/v1/projects/"+url.PathEscape(p.config.ProjectID)+"/messages:send", body, func(r *http.Request) {
		r.SetBasicAuth(p.config.KeyID, p.config.KeySecret)
	})
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		ID    string `json:"message_id"`
		Error struct {
			Status string `json:"status"`
		} `json:"error"`
	}
	res.Decode(&answer)
	return messaging.Receipt{ID: answer.ID}, p.endpoint.Judge(res, answer.Error.Status, reasons)
}

// Receive verifies and reads a callback.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	nonce, timestamp := r.Header.Get("X-Sinch-Webhook-Signature-Nonce"), r.Header.Get("X-Sinch-Webhook-Signature-Timestamp")
	want := messaging.SHA256Base64(p.config.WebhookSecret, string(r.Body), ".", nonce, ".", timestamp)
	if r.Header.Get("X-Sinch-Webhook-Signature-Algorithm") != "HmacSHA256" ||
		!messaging.Equal(r.Header.Get("X-Sinch-Webhook-Signature"), want) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if err := messaging.Fresh(messaging.Unix(timestamp), r.At); err != nil {
		return messaging.Delivery{}, err
	}
	var c callback
	if err := messaging.Decode(r.Body, &c); err != nil {
		return messaging.Delivery{}, err
	}
	if c.AppID != p.config.AppID {
		return messaging.Delivery{}, messaging.ErrBadSignature // signed for another app of the project
	}
	events, err := c.events()
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK}}, err
}

type identity struct {
	Channel  string `json:"channel"`
	Identity string `json:"identity"`
}

type notification struct {
	RequestID string `json:"request_id"`
	Channel   string `json:"channel"`
	Identity  string `json:"identity"`
	Status    string `json:"status"`
}

type callback struct {
	AppID     string `json:"app_id"`
	EventTime string `json:"event_time"`
	Message   *struct {
		ID      string   `json:"id"`
		Channel identity `json:"channel_identity"`
		Sender  string   `json:"sender_id"`
		At      string   `json:"accept_time"`
		Contact struct {
			Text struct {
				Text string `json:"text"`
			} `json:"text_message"`
			Choice struct {
				Postback string `json:"postback_data"`
			} `json:"choice_response_message"`
		} `json:"contact_message"`
	} `json:"message"`
	Report *struct {
		ID      string   `json:"message_id"`
		Status  string   `json:"status"`
		Channel identity `json:"channel_identity"`
		Reason  struct {
			Code        string `json:"code"`
			ChannelCode string `json:"channel_code"`
		} `json:"reason"`
	} `json:"message_delivery_report"`
	OptOut *notification `json:"opt_out_notification"`
	OptIn  *notification `json:"opt_in_notification"`
}

func (c *callback) events() ([]messaging.Event, error) {
	switch {
	case c.Message != nil:
		return c.text()
	case c.Report != nil:
		return c.report()
	case c.OptOut != nil && c.OptOut.Status == "OPT_OUT_SUCCEEDED":
		return c.notified(c.OptOut, messaging.OptedOutThere)
	case c.OptIn != nil && c.OptIn.Status == "OPT_IN_SUCCEEDED":
		return c.notified(c.OptIn, messaging.OptedInThere)
	}
	return nil, nil
}

func (c *callback) text() ([]messaging.Event, error) {
	m := c.Message
	channel, ok := channelOf(m.Channel.Channel)
	if !ok {
		return nil, nil
	}
	if m.ID == "" || m.Channel.Identity == "" {
		return nil, &messaging.MalformedError{Why: "the message has no id or channel_identity"}
	}
	text := m.Contact.Text.Text
	if text == "" {
		text = m.Contact.Choice.Postback
	}
	return []messaging.Event{{
		Kind: messaging.Text, ID: m.ID, Number: messaging.Plus(m.Channel.Identity), Sender: messaging.Plus(m.Sender),
		Service: c.AppID, Channel: channel, Text: text, At: messaging.RFC3339(m.At),
	}}, nil
}

func (c *callback) report() ([]messaging.Event, error) {
	channel, ok := channelOf(c.Report.Channel.Channel)
	e := messaging.Event{
		ID: c.Report.ID, Number: messaging.Plus(c.Report.Channel.Identity), Service: c.AppID, Channel: channel,
		Code: c.Report.Reason.Code, At: messaging.RFC3339(c.EventTime),
	}
	switch {
	case !ok:
		return nil, nil
	case c.Report.Status == "DELIVERED" || c.Report.Status == "READ":
		e.Kind = messaging.Delivered
	case c.Report.Status != "FAILED":
		return nil, nil
	case reasons[e.Code] == messaging.OptedOut || reasons[c.Report.Reason.ChannelCode] == messaging.OptedOut:
		e.Kind = messaging.OptedOutThere
	default:
		e.Kind = messaging.Failed
	}
	return []messaging.Event{e}, nil
}

func (c *callback) notified(n *notification, kind messaging.EventKind) ([]messaging.Event, error) {
	channel, ok := channelOf(n.Channel)
	if !ok {
		return nil, nil
	}
	if n.Identity == "" {
		return nil, &messaging.MalformedError{Why: "the notification has no identity"}
	}
	id := n.RequestID
	if id == "" {
		id = c.EventTime
	}
	return []messaging.Event{{
		Kind: kind, ID: id, Number: messaging.Plus(n.Identity), Service: c.AppID, Channel: channel, At: messaging.RFC3339(c.EventTime),
	}}, nil
}

// channelOf reads a channel's name; ok is false for those whose identities are no numbers.
func channelOf(name string) (c consent.Channel, ok bool) {
	switch strings.ToUpper(name) {
	case "SMS", "MMS", "RCS":
		return consent.SMS, true
	case "WHATSAPP":
		return consent.WhatsApp, true
	}
	return consent.SMS, false
}
