package httpapi

import (
	"context"
	"errors"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/heard"
	"github.com/consentline/consentline/internal/sync"
)

// HeardAnswer is what became of the changes that a destination told.
type HeardAnswer struct {
	Items []heard.Settled `json:"items" doc:"One for each change, in their order."`
}

// Hear adds the route by which destinations tell what was changed there; url is the address that a request was sent to,
// as its sender wrote it. Call it once, before anything is served.
func (a *API) Hear(l *heard.Listener, url func(scheme, host, uri string) string) {
	o := operation{
		id: "hearDestination", tag: tagDestinations, method: http.MethodPost, path: "/v1/destinations/{destination}/inbound",
		summary: "Take in a destination's callback",
		description: "Takes in what was changed in the destination itself. The callback proves itself by the system's own signature. A no counts at once; a yes over a no is " +
			"recorded as a conflict; what the destination was told itself makes no entry, however late it comes back. It is answered when every act that follows is durable.",
		params: []*huma.Param{pathParam("destination", "The destination's id.", "crm-hook")}, errors: []int{http.StatusForbidden, http.StatusNotFound},
		answer: HeardAnswer{Items: []heard.Settled{{Outcome: heard.Recorded, Seq: 42}}},
	}
	a.document(o, nil, reflect.TypeFor[HeardAnswer]())
	a.public(o.method+" "+o.path, func(w http.ResponseWriter, r *http.Request) error {
		body, err := readBody(w, r, maxCallback)
		if err != nil {
			return err
		}
		scheme := "http"
		if r.TLS != nil {
			scheme = "https"
		}
		taken, err := l.Take(r.Context(), r.PathValue("destination"), sync.Callback{
			Method: r.Method, URL: url(scheme, r.Host, r.RequestURI), Header: r.Header, Body: body, At: a.Now(),
		})
		if err != nil {
			return unheard(err)
		}
		return send(a, w, r, o, reply[HeardAnswer]{body: HeardAnswer{taken}})
	})
}

// unheard tells the sender of a callback what is wrong. Whoever is not known learns nothing of what is defined.
func unheard(err error) error {
	var later *sync.LaterError
	var refused *sync.RefusedError
	switch {
	case errors.Is(err, sync.ErrForged), errors.Is(err, sync.ErrNotFound):
		return problem(http.StatusForbidden, "signature_invalid", "Not taken", "", "No destination of this id has signed this callback. Check the destination's inbound_secret, and the clock.")
	case errors.As(err, &later), errors.As(err, &refused), errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "destination_unavailable", "Not taken yet", "", "The destination could not be asked about the change. Send the callback again.")
	}
	return err
}
