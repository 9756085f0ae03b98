// Package dynamics keeps contact point consents of Dynamics 365 Customer Insights - Journeys in step.
//
// Sources: the table msdynmkt_contactpointconsent4
// (https://learn.microsoft.com/en-us/dynamics365/developer/reference/entities/msdynmkt_contactpointconsent4), Microsoft's
// own flow for external consent systems (https://learn.microsoft.com/en-us/dynamics365/customer-insights/journeys/consent-record-creation:
// look for rows of the contact point and purpose, write all that are there, else make one) and batches of up to 1,000
// requests. The table has no alternate key; a row that we make has an ID that follows from what it is for, and writing to
// that ID makes the row or changes it, so that what is sent twice is held once.
package dynamics

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "dynamics",
	Doc:  "Microsoft Dynamics 365 Customer Insights: contact point consents of purposes and topics.",
	Settings: []sync.Setting{
		{Name: "base_url", Doc: "the environment, https://….crm.dynamics.com", Required: true},
		{Name: "tenant_id", Doc: "of Microsoft Entra ID", Required: true},
		{Name: "client_id", Doc: "of the application, which needs a user of the environment", Required: true},
		{Name: "client_secret", Doc: "of the application", Required: true, Secret: true},
		{Name: "login_url", Doc: "another authority than https://login.microsoftonline.com"},
	},
	Mapping: sync.MappingDoc + "; its values are CHANNEL:PURPOSE or CHANNEL:PURPOSE/TOPIC, with CHANNEL one of text, voice and custom, and the others GUIDs",
	New:     open,
}

// place is where a consent is held there.
type place struct {
	channel        int
	purpose, topic string
}

type connector struct {
	base    string
	tokens  *sync.Tokens
	mapping sync.Mapping
	places  map[string]place // by the mapping's value
	clients sync.Clients
	now     func() time.Time
}

var (
	placePattern = regexp.MustCompile(`^(text|voice|custom):([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}))?$`)
	tenant       = regexp.MustCompile(`^[A-Za-z0-9.-]{1,100}$`)
)

// Choices of the table, by its reference.
var channels = map[string]int{"text": 534120001, "custom": 534120002, "voice": 534120003}

const (
	optedIn, optedOut   = 534120001, 534120002
	ofPurpose, ofTopic  = 534120000, 534120001
	noReason            = 534119999
	internal, loaded    = 534120000, 534120003
	textMessage, centre = 534120002, 534120004
)

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err != nil {
		return nil, err
	}
	d := &connector{
		base: strings.TrimRight(c.Settings["base_url"], "/"), mapping: m, places: map[string]place{}, clients: c.Clients, now: c.Now,
	}
	for _, to := range m {
		parts := placePattern.FindStringSubmatch(to.Value)
		if parts == nil {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "want CHANNEL:PURPOSE or CHANNEL:PURPOSE/TOPIC: text, voice or custom, and GUIDs in lower case"}
		}
		d.places[to.Value] = place{channels[parts[1]], parts[2], parts[3]}
	}
	for field, address := range map[string]string{"base_url": d.base, "login_url": c.Setting("login_url", "https://login.microsoftonline.com")} {
		if at, err := url.Parse(address); err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
			return nil, &sync.InvalidError{Field: field, Reason: "want an address such as https://example.crm.dynamics.com"}
		}
	}
	if !tenant.MatchString(c.Settings["tenant_id"]) {
		return nil, &sync.InvalidError{Field: "tenant_id", Reason: "want the tenant's GUID or domain"}
	}
	login := strings.TrimRight(c.Setting("login_url", "https://login.microsoftonline.com"), "/")
	d.tokens = &sync.Tokens{
		URL: login + "/" + c.Settings["tenant_id"] + "/oauth2/v2.0/token", ID: c.Settings["client_id"], Secret: c.Secrets["client_secret"],
		Scope: d.base + "/.default", Clients: c.Clients, Now: c.Now,
	}
	return d, nil
}

// Limits keeps the rows of a batch far below the 1,000 requests that it may hold, and the calls below 6,000 requests in
// five minutes, among which each request of a batch counts.
func (d *connector) Limits() sync.Limits {
	return sync.Limits{Batch: max(50/len(d.mapping), 1), InFlight: 2, PerSecond: 0.18, Burst: 10}
}

