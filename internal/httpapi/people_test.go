package httpapi_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/httpapi"
	"github.com/consentline/consentline/internal/session"
)

// enter signs in by a link of an answer and returns the session's token.
func (f *fixture) enter(link string) string {
	f.t.Helper()
	token, err := f.People.Enter(f.t.Context(), strings.TrimPrefix(link, "/console/enter/"), "")
	if err != nil {
		f.t.Fatal(err)
	}
	return token
}

func (f *fixture) signedIn(token string) bool {
	f.t.Helper()
	_, err := f.Sessions.Find(f.t.Context(), token)
	if err != nil && !errors.Is(err, session.ErrEnded) {
		f.t.Fatal(err)
	}
	return err == nil
}

func TestAPersonIsLetInByALinkThatIsShownOnce(t *testing.T) {
	f := start(t)
	q := request{method: "POST", path: "/v1/people", body: map[string]any{"login": "Ada@example.org", "role": "agent", "brands": []string{"default"}}, header: map[string]string{"Idempotency-Key": "k"}}
	var made, again httpapi.NewPerson
	f.do(q).status(201).into(&made)
	f.do(q).status(201).into(&again)
	if made.Login != "ada@example.org" || made.Name != made.Login || made.JoinedAt != nil || made.Link == "" || again.Link != "" || again.ID != made.ID {
		t.Errorf("got %+v and then %+v", made, again)
	}
	token := f.enter(made.Link)
	f.get("/v1/people/" + made.ID).status(200).into(&again)
	if again.JoinedAt == nil || !f.signedIn(token) {
		t.Errorf("after entering: %+v", again)
	}
	f.post("/v1/people", map[string]any{"login": "ada@EXAMPLE.org", "role": "viewer"}).problem(409, "exists", "login")
	for field, body := range map[string]map[string]any{
		"login":    {"login": "two words", "role": "agent"},
		"role":     {"login": "x", "role": "sender"},
		"brands":   {"login": "x", "role": "agent", "brands": []string{"nobody"}},
		"disabled": {"login": "x", "role": "agent", "disabled": true},
	} {
		f.post("/v1/people", body).problem(422, "invalid_field", field)
	}
	f.get("/v1/people/nobody").problem(404, "not_found", "")
}

func TestAChangeOfAPersonHoldsAtOnce(t *testing.T) {
	f := start(t)
	var made httpapi.NewPerson
	f.post("/v1/people", map[string]any{"login": "ada@example.org", "role": "agent"}).status(201).into(&made)
	token, path := f.enter(made.Link), "/v1/people/"+made.ID
	put := func(body map[string]any) answer { return f.do(request{method: "PUT", path: path, body: body}) }
	put(map[string]any{"role": "viewer", "name": "Ada", "brands": []string{"default"}}).status(200)
	got, err := f.Sessions.Find(t.Context(), token)
	if err != nil || got.Caller.Role != access.Viewer || got.Caller.Name != "Ada" || len(got.Caller.Brands) != 1 {
		t.Fatalf("got %+v, %v", got, err)
	}
	before := f.head()
	put(map[string]any{"role": "viewer", "name": "Ada", "brands": []string{"default"}}).status(200)
	if f.head() != before {
		t.Error("a change that changes nothing made an entry")
	}
	var link httpapi.Entrance
	f.post(path+"/link", nil).status(201).into(&link)
	f.post(path+"/sign-out", nil).status(200)
	if f.signedIn(token) {
		t.Error("signed out, the session goes on")
	}
	f.post(path+"/link", nil).status(201).into(&link)
	token = f.enter(link.Link)
	var out httpapi.Person
	put(map[string]any{"role": "viewer", "name": "Ada", "disabled": true}).status(200).into(&out)
	if out.DisabledAt == nil || f.signedIn(token) {
		t.Errorf("disabled: %+v", out)
	}
	f.post(path+"/link", nil).problem(409, "person_disabled", "")
	put(map[string]any{"role": "viewer", "name": "Ada"}).status(200)
	if f.signedIn(token) {
		t.Error("enabled again, an old session came back")
	}
}

func TestWhoActsForSomeBrandsManagesPeopleOfThoseOnly(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	limited := f.key(access.Admin, "acme")
	as := func(method, path string, body any) answer {
		return f.do(request{method: method, path: path, body: body, as: limited})
	}
	var wide, narrow httpapi.NewPerson
	f.post("/v1/people", map[string]any{"login": "wide", "role": "agent"}).status(201).into(&wide)
	as("POST", "/v1/people", map[string]any{"login": "x", "role": "agent"}).problem(403, "forbidden", "")
	as("POST", "/v1/people", map[string]any{"login": "narrow", "role": "admin", "brands": []string{"acme"}}).status(201).into(&narrow)
	as("PUT", "/v1/people/"+narrow.ID, map[string]any{"role": "admin"}).problem(403, "forbidden", "")
	for _, path := range []string{"/v1/people/" + wide.ID, "/v1/people/" + wide.ID + "/link", "/v1/people/" + wide.ID + "/sign-out"} {
		method := map[bool]string{true: "GET", false: "POST"}[strings.HasSuffix(path, wide.ID)]
		as(method, path, nil).problem(403, "forbidden", "")
	}
	var list struct{ Items []httpapi.Person }
	as("GET", "/v1/people", nil).status(200).into(&list)
	if len(list.Items) != 1 || list.Items[0].ID != narrow.ID {
		t.Errorf("got %+v, want the person for acme alone", list.Items)
	}
}

func TestALinkSaysWhenItEnds(t *testing.T) {
	f := start(t)
	var made httpapi.NewPerson
	f.post("/v1/people", map[string]any{"login": "ada@example.org", "role": "agent"}).status(201).into(&made)
	f.pass(time.Until(time.Time(made.ExpiresAt)) + time.Second)
	if _, err := f.People.Enter(t.Context(), strings.TrimPrefix(made.Link, "/console/enter/"), ""); !errors.Is(err, session.ErrEnded) {
		t.Errorf("got %v", err)
	}
}
