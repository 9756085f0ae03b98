package httpapi

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/people"
)

// PersonRequest says what a person is and may do.
type PersonRequest struct {
	Name     string            `json:"name,omitempty" doc:"As others see it; absent: the login." maxLength:"200" example:"Ada Example"`
	Role     access.Role       `json:"role" doc:"What they may do. Sender is for keys."`
	Brands   []consent.BrandID `json:"brands,omitempty" doc:"The only brands for which they may act; absent: all."`
	Disabled bool              `json:"disabled,omitempty" doc:"Whether they are shut out. All sessions and links end then."`
}

// PersonInvitation lets a person in.
type PersonInvitation struct {
	Login string `json:"login" doc:"What they sign in with, such as an e-mail address. It is given once for ever." maxLength:"200" example:"ada@example.org"`
	PersonRequest
}

// Person is what is kept of a member of staff.
type Person struct {
	ID    string `json:"id" doc:"The person's id." example:"7h2d0c9a"`
	Login string `json:"login" doc:"What they sign in with." example:"ada@example.org"`
	PersonRequest
	SingleSignOn bool         `json:"single_sign_on,omitempty" doc:"Whether they sign in with single sign-on, whose groups set role and brands each time."`
	CreatedAt    ledger.Time  `json:"created_at" doc:"When they were let in."`
	CreatedBy    string       `json:"created_by" doc:"Who let them in." example:"local"`
	JoinedAt     *ledger.Time `json:"joined_at,omitempty" doc:"When they first signed in; absent: they have not."`
	DisabledAt   *ledger.Time `json:"disabled_at,omitempty" doc:"Since when they are shut out."`
	DisabledBy   string       `json:"disabled_by,omitempty" doc:"Who shut them out."`
}

// Entrance is a link that signs a person in once, so that they choose how they sign in from then on.
type Entrance struct {
	Link      string      `json:"link,omitempty" doc:"The link, as a path under the address of this deployment. It works once and is shown in this answer only: a repeated request is answered without it." example:"/console/enter/…"`
	ExpiresAt ledger.Time `json:"expires_at" doc:"When the link ends, if it was not used."`
}

// NewPerson is a person who was just let in, with their link.
type NewPerson struct {
	Person
	Entrance
}

func personOf(p access.Person) Person {
	return Person{
		ID: p.ID, Login: p.Login, SingleSignOn: p.Identity != "",
		PersonRequest: PersonRequest{Name: p.Name, Role: p.Role, Brands: p.Brands, Disabled: p.DisabledAt != nil},
		CreatedAt:     p.CreatedAt, CreatedBy: p.CreatedBy, JoinedAt: p.JoinedAt, DisabledAt: p.DisabledAt, DisabledBy: p.DisabledBy,
	}
}

func (a *API) peopleRoutes() {
	id := pathParam("person", "The person's id.", "7h2d0c9a")
	request := PersonRequest{Name: "Ada Example", Role: access.Agent, Brands: []consent.BrandID{"default"}}
	example := Person{ID: "7h2d0c9a", Login: "ada@example.org", PersonRequest: request, CreatedAt: *exampleTime(), CreatedBy: "local"}
	entrance := Entrance{Link: "/console/enter/shown-once", ExpiresAt: *exampleTime()}
	serve(a, operation{
		id: "invitePerson", tag: tagPeople, method: http.MethodPost, path: "/v1/people", permission: access.ManagePeople,
		summary: "Let a person in", description: "Lets a person in, and answers with a link by which they enter once and choose how they sign in.",
		params: []*huma.Param{idempotencyParam()}, status: http.StatusCreated, errors: []int{http.StatusConflict},
		request: PersonInvitation{"ada@example.org", request}, answer: NewPerson{example, entrance},
	}, a.invitePerson)
	serve(a, operation{
		id: "listPeople", tag: tagPeople, method: http.MethodGet, path: "/v1/people", permission: access.ManagePeople,
		summary: "List the people", description: "Lists the people by login, those who are shut out included.", params: pageParams(), answer: Page[Person]{Items: []Person{example}},
	}, a.listPeople)
	serve(a, operation{
		id: "readPerson", tag: tagPeople, method: http.MethodGet, path: "/v1/people/{person}", permission: access.ManagePeople,
		summary: "Read a person", description: "Tells what is kept of a person. How they prove who they are is not told.", params: []*huma.Param{id}, errors: []int{http.StatusNotFound}, answer: example,
	}, a.readPerson)
	serve(a, operation{
		id: "changePerson", tag: tagPeople, method: http.MethodPut, path: "/v1/people/{person}", permission: access.ManagePeople,
		summary: "Change a person", description: "Puts name, role, brands and whether they are shut out in the place of what was: what is left out is empty then, and no brands are all. It holds from the moment of this answer, for who is signed in too.",
		params: []*huma.Param{id, idempotencyParam()}, errors: []int{http.StatusNotFound, http.StatusConflict}, request: request, answer: example,
	}, a.changePerson)
	serve(a, operation{
		id: "linkPerson", tag: tagPeople, method: http.MethodPost, path: "/v1/people/{person}/link", permission: access.ManagePeople,
		summary: "Make a new link for a person", description: "Answers with a link by which the person enters once without password and code, to choose new ones. An earlier link ends, that of a repeated request too.",
		params: []*huma.Param{id, idempotencyParam()}, status: http.StatusCreated, errors: []int{http.StatusNotFound, http.StatusConflict}, answer: entrance,
	}, a.linkPerson)
	serve(a, operation{
		id: "signPersonOut", tag: tagPeople, method: http.MethodPost, path: "/v1/people/{person}/sign-out", permission: access.ManagePeople,
		summary: "Sign a person out", description: "Ends all of a person's sessions and links. They may sign in again.",
		params: []*huma.Param{id, idempotencyParam()}, errors: []int{http.StatusNotFound}, answer: example,
	}, a.signPersonOut)
}

