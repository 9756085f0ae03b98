package httpapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/suppression"
)

// ListRequest defines a suppression list, or changes what is known of one.
type ListRequest struct {
	ID            string          `json:"id" doc:"The list's id." pattern:"^[a-z0-9][a-z0-9._-]{0,63}$" example:"us-dnc"`
	Name          string          `json:"name" doc:"Its name, for people." maxLength:"200" example:"National Do Not Call Registry"`
	Kind          kindOfList      `json:"kind" doc:"What kind of list it is."`
	Brand         consent.BrandID `json:"brand,omitempty" doc:"The brand for which it holds; absent: for all." example:"acme"`
	Source        string          `json:"source,omitempty" doc:"Where its members come from." example:"https://telemarketing.donotcall.gov"`
	AsOf          *ledger.Time    `json:"as_of,omitempty" doc:"The moment whose truth its members are; absent: now, or as it was."`
	MaxAgeSeconds int64           `json:"max_age_seconds,omitempty" minimum:"0" doc:"How old it may grow before it denies every contact; absent: any age." example:"2678400"`
	Registry      string          `json:"registry,omitempty" doc:"The registry of which it is a copy, by the id that rules give it. Where a rule asks that registry, the list answers it instead of suppressing by itself: the rule says how old it may be and what lifts a listing." example:"us.ndnc"`
	Covers        []string        `json:"covers,omitempty" doc:"Of the copy of a registry: the beginnings of the numbers that it tells of, calling code first; absent: all numbers. The others were not asked about." example:"1212"`
}

// List is a suppression list.
type List struct {
	ListRequest
	Members int          `json:"members" doc:"How many numbers stand on it."`
	State   string       `json:"state" enum:"fresh,stale" doc:"Whether it can be relied on. A stale list denies every contact that it applies to."`
	StaleAt *ledger.Time `json:"stale_at,omitempty" doc:"When it grows stale unless it is loaded anew."`
}

// kindOfList is one of suppression.Kinds.
type kindOfList string

// Schema lists the kinds.
func (kindOfList) Schema(huma.Registry) *huma.Schema {
	s := &huma.Schema{Type: huma.TypeString, Examples: []any{"national_registry"}}
	for _, k := range suppression.Kinds {
		s.Enum = append(s.Enum, k)
	}
	return s
}

func (q *ListRequest) list() (suppression.List, error) {
	const most = int64(1<<63-1) / int64(time.Second)
	if q.MaxAgeSeconds < 0 || q.MaxAgeSeconds > most {
		return suppression.List{}, &suppression.InvalidError{Field: "max_age_seconds", Reason: "want a number of seconds, or none"}
	}
	return suppression.List{
		ID: q.ID, Name: q.Name, Kind: string(q.Kind), Brand: q.Brand, Source: q.Source,
		AsOf: ledger.Time(zeroOr(q.AsOf)), MaxAge: time.Duration(q.MaxAgeSeconds) * time.Second,
		Registry: q.Registry, Covers: q.Covers,
	}, nil
}

func (a *API) listOf(l suppression.List) List {
	asOf := l.AsOf
	out := List{
		ListRequest: ListRequest{
			ID: l.ID, Name: l.Name, Kind: kindOfList(l.Kind), Brand: l.Brand, Source: l.Source, AsOf: &asOf,
			MaxAgeSeconds: int64(l.MaxAge / time.Second), Registry: l.Registry, Covers: l.Covers,
		},
		Members: l.Members, State: "fresh",
	}
	if l.MaxAge == 0 {
		return out
	}
	ends := time.Time(l.AsOf).Add(l.MaxAge)
	out.StaleAt = moment(ends)
	if a.Now().After(ends) {
		out.State = "stale"
	}
	return out
}

func (a *API) listRoutes() {
	id := pathParam("list", "The list's id.", "us-dnc")
	request, answer := exampleList()
	serve(a, operation{
		id: "createList", tag: tagLists, method: http.MethodPost, path: "/v1/lists", permission: access.ChangeLists,
		summary: "Define a suppression list", description: "Defines a list without members. Numbers on a list are not contacted whatever consent says.",
		params: []*huma.Param{idempotencyParam()}, status: http.StatusCreated, errors: []int{http.StatusConflict}, request: request, answer: answer,
	}, a.createList)
	serve(a, operation{
		id: "listLists", tag: tagLists, method: http.MethodGet, path: "/v1/lists", permission: access.ReadCatalog,
		summary: "List the suppression lists", description: "Lists the suppression lists by id, with how many members each has and whether it is fresh.",
		params: pageParams(), answer: Page[List]{Items: []List{answer}},
	}, a.listLists)
	serve(a, operation{
		id: "readList", tag: tagLists, method: http.MethodGet, path: "/v1/lists/{list}", permission: access.ReadCatalog,
		summary: "Read a suppression list", description: "Tells what is known of a list. Who stands on it is asked number by number, with a lookup.",
		params: []*huma.Param{id}, errors: []int{http.StatusNotFound}, answer: answer,
	}, a.readList)
	serve(a, operation{
		id: "changeList", tag: tagLists, method: http.MethodPut, path: "/v1/lists/{list}", permission: access.ChangeLists,
		summary: "Change a suppression list", description: "Changes what is known of a list; its members stay.",
		params: []*huma.Param{id, idempotencyParam()}, errors: []int{http.StatusNotFound}, request: request, answer: answer,
	}, a.changeList)
	a.memberRoutes(id)
}

