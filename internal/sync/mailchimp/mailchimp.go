// Package mailchimp tells Mailchimp's audiences who may be texted.
//
// Source: Mailchimp's Marketing API 3.0, "Audiences (BETA)", /audiences/ID/contacts: contacts with an SMS channel and
// without an e-mail address; one contact a call, ten connections at once. A denial may be told of a contact that is there,
// not of one that is made.
package mailchimp

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "mailchimp",
	Doc:  "Mailchimp: consent to SMS marketing, by audience.",
	Settings: []sync.Setting{
		{Name: "api_key", Doc: "an API key, which ends in its data center, such as -us6", Required: true, Secret: true},
		{Name: "base_url", Doc: "another address than that of the key's data center"},
	},
	Mapping: sync.MappingDoc + "; its values are audience IDs",
	New:     open,
}

type connector struct {
	sync.Calls
	base, key string
	clients   sync.Clients
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err == nil {
		err = m.Only(consent.SMS)
	}
	if err != nil {
		return nil, err
	}
	key := c.Secrets["api_key"]
	base := c.Settings["base_url"]
	if base == "" {
		_, center, there := strings.Cut(key, "-")
		if !there || strings.Trim(center, "abcdefghijklmnopqrstuvwxyz0123456789") != "" || center == "" {
			return nil, &sync.InvalidError{Field: "api_key", Reason: "want a key that ends in its data center, such as -us6"}
		}
		base = "https://" + center + ".api.mailchimp.com"
	}
	mc := &connector{base: strings.TrimRight(base, "/") + "/3.0/audiences/", key: key, clients: c.Clients}
	mc.Calls = sync.Calls{Mapping: m, Now: c.Now, Granted: 1, Denied: 1, Send: mc.send, Pace: sync.Limits{InFlight: 8}}
	return mc, nil
}

// contact is what is told of a person.
type contact struct {
	SMS struct {
		Phone   string     `json:"sms_phone"`
		Consent *marketing `json:"marketing_consent,omitempty"`
	} `json:"sms_channel"`
	Update bool `json:"update_existing,omitempty"`
}

type marketing struct {
	Status string `json:"status"`
	At     string `json:"captured_at,omitempty"` // of a confirmed consent alone
}

func (mc *connector) send(ctx context.Context, t sync.Told) error {
	var c contact
	c.SMS.Phone, c.Update = t.Numbers()[0], true
	if t.Granted {
		c.SMS.Consent = granted(&t.People[0].Record)
	}
	contacts := url.PathEscape(t.Value) + "/contacts"
	const relaxed = "?merge_field_validation_mode=ignore_required_checks"
	answer, err := mc.call(ctx, http.MethodPost, contacts+relaxed, c)
	if err != nil || t.Granted {
		return err
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := answer.Decode(&made); err != nil {
		return err
	}
	if made.ID == "" {
		return &sync.LaterError{Code: "unanswered", Reason: "the answer does not name the contact"}
	}
	c.Update, c.SMS.Consent = false, &marketing{Status: "denied"}
	_, err = mc.call(ctx, http.MethodPatch, contacts+"/"+url.PathEscape(made.ID)+relaxed, c)
	return err
}

// granted is a yes by Mailchimp's words: of one that the person did not confirm, an audience with double opt-in asks.
func granted(r *consent.Record) *marketing {
	if !r.Confirmed {
		return &marketing{Status: "consented"}
	}
	return &marketing{Status: "confirmed", At: ledger.FormatTime(r.GrantedAt)}
}

func (mc *connector) call(ctx context.Context, method, path string, body any) (sync.Answer, error) {
	req, err := sync.JSON(ctx, method, mc.base+path, body)
	if err != nil {
		return sync.Answer{}, err
	}
	req.SetBasicAuth("consentline", mc.key) // any user name does
	answer, err := mc.clients.Call(req)
	if err == nil {
		err = answer.Judge(mc.Now())
	}
	return answer, err
}

// List implements sync.Listing: the contacts of each audience that have an SMS channel.
func (mc *connector) List(ctx context.Context, fn func(sync.Listed) error) error {
	for _, to := range mc.Mapping {
		for cursor, more := "", true; more; {
			next, err := mc.page(ctx, to, cursor, fn)
			if err != nil {
				return err
			}
			more = next != "" && next != cursor
			cursor = next
		}
	}
	return nil
}

func (mc *connector) page(ctx context.Context, of sync.Mapped, cursor string, fn func(sync.Listed) error) (next string, err error) {
	query := url.Values{"count": {"1000"}}
	if cursor != "" {
		query.Set("cursor", cursor)
	}
	answer, err := mc.call(ctx, http.MethodGet, url.PathEscape(of.Value)+"/contacts?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	var told struct {
		Contacts []struct {
			SMS struct {
				Phone  string `json:"sms_phone"`
				Status struct {
					Value string `json:"value"`
				} `json:"effective_subscription_status"`
			} `json:"sms_channel"`
		} `json:"contacts"`
		Next string `json:"next_cursor"`
	}
	if err := answer.Decode(&told); err != nil {
		return "", err
	}
	for _, c := range told.Contacts {
		if c.SMS.Phone == "" {
			continue
		}
		if err := fn(sync.Listed{Number: c.SMS.Phone, Scope: of.Scope, Granted: c.SMS.Status.Value == "subscribed"}); err != nil {
			return "", err
		}
	}
	return told.Next, nil
}
