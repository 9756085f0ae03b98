package aws

import (
	"crypto/x509"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

func newCertificates(fetch func(string) ([]byte, error)) certificates {
	return certificates{fetch: fetch, known: map[string]*x509.Certificate{}}
}

// payload is what the topics carry: a two-way message, or a delivery event.
type payload struct {
	From string `json:"originationNumber"`
	To   string `json:"destinationNumber"`
	Body string `json:"messageBody"`
	ID   string `json:"inboundMessageId"`

	EventType   string `json:"eventType"`
	EventTime   int64  `json:"eventTimestamp"` // milliseconds
	MessageID   string `json:"messageId"`
	Destination string `json:"destinationPhoneNumber"`
	Origination string `json:"originationPhoneNumber"`
	Final       *bool  `json:"isFinal"`
}

func eventsOf(message string, published time.Time) ([]messaging.Event, error) {
	var p payload
	if err := messaging.Decode([]byte(message), &p); err != nil {
		return nil, err
	}
	switch {
	case p.ID != "" && p.From != "":
		return []messaging.Event{{
			Kind: messaging.Text, ID: p.ID, Number: p.From, Sender: p.To, Channel: consent.SMS, Text: p.Body, At: published,
		}}, nil
	case p.EventType != "" && p.MessageID != "" && p.Destination != "":
		return p.receipt(), nil
	}
	return nil, &messaging.MalformedError{Why: "it is neither a message nor a delivery event"}
}

func (p *payload) receipt() []messaging.Event {
	e := messaging.Event{
		ID: p.MessageID, Number: messaging.Plus(p.Destination), Sender: messaging.Plus(p.Origination), Channel: consent.SMS,
		Code: p.EventType, At: time.UnixMilli(p.EventTime).UTC(),
	}
	switch strings.TrimPrefix(p.EventType, "TEXT_") {
	case "DELIVERED":
		e.Kind = messaging.Delivered
	case "BLOCKED", "CARRIER_BLOCKED", "CARRIER_UNREACHABLE", "INVALID", "INVALID_MESSAGE", "SPAM", "TTL_EXPIRED", "UNREACHABLE":
		e.Kind = messaging.Failed
	default:
		return nil
	}
	if p.Final != nil && !*p.Final {
		return nil
	}
	return []messaging.Event{e}
}
