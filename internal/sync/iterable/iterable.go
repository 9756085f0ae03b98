// Package iterable subscribes people to Iterable's message types and channels, and unsubscribes them.
//
// Source: https://api.iterable.com/api/docs: PUT /api/subscriptions/GROUP/ID names people by userId, once Iterable has
// enabled it for a project; POST /api/users/bulkUpdate adds people, five calls a second and 4 MB each.
package iterable

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// Kind describes the destination for operators.
var Kind = sync.Kind{
	Name: "iterable",
	Doc:  "Iterable: subscriptions to message types, channels and lists.",
	Settings: []sync.Setting{
		{Name: "api_key", Doc: "a server-side API key of the project", Required: true, Secret: true},
		{Name: "person_id", Doc: sync.PersonIDDoc},
		{Name: "only_existing", Doc: "yes: add nobody whom Iterable does not know; otherwise they are added, so that a no is there before they are"},
		{Name: "base_url", Doc: "another address than https://api.iterable.com, such as https://api.eu.iterable.com"},
	},
	Mapping: sync.MappingDoc + "; its values are subscription groups, such as messageType/5342, messageChannel/48 or emailList/117",
	New:     open,
}

// maxUsers is how many people a call names. Iterable documents a size alone, which this keeps far below.
const maxUsers = 500

var group = regexp.MustCompile(`^(messageType|messageChannel|emailList)/[0-9]+$`)

type connector struct {
	sync.Calls
	base, key string
	person    sync.PersonID
	existing  bool
	clients   sync.Clients
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
		if !group.MatchString(to.Value) {
			return nil, &sync.InvalidError{Field: "mapping", Reason: "value " + to.Value + ": want messageType/ID, messageChannel/ID or emailList/ID"}
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
	i := &connector{
		base: strings.TrimRight(c.Setting("base_url", "https://api.iterable.com"), "/"), key: c.Secrets["api_key"],
		person: person, existing: existing, clients: c.Clients,
	}
	i.Calls = sync.Calls{Mapping: m, Now: c.Now, Granted: maxUsers, Denied: maxUsers, Send: i.send, Pace: sync.Limits{InFlight: 2, PerSecond: 5, Burst: 5}}
	return i, nil
}

// user is a person's profile.
type user struct {
	ID       string            `json:"userId"`
	PreferID bool              `json:"preferUserId"` // adds who is not there
	Fields   map[string]string `json:"dataFields"`
}

// send tells what people said, once they are there: a no to somebody who is not there yet would be lost.
func (i *connector) send(ctx context.Context, t sync.Told) error {
	var users []user
	var ids []string
	seen := map[string]bool{}
	for _, c := range t.People {
		if id := i.person(c); !seen[id] {
			seen[id] = true
			users = append(users, user{id, true, map[string]string{"phoneNumber": c.Number.WithoutExtension().String()}})
			ids = append(ids, id)
		}
	}
	if !i.existing {
		if err := i.call(ctx, http.MethodPost, "/api/users/bulkUpdate", map[string]any{"users": users}); err != nil {
			return err
		}
	}
	action := "unsubscribe"
	if t.Granted {
		action = "subscribe"
	}
	return i.call(ctx, http.MethodPut, "/api/subscriptions/"+t.Value+"?action="+action, map[string]any{"usersByUserId": ids})
}

func (i *connector) call(ctx context.Context, method, path string, body any) error {
	req, err := sync.JSON(ctx, method, i.base+path, body)
	if err != nil {
		return err
	}
	req.Header.Set("Api-Key", i.key)
	answer, err := i.clients.Call(req)
	if err != nil {
		return err
	}
	if err := answer.Judge(i.Now()); err != nil || answer.Status == http.StatusAccepted {
		return err
	}
	var told struct {
		Code   string `json:"code"`
		Failed int    `json:"failCount"`
	}
	if err := answer.Decode(&told); err != nil {
		return err
	}
	if told.Failed > 0 || told.Code != "" && told.Code != "Success" { // a 200 may hide a failure
		return &sync.RefusedError{Code: "failures", Reason: "Iterable took the call, but not all that it holds"}
	}
	return nil
}
