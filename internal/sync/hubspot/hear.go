package hubspot

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

// event tells of one property of one contact
// (https://developers.hubspot.com/docs/guides/crm/private-apps/webhooks). It does not tell the number.
type event struct {
	EventID    int64  `json:"eventId"`
	Type       string `json:"subscriptionType"`
	ObjectID   int64  `json:"objectId"`
	Property   string `json:"propertyName"`
	Value      string `json:"propertyValue"`
	OccurredAt int64  `json:"occurredAt"` // milliseconds since 1970
}

// Hear takes changes of the mapped properties, and asks HubSpot whose they are. The signature is the third version: it
// covers method, address, body and time.
func (h *connector) Hear(ctx context.Context, c sync.Callback) ([]sync.Heard, error) {
	stamp := c.Header.Get("X-HubSpot-Request-Timestamp")
	given, err := base64.StdEncoding.DecodeString(c.Header.Get("X-HubSpot-Signature-v3"))
	if err != nil || !sync.Recent(stamp, time.Millisecond, c.At) || !sync.Proven(sha256.New, h.inbound, given, c.Method, c.URL, string(c.Body), stamp) {
		return nil, sync.ErrForged
	}
	var events []event
	if err := json.Unmarshal(c.Body, &events); err != nil {
		return nil, errors.New("the callback is not the JSON that was expected")
	}
	var out []sync.Heard
	numbers := map[int64]string{}
	for _, e := range events {
		scope, mapped := h.mapping.Scope(e.Property)
		if !mapped || e.Type != "contact.propertyChange" && e.Type != "object.propertyChange" || e.Value != h.granted && e.Value != h.denied {
			continue
		}
		number, asked := numbers[e.ObjectID]
		if !asked {
			if number, err = h.number(ctx, e.ObjectID); err != nil {
				return nil, err
			}
			numbers[e.ObjectID] = number
		}
		if number == "" {
			continue // it was deleted, or is nobody's whom we know of
		}
		out = append(out, sync.Heard{
			ID: strconv.FormatInt(e.EventID, 10), Number: number, Scope: scope, Granted: e.Value == h.granted, At: time.UnixMilli(e.OccurredAt).UTC(),
		})
	}
	return out, nil
}

// number asks for a contact's number, empty if it has none or is no more.
func (h *connector) number(ctx context.Context, contact int64) (string, error) {
	req, err := sync.JSON(ctx, http.MethodGet, h.base+"/crm/v3/objects/contacts/"+strconv.FormatInt(contact, 10)+"?properties="+url.QueryEscape(h.id), nil)
	if err != nil {
		return "", err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	answer, err := h.clients.Call(req)
	if err != nil {
		return "", err
	}
	if answer.Status == http.StatusNotFound {
		return "", nil
	}
	if err := answer.Judge(h.now()); err != nil {
		return "", err
	}
	var told struct {
		Properties map[string]string `json:"properties"`
	}
	err = answer.Decode(&told)
	return told.Properties[h.id], err
}
