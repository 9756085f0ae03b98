package hubspot

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"golang.org/x/time/rate"

	"github.com/consentline/consentline/internal/sync"
)

// page is a page of contacts (https://developers.hubspot.com/docs/guides/api/crm/objects/contacts).
type page struct {
	Results []struct {
		Properties map[string]string `json:"properties"`
	} `json:"results"`
	Paging struct {
		Next struct {
			After string `json:"after"`
		} `json:"next"`
	} `json:"paging"`
}

// List tells of every contact that has a number, what each mapped property holds. A property that holds neither the yes
// nor the no tells nothing.
func (h *connector) List(ctx context.Context, fn func(sync.Listed) error) error {
	names := []string{h.id}
	for _, to := range h.mapping {
		names = append(names, to.Value)
	}
	query := url.Values{"limit": {"100"}, "properties": {strings.Join(names, ",")}}
	limits := h.Limits()
	pace := rate.NewLimiter(rate.Limit(limits.PerSecond), limits.Burst)
	for {
		if err := pace.Wait(ctx); err != nil {
			return err
		}
		p, err := h.page(ctx, query)
		if err != nil {
			return err
		}
		for _, contact := range p.Results {
			number := contact.Properties[h.id]
			for _, to := range h.mapping {
				value := contact.Properties[to.Value]
				if number == "" || value != h.granted && value != h.denied {
					continue
				}
				if err := fn(sync.Listed{Number: number, Scope: to.Scope, Granted: value == h.granted}); err != nil {
					return err
				}
			}
		}
		if p.Paging.Next.After == "" {
			return nil
		}
		query.Set("after", p.Paging.Next.After)
	}
}

func (h *connector) page(ctx context.Context, query url.Values) (p page, err error) {
	req, err := sync.JSON(ctx, http.MethodGet, h.base+"/crm/v3/objects/contacts?"+query.Encode(), nil)
	if err != nil {
		return p, err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	answer, err := h.clients.Call(req)
	if err == nil {
		err = answer.Judge(h.now())
	}
	if err == nil {
		err = answer.Decode(&p)
	}
	return p, err
}