// row is one consent to be written.
type row struct {
	id      string // of the row that is made where there is none
	filter  string // finds the rows that are there
	content json.RawMessage
	of      int // the change that it tells of
}

// Deliver looks for the rows that are there, then writes to them, or makes one where there is none.
func (d *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	rows, err := d.rows(changes)
	if err != nil || len(rows) == 0 {
		return sync.Every(len(changes), err)
	}
	reads := make([]request, len(rows))
	for i, r := range rows {
		reads[i] = request{http.MethodGet, entities + "?$select=msdynmkt_contactpointconsent4id&$filter=" + url.PathEscape(r.filter), nil}
	}
	found, err := d.batch(ctx, reads)
	if err != nil {
		return sync.Every(len(changes), err)
	}
	out := make([]error, len(changes))
	var writes []request
	var of []int
	for i, r := range rows {
		ids, err := found[i].ids(d.now())
		switch {
		case err != nil:
			out[r.of] = err
			continue
		case len(ids) == 0:
			ids = []string{r.id}
		}
		for _, id := range ids {
			writes, of = append(writes, request{http.MethodPatch, entities + "(" + id + ")", r.content}), append(of, r.of)
		}
	}
	for len(writes) > 0 {
		n := min(maxRequests, len(writes))
		written, err := d.batch(ctx, writes[:n])
		if err != nil {
			return sync.Every(len(changes), err)
		}
		for i := range written {
			if err := written[i].verdict(d.now()); err != nil {
				out[of[i]] = err
			}
		}
		writes, of = writes[n:], of[n:]
	}
	return out
}

// rows are what the changes mean.
func (d *connector) rows(changes []sync.Change) (out []row, err error) {
	for i := range changes {
		for _, t := range d.mapping.Targets(&changes[i], d.now()) {
			r, err := d.row(&changes[i], t)
			if err != nil {
				return nil, fmt.Errorf("encode a consent: %w", err)
			}
			r.of = i
			out = append(out, r)
		}
	}
	return out, nil
}

func (d *connector) row(c *sync.Change, t sync.Target) (row, error) {
	number, at := c.Number.WithoutExtension().String(), d.places[t.Value]
	content := map[string]any{
		"msdynmkt_contactpointvalue": number, "msdynmkt_contactpointtype": at.channel, "msdynmkt_contactpointconsenttype": ofPurpose,
		"msdynmkt_purposeId@odata.bind": "/msdynmkt_purposes(" + at.purpose + ")", "msdynmkt_value": optedOut,
		"msdynmkt_source": source(c.Record.Source), "msdynmkt_logicalreason": noReason, "msdynmkt_reason": "Consentline " + c.ID,
	}
	filter := fmt.Sprintf("msdynmkt_contactpointvalue eq '%s' and msdynmkt_contactpointtype eq %d and _msdynmkt_purposeid_value eq %s", number, at.channel, at.purpose)
	if at.topic == "" {
		filter += fmt.Sprintf(" and msdynmkt_contactpointconsenttype eq %d", ofPurpose)
	} else {
		content["msdynmkt_contactpointconsenttype"], content["msdynmkt_topicId@odata.bind"] = ofTopic, "/msdynmkt_topics("+at.topic+")"
		filter += fmt.Sprintf(" and msdynmkt_contactpointconsenttype eq %d and _msdynmkt_topicid_value eq %s", ofTopic, at.topic)
	}
	if t.Granted {
		content["msdynmkt_value"] = optedIn
	}
	raw, err := json.Marshal(content)
	return row{id: rowID(number, t.Value), filter: filter, content: raw}, err
}

// rowID follows from the number and the place, in the form of RFC 9562's UUID version 8.
func rowID(number, place string) string {
	u := sha256.Sum256([]byte("consentline " + number + " " + place))
	u[6], u[8] = u[6]&0x0f|0x80, u[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[0:4], u[4:6], u[6:8], u[8:10], u[10:16])
}

// source tells where a consent came from by the choices of the table.
func source(s consent.Source) int {
	switch s {
	case consent.SMSKeyword, consent.SMSReply:
		return textMessage
	case consent.PreferenceCentre:
		return centre
	case consent.Import:
		return loaded
	}
	return internal
}
