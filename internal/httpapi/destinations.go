package httpapi

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/sync"
)

const tagDestinations = "Destinations"

// Destination is an outside system that is kept in step.
type Destination struct {
	ID       string              `json:"id" doc:"The destination's id." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"crm-hook"`
	Kind     string              `json:"kind" doc:"What it is: one of GET /v1/destination-kinds." example:"webhook"`
	Name     string              `json:"name" doc:"Its name, for people." maxLength:"200" example:"Our CRM"`
	Brands   []consent.BrandID   `json:"brands,omitempty" doc:"The brands it is told of; none: all."`
	Purposes []consent.PurposeID `json:"purposes,omitempty" doc:"The purposes it is told of; none: all."`
	Channels []askedChannel      `json:"channels,omitempty" doc:"The channels it is told of; none: all."`
	Regions  []string            `json:"regions,omitempty" doc:"The regions (ISO 3166-1) whose numbers it is told of; none: all." example:"[\"US\"]"`
	Settings map[string]string   `json:"settings,omitempty" doc:"What its kind wants to know."`
	Mapping  map[string]string   `json:"mapping,omitempty" doc:"Which of its fields or groups hold which scope, as its kind says."`
	Secrets  map[string]string   `json:"secrets,omitempty" doc:"Keys and tokens, which are sealed and never shown again. Those that a change leaves out stay."`
	Numbers  bool                `json:"numbers,omitempty" doc:"Whether it may be told numbers where it could do without them."`
	Alert    int64               `json:"alert_seconds,omitempty" doc:"After how many seconds a withdrawal that it has not acknowledged raises an alert; 0: an hour." minimum:"0"`
	Hours    int64               `json:"reconcile_hours,omitempty" doc:"How often its own list is held against the ledger; 0: never. Its kind must be one that can be asked." minimum:"0"`
	Repair   bool                `json:"reconcile_repair,omitempty" doc:"Whether what differs is mended then."`
	Paused   bool                `json:"paused,omitempty" doc:"Whether it is left alone at present. What happens meanwhile is told when it goes on."`
}

func destinationOf(d sync.Destination) Destination {
	out := Destination{
		ID: d.ID, Kind: d.Kind, Name: d.Name, Brands: d.Brands, Purposes: d.Purposes, Regions: d.Regions, Settings: d.Settings,
		Mapping: d.Mapping, Numbers: d.Numbers, Alert: d.Alert, Paused: d.Paused,
		Hours: d.ReconcileHours, Repair: d.ReconcileRepair,
	}
	for _, c := range d.Channels {
		out.Channels = append(out.Channels, askedChannel(c.String()))
	}
	return out
}

func (d *Destination) defined() (sync.Destination, error) {
	out := sync.Destination{
		ID: d.ID, Kind: d.Kind, Name: d.Name, Settings: d.Settings, Mapping: d.Mapping, Secrets: d.Secrets, Numbers: d.Numbers, Alert: d.Alert, Paused: d.Paused,
		ReconcileHours: d.Hours, ReconcileRepair: d.Repair,
		Filter: sync.Filter{Brands: d.Brands, Purposes: d.Purposes, Regions: d.Regions},
	}
	for _, text := range d.Channels {
		channel, err := consent.ParseChannel(string(text))
		if err != nil {
			return out, &sync.InvalidError{Field: "channels", Reason: "want sms, whatsapp, voice_live, voice_auto, or none for all"}
		}
		out.Channels = append(out.Channels, channel)
	}
	return out, nil
}

// DestinationKind is a kind of destination.
type DestinationKind struct {
	Name     string               `json:"name" doc:"The kind, as destinations name it." example:"webhook"`
	Doc      string               `json:"description" doc:"What it is."`
	Settings []DestinationSetting `json:"settings" doc:"What it wants to know."`
	Mapping  string               `json:"mapping,omitempty" doc:"What the keys and values of its mapping are; absent: it has none."`
}

// DestinationSetting is one thing that a kind of destination wants to know.
type DestinationSetting struct {
	Name     string `json:"name" doc:"Its name." example:"url"`
	Doc      string `json:"description" doc:"What it is."`
	Required bool   `json:"required,omitempty" doc:"Whether it must be given."`
	Secret   bool   `json:"secret,omitempty" doc:"Whether it is given among the secrets."`
}

// DestinationKinds lists the kinds of destination.
type DestinationKinds struct {
	Items []DestinationKind `json:"items" doc:"The kinds there are, by name."`
}

