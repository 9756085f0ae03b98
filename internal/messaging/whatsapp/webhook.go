package whatsapp

import (
	"cmp"
	"encoding/json"
	"strconv"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/messaging"
)

type webhook struct {
	Entry []struct {
		Changes []struct {
			Value value `json:"value"`
		} `json:"changes"`
	} `json:"entry"`
}

type value struct {
	Metadata struct {
		PhoneNumberID string `json:"phone_number_id"`
	} `json:"metadata"`
	Messages    []inbound    `json:"messages"`
	Statuses    []status     `json:"statuses"`
	Preferences []preference `json:"user_preferences"`
}

type inbound struct {
	From      string `json:"from"`
	ID        string `json:"id"`
	Timestamp string `json:"timestamp"`
	Type      string `json:"type"`
	Text      struct {
		Body string `json:"body"`
	} `json:"text"`
	Button struct {
		Text string `json:"text"`
	} `json:"button"`
	Interactive struct {
		Button struct {
			Title string `json:"title"`
		} `json:"button_reply"`
		List struct {
			Title string `json:"title"`
		} `json:"list_reply"`
	} `json:"interactive"`
}

type status struct {
	ID        string `json:"id"`
	Status    string `json:"status"`
	Recipient string `json:"recipient_id"`
	Timestamp string `json:"timestamp"`
	Errors    []struct {
		Code int `json:"code"`
	} `json:"errors"`
}

type preference struct {
	WAID      string      `json:"wa_id"`
	Category  string      `json:"category"`
	Value     string      `json:"value"`
	Timestamp json.Number `json:"timestamp"`
}

func (w *webhook) events() ([]messaging.Event, error) {
	var out []messaging.Event
	for _, entry := range w.Entry {
		for _, change := range entry.Changes {
			events, err := change.Value.events()
			if err != nil {
				return nil, err
			}
			out = append(out, events...)
		}
	}
	return out, nil
}

func (v *value) events() (out []messaging.Event, err error) {
	for _, m := range v.Messages {
		if m.ID == "" || m.From == "" {
			return nil, &messaging.MalformedError{Why: "a message has no id or from"}
		}
		out = append(out, messaging.Event{
			Kind: messaging.Text, ID: m.ID, Number: messaging.Plus(m.From), Sender: v.Metadata.PhoneNumberID,
			Channel: consent.WhatsApp, At: messaging.Unix(m.Timestamp),
			Text: cmp.Or(m.Text.Body, m.Button.Text, m.Interactive.Button.Title, m.Interactive.List.Title),
		})
	}
	for _, s := range v.Statuses {
		if e, ok := v.receipt(s); ok {
			out = append(out, e)
		}
	}
	for _, p := range v.Preferences {
		if e, ok := v.preference(p); ok {
			out = append(out, e)
		}
	}
	return out, nil
}

func (v *value) receipt(s status) (messaging.Event, bool) {
	e := messaging.Event{
		ID: s.ID, Number: messaging.Plus(s.Recipient), Sender: v.Metadata.PhoneNumberID, Channel: consent.WhatsApp,
		At: messaging.Unix(s.Timestamp),
	}
	if len(s.Errors) > 0 {
		e.Code = strconv.Itoa(s.Errors[0].Code)
	}
	switch {
	case s.Status == "delivered" || s.Status == "read":
		e.Kind = messaging.Delivered
	case s.Status != "failed":
		return e, false
	case e.Code == stoppedMarketing:
		e.Kind, e.Marketing = messaging.OptedOutThere, true
	default:
		e.Kind = messaging.Failed
	}
	return e, true
}

// preference reads what a person set in the app: stop or resume, for marketing messages.
func (v *value) preference(p preference) (messaging.Event, bool) {
	e := messaging.Event{
		ID: "preference:" + p.WAID + ":" + p.Timestamp.String() + ":" + p.Value, Number: messaging.Plus(p.WAID),
		Sender: v.Metadata.PhoneNumberID, Channel: consent.WhatsApp, At: messaging.Unix(p.Timestamp.String()),
		Marketing: p.Category == "marketing_messages",
	}
	switch p.Value {
	case "stop":
		e.Kind = messaging.OptedOutThere
	case "resume":
		e.Kind = messaging.OptedInThere
	default:
		return e, false
	}
	return e, true
}
