// Package identify tells Segment and RudderStack by identify calls what people's consent is, as traits that are true or
// false.
//
// Sources: https://www.twilio.com/docs/segment/connections/sources/catalog/libraries/server/http-api (POST /v1/batch, 500
// KB a batch and 32 KB an event, HTTP 200 also for what is then not accepted, messageId for what is sent twice) and
// https://www.rudderstack.com/docs/api/http-api/ (the same form at an address of the account's own, 4 MB a batch). Both
// take events in and work on them later: an acknowledgement says that an event was received, no more.
package identify

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

const mappingDoc = sync.MappingDoc + "; its values are traits, such as sms_marketing_consent"

var shared = []sync.Setting{
	{Name: "write_key", Doc: "of the source that events are sent to", Required: true, Secret: true},
	{Name: "user_id", Doc: "what people are known by there: subject, our ID of them, unless given; or phone, their number, for which numbers must be allowed"},
}

// Segment describes the destination for operators.
var Segment = sync.Kind{
	Name: "segment",
	Doc:  "Segment: identify calls with consent as traits.",
	Settings: append([]sync.Setting{
		{Name: "base_url", Doc: "another address than https://api.segment.io, as for the region EU: https://events.eu1.segmentapis.com"},
	}, shared...),
	Mapping: mappingDoc,
	New: func(c sync.Config) (sync.Connector, error) {
		return open(c, "base_url", c.Setting("base_url", "https://api.segment.io"), 500_000)
	},
}

// RudderStack describes the destination for operators.
var RudderStack = sync.Kind{
	Name:     "rudderstack",
	Doc:      "RudderStack: identify calls with consent as traits.",
	Settings: append([]sync.Setting{{Name: "data_plane_url", Doc: "the account's data plane, https://…", Required: true}}, shared...),
	Mapping:  mappingDoc,
	New: func(c sync.Config) (sync.Connector, error) {
		return open(c, "data_plane_url", c.Settings["data_plane_url"], 4_000_000)
	},
}

type connector struct {
	base, key string
	maxBytes  int // of a call
	byPhone   bool
	numbers   bool
	mapping   sync.Mapping
	clients   sync.Clients
	now       func() time.Time
}

func open(c sync.Config, field, base string, maxBytes int) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(base)
	if err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return nil, &sync.InvalidError{Field: field, Reason: "want an address such as https://events.example.com"}
	}
	for _, to := range m {
		if reserved[to.Value] {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "trait " + to.Value + " has a meaning of its own there"}
		}
	}
	by := c.Setting("user_id", "subject")
	switch {
	case by != "subject" && by != "phone":
		return nil, &sync.InvalidError{Field: "user_id", Reason: "want subject or phone"}
	case by == "phone" && !c.Numbers:
		return nil, &sync.InvalidError{Field: "user_id", Reason: "phone tells people's numbers: allow them for this destination"}
	}
	return &connector{
		base: strings.TrimRight(base, "/"), key: c.Secrets["write_key"], maxBytes: maxBytes - 10_000, byPhone: by == "phone", numbers: c.Numbers,
		mapping: m, clients: c.Clients, now: c.Now,
	}, nil
}

// reserved are traits that both systems know and use.
var reserved = map[string]bool{"id": true, "phone": true, "email": true, "name": true, "username": true}

// Limits keeps below the 50 calls a second that Segment asks for. An event is far below its 32 KB.
func (d *connector) Limits() sync.Limits {
	return sync.Limits{Batch: 500, InFlight: 4, PerSecond: 40, Burst: 40}
}

// event is an identify call by the names of Segment's specification.
type event struct {
	Type      string         `json:"type"`
	MessageID string         `json:"messageId"`
	UserID    string         `json:"userId"`
	Timestamp string         `json:"timestamp"`
	Traits    map[string]any `json:"traits"`
	Context   struct {
		Library struct {
			Name string `json:"name"`
		} `json:"library"`
	} `json:"context"`
}

// Deliver sends one event for each person, in calls of no more bytes than are allowed.
func (d *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	people := d.mapping.ByPerson(changes, d.now())
	events := make([]json.RawMessage, len(people.All))
	for i := range people.All {
		raw, err := json.Marshal(d.event(&people.All[i]))
		if err != nil {
			return sync.Every(len(changes), err)
		}
		events[i] = raw
	}
	var out []error
	for from := 0; from < len(events); {
		to, size := from, 0
		for to < len(events) && (to == from || size+len(events[to]) < d.maxBytes) {
			size += len(events[to]) + 1
			to++
		}
		part := events[from:to]
		out = append(out, sync.Divide(len(part), func(from, to int) ([]error, error) { return d.send(ctx, part[from:to]) })...)
		from = to
	}
	return people.Errors(out)
}

// event tells how a person stands. Its ID is the same when the same is sent again, and another when anything differs.
func (d *connector) event(p *sync.Person) event {
	e := event{Type: "identify", UserID: hex.EncodeToString(p.Subject[:]), Traits: map[string]any{}}
	e.Context.Library.Name = "consentline"
	if d.byPhone {
		e.UserID = p.Number
	}
	if d.numbers {
		e.Traits["phone"] = p.Number
	}
	id := sha256.New()
	for _, c := range p.Changes {
		id.Write([]byte(c.ID + " "))
		e.Timestamp = max(e.Timestamp, ledger.FormatTime(c.Record.LastEffectiveAt().Truncate(time.Millisecond)))
	}
	for _, t := range p.Targets {
		e.Traits[t.Value] = t.Granted
		if t.Granted {
			id.Write([]byte("+"))
		}
		id.Write([]byte(t.Value + " "))
	}
	e.MessageID = "consentline-" + hex.EncodeToString(id.Sum(nil)[:16])
	return e
}

func (d *connector) send(ctx context.Context, events []json.RawMessage) ([]error, error) {
	req, err := sync.JSON(ctx, http.MethodPost, d.base+"/v1/batch", map[string]any{"batch": events})
	if err != nil {
		return nil, err
	}
	req.SetBasicAuth(d.key, "")
	answer, err := d.clients.Call(req)
	if err != nil {
		return nil, err
	}
	if err := answer.Judge(d.now()); err != nil {
		return nil, err
	}
	// Segment's answer may say in a 200 that it did not take the call.
	var told struct {
		Success *bool `json:"success"`
	}
	if json.Unmarshal(answer.Body, &told) == nil && told.Success != nil && !*told.Success {
		return nil, &sync.LaterError{Code: "success", Reason: "it answers that it did not take the call", All: true}
	}
	return make([]error, len(events)), nil
}