// DestinationStatus is how far a destination is in step.
type DestinationStatus struct {
	Cursor      uint64       `json:"cursor" doc:"The last entry that was gone through."`
	Head        uint64       `json:"head" doc:"The last entry there is."`
	Waiting     int64        `json:"waiting" doc:"Changes that it did not take and that are tried again."`
	Parked      int64        `json:"parked" doc:"Changes that it refused for good: see its parked changes."`
	Backfilling bool         `json:"backfilling,omitempty" doc:"Whether everything on record is being sent."`
	Oldest      *ledger.Time `json:"oldest_unacknowledged,omitempty" doc:"When the earliest withdrawal that it has not acknowledged was recorded; absent: it has acknowledged all."`
	Overdue     bool         `json:"overdue,omitempty" doc:"Whether that is longer ago than alert_seconds."`
	Failures    int          `json:"failures,omitempty" doc:"How often in a row it failed, as far as this node knows."`
	Until       *ledger.Time `json:"retry_at,omitempty" doc:"When it is asked again after failing."`
}

// Parked is a change that a destination refused for good.
type Parked struct {
	Subject  string            `json:"subject" doc:"Whom it is about."`
	Brand    consent.BrandID   `json:"brand"`
	Purpose  consent.PurposeID `json:"purpose"`
	Channel  askedChannel      `json:"channel"`
	Seq      uint64            `json:"seq" doc:"The entry that it follows from."`
	Attempts int               `json:"attempts" doc:"How often it was tried."`
	Code     string            `json:"code" doc:"The destination's own code."`
	Reason   string            `json:"reason" doc:"Why it was not taken."`
}

// Replay says from where a destination is told again.
type Replay struct {
	After uint64 `json:"after_seq" doc:"The last entry that is not told again; 0: all are." minimum:"0" example:"0"`
}

// Retried says how much is tried again.
type Retried struct {
	Changes int64 `json:"changes" doc:"How many changes were parked and are tried again."`
}

// steps is the part of the interface that keeps other systems in step.
type steps struct {
	*API
	*sync.Engine
}

// KeepInStep adds the routes of destinations. Call it once, before anything is served.
func (a *API) KeepInStep(e *sync.Engine) {
	s := &steps{a, e}
	s.definitionRoutes()
	s.actionRoutes()
	s.statusRoutes()
	s.propagationRoutes()
}

