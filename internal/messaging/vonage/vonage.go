// Package vonage sends through Vonage's Messages API, and reads the callbacks of that API (signed with a token) and of
// the older SMS API (signed with a parameter).
//
// It follows Vonage's documents "Messages API", "Webhooks: decoding signed webhooks" and "Signing messages". It stores
// nothing.
package vonage

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "vonage"

// Config is an account at Vonage. Either APISecret or ApplicationID with PrivateKey opens the API.
type Config struct {
	APIKey          string `json:"api_key"`
	APISecret       string `json:"api_secret,omitempty"`
	SignatureSecret string `json:"signature_secret"`

	// SignatureMethod is how the SMS API signs: md5hash, md5, sha1, sha256 or sha512; empty: md5hash, Vonage's default.
	SignatureMethod string `json:"signature_method,omitempty"`

	ApplicationID string `json:"application_id,omitempty"`
	PrivateKey    string `json:"private_key,omitempty"` // PEM

	BaseURL string `json:"base_url,omitempty"` // empty: https://api.nexmo.com
}

// Provider is Vonage. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config   Config
	key      *rsa.PrivateKey
	endpoint messaging.Endpoint
	now      func() time.Time
}

// New returns the provider; it needs the signature secret and one way into the API.
func New(c Config, now func() time.Time) (*Provider, error) {
	if c.SignatureSecret == "" {
		return nil, errors.New("vonage: signature_secret is needed: callbacks are signed with it")
	}
	if c.SignatureMethod == "" {
		c.SignatureMethod = "md5hash"
	}
	if _, known := signatures[c.SignatureMethod]; !known {
		return nil, fmt.Errorf("vonage: signature_method %q: want md5hash, md5, sha1, sha256 or sha512", c.SignatureMethod)
	}
	p := &Provider{config: c, endpoint: messaging.NewEndpoint(Name, c.BaseURL, "https://api.nexmo.com"), now: now}
	switch {
	case c.PrivateKey != "":
		var err error
		if p.key, err = parseKey(c.PrivateKey); err != nil {
			return nil, fmt.Errorf("vonage: private_key: %w", err)
		}
	case c.APIKey == "" || c.APISecret == "":
		return nil, errors.New("vonage: give application_id and private_key, or api_key and api_secret")
	}
	return p, nil
}

func parseKey(text string) (*rsa.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("want PEM")
	}
	if key, err := x509.ParsePKCS1PrivateKey(block.Bytes); err == nil {
		return key, nil
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	key, ok := parsed.(*rsa.PrivateKey)
	if err != nil || !ok {
		return nil, errors.New("want an RSA key")
	}
	return key, nil
}

// reasons are the titles' codes of the Messages API (the end of the problem's type) and of the SMS API.
var reasons = map[string]messaging.Reason{
	"1170":       messaging.InvalidNumber,
	"1120":       messaging.InvalidNumber, // illegal sender or recipient
	"invalid-to": messaging.InvalidNumber,
	"throttled":  messaging.RateLimited,
	"1000":       messaging.RateLimited,
}

// Send posts to the Messages API. A person who opted out at Vonage is told of later, by a receipt with code 9.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	channel := "sms"
	if m.Channel == consent.WhatsApp {
		channel = "whatsapp"
	}
	token := ""
	if p.key != nil {
		var err error
		if token, err = applicationToken(p.key, p.config.ApplicationID, p.now()); err != nil {
			return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Refused, Err: err}
		}
	}
	body := map[string]string{
		"message_type": "text", "text": m.Text, "to": m.To.WithoutExtension().String()[1:], "from": strings.TrimPrefix(m.From, "+"),
		"channel": channel, "client_ref": m.Key,
	}
	res, err := p.endpoint.PostJSON(ctx, "/v1/messages", body, func(r *http.Request) {
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
			return
		}
		r.SetBasicAuth(p.config.APIKey, p.config.APISecret)
	})
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		ID   string `json:"message_uuid"`
		Type string `json:"type"`
	}
	res.Decode(&answer)
	return messaging.Receipt{ID: answer.ID}, p.endpoint.Judge(res, lastPart(answer.Type), reasons)
}

// lastPart is the code in a problem's type, such as https://developer.vonage.com/api-errors/messages#1170.
func lastPart(typ string) string { return typ[strings.LastIndexAny(typ, "#/")+1:] }

// Receive reads a callback of the Messages API, if it has a token, or of the SMS API.
func (p *Provider) Receive(r messaging.Request) (messaging.Delivery, error) {
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return p.receiveMessages(r, strings.TrimSpace(token))
	}
	return p.receiveSMS(r)
}

func (p *Provider) receiveMessages(r messaging.Request, token string) (messaging.Delivery, error) {
	claims, err := messaging.ParseToken(token, p.config.SignatureSecret, r.At)
	if err != nil {
		return messaging.Delivery{}, err
	}
	if p.config.APIKey != "" && claims.APIKey != p.config.APIKey {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	if !messaging.Equal(strings.ToLower(claims.PayloadHash), messaging.BodyHash(r.Body)) {
		return messaging.Delivery{}, messaging.ErrBadSignature
	}
	var m message
	if err := messaging.Decode(r.Body, &m); err != nil {
		return messaging.Delivery{}, err
	}
	events, err := m.events()
	return messaging.Delivery{Events: events, Answer: messaging.Answer{Status: http.StatusOK}}, err
}
