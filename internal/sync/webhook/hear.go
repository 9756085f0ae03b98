package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// told is what a system of the operator's own tells: an event such as it is told itself, or several in an array.
type told struct {
	ID     string `json:"id"`
	Source string `json:"source"`
	Time   string `json:"time"`
	Data   struct {
		Number      string            `json:"phone_number"`
		Brand       consent.BrandID   `json:"brand"`
		Purpose     consent.PurposeID `json:"purpose"`
		Channel     consent.Channel   `json:"channel"`
		Status      consent.Status    `json:"status"`
		EffectiveAt *ledger.Time      `json:"effective_at"`
	} `json:"data"`
}

// Hear takes Standard Webhooks that are signed with the inbound secret. An event that comes back as it was sent names
// this program as its source.
func (w *connector) Hear(_ context.Context, c sync.Callback) ([]sync.Heard, error) {
	id, stamp := c.Header.Get("webhook-id"), c.Header.Get("webhook-timestamp")
	if !sync.Recent(stamp, time.Second, c.At) || !w.signed(c, id+"."+stamp+".") {
		return nil, sync.ErrForged
	}
	var events []told
	body := bytes.TrimSpace(c.Body)
	if !bytes.HasPrefix(body, []byte("[")) {
		body = append(append([]byte("["), body...), ']')
	}
	if err := json.Unmarshal(body, &events); err != nil {
		return nil, &act.InvalidError{Code: act.CodeInvalidField, Field: "body", Reason: "want an event, or an array of events, as JSON"}
	}
	out := make([]sync.Heard, len(events))
	for i := range events {
		e := &events[i]
		out[i] = sync.Heard{
			ID: e.ID, Number: e.Data.Number, Granted: e.Data.Status == consent.StatusGranted, Ours: strings.HasPrefix(e.Source, "/destinations/"),
			Scope: consent.Scope{Brand: e.Data.Brand, Purpose: e.Data.Purpose, Channel: e.Data.Channel},
		}
		if out[i].Scope.Brand == "" {
			out[i].Scope.Brand = act.DefaultBrand
		}
		if !out[i].Granted && !e.Data.Status.Restricted() {
			return nil, &act.InvalidError{Code: act.CodeInvalidField, Field: fmt.Sprintf("[%d].data.status", i), Reason: "want granted, refused, withdrawn or revoked"}
		}
		at, err := e.when()
		if err != nil {
			return nil, &act.InvalidError{Code: act.CodeInvalidField, Field: fmt.Sprintf("[%d].time", i), Reason: "want a time in RFC 3339"}
		}
		out[i].At = at
	}
	return out, nil
}

// when is the moment of the act, or else that of the event.
func (e *told) when() (at time.Time, err error) {
	if e.Data.EffectiveAt != nil {
		return time.Time(*e.Data.EffectiveAt), nil
	}
	if e.Time == "" {
		return at, nil
	}
	return time.Parse(time.RFC3339Nano, e.Time)
}

func (w *connector) signed(c sync.Callback, head string) bool {
	for one := range strings.FieldsSeq(c.Header.Get("webhook-signature")) {
		text, ok := strings.CutPrefix(one, "v1,")
		given, err := base64.StdEncoding.DecodeString(text)
		if ok && err == nil && sync.Proven(sha256.New, string(w.inbound), given, head, string(c.Body)) {
			return true
		}
	}
	return false
}