var (
	hookExample = Destination{
		ID: "crm-hook", Kind: "webhook", Name: "Our CRM", Settings: map[string]string{"url": "https://crm.example.com/consent"},
		Secrets: map[string]string{"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "inbound_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	}
	hookShown = Destination{ID: "crm-hook", Kind: "webhook", Name: "Our CRM", Settings: map[string]string{"url": "https://crm.example.com/consent"}}
)

func destinationParam() *huma.Param {
	return pathParam("destination", "The destination's id.", "crm-hook")
}

func (s *steps) definitionRoutes() {
	d := s.Destinations
	serve(s.API, operation{
		id: "listDestinationKinds", tag: tagDestinations, method: http.MethodGet, path: "/v1/destination-kinds", permission: access.ReadDestinations,
		summary: "List kinds of destination", description: "Tells what can be kept in step, and what each kind wants to know.",
		answer: DestinationKinds{Items: []DestinationKind{{Name: "webhook", Doc: "An address of your own.", Settings: []DestinationSetting{{Name: "url", Doc: "where events are posted", Required: true}}}}},
	}, func(context.Context, call, *none) (out reply[DestinationKinds], err error) {
		for _, k := range d.Kinds() {
			shown := DestinationKind{Name: k.Name, Doc: k.Doc, Mapping: k.Mapping, Settings: []DestinationSetting{}}
			for _, setting := range k.Settings {
				shown.Settings = append(shown.Settings, DestinationSetting(setting))
			}
			out.body.Items = append(out.body.Items, shown)
		}
		return out, nil
	})
	defineResource(s.API, resource[Destination, sync.Destination]{
		one: "destination", many: "destinations", title: "Destination", param: destinationParam(), tag: tagDestinations,
		request: hookExample, example: hookShown, reading: access.ReadDestinations, changing: access.ManageDestinations,
		ends:  "Secrets that are left out stay. DELETE ends its use.",
		id:    func(w *Destination) string { return w.ID },
		setID: func(w *Destination, id string) { w.ID = id },
		brand: func(*Destination) consent.BrandID { return consent.Any }, // whoever acts for some brands only changes none
		read:  (*Destination).defined, show: destinationOf,
		all: d.All, get: d.Get, create: d.Create, change: d.Change,
		hidden: func(call, *Destination) bool { return false },
	})
	serve(s.API, operation{
		id: "removeDestination", tag: tagDestinations, method: http.MethodDelete, path: "/v1/destinations/{destination}", permission: access.ManageDestinations,
		summary: "Remove a destination", description: "Ends its use: it is told nothing more, and what was kept of it is forgotten. The system itself is left as it is.",
		params: []*huma.Param{destinationParam(), idempotencyParam()}, errors: []int{http.StatusNotFound, http.StatusConflict}, answer: hookShown,
	}, s.update(func(d *sync.Destination) { d.Removed = true }))
}

// update returns the handler of a call that changes one thing about a destination.
func (s *steps) update(fn func(*sync.Destination)) func(context.Context, call, *none) (reply[Destination], error) {
	return func(ctx context.Context, c call, _ *none) (out reply[Destination], err error) {
		return s.change(ctx, c, c.r.Method+" "+c.r.URL.Path, func(ctx context.Context) (sync.Destination, error) {
			return s.Destinations.Update(ctx, c.ID, c.path("destination"), fn)
		})
	}
}

func (s *steps) change(ctx context.Context, c call, content any, do func(context.Context) (sync.Destination, error)) (out reply[Destination], err error) {
	if err := s.Gate.Authorize(ctx, c.Caller, access.ManageDestinations, consent.Any); err != nil {
		return out, err
	}
	var d sync.Destination
	d, out.again, err = once(ctx, s.API, c, work[sync.Destination]{content: content, replay: definition[sync.Destination], do: do})
	out.body = destinationOf(d)
	return out, err
}

func (s *steps) actionRoutes() {
	for _, action := range []struct {
		id, name, summary, description string
		fn                             func(*sync.Destination)
	}{
		{"pauseDestination", "pause", "Pause a destination", "Leaves it alone. What happens meanwhile is told when it goes on.", func(d *sync.Destination) { d.Paused = true }},
		{"resumeDestination", "resume", "Resume a destination", "Goes on where it was paused.", func(d *sync.Destination) { d.Paused = false }},
		{"backfillDestination", "backfill", "Send everything on record", "Sends it every record there is, beside what is new. A backfill that is under way begins anew.", func(d *sync.Destination) { d.Backfill = true }},
	} {
		serve(s.API, operation{
			id: action.id, tag: tagDestinations, method: http.MethodPost, path: "/v1/destinations/{destination}/" + action.name, permission: access.ManageDestinations,
			summary: action.summary, description: action.description,
			params: []*huma.Param{destinationParam(), idempotencyParam()}, errors: []int{http.StatusNotFound, http.StatusConflict}, answer: hookShown,
		}, s.update(action.fn))
	}
	serve(s.API, operation{
		id: "replayDestination", tag: tagDestinations, method: http.MethodPost, path: "/v1/destinations/{destination}/replay", permission: access.ManageDestinations,
		summary: "Tell a destination again", description: "Begins again after an entry: whatever was recorded since is sent once more, as it stands now.",
		params: []*huma.Param{destinationParam(), idempotencyParam()}, errors: []int{http.StatusNotFound, http.StatusConflict}, request: Replay{}, answer: hookShown,
	}, func(ctx context.Context, c call, in *Replay) (reply[Destination], error) {
		return s.change(ctx, c, map[string]any{c.r.URL.Path: in}, func(ctx context.Context) (sync.Destination, error) {
			return s.Destinations.Replay(ctx, c.ID, c.path("destination"), in.After)
		})
	})
	serve(s.API, operation{
		id: "retryDestination", tag: tagDestinations, method: http.MethodPost, path: "/v1/destinations/{destination}/retry", permission: access.ManageDestinations,
		summary: "Try parked changes again", description: "Sends again what the destination refused for good, as after mending the cause.",
		params: []*huma.Param{destinationParam()}, errors: []int{http.StatusNotFound}, answer: Retried{},
	}, func(ctx context.Context, c call, _ *none) (out reply[Retried], err error) {
		if err := s.Gate.Authorize(ctx, c.Caller, access.ManageDestinations, consent.Any); err != nil {
			return out, err
		}
		out.body.Changes, err = s.Unpark(ctx, c.path("destination"))
		return out, err
	})
}

func (s *steps) statusRoutes() {
	serve(s.API, operation{
		id: "readDestinationStatus", tag: tagDestinations, method: http.MethodGet, path: "/v1/destinations/{destination}/status", permission: access.ReadDestinations,
		summary: "Tell how far a destination is in step", description: "Tells what it has been told, what waits, what it refused, and since when it owes an acknowledgement.",
		params: []*huma.Param{destinationParam()}, errors: []int{http.StatusNotFound}, answer: DestinationStatus{Cursor: 42, Head: 42},
	}, s.readStatus)
	serve(s.API, operation{
		id: "listParked", tag: tagDestinations, method: http.MethodGet, path: "/v1/destinations/{destination}/parked", permission: access.ReadDestinations,
		summary: "List parked changes", description: "Lists what the destination refused for good, with its reasons, by subject.",
		params: append(pageParams(), destinationParam()), errors: []int{http.StatusNotFound},
		answer: Page[Parked]{Items: []Parked{{
			Subject: exampleSubject, Brand: "acme", Purpose: "newsletter", Channel: "sms", Seq: 42, Attempts: 1, Code: "30646", Reason: "it knows no such sender",
		}}},
	}, s.listParked)
}

func (s *steps) readStatus(ctx context.Context, c call, _ *none) (out reply[DestinationStatus], err error) {
	d, err := s.Destinations.Get(c.path("destination"))
	if err != nil {
		return out, err
	}
	st, err := s.Status(ctx, d.ID)
	out.body = DestinationStatus{
		Cursor: st.Cursor, Head: st.Head, Waiting: st.Waiting, Parked: st.Parked, Backfilling: st.Backfilling, Failures: st.Failures,
		Oldest: timeOrNone(st.Oldest), Until: timeOrNone(st.Until),
		Overdue: !st.Oldest.IsZero() && s.API.Now().Sub(st.Oldest) > d.Overdue(),
	}
	return out, err
}

func timeOrNone(t time.Time) *ledger.Time {
	if t.IsZero() {
		return nil
	}
	at := ledger.Time(t)
	return &at
}

func (s *steps) listParked(ctx context.Context, c call, _ *none) (out reply[Page[Parked]], err error) {
	limit, err := c.limit()
	if err != nil {
		return out, err
	}
	list := "parked " + c.path("destination")
	place, err := s.after(c, list)
	if err != nil {
		return out, err
	}
	var after sync.Item
	if subject, scope, ok := strings.Cut(place, " "); ok {
		id, err := hex.DecodeString(subject)
		if err != nil || len(id) != len(after.Subject) {
			return out, errors.New("a cursor that was signed names no subject")
		}
		copy(after.Subject[:], id)
		if after.Scope, err = sync.ParseScope(scope); err != nil {
			return out, err
		}
	}
	items, err := s.Parked(ctx, c.path("destination"), after, limit+1)
	if err != nil {
		return out, err
	}
	if len(items) > limit {
		items = items[:limit]
		last := items[limit-1]
		out.next = s.cursor(list, hex.EncodeToString(last.Subject[:])+" "+last.Scope.String())
	}
	out.body = Page[Parked]{Items: []Parked{}, Next: out.next}
	for _, it := range items {
		out.body.Items = append(out.body.Items, Parked{
			Subject: hex.EncodeToString(it.Subject[:]), Brand: it.Scope.Brand, Purpose: it.Scope.Purpose, Channel: askedChannel(it.Scope.Channel.String()),
			Seq: it.Seq, Attempts: it.Attempts, Code: it.Code, Reason: it.Reason,
		})
	}
	return out, nil
}

// ofDestinations returns the problem of an error about destinations, nil of others.
func ofDestinations(err error) *Problem {
	var invalid *sync.InvalidError
	switch {
	case errors.As(err, &invalid):
		return problem(http.StatusUnprocessableEntity, act.CodeInvalidField, "Not defined", invalid.Field, invalid.Reason)
	case errors.Is(err, sync.ErrNotFound):
		return problem(http.StatusNotFound, "not_found", "Not found", "", err.Error())
	case errors.Is(err, sync.ErrExists):
		return problem(http.StatusConflict, "exists", "Exists already", "id", "a destination of this id is defined already")
	}
	return nil
}
