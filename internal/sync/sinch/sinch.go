// Package sinch keeps the groups of Sinch's SMS API: who may be texted is a member.
//
// Source: https://developers.sinch.com/docs/sms/api-reference/sms/tag/Groups: an update adds and removes numbers in
// E.164; adding a member again is ignored. The consent lists of the Conversation API, which are about STOP, have no call
// that writes.
package sinch

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
	Name: "sinch", Provider: true,
	Doc: "Sinch: the members of groups of the SMS API.",
	Settings: []sync.Setting{
		{Name: "service_plan_id", Doc: "the service plan of the SMS API", Required: true},
		{Name: "api_token", Doc: "the service plan's API token", Required: true, Secret: true},
		{Name: "region", Doc: "us, eu, au, br or ca; us if none is given"},
		{Name: "base_url", Doc: "another address than https://REGION.sms.api.sinch.com"},
	},
	Mapping: sync.MappingDoc + "; its values are group IDs",
	New:     open,
}

// maxNumbers is how many numbers a call names. Sinch documents no limit.
const maxNumbers = 500

type connector struct {
	sync.Calls
	groups, token string
	clients       sync.Clients
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err == nil {
		err = m.Only(consent.SMS)
	}
	if err != nil {
		return nil, err
	}
	region := c.Setting("region", "us")
	switch region {
	case "us", "eu", "au", "br", "ca":
	default:
		return nil, &sync.InvalidError{Field: "region", Reason: "want us, eu, au, br or ca"}
	}
	base := strings.TrimRight(c.Setting("base_url", "https://"+region+".sms.api.sinch.com"), "/")
	s := &connector{groups: base + "/xms/v1/" + url.PathEscape(c.Settings["service_plan_id"]) + "/groups/", token: c.Secrets["api_token"], clients: c.Clients}
	s.Calls = sync.Calls{
		Mapping: m, Now: c.Now, Granted: maxNumbers, Denied: maxNumbers, Send: s.send,
		Pace: sync.Limits{InFlight: 2, PerSecond: 10, Burst: 10}, // of our own choice: none is documented
	}
	return s, nil
}

func (s *connector) send(ctx context.Context, t sync.Told) error {
	change := "remove"
	if t.Granted {
		change = "add"
	}
	_, err := s.call(ctx, http.MethodPost, url.PathEscape(t.Value), map[string][]string{change: t.Numbers()})
	return err
}

func (s *connector) call(ctx context.Context, method, path string, body any) (sync.Answer, error) {
	req, err := sync.JSON(ctx, method, s.groups+path, body)
	if err != nil {
		return sync.Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+s.token)
	answer, err := s.clients.Call(req)
	if err == nil {
		err = answer.Judge(s.Now())
	}
	return answer, err
}

// List implements sync.Listing: the members of each group.
func (s *connector) List(ctx context.Context, fn func(sync.Listed) error) error {
	for _, to := range s.Mapping {
		answer, err := s.call(ctx, http.MethodGet, url.PathEscape(to.Value)+"/members", nil)
		if err != nil {
			return err
		}
		var members []string
		if err := answer.Decode(&members); err != nil {
			return err
		}
		for _, number := range members {
			if !strings.HasPrefix(number, "+") { // an MSISDN is E.164 without its sign
				number = "+" + number
			}
			if err := fn(sync.Listed{Number: number, Scope: to.Scope, Granted: true}); err != nil {
				return err
			}
		}
	}
	return nil
}
