package attentive

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

// event is a callback (https://docs.attentive.com/pages/webhooks/webhook-payloads).
type event struct {
	Type       string `json:"type"`
	Timestamp  int64  `json:"timestamp"` // milliseconds since 1970
	Subscriber struct {
		Phone    string          `json:"phone"`
		External json.RawMessage `json:"external_id"`
	} `json:"subscriber"`
	Subscription struct {
		Type string `json:"type"`
	} `json:"subscription"`
}

// Hear takes events about text subscriptions; others tell nothing. An end that names no subscription ends all of them.
// The signature has no date, so that only the event's own moment keeps an old one old.
func (a *connector) Hear(_ context.Context, c sync.Callback) ([]sync.Heard, error) {
	given, err := hex.DecodeString(c.Header.Get("x-attentive-hmac-sha256"))
	if err != nil || !sync.Proven(sha256.New, a.inbound, given, string(c.Body)) {
		return nil, sync.ErrForged
	}
	var e event
	if err := json.Unmarshal(c.Body, &e); err != nil {
		return nil, errors.New("the callback is not the JSON that was expected")
	}
	granted := e.Type == "sms.subscribed"
	if !granted && e.Type != "sms.unsubscribed" || e.Subscriber.Phone == "" {
		return nil, nil
	}
	var out []sync.Heard
	for _, to := range a.Mapping {
		kind, _ := place(to.Value)
		if kind != e.Subscription.Type && (granted || e.Subscription.Type != "") {
			continue
		}
		out = append(out, sync.Heard{
			ID:     e.Type + "/" + string(e.Subscriber.External) + "/" + strconv.FormatInt(e.Timestamp, 10) + "/" + kind,
			Number: e.Subscriber.Phone, Scope: to.Scope, Granted: granted, At: time.UnixMilli(e.Timestamp).UTC(),
		})
	}
	return out, nil
}
