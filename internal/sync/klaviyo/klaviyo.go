// Package klaviyo subscribes numbers to Klaviyo's lists and unsubscribes them.
//
// Source: https://developers.klaviyo.com/en/reference/bulk_subscribe_profiles and …/bulk_unsubscribe_profiles, revision
// 2026-07-15: up to 1,000 profiles to subscribe and 100 to unsubscribe a call, 75 calls in a second and 750 in a minute,
// HTTP 202 for a job that is done later. Subscribing lifts the suppression that an unsubscription left.
package klaviyo

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "klaviyo",
	Doc:  "Klaviyo: subscriptions of lists to SMS and WhatsApp, marketing and transactional.",
	Settings: []sync.Setting{
		{Name: "api_key", Doc: "a private API key with the scopes lists:write, profiles:write and subscriptions:write", Required: true, Secret: true},
		{Name: "base_url", Doc: "another address than https://a.klaviyo.com"},
	},
	Mapping: sync.MappingDoc + "; its values are list IDs, such as Y6nRLr for marketing, or Y6nRLr/transactional",
	New:     open,
}

const (
	revision       = "2026-07-15"
	maxSubscribe   = 1000
	maxUnsubscribe = 100
	mediaType      = "application/vnd.api+json"
)

type connector struct {
	sync.Calls
	base, key string
	clients   sync.Clients
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err == nil {
		err = m.Only(consent.SMS, consent.WhatsApp)
	}
	if err != nil {
		return nil, err
	}
	for _, to := range m {
		if list, kind := place(to.Value); list == "" || kind != "marketing" && kind != "transactional" {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "value " + to.Value + ": want a list ID, alone or with /marketing or /transactional"}
		}
	}
	k := &connector{base: strings.TrimRight(c.Setting("base_url", "https://a.klaviyo.com"), "/"), key: c.Secrets["api_key"], clients: c.Clients}
	k.Calls = sync.Calls{
		Mapping: m, Now: c.Now, Granted: maxSubscribe, Denied: maxUnsubscribe, Send: k.send,
		Pace: sync.Limits{InFlight: 4, PerSecond: 750.0 / 60, Burst: 50},
	}
	return k, nil
}

// place reads a mapping's value: the list, and whether its marketing or its transactional messages are meant.
func place(value string) (list, kind string) {
	list, kind, there := strings.Cut(value, "/")
	if !there {
		kind = "marketing"
	}
	return list, kind
}

// resource is an object of JSON:API.
type resource struct {
	Type          string         `json:"type"`
	ID            string         `json:"id,omitempty"`
	Attributes    map[string]any `json:"attributes,omitempty"`
	Relationships map[string]any `json:"relationships,omitempty"`
}

func (k *connector) send(ctx context.Context, t sync.Told) error {
	job := resource{Type: "profile-subscription-bulk-delete-job"}
	if t.Granted {
		job.Type = "profile-subscription-bulk-create-job"
	}
	list, _ := place(t.Value)
	job.Attributes = map[string]any{"profiles": map[string]any{"data": k.profiles(&t)}}
	if t.Granted { // the consent was given before: nobody is asked once more, and its time is kept
		job.Attributes["historical_import"] = true
		job.Attributes["custom_source"] = "Consentline"
	}
	job.Relationships = map[string]any{"list": map[string]any{"data": resource{Type: "list", ID: list}}}
	_, err := k.call(ctx, http.MethodPost, "/api/"+job.Type+"s", map[string]any{"data": job})
	return err
}

func (k *connector) call(ctx context.Context, method, path string, body any) (sync.Answer, error) {
	req, err := sync.JSON(ctx, method, k.base+path, body)
	if err != nil {
		return sync.Answer{}, err
	}
	req.Header.Set("Authorization", "Klaviyo-API-Key "+k.key)
	req.Header.Set("Revision", revision)
	req.Header.Set("Accept", mediaType)
	if body != nil {
		req.Header.Set("Content-Type", mediaType)
	}
	answer, err := k.clients.Call(req)
	if err == nil {
		err = answer.Judge(k.Now())
	}
	return answer, err
}

// profiles are the people that a call names, each number once.
func (k *connector) profiles(t *sync.Told) (out []resource) {
	_, kind := place(t.Value)
	seen := map[string]bool{}
	for _, c := range t.People {
		number := c.Number.WithoutExtension().String()
		if seen[number] {
			continue
		}
		seen[number] = true
		said := map[string]string{"consent": "UNSUBSCRIBED"}
		if t.Granted {
			said = map[string]string{"consent": "SUBSCRIBED", "consented_at": ledger.FormatTime(k.given(c))}
		}
		out = append(out, resource{Type: "profile", Attributes: map[string]any{
			"phone_number":  number,
			"subscriptions": map[string]any{t.Scope.Channel.String(): map[string]any{kind: said}},
		}})
	}
	return out
}

// notPast is how long ago a time has to be to be past by Klaviyo's clock too. More would date a yes before a no that the
// person took back at once.
const notPast = 5 * time.Second

// given is when a consent was given: Klaviyo takes no time that is not past, whoever's clock is ahead.
func (k *connector) given(c *sync.Change) time.Time {
	at, latest := c.Record.GrantedAt, k.Now().Add(-notPast)
	if at.After(latest) {
		at = latest
	}
	return at.Truncate(time.Second)
}
