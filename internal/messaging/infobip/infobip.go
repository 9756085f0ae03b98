// Package infobip sends through Infobip's SMS and WhatsApp APIs and reads what it forwards: messages and reports.
//
// It follows Infobip's documents "Send SMS message", "Receive inbound SMS messages" and "SMS delivery reports".
// Infobip lets the account choose how its webhooks prove themselves (an HMAC in a header that the account names, or
// Basic authentication), so both are configured here. It stores nothing.
package infobip

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "infobip"

// Config is an account at Infobip. Webhooks need either a signature's header and secret, or a user and a password.
type Config struct {
	APIKey  string `json:"api_key"`
	BaseURL string `json:"base_url"` // the account's own, such as https://xyz.api.infobip.com

	SignatureHeader    string `json:"signature_header,omitempty"`
	SignatureSecret    string `json:"signature_secret,omitempty"`
	SignatureAlgorithm string `json:"signature_algorithm,omitempty"` // sha256 (when empty), sha512, sha384, sha224, sha1, md5

	WebhookUser     string `json:"webhook_user,omitempty"`
	WebhookPassword string `json:"webhook_password,omitempty"`
}

// Provider is Infobip. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	newHash  func() hash.Hash
	endpoint messaging.Endpoint
}

var algorithms = map[string]func() hash.Hash{
	"": sha256.New, "sha256": sha256.New, "sha512": sha512.New, "sha384": sha512.New384, "sha224": sha256.New224,
	"sha1": sha1.New, "md5": md5.New,
}

// New returns the provider; it needs the API's key and address, and one way in which webhooks prove themselves.
func New(c Config) (*Provider, error) {
	newHash, known := algorithms[c.SignatureAlgorithm]
	switch {
	case c.APIKey == "" || c.BaseURL == "":
		return nil, errors.New("infobip: api_key and base_url are needed: each account has an address of its own")
	case !known:
		return nil, fmt.Errorf("infobip: signature_algorithm %q: want sha256, sha512, sha384, sha224, sha1 or md5", c.SignatureAlgorithm)
	case (c.SignatureHeader == "") != (c.SignatureSecret == ""):
		return nil, errors.New("infobip: signature_header and signature_secret belong together")
	case c.SignatureHeader == "" && (c.WebhookUser == "" || c.WebhookPassword == ""):
		return nil, errors.New("infobip: give signature_header and signature_secret, or webhook_user and webhook_password")
	}
	return &Provider{c, newHash, messaging.NewEndpoint(Name, c.BaseURL, c.BaseURL)}, nil
}

// reasons are the names of Infobip's "Response status and error codes" that say more than their status.
var reasons = map[string]messaging.Reason{
	"REJECTED_DND":                        messaging.OptedOut,
	"REJECTED_DESTINATION":                messaging.OptedOut, // on the account's blocklist
	"REJECTED_PREFIX_MISSING":             messaging.InvalidNumber,
	"REJECTED_DESTINATION_NOT_REGISTERED": messaging.InvalidNumber,
	"REJECTED_FLOODING_FILTER":            messaging.RateLimited,
	"REJECTED_SYSTEM_ERROR":               messaging.Temporary,
	"TOO_MANY_REQUESTS":                   messaging.RateLimited,
}

