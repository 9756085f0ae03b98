// Package customerio sets people's subscription preferences in Customer.io.
//
// Source: Customer.io's "Track API", version 2, POST /api/v2/batch, and
// https://docs.customer.io/journeys/manage-subscription-preferences: a batch below 500 kB, of which each item is below
// 32 kB; HTTP 207 names the items that were not taken. Preferences that are not named stay as they are.
package customerio

import (
	"context"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "customerio",
	Doc:  "Customer.io: subscription preferences, by topic or by channel.",
	Settings: []sync.Setting{
		{Name: "site_id", Doc: "the Site ID of the workspace's Track API", Required: true},
		{Name: "api_key", Doc: "the Track API's key", Required: true, Secret: true},
		{Name: "person_id", Doc: sync.PersonIDDoc},
		{Name: "only_existing", Doc: "yes: tell nothing of people whom Customer.io does not know; otherwise they are added, so that a no is there before they are"},
		{Name: "base_url", Doc: "another address than https://track.customer.io, such as https://track-eu.customer.io"},
	},
	Mapping: sync.MappingDoc + "; its values are preferences, such as topics.topic_3, channels.sms or channels.whatsapp",
	New:     open,
}

// maxItems keeps a batch far below 500 kB.
const maxItems = 250

var preference = regexp.MustCompile(`^(topics\.topic_[0-9]+|channels\.(sms|whatsapp))$`)

type connector struct {
	base, site, key string
	person          sync.PersonID
	existing        bool
	mapping         sync.Mapping
	clients         sync.Clients
	now             func() time.Time
}

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err == nil {
		err = m.Only(consent.SMS, consent.WhatsApp)
	}
	if err != nil {
		return nil, err
	}
	for _, to := range m {
		if !preference.MatchString(to.Value) {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "value " + to.Value + ": want topics.topic_N, channels.sms or channels.whatsapp"}
		}
	}
	person, err := sync.ReadPersonID(&c)
	if err != nil {
		return nil, err
	}
	existing, err := c.Yes("only_existing")
	if err != nil {
		return nil, err
	}
	return &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://track.customer.io"), "/"), site: c.Settings["site_id"], key: c.Secrets["api_key"],
		person: person, existing: existing, mapping: m, clients: c.Clients, now: c.Now,
	}, nil
}

// Limits keeps below the 100 batches a second that Customer.io recommends.
func (c *connector) Limits() sync.Limits {
	return sync.Limits{Batch: maxItems, InFlight: 4, PerSecond: 50, Burst: 10}
}

// item is one person's update.
type item struct {
	Type        string            `json:"type"`
	Action      string            `json:"action"`
	Identifiers map[string]string `json:"identifiers"`
	Attributes  map[string]any    `json:"attributes"`
}

// Deliver sends an item for each change that means something there, in one call.
func (c *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	var batch []item
	var of []int // the change that each item tells of
	for i := range changes {
		if targets := c.mapping.Targets(&changes[i], c.now()); len(targets) > 0 {
			batch, of = append(batch, c.item(&changes[i], targets)), append(of, i)
		}
	}
	if len(batch) == 0 {
		return make([]error, len(changes))
	}
	answer, err := c.call(ctx, batch)
	if err == nil {
		err = answer.Judge(c.now())
	}
	if err != nil {
		return sync.Every(len(changes), err)
	}
	return c.read(&answer, of, len(changes))
}

func (c *connector) item(change *sync.Change, targets []sync.Target) item {
	attributes := map[string]any{"phone": change.Number.WithoutExtension().String()}
	if c.existing {
		attributes["_update"] = true
	}
	for _, t := range targets {
		attributes["cio_subscription_preferences."+t.Value] = t.Granted
	}
	return item{Type: "person", Action: "identify", Identifiers: map[string]string{"id": c.person(change)}, Attributes: attributes}
}

func (c *connector) call(ctx context.Context, batch []item) (sync.Answer, error) {
	req, err := sync.JSON(ctx, http.MethodPost, c.base+"/api/v2/batch", map[string]any{"batch": batch})
	if err != nil {
		return sync.Answer{}, err
	}
	req.SetBasicAuth(c.site, c.key)
	return c.clients.Call(req)
}

// read reads which items were not taken.
func (c *connector) read(answer *sync.Answer, of []int, changes int) []error {
	out := make([]error, changes)
	if answer.Status != http.StatusMultiStatus {
		return out
	}
	var told struct {
		Errors []struct {
			Index  int    `json:"batch_index"`
			Reason string `json:"reason"`
		} `json:"errors"`
	}
	if err := answer.Decode(&told); err != nil {
		return sync.Every(changes, err)
	}
	for _, e := range told.Errors {
		if e.Index < 0 || e.Index >= len(of) {
			return sync.Every(changes, &sync.LaterError{Code: "207", Reason: "the answer speaks of an item that was not sent", All: true})
		}
		out[of[e.Index]] = &sync.RefusedError{Code: "207", Reason: reason(e.Reason)}
	}
	return out
}

// known are reasons as Customer.io writes them: short words. Anything else might repeat what was sent.
var known = regexp.MustCompile(`^[a-z][a-z_ ]{0,40}$`)

func reason(text string) string {
	if known.MatchString(text) {
		return text
	}
	return "it does not take the item"
}
