// Package aws sends through AWS End User Messaging (SMS and voice v2) and reads what its topics publish through SNS:
// two-way messages and delivery events.
//
// It follows AWS's documents "SendTextMessage", "Signature Version 4", "Verifying the signatures of Amazon SNS
// messages" and "Two-way SMS payload". It stores nothing.
package aws

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// Name is how this provider is called in configuration, URLs and entries.
const Name = "aws"

// Config is an account at AWS. The topics are those that this deployment subscribed; others are refused.
type Config struct {
	Region       string   `json:"region"`
	AccessKeyID  string   `json:"access_key_id,omitempty"`
	SecretKey    string   `json:"secret_access_key,omitempty"`
	SessionToken string   `json:"session_token,omitempty"`
	TopicARNs    []string `json:"topic_arns,omitempty"`

	ConfigurationSet string `json:"configuration_set,omitempty"` // names where delivery events go
	BaseURL          string `json:"base_url,omitempty"`          // empty: https://sms-voice.<region>.amazonaws.com
}

// Provider is AWS. It implements messaging.Messenger and messaging.Receiver.
type Provider struct {
	config       Config
	endpoint     messaging.Endpoint
	now          func() time.Time
	fetch        func(url string) ([]byte, error)
	certificates certificates
}

// New returns the provider; it needs a region.
func New(c Config, now func() time.Time) (*Provider, error) {
	if c.Region == "" {
		return nil, errors.New("aws: region is missing")
	}
	endpoint := messaging.NewEndpoint(Name, c.BaseURL, "https://sms-voice."+c.Region+".amazonaws.com")
	fetch := get(endpoint.Client)
	return &Provider{
		config: c, endpoint: endpoint, now: now, fetch: fetch,
		certificates: newCertificates(fetch),
	}, nil
}

// reasons are the exceptions, and the reasons within them, that say more than their status.
var reasons = map[string]messaging.Reason{
	"DESTINATION_PHONE_NUMBER_OPTED_OUT": messaging.OptedOut,
	"VALIDATION_DESTINATION_NUMBER":      messaging.InvalidNumber,
	"ThrottlingException":                messaging.RateLimited,
	"InternalServerException":            messaging.Unclear,
}

// Send calls SendTextMessage, signed with Signature Version 4.
func (p *Provider) Send(ctx context.Context, m messaging.Message) (messaging.Receipt, error) {
	if p.config.AccessKeyID == "" || p.config.SecretKey == "" {
		return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Refused, Err: errors.New("no access key is configured")}
	}
	if m.Channel != consent.SMS {
		return messaging.Receipt{}, &messaging.SendError{Provider: Name, Reason: messaging.Refused, Err: errors.New("it carries text messages only")}
	}
	raw := encode(map[string]string{
		"DestinationPhoneNumber": m.To.WithoutExtension().String(), "OriginationIdentity": m.From, "MessageBody": m.Text,
		"MessageType": "TRANSACTIONAL", "ConfigurationSetName": p.config.ConfigurationSet,
	})
	res, err := p.endpoint.Post(ctx, "/", "application/x-amz-json-1.0", raw, func(r *http.Request) {
		r.Header.Set("X-Amz-Target", "PinpointSMSVoiceV2.SendTextMessage")
		sign(r, raw, p.config, "sms-voice", p.now())
	})
	if err != nil {
		return messaging.Receipt{}, err
	}
	var answer struct {
		ID     string `json:"MessageId"`
		Type   string `json:"__type"`
		Reason string `json:"Reason"`
		Fields []struct {
			Name string `json:"Name"`
		} `json:"Fields"`
	}
	res.Decode(&answer)
	code := answer.Type[strings.LastIndexByte(answer.Type, '#')+1:]
	switch {
	case len(answer.Fields) > 0 && answer.Fields[0].Name == "DestinationPhoneNumber":
		code = "VALIDATION_DESTINATION_NUMBER"
	case answer.Reason != "":
		code = answer.Reason
	}
	return messaging.Receipt{ID: answer.ID}, p.endpoint.Judge(res, code, reasons)
}
