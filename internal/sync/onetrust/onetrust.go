// Package onetrust writes consent receipts to OneTrust's Universal Consent & Preference Management.
//
// Source: POST /request/v1/consentreceipts/bulk (https://developer.onetrust.com/onetrust/reference/createbulkconsentreceiptusingpost):
// an array of receipts of one collection point, 3,000 calls a minute and 3 million receipts a day, at most 20 purposes a
// receipt. It validates no types and works on receipts later, so an acknowledgement says that they were received; what
// would not be applied is therefore refused here. Its specification calls the body one receipt and its text an array;
// the answer is an array.
package onetrust

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "onetrust",
	Doc:  "OneTrust: consent receipts, in bulk, of one collection point.",
	Settings: []sync.Setting{
		{Name: "collection_point", Doc: "the collection point's token, a JWT, from its tab Integrations", Required: true, Secret: true},
		{Name: "base_url", Doc: "another portal than https://privacyportal.onetrust.com, such as https://privacyportal-eu.onetrust.com"},
		{Name: "identifier_type", Doc: "what the collection point calls numbers; Phone unless given"},
		{Name: "test", Doc: "true marks receipts as tests, which cannot be undone"},
	},
	Mapping: sync.MappingDoc + "; its values are IDs of purposes (UUID)",
	New:     open,
}

type connector struct {
	base, token, identifier string
	test                    bool
	mapping                 sync.Mapping
	clients                 sync.Clients
	now                     func() time.Time
}

var purposeID = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err != nil {
		return nil, err
	}
	for _, to := range m {
		if !purposeID.MatchString(to.Value) {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "want IDs of purposes, UUIDs in lower case"}
		}
	}
	o := &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://privacyportal.onetrust.com"), "/"), token: c.Secrets["collection_point"],
		identifier: c.Setting("identifier_type", "Phone"), test: c.Settings["test"] == "true", mapping: m, clients: c.Clients, now: c.Now,
	}
	if at, err := url.Parse(o.base); err != nil || at.Host == "" || at.Scheme != "https" && at.Scheme != "http" {
		return nil, &sync.InvalidError{Field: "base_url", Reason: "want an address such as https://privacyportal-eu.onetrust.com"}
	}
	if strings.Count(o.token, ".") != 2 {
		return nil, &sync.InvalidError{Field: "collection_point", Reason: "want the token of a collection point: three parts with dots between"}
	}
	if t := c.Settings["test"]; t != "" && t != "true" && t != "false" {
		return nil, &sync.InvalidError{Field: "test", Reason: "want true or false"}
	}
	return o, nil
}

// maxPurposes is how many purposes are advised for a receipt; 20 are allowed.
const maxPurposes = 10

// Limits keeps below 3,000 calls a minute and, at a full batch each second, 3 million receipts a day. How many receipts
// a call may hold is not documented.
func (o *connector) Limits() sync.Limits {
	return sync.Limits{Batch: 100, InFlight: 4, PerSecond: 40, Burst: 40}
}

type receipt struct {
	RequestInformation string            `json:"requestInformation"`
	Identifier         string            `json:"identifier"`
	IdentifierType     string            `json:"identifierType"`
	Test               bool              `json:"test,omitempty"`
	InteractionDate    string            `json:"interactionDate"`
	Purposes           []purpose         `json:"purposes"`
	CustomPayload      map[string]string `json:"customPayload"`
}

type purpose struct {
	ID              string `json:"Id"`
	TransactionType string `json:"TransactionType"`
	ExpiryDate      string `json:"ExpiryDate,omitempty"`
}

// Deliver sends a receipt for each change of each person; a person with many purposes has several.
func (o *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	var receipts []receipt
	var of []int
	for i := range changes {
		targets := o.mapping.Targets(&changes[i], o.now())
		for len(targets) > 0 {
			n := min(maxPurposes, len(targets))
			receipts, of = append(receipts, o.receipt(&changes[i], targets[:n])), append(of, i)
			targets = targets[n:]
		}
	}
	out := make([]error, len(changes))
	for i, err := range sync.Divide(len(receipts), func(from, to int) ([]error, error) { return o.send(ctx, receipts[from:to]) }) {
		if err != nil {
			out[of[i]] = err
		}
	}
	return out
}

func (o *connector) receipt(c *sync.Change, targets []sync.Target) receipt {
	r := receipt{
		RequestInformation: o.token, Identifier: c.Number.WithoutExtension().String(), IdentifierType: o.identifier, Test: o.test,
		InteractionDate: c.Record.LastEffectiveAt().UTC().Format("2006-01-02T15:04:05.000Z"),
		CustomPayload:   map[string]string{"consentline_change": c.ID, "consentline_source": c.Record.Source.String()},
	}
	for _, t := range targets {
		p := purpose{ID: t.Value, TransactionType: transaction(c.Status(o.now()), t.Granted)}
		if t.Granted && !c.Record.ValidUntil.IsZero() {
			p.ExpiryDate = ledger.FormatTime(c.Record.ValidUntil.Truncate(time.Second))
		}
		r.Purposes = append(r.Purposes, p)
	}
	return r
}

// transaction tells how a scope stands by OneTrust's words.
func transaction(s consent.Status, granted bool) string {
	switch {
	case granted:
		return "CONFIRMED"
	case s == consent.StatusExpired:
		return "EXPIRED"
	case s == consent.StatusRefused:
		return "NOTGIVEN"
	}
	return "WITHDRAWN"
}

func (o *connector) send(ctx context.Context, receipts []receipt) ([]error, error) {
	req, err := sync.JSON(ctx, http.MethodPost, o.base+"/request/v1/consentreceipts/bulk", receipts)
	if err != nil {
		return nil, err
	}
	answer, err := o.clients.Call(req)
	if err != nil {
		return nil, err
	}
	if err := answer.Judge(o.now()); err != nil {
		return nil, err
	}
	var told []struct {
		Receipt string `json:"receipt"`
	}
	if err := answer.Decode(&told); err != nil {
		return nil, err
	}
	if len(told) != len(receipts) {
		return nil, &sync.LaterError{Code: "answer", Reason: "it answers for another number of receipts", All: true}
	}
	out := make([]error, len(receipts))
	for i := range told {
		if told[i].Receipt == "" {
			out[i] = &sync.LaterError{Code: "unanswered", Reason: "it gives no receipt for it"}
		}
	}
	return out, nil
}
