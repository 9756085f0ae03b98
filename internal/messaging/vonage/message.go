package vonage

import (
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

// message is a callback of the Messages API, inbound or status.
type message struct {
	Channel   string `json:"channel"`
	ID        string `json:"message_uuid"`
	To        party  `json:"to"`
	From      party  `json:"from"`
	Timestamp string `json:"timestamp"`
	Type      string `json:"message_type"`
	Text      string `json:"text"`
	Reply     struct {
		Title string `json:"title"`
	} `json:"reply"`
	Button struct {
		Text string `json:"text"`
	} `json:"button"`
	Status string `json:"status"`
	Error  struct {
		Title any `json:"title"`
	} `json:"error"`
}

// party is a number: a text, or in the API's first version an object that holds it.
type party string

// UnmarshalJSON implements json.Unmarshaler.
func (p *party) UnmarshalJSON(raw []byte) error {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		*p = party(text)
		return nil
	}
	var object struct {
		Number string `json:"number"`
	}
	err := json.Unmarshal(raw, &object)
	*p = party(object.Number)
	return err
}

func (m *message) events() ([]messaging.Event, error) {
	channel := consent.SMS // MMS and RCS too
	switch m.Channel {
	case "whatsapp":
		channel = consent.WhatsApp
	case "sms", "mms", "rcs":
	default:
		return nil, nil // Messenger and Viber name people by other things than numbers
	}
	if m.ID == "" || m.From == "" {
		return nil, &messaging.MalformedError{Why: "it has no message_uuid or from"}
	}
	e := messaging.Event{
		ID: m.ID, Number: messaging.Plus(string(m.From)), Sender: messaging.Plus(string(m.To)), Channel: channel,
		Text: cmp.Or(m.Text, m.Reply.Title, m.Button.Text), At: messaging.RFC3339(m.Timestamp),
	}
	if m.Status == "" {
		return []messaging.Event{e}, nil
	}
	e.Number, e.Sender, e.Text = e.Sender, e.Number, ""
	switch t := m.Error.Title.(type) {
	case string:
		e.Code = t
	case float64:
		e.Code = strconv.FormatFloat(t, 'f', -1, 64)
	}
	if !receipt(&e, m.Status) {
		return nil, nil
	}
	return []messaging.Event{e}, nil
}

// receipt sets the kind of a receipt; it reports whether the status is one that anybody acts on.
func receipt(e *messaging.Event, status string) bool {
	switch status {
	case "delivered", "read":
		e.Kind = messaging.Delivered
	case "failed", "rejected", "undeliverable", "expired":
		e.Kind = messaging.Failed
		if optedOut[e.Code] {
			e.Kind = messaging.OptedOutThere
		}
	default:
		return false
	}
	return true
}

// optedOut are the codes of people whom Opt-Out Assist keeps from being sent to (guide "Messaging opted-out numbers").
var optedOut = map[string]bool{"9": true}
