// Package attentive subscribes numbers to Attentive's texts and unsubscribes them.
//
// Source: https://docs.attentive.com, "Subscribers API": one person a call, 10 calls a second to subscribe and 5 to
// unsubscribe, HTTP 202 for what is done later. Subscribing or unsubscribing again sends the person a text that says so,
// unless it is kept from that.
package attentive

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "attentive", Provider: true,
	Doc: "Attentive: text subscriptions, marketing and transactional.",
	Settings: []sync.Setting{
		{Name: "access_token", Doc: "an access token with the scopes subscriptions:read and subscriptions:write", Required: true, Secret: true},
		sync.InboundSecret("the signing key of the webhook whose events come back"),
		{Name: "ask", Doc: "yes: let Attentive ask people to reply Y; otherwise they are subscribed silently, since their yes is on record"},
		{Name: "base_url", Doc: "another address than https://api.attentivemobile.com"},
	},
	Mapping: sync.MappingDoc + "; its values are MARKETING, TRANSACTIONAL or CHECKOUT_ABANDONED; of the first two, a yes is told if a sign-up source is named, as in MARKETING/145234",
	New:     open,
}

type connector struct {
	sync.Calls
	base, token string
	inbound     string
	silent      bool
	clients     sync.Clients
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err == nil {
		err = m.Only(consent.SMS)
	}
	if err == nil {
		err = check(m)
	}
	if err != nil {
		return nil, err
	}
	ask, err := c.Yes("ask")
	if err != nil {
		return nil, err
	}
	a := &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://api.attentivemobile.com"), "/"), token: c.Secrets["access_token"], inbound: c.Secrets["inbound_secret"],
		silent: !ask, clients: c.Clients,
	}
	a.Calls = sync.Calls{Mapping: m, Now: c.Now, Granted: 1, Denied: 1, Send: a.send, Pace: sync.Limits{InFlight: 4, PerSecond: 5, Burst: 5}}
	return a, nil
}

// check makes sure that no two scopes are held by the same subscription: unsubscribing from one would end both.
func check(m sync.Mapping) error {
	held := map[string]bool{}
	for _, to := range m {
		kind, source := place(to.Value)
		switch {
		case kind != "MARKETING" && kind != "TRANSACTIONAL" && kind != "CHECKOUT_ABANDONED":
			return &sync.InvalidError{Field: "mapping", Reason: "value " + to.Value + ": want MARKETING, TRANSACTIONAL or CHECKOUT_ABANDONED"}
		case kind == "CHECKOUT_ABANDONED" && source != "":
			return &sync.InvalidError{Field: "mapping", Reason: "value " + to.Value + ": nobody can be subscribed to that by a call"}
		case held[kind]:
			return &sync.InvalidError{Field: "mapping", Reason: kind + " is held in two places, of which Attentive knows one"}
		}
		held[kind] = true
	}
	return nil
}

// place reads a mapping's value: the type of subscription, and the sign-up source that people are subscribed by.
func place(value string) (kind, source string) {
	kind, source, _ = strings.Cut(value, "/")
	return kind, source
}

// subscription is a type of message on a channel.
type subscription struct {
	Type    string `json:"type"`
	Channel string `json:"channel"`
}

func (a *connector) send(ctx context.Context, t sync.Told) error {
	kind, source := place(t.Value)
	number := t.Numbers()[0]
	user := map[string]string{"phone": number}
	if !t.Granted {
		_, err := a.call(ctx, http.MethodPost, "/v1/subscriptions/unsubscribe", map[string]any{
			"user": user, "subscriptions": []subscription{{kind, "TEXT"}}, "notification": map[string]bool{"disabled": true},
		})
		return err
	}
	if source == "" {
		return nil
	}
	subscribed, err := a.subscribed(ctx, number, kind)
	if err != nil || subscribed {
		return err
	}
	_, err = a.call(ctx, http.MethodPost, "/v1/subscriptions", map[string]any{"user": user, "signUpSourceId": source, "singleOptIn": a.silent})
	return err
}

// subscribed asks whether a person is subscribed already: subscribing again would text them. The call takes the number in
// its query alone.
func (a *connector) subscribed(ctx context.Context, number, kind string) (bool, error) {
	answer, err := a.call(ctx, http.MethodGet, "/v1/subscriptions?"+url.Values{"phone": {number}}.Encode(), nil)
	if answer.Status == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	var told struct {
		Subscriptions []struct {
			Subscription subscription `json:"subscription"`
			Eligibility  struct {
				Eligible bool `json:"isEligible"`
			} `json:"eligibility"`
		} `json:"subscriptionEligibilities"`
	}
	if err := answer.Decode(&told); err != nil {
		return false, err
	}
	for _, s := range told.Subscriptions {
		if s.Subscription == (subscription{kind, "TEXT"}) && s.Eligibility.Eligible {
			return true, nil
		}
	}
	return false, nil
}

func (a *connector) call(ctx context.Context, method, path string, body any) (sync.Answer, error) {
	req, err := sync.JSON(ctx, method, a.base+path, body)
	if err != nil {
		return sync.Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+a.token)
	answer, err := a.clients.Call(req)
	if err == nil {
		err = answer.Judge(a.Now())
	}
	return answer, err
}
