// Package hubspot keeps properties of HubSpot's contacts in step.
//
// HubSpot's own subscription preferences know the channel EMAIL alone, and its consent to texts can be changed by its
// users alone, so consent is written to contact properties. Source: POST /crm/objects/2026-03/contacts/batch/upsert
// (https://developers.hubspot.com/docs/api-reference/latest/crm/objects/contacts/batch/upsert-contacts): up to 100 inputs
// with idProperty, a property whose values are unique; 200, or 207 with the errors of single inputs, or 400 for all of
// them. A contact that is not there is made.
package hubspot

import (
	"context"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "hubspot",
	Doc:  "HubSpot: properties of contacts, found by a unique property that holds the number.",
	Settings: []sync.Setting{
		{Name: "access_token", Doc: "of a private app with the scopes crm.objects.contacts.read and .write", Required: true, Secret: true},
		sync.InboundSecret("the client secret of the app whose webhooks come back"),
		{Name: "id_property", Doc: "the contact property with unique values that holds the number in E.164, such as consent_number", Required: true},
		{Name: "granted", Doc: "what a property holds for a yes; true unless given"},
		{Name: "denied", Doc: "what a property holds for a no; false unless given"},
		{Name: "base_url", Doc: "another address than https://api.hubapi.com"},
	},
	Mapping: sync.MappingDoc + "; its values are contact properties by their internal names, such as sms_marketing_consent",
	New:     open,
}

type connector struct {
	base, token, id string
	inbound         string
	granted, denied string
	mapping         sync.Mapping
	clients         sync.Clients
	now             func() time.Time
}

var internalName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,99}$`)

func open(c sync.Config) (sync.Connector, error) {
	m, err := sync.NewMapping(&c.Destination)
	if err != nil {
		return nil, err
	}
	h := &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://api.hubapi.com"), "/"), token: c.Secrets["access_token"],
		id: c.Settings["id_property"], granted: c.Setting("granted", "true"), denied: c.Setting("denied", "false"),
		mapping: m, clients: c.Clients, now: c.Now, inbound: c.Secrets["inbound_secret"],
	}
	if !internalName.MatchString(h.id) {
		return nil, &sync.InvalidError{Field: "id_property", Reason: "want a property's internal name, such as consent_number"}
	}
	if h.granted == h.denied {
		return nil, &sync.InvalidError{Field: "granted", Reason: "is the same as denied: nobody could tell a yes from a no"}
	}
	for _, to := range m {
		if !internalName.MatchString(to.Value) || to.Value == h.id {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "want contact properties by their internal names, other than id_property"}
		}
	}
	return h, nil
}

// maxInputs is how many contacts a call may hold.
const maxInputs = 100

// Limits keeps below the 100 calls in ten seconds that the smallest account may make.
func (h *connector) Limits() sync.Limits {
	return sync.Limits{Batch: maxInputs, InFlight: 4, PerSecond: 9, Burst: 20}
}

type input struct {
	ID         string            `json:"id"`
	IDProperty string            `json:"idProperty"`
	Trace      string            `json:"objectWriteTraceId"`
	Properties map[string]string `json:"properties"`
}

// Deliver writes each person's properties. A contact may stand in a call once.
func (h *connector) Deliver(ctx context.Context, changes []sync.Change) []error {
	people := h.mapping.ByPerson(changes, h.now())
	inputs := make([]input, len(people.All))
	for i, p := range people.All {
		properties := map[string]string{}
		for _, t := range p.Targets {
			properties[t.Value] = h.denied
			if t.Granted {
				properties[t.Value] = h.granted
			}
		}
		inputs[i] = input{ID: p.Number, IDProperty: h.id, Trace: strconv.Itoa(i), Properties: properties}
	}
	return people.Errors(sync.Divide(len(inputs), func(from, to int) ([]error, error) { return h.upsert(ctx, inputs[from:to]) }))
}

// problem is what HubSpot says is wrong. Its message is left out, since it may repeat a number.
type problem struct {
	Category string              `json:"category"`
	Context  map[string][]string `json:"context"`
	Errors   []struct {
		Code string `json:"code"`
	} `json:"errors"`
	SubCategory any `json:"subCategory"`
}

func (h *connector) upsert(ctx context.Context, inputs []input) ([]error, error) {
	req, err := sync.JSON(ctx, http.MethodPost, h.base+"/crm/objects/2026-03/contacts/batch/upsert", map[string]any{"inputs": inputs})
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	answer, err := h.clients.Call(req)
	if err != nil {
		return nil, err
	}
	if err := answer.Judge(h.now()); err != nil {
		return nil, h.whole(&answer, err)
	}
	return judge(&answer, inputs)
}

// whole judges a call that failed altogether. What is missing in the account concerns every contact and is an operator's
// to mend; two writes of one contact at once pass.
func (h *connector) whole(answer *sync.Answer, judged error) error {
	var p problem
	if err := answer.Decode(&p); err != nil {
		return judged
	}
	for _, e := range p.Errors {
		if e.Code == "PROPERTY_DOESNT_EXIST" {
			return &sync.LaterError{Code: e.Code, Reason: "a property of the mapping, or id_property, is not defined for contacts", After: 5 * time.Minute, All: true}
		}
	}
	if answer.Status == http.StatusConflict {
		return &sync.LaterError{Code: "409", Reason: "a contact is being written by others", All: true}
	}
	return judged
}

// judge reads what became of each contact. One that the answer leaves out was not acknowledged.
func judge(answer *sync.Answer, inputs []input) ([]error, error) {
	var told struct {
		Results []struct {
			Trace      string            `json:"objectWriteTraceId"`
			Properties map[string]string `json:"properties"`
		} `json:"results"`
		Errors []problem `json:"errors"`
	}
	if err := answer.Decode(&told); err != nil {
		return nil, err
	}
	out, at := make([]error, len(inputs)), map[string]int{}
	for i := range inputs {
		out[i] = &sync.LaterError{Code: "unanswered", Reason: "the answer says nothing of it"}
		at[inputs[i].Trace], at[inputs[i].ID] = i, i
	}
	taken := 0
	for _, r := range told.Results {
		i, known := at[r.Trace]
		if !known {
			i, known = at[r.Properties[inputs[0].IDProperty]]
		}
		if known {
			out[i] = nil
			taken++
		}
	}
	for _, p := range told.Errors {
		for _, name := range []string{"objectWriteTraceId", "ids", "id"} {
			for _, v := range p.Context[name] {
				if i, known := at[v]; known {
					out[i] = p.verdict()
				}
			}
		}
	}
	if taken == 0 && len(told.Errors) == 0 && len(told.Results) == len(inputs) {
		return make([]error, len(inputs)), nil // an answer without traces, in which all were taken
	}
	return out, nil
}

func (p *problem) verdict() error {
	switch p.Category {
	case "RATE_LIMITS", "CONFLICT", "INTERNAL_ERROR":
		return &sync.LaterError{Code: p.Category, Reason: "it could not write the contact"}
	}
	return &sync.RefusedError{Code: p.Category, Reason: "it does not take the contact"}
}
