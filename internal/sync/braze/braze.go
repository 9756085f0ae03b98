// Package braze tells Braze who is in which subscription group.
//
// Source: https://www.braze.com/docs/api/endpoints/subscription_groups/post_update_user_subscription_group_status_v2/:
// up to 50 numbers in E.164 a call, 5,000 calls a minute, shared with the first version of the endpoint.
package braze

import (
	"context"
	"net/http"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "braze",
	Doc:  "Braze: subscription groups for SMS and WhatsApp.",
	Settings: []sync.Setting{
		{Name: "base_url", Doc: "the REST endpoint of your instance, such as https://rest.iad-01.braze.com", Required: true},
		{Name: "api_key", Doc: "a REST API key with the permission subscription.status.set", Required: true, Secret: true},
	},
	Mapping: sync.MappingDoc + "; its values are IDs of subscription groups",
	New:     open,
}

// maxPhones is how many numbers a call may name.
const maxPhones = 50

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
	b := &connector{base: strings.TrimRight(c.Settings["base_url"], "/"), key: c.Secrets["api_key"], clients: c.Clients}
	b.Calls = sync.Calls{
		Mapping: m, Now: c.Now, Granted: maxPhones, Denied: maxPhones, Send: b.send,
		Pace: sync.Limits{InFlight: 8, PerSecond: 5000.0 / 60, Burst: 50},
	}
	return b, nil
}

// group is what one subscription group is told of some numbers.
type group struct {
	ID     string   `json:"subscription_group_id"`
	State  string   `json:"subscription_state"`
	Phones []string `json:"phones"`
}

func (b *connector) send(ctx context.Context, t sync.Told) error {
	state := "unsubscribed"
	if t.Granted { // the yes is on record: the double opt-in of Braze would ask again
		state = "subscribed"
	}
	body := map[string]any{"subscription_groups": []group{{t.Value, state, t.Numbers()}}}
	req, err := sync.JSON(ctx, http.MethodPost, b.base+"/v2/subscription/status/set", body)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+b.key)
	answer, err := b.clients.Call(req)
	if err != nil {
		return err
	}
	if err := answer.Judge(b.Now()); err != nil {
		return err
	}
	var told struct {
		Message string `json:"message"`
		Errors  []any  `json:"errors"`
	}
	if err := answer.Decode(&told); err != nil {
		return err
	}
	if told.Message != "success" || len(told.Errors) > 0 { // a success may carry errors of single users
		return &sync.RefusedError{Code: "errors", Reason: "Braze took the call, but not all that it holds"}
	}
	return nil
}
