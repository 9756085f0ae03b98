package twilio

import (
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// eventsOf reads the parameters of one callback.
func eventsOf(get func(string) string) ([]messaging.Event, error) {
	id := get("MessageSid")
	if id == "" {
		id = get("SmsSid")
	}
	if id == "" {
		return nil, &messaging.MalformedError{Why: "it has no MessageSid"}
	}
	// Inbound messages carry their status too: only those of receipts speak of ours.
	if status := get("MessageStatus"); status != "" && !inbound(status) {
		return receipt(id, status, get), nil
	}
	channel, number := split(get("From"))
	_, sender := split(get("To"))
	e := messaging.Event{
		Kind: messaging.Text, ID: id, Number: number, Sender: sender, Service: get("MessagingServiceSid"),
		Channel: channel, Text: get("Body"),
	}
	if e.Text == "" {
		e.Text = get("ButtonPayload") // a WhatsApp button carries its text there
	}
	return append([]messaging.Event{e}, kept(e, get("OptOutType"))...), nil
}

// kept is what Twilio did about a message by itself (Advanced Opt-Out).
func kept(text messaging.Event, optOutType string) []messaging.Event {
	e := text
	e.Text = ""
	switch strings.ToUpper(optOutType) {
	case "STOP":
		e.Kind = messaging.OptedOutThere
	case "START":
		e.Kind = messaging.OptedInThere
	default:
		return nil
	}
	return []messaging.Event{e}
}

// receipt reads the status of one of our messages; there the person is To.
func receipt(id, status string, get func(string) string) []messaging.Event {
	channel, number := split(get("To"))
	_, sender := split(get("From"))
	e := messaging.Event{
		ID: id, Number: number, Sender: sender, Service: get("MessagingServiceSid"), Channel: channel, Code: get("ErrorCode"),
	}
	switch status {
	case "delivered", "read":
		e.Kind = messaging.Delivered
	case "failed", "undelivered":
		e.Kind = failure(e.Code)
	default:
		return nil // queued, sending, sent: nothing that anybody acts on
	}
	return []messaging.Event{e}
}

// failure says what a receipt's error code means. 30610 is none of these: the message fell into quiet hours.
func failure(code string) messaging.EventKind {
	if OptedOut(code) {
		return messaging.OptedOutThere
	}
	return messaging.Failed
}

// OptedOut reports whether a code of Twilio's error dictionary says that the person opted out there.
func OptedOut(code string) bool { return reasons[code] == messaging.OptedOut }

func split(address string) (consent.Channel, string) {
	if number, ok := strings.CutPrefix(address, whatsApp); ok {
		return consent.WhatsApp, number
	}
	return consent.SMS, address
}

// cloudEvent is one of Event Streams' events (CloudEvents 1.0, batched).
type cloudEvent struct {
	ID   string    `json:"id"`
	Type string    `json:"type"`
	Time time.Time `json:"time"`
	Data struct {
		From       string `json:"from"`
		To         string `json:"to"`
		FromNumber string `json:"from_number"`
		ToNumber   string `json:"to_number"`
		Body       string `json:"body"`
		MessageSID string `json:"messageSid"`
		Service    string `json:"messagingServiceSid"`
		Reassigned any    `json:"is_reassigned"`
	} `json:"data"`
}

// cloudEvents reads a batch from Event Streams: inbound messages, and numbers that were given to somebody else.
func cloudEvents(body []byte) (messaging.Delivery, error) {
	var batch []cloudEvent
	if err := messaging.Decode(body, &batch); err != nil {
		return messaging.Delivery{}, err
	}
	var d messaging.Delivery
	for _, c := range batch {
		switch c.Type {
		case "com.twilio.messaging.inbound-message.received":
			channel, number := split(c.Data.From)
			_, sender := split(c.Data.To)
			d.Events = append(d.Events, messaging.Event{
				Kind: messaging.Text, ID: c.Data.MessageSID, Number: number, Sender: sender, Service: c.Data.Service,
				Channel: channel, Text: c.Data.Body, At: c.Time,
			})
		case "com.twilio.messaging.reassigned-number.detected":
			if c.Data.Reassigned == false || c.Data.Reassigned == "no" {
				continue
			}
			d.Events = append(d.Events, messaging.Event{
				Kind: messaging.Deactivated, ID: c.ID, Number: c.Data.ToNumber, Sender: c.Data.FromNumber,
				Channel: consent.SMS, At: c.Time,
			})
		}
	}
	return d, nil
}
