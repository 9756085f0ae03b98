package klaviyo

import (
	"context"
	"net/http"
	"net/url"

	"github.com/consentline/consentline/internal/sync"
)

// listed is a page of a list's profiles, with what they are subscribed to by channel and kind of message.
type listed struct {
	Data []struct {
		Attributes struct {
			Phone         string `json:"phone_number"`
			Subscriptions map[string]map[string]struct {
				Consent string `json:"consent"`
			} `json:"subscriptions"`
		} `json:"attributes"`
	} `json:"data"`
	Links struct {
		Next string `json:"next"`
	} `json:"links"`
}

// List implements sync.Listing: the profiles of each list that have a number
// (https://developers.klaviyo.com/en/reference/get_profiles_for_list, up to 100 a page).
func (k *connector) List(ctx context.Context, fn func(sync.Listed) error) error {
	for _, to := range k.Mapping {
		for cursor, more := "", true; more; {
			next, err := k.page(ctx, to, cursor, fn)
			if err != nil {
				return err
			}
			more = next != "" && next != cursor
			cursor = next
		}
	}
	return nil
}

func (k *connector) page(ctx context.Context, of sync.Mapped, cursor string, fn func(sync.Listed) error) (next string, err error) {
	if err := k.Wait(ctx); err != nil {
		return "", err
	}
	list, kind := place(of.Value)
	query := url.Values{
		"additional-fields[profile]": {"subscriptions"}, "fields[profile]": {"phone_number,subscriptions"}, "page[size]": {"100"},
	}
	if cursor != "" {
		query.Set("page[cursor]", cursor)
	}
	answer, err := k.call(ctx, http.MethodGet, "/api/lists/"+url.PathEscape(list)+"/profiles?"+query.Encode(), nil)
	if err != nil {
		return "", err
	}
	var told listed
	if err := answer.Decode(&told); err != nil {
		return "", err
	}
	for _, p := range told.Data {
		if p.Attributes.Phone == "" {
			continue
		}
		said := p.Attributes.Subscriptions[of.Scope.Channel.String()][kind].Consent
		if err := fn(sync.Listed{Number: p.Attributes.Phone, Scope: of.Scope, Granted: said == "SUBSCRIBED"}); err != nil {
			return "", err
		}
	}
	return following(told.Links.Next), nil
}

// following reads the cursor of the next page. Of the link nothing else is used: the key goes to no other address.
func following(link string) string {
	u, err := url.Parse(link)
	if err != nil {
		return ""
	}
	return u.Query().Get("page[cursor]")
}