// Send sends an SMS, or a WhatsApp text.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	to, from := m.To.WithoutExtension().String()[1:], strings.TrimPrefix(m.From, "+")
	path, body := "/sms/3/messages", map[string]any{"messages": []any{map[string]any{
		"sender": from, "destinations": []any{map[string]string{"to": to}}, "content": map[string]string{"text": m.Text},
	}}}
	if m.Channel == consent.WhatsApp {
		path, body = "/whatsapp/1/message/text", map[string]any{"from": from, "to": to, "content": map[string]string{"text": m.Text}}
	}
	res, err := p.endpoint.PostJSON(ctx, path, body, func(r *http.Request) {
		r.Header.Set("Authorization", "App "+p.config.APIKey)
	})
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		taken
		Messages []taken `json:"messages"`
		Error    struct {
			Service struct {
				ID string `json:"messageId"`
			} `json:"serviceException"`
		} `json:"requestError"`
	}
	res.Decode(&answer)
	got := answer.taken
	if len(answer.Messages) > 0 {
		got = answer.Messages[0]
	}
	code := answer.Error.Service.ID
	if strings.HasPrefix(got.Status.Group, "REJECTED") {
		code = got.Status.Name
		if _, known := reasons[code]; !known {
			return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Refused, Code: code}
		}
	}
	return messaging.Receipt{ID: got.ID}, p.endpoint.Judge(res, code, reasons)
}

type status struct {
	Group string `json:"groupName"`
	Name  string `json:"name"`
}

type taken struct {
	ID     string `json:"messageId"`
	Status status `json:"status"`
}

// Receive verifies and reads a batch of messages or reports.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	if !p.proven(r) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	var batch struct {
		Results []result `json:"results"`
	}
	if err := messaging.Decode(r.Body, &batch); err != nil {
		return messaging.Delivery{}, err
	}
	var d messaging.Delivery
	for i := range batch.Results {
		e, ok, err := batch.Results[i].event()
		if err != nil {
			return messaging.Delivery{}, err
		}
		if ok {
			d.Events = append(d.Events, e)
		}
	}
	d.Answer.Status = http.StatusOK
	return d, nil
}

func (p *Provider) proven(r messaging.Request) bool {
	if p.config.SignatureHeader != "" {
		sent := strings.ToLower(strings.TrimSpace(r.Header.Get(p.config.SignatureHeader)))
		return messaging.Equal(sent, hex.EncodeToString(messaging.MAC(p.newHash, p.config.SignatureSecret, string(r.Body))))
	}
	user, password, ok := (&http.Request{Header: r.Header}).BasicAuth()
	same := messaging.Equal(user, p.config.WebhookUser)
	return messaging.Equal(password, p.config.WebhookPassword) && same && ok
}

type result struct {
	ID          string `json:"messageId"`
	From        string `json:"from"`
	Sender      string `json:"sender"`
	To          string `json:"to"`
	Text        string `json:"text"`
	ReceivedAt  string `json:"receivedAt"`
	DoneAt      string `json:"doneAt"`
	Integration string `json:"integrationType"`
	Channel     string `json:"channel"`
	Message     struct {
		Text string `json:"text"`
	} `json:"message"`
	Status *status `json:"status"`
}

func (r *result) event() (e messaging.Event, ok bool, err error) {
	e = messaging.Event{
		ID: r.ID, Number: messaging.Plus(r.From), Sender: messaging.Plus(r.To), Channel: consent.SMS,
		Text: r.Text, At: when(r.ReceivedAt),
	}
	if strings.EqualFold(r.Integration, "WHATSAPP") || strings.EqualFold(r.Channel, "WHATSAPP") {
		e.Channel = consent.WhatsApp
	}
	if e.Text == "" {
		e.Text = r.Message.Text
	}
	if r.Status != nil {
		e.Number, e.Sender, e.Text = messaging.Plus(r.To), messaging.Plus(r.From+r.Sender), ""
		e.At, e.Code = when(r.DoneAt), r.Status.Name
	}
	if e.ID == "" || e.Number == "" {
		return e, false, &messaging.MalformedError{Why: "a result has no messageId or number"}
	}
	if r.Status == nil {
		return e, true, nil
	}
	switch {
	case r.Status.Group == "DELIVERED":
		e.Kind = messaging.Delivered
	case r.Status.Group == "PENDING" || r.Status.Group == "ACCEPTED":
		return e, false, nil
	case reasons[e.Code] == messaging.OptedOut:
		e.Kind = messaging.OptedOutThere
	default:
		e.Kind = messaging.Failed
	}
	return e, true, nil
}