// brandsGiven refuses brands that are not defined, and those that the caller could not give.
func (a *API) brandsGiven(ctx context.Context, c call, brands []consent.BrandID) error {
	if err := a.Gate.Authorize(ctx, c.Caller, access.ManagePeople, brandsOrAll(brands)...); err != nil {
		return err
	}
	for _, b := range brands {
		if _, err := a.Catalog.Brand(string(b)); err != nil {
			return &access.InvalidError{Field: "brands", Reason: "names a brand that is not defined: define it with POST /v1/brands"}
		}
	}
	return nil
}

func (a *API) entrance(link string) Entrance {
	e := Entrance{ExpiresAt: ledger.Time(a.Now().Add(people.LinkLasts).UTC().Truncate(time.Microsecond))}
	if link != "" {
		e.Link = "/console/enter/" + link
	}
	return e
}

func (a *API) invitePerson(ctx context.Context, c call, in *PersonInvitation) (out reply[NewPerson], err error) {
	if err := a.brandsGiven(ctx, c, in.Brands); err != nil {
		return out, err
	}
	if in.Disabled {
		return out, &access.InvalidError{Field: "disabled", Reason: "whoever is let in is not shut out: leave it out"}
	}
	out.body, _, err = once(ctx, a, c, work[NewPerson]{
		content: in,
		do: func(ctx context.Context) (NewPerson, error) {
			p, link, err := a.People.Invite(ctx, c.Caller, access.Person{Login: in.Login, Name: in.Name, Role: in.Role, Brands: in.Brands})
			return NewPerson{personOf(p), a.entrance(link)}, err
		},
		replay: func(e ledger.Entry) (NewPerson, error) {
			p, err := definition[access.Person](e)
			again := a.entrance("")
			again.ExpiresAt = ledger.Time(e.RecordedAt.Add(people.LinkLasts))
			return NewPerson{personOf(p), again}, err
		},
	})
	out.place = "/v1/people/" + out.body.ID
	return out, err
}

func (a *API) listPeople(_ context.Context, c call, _ *none) (reply[Page[Person]], error) {
	var seen []Person
	for _, p := range a.Gate.People() {
		if len(c.Brands) == 0 || !slices.ContainsFunc(brandsOrAll(p.Brands), func(b consent.BrandID) bool { return !c.For(b) }) {
			seen = append(seen, personOf(p))
		}
	}
	return pageOf(a, c, "people", seen, func(p Person) string { return p.Login + " " + p.ID })
}

func (a *API) personFor(ctx context.Context, c call) (access.Person, error) {
	p, err := a.Gate.Person(c.path("person"))
	if err != nil {
		return p, err
	}
	return p, a.Gate.Authorize(ctx, c.Caller, access.ManagePeople, brandsOrAll(p.Brands)...)
}

func (a *API) readPerson(ctx context.Context, c call, _ *none) (reply[Person], error) {
	p, err := a.personFor(ctx, c)
	return reply[Person]{body: personOf(p)}, err
}

// changePerson needs no memory of its idempotency key: what is so already changes nothing.
func (a *API) changePerson(ctx context.Context, c call, in *PersonRequest) (out reply[Person], err error) {
	p, err := a.personFor(ctx, c)
	if err != nil {
		return out, err
	}
	if err := a.brandsGiven(ctx, c, in.Brands); err != nil {
		return out, err
	}
	p, err = a.People.Change(ctx, c.Caller, p.ID, access.PersonChange{Name: &in.Name, Role: &in.Role, Brands: &in.Brands, Disabled: &in.Disabled})
	return reply[Person]{body: personOf(p)}, err
}

// linkPerson needs no memory of its idempotency key: whoever asks again has not seen the link, and the earlier one ends.
func (a *API) linkPerson(ctx context.Context, c call, _ *none) (out reply[Entrance], err error) {
	p, err := a.personFor(ctx, c)
	if err != nil {
		return out, err
	}
	link, err := a.People.Link(ctx, c.Caller, p.ID)
	return reply[Entrance]{body: a.entrance(link)}, err
}

func (a *API) signPersonOut(ctx context.Context, c call, _ *none) (out reply[Person], err error) {
	p, err := a.personFor(ctx, c)
	if err == nil {
		err = a.People.EndSessions(ctx, c.Caller, p.ID)
	}
	return reply[Person]{body: personOf(p)}, err
}
