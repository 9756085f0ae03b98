// Package postscript unsubscribes numbers from Postscript's texts.
//
// Source: https://developers.postscript.io/reference, API v2: PATCH /compliance/unsubscribe takes one number and answers
// HTTP 202; GET /subscribers lists who may be texted; 15 calls a second. A yes cannot be told: adding a subscriber always
// texts the person and asks for a reply.
package postscript

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "postscript", Provider: true,
	Doc: "Postscript: unsubscribes. Whoever says yes is subscribed by Postscript's own forms and keywords alone.",
	Settings: []sync.Setting{
		{Name: "api_key", Doc: "the shop's private API key, or the partner's", Required: true, Secret: true},
		{Name: "shop_token", Doc: "of partners: the shop's API token", Secret: true},
		{Name: "base_url", Doc: "another address than https://api.postscript.io"},
	},
	Mapping: sync.MappingDoc + "; it has one entry, whose value is promotional or transactional",
	New:     open,
}

type connector struct {
	sync.Calls
	base, key, shop string
	clients         sync.Clients
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err == nil {
		err = m.Only(consent.SMS)
	}
	switch {
	case err != nil:
		return nil, err
	case len(m) > 1:
		return nil, &sync.InvalidError{Field: "mapping", Reason: "want one entry: Postscript unsubscribes people from all texts at once"}
	case m[0].Value != "promotional" && m[0].Value != "transactional":
		return nil, &sync.InvalidError{Field: "mapping", Reason: "want the value promotional or transactional"}
	}
	p := &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://api.postscript.io"), "/"), key: c.Secrets["api_key"], shop: c.Secrets["shop_token"],
		clients: c.Clients,
	}
	p.Calls = sync.Calls{Mapping: m, Now: c.Now, Granted: 1, Denied: 1, Send: p.send, Pace: sync.Limits{InFlight: 4, PerSecond: 15, Burst: 15}}
	return p, nil
}

func (p *connector) send(ctx context.Context, t sync.Told) error {
	if t.Granted {
		return nil
	}
	_, err := p.call(ctx, http.MethodPatch, "/api/v2/compliance/unsubscribe", map[string]string{"phone_number": t.Numbers()[0]})
	return err
}

func (p *connector) call(ctx context.Context, method, path string, body any) (sync.Answer, error) {
	req, err := sync.JSON(ctx, method, p.base+path, body)
	if err != nil {
		return sync.Answer{}, err
	}
	req.Header.Set("Authorization", "Bearer "+p.key)
	if p.shop != "" {
		req.Header.Set("X-Postscript-Shop-Token", p.shop)
	}
	answer, err := p.clients.Call(req)
	if err == nil {
		err = answer.Judge(p.Now())
	}
	return answer, err
}

// subscribers is a page of them.
type subscribers struct {
	Page struct {
		Pages int `json:"total_pages"`
	} `json:"page_info"`
	Subscribers []struct {
		Phone         string `json:"phone_number"`
		Subscriptions map[string]struct {
			CanSend bool `json:"can_send"`
		} `json:"subscriptions"`
	} `json:"subscribers"`
}

// List implements sync.Listing: the shop's subscribers.
func (p *connector) List(ctx context.Context, fn func(sync.Listed) error) error {
	for page := 1; ; page++ {
		if err := p.Wait(ctx); err != nil {
			return err
		}
		answer, err := p.call(ctx, http.MethodGet, "/api/v2/subscribers?sort=created_at__asc&page="+strconv.Itoa(page), nil)
		if err != nil {
			return err
		}
		var told subscribers
		if err := answer.Decode(&told); err != nil {
			return err
		}
		for _, s := range told.Subscribers {
			if s.Phone == "" { // redacted
				continue
			}
			if err := fn(sync.Listed{Number: s.Phone, Scope: p.Mapping[0].Scope, Granted: s.Subscriptions[p.Mapping[0].Value].CanSend}); err != nil {
				return err
			}
		}
		if page >= told.Page.Pages || len(told.Subscribers) == 0 {
			return nil
		}
	}
}