func (a *API) createList(ctx context.Context, c call, in *ListRequest) (out reply[List], err error) {
	if err := a.Gate.Authorize(ctx, c.Caller, access.ChangeLists, brandOrAll(in.Brand)); err != nil {
		return out, err
	}
	out, err = a.defineList(ctx, c, in, func(ctx context.Context, l suppression.List) (suppression.List, error) {
		return a.Lists.Create(ctx, c.ID, l, a.Now())
	})
	out.place = "/v1/lists/" + in.ID
	return out, err
}

func (a *API) defineList(ctx context.Context, c call, in *ListRequest, put func(context.Context, suppression.List) (suppression.List, error)) (out reply[List], err error) {
	l, err := in.list()
	if err != nil {
		return out, err
	}
	if a.Rules != nil && in.Registry != "" && !a.Rules.Asks(in.Registry) {
		return out, &suppression.InvalidError{Field: "registry", Reason: "is none that a rule asks: GET /v1/rules names them"}
	}
	l, _, err = once(ctx, a, c, work[suppression.List]{
		content: in,
		do:      func(ctx context.Context) (suppression.List, error) { return put(ctx, l) },
		replay: func(e ledger.Entry) (suppression.List, error) {
			change, err := listChange(e)
			return change.List, err
		},
	})
	out.body = a.listOf(l)
	return out, err
}

// listChange reads what an entry changed of a list.
func listChange(e ledger.Entry) (out suppression.Change, err error) {
	if err := json.Unmarshal(e.Body.Detail, &out); err != nil {
		return out, fmt.Errorf("entry %d: %w", e.Seq, err)
	}
	return out, nil
}

func (a *API) listLists(_ context.Context, c call, _ *none) (reply[Page[List]], error) {
	var seen []List
	for _, l := range a.Lists.All() {
		if !l.Removed && (l.Brand == "" || visible(c, l.Brand)) {
			seen = append(seen, a.listOf(l))
		}
	}
	return pageOf(a, c, "lists", seen, func(l List) string { return l.ID })
}

// list returns the one that a path names, if the caller may read or change it.
func (a *API) list(ctx context.Context, c call, permission access.Permission) (suppression.List, error) {
	l, err := a.Lists.Get(c.path("list"))
	if err != nil || permission == access.ReadCatalog && l.Brand == "" {
		return l, err
	}
	return l, a.Gate.Authorize(ctx, c.Caller, permission, brandOrAll(l.Brand))
}

func (a *API) readList(ctx context.Context, c call, _ *none) (reply[List], error) {
	l, err := a.list(ctx, c, access.ReadCatalog)
	return reply[List]{body: a.listOf(l)}, err
}

func (a *API) changeList(ctx context.Context, c call, in *ListRequest) (out reply[List], err error) {
	before, err := a.list(ctx, c, access.ChangeLists)
	if err != nil {
		return out, err
	}
	if in.ID != "" && in.ID != before.ID {
		return out, &suppression.InvalidError{Field: "id", Reason: "is not the one in the path: send that, or define another list"}
	}
	in.ID = before.ID
	if err := a.Gate.Authorize(ctx, c.Caller, access.ChangeLists, brandOrAll(in.Brand)); err != nil {
		return out, err
	}
	return a.defineList(ctx, c, in, func(ctx context.Context, l suppression.List) (suppression.List, error) {
		if time.Time(l.AsOf).IsZero() {
			l.AsOf = before.AsOf
		}
		if l.Number, l.Members = before.Number, before.Members; reflect.DeepEqual(l, before) {
			return before, nil // as it is already: no entry is made of that
		}
		return a.Lists.Update(ctx, c.ID, l)
	})
}

func exampleList() (ListRequest, List) {
	q := ListRequest{
		ID: "us-dnc", Name: "National Do Not Call Registry", Kind: "national_registry", Source: "https://telemarketing.donotcall.gov",
		AsOf: exampleTime(), MaxAgeSeconds: 100 * 365 * 86400,
	}
	ends := moment(time.Time(*q.AsOf).Add(time.Duration(q.MaxAgeSeconds) * time.Second))
	return q, List{ListRequest: q, Members: 0, State: "fresh", StaleAt: ends}
}
