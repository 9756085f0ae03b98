package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/httpapi"
)

func (f *fixture) list(id string) (l httpapi.List) {
	f.t.Helper()
	f.get("/v1/lists/" + id).status(200).into(&l)
	return l
}

func TestMembersAreAddedAndRemoved(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant(alice)).status(201)
	f.post("/v1/lists", map[string]any{"id": "own", "name": "Own", "kind": "own"}).status(201)
	var got httpapi.MembersAnswer
	f.post("/v1/lists/own/members", map[string]any{"add": []string{alice, alice, "(202) 555-0124"}, "region": "US"}).status(200).into(&got)
	if got.Added != 2 || got.List.Members != 2 || f.verdict(alice) != "deny" {
		t.Errorf("added: got %+v", got)
	}
	before := f.head()
	f.post("/v1/lists/own/members", map[string]any{"add": []string{alice}}).status(200).into(&got)
	if got.Added != 0 || f.head() != before {
		t.Errorf("added again: got %+v", got)
	}
	f.post("/v1/lists/own/members", map[string]any{"add": []string{"+12025550125"}, "remove": []string{alice}}).status(200).into(&got)
	if got.Added != 1 || got.Removed != 1 || got.List.Members != 2 || f.verdict(alice) != "allow" {
		t.Errorf("added and removed: got %+v", got)
	}
	for _, c := range []struct {
		body        map[string]any
		code, field string
	}{
		{map[string]any{}, "missing_field", "add"},
		{map[string]any{"add": []string{alice, "12"}}, "invalid_number", "add[1]"},
		{map[string]any{"add": []string{alice}, "remove": []string{bob, alice}}, "invalid_field", "remove[1]"},
	} {
		f.post("/v1/lists/own/members", c.body).problem(422, c.code, c.field)
	}
	many := make([]string, 10_001)
	for i := range many {
		many[i] = alice
	}
	f.post("/v1/lists/own/members", map[string]any{"add": many}).problem(413, "too_many_items", "add")
	f.post("/v1/lists/nobody/members", map[string]any{"add": []string{alice}}).problem(404, "not_found", "")
	if f.list("own").Members != 2 {
		t.Error("bad input changed the list")
	}
}

func TestAFileReplacesAllMembersOrNone(t *testing.T) {
	f := start(t)
	f.post("/v1/lists", map[string]any{"id": "dnc", "name": "Registry", "kind": "national_registry", "max_age_seconds": 86400}).status(201)
	put := func(query, media, body string) answer {
		return f.do(request{method: "PUT", path: "/v1/lists/dnc/members" + query, media: media, body: body})
	}
	yesterday := f.now().Add(-20 * time.Hour).UTC().Truncate(time.Second)
	for name, c := range map[string]struct {
		query, media, body string
		want               int
	}{
		"header":          {"", "text/csv", "name;phone\nAda;+12025550123\nBob;+12025550124\n", 2},
		"only column":     {"", "text/csv", "member\n+12025550123\n", 1},
		"no header":       {"?region=US", "text/csv", "2025550123\n2025550124\n2025550124\n", 2},
		"named column":    {"?column=Work%20Phone", "text/csv", "phone,work phone\n+12025550123,+12025550124\n", 1},
		"lines":           {"", "application/x-ndjson", "\"+12025550123\"\n\n\"+12025550125\"\n", 2},
		"with its moment": {"?as_of=" + yesterday.Format(time.RFC3339), "text/csv", "phone\n+12025550123\n", 1},
	} {
		t.Run(name, func(t *testing.T) {
			var got httpapi.MembersAnswer
			a := put(c.query, c.media, c.body)
			a.t = t
			a.status(200).into(&got)
			if got.List.Members != c.want || f.list("dnc").Members != c.want {
				t.Errorf("got %+v, want %d members", got, c.want)
			}
		})
	}
	f.do(request{method: "PUT", path: "/v1/lists/dnc/members?as_of=" + yesterday.Format(time.RFC3339), media: "text/csv", body: "phone\n+12025550123\n"}).status(200)
	if l := f.list("dnc"); !time.Time(*l.AsOf).Equal(yesterday) || l.State != "fresh" {
		t.Errorf("got %+v, want the truth of %s", l, yesterday)
	}
	for name, c := range map[string]struct {
		query, media, body string
		status             int
		code, field        string
	}{
		"a bad row":      {"", "text/csv", "phone\n+12025550124\n12\n+1202\n", 422, "invalid_number", "row 3"},
		"a bad line":     {"", "application/x-ndjson", "\"+12025550124\"\n{}\n", 422, "invalid_number", "row 2"},
		"nothing":        {"", "text/csv", "", 422, "missing_field", "body"},
		"no column":      {"", "text/csv", "a,b\n1,2\n", 422, "missing_field", "column"},
		"another column": {"?column=fax", "text/csv", "phone\n+12025550124\n", 422, "invalid_field", "column"},
		"the future":     {"?as_of=2999-01-01T00:00:00Z", "text/csv", "phone\n+12025550124\n", 422, "invalid_field", "as_of"},
		"no moment":      {"?as_of=today", "text/csv", "phone\n+12025550124\n", 422, "invalid_field", "as_of"},
		"another media":  {"", "application/json", "[]", 415, "unsupported_media_type", "Content-Type"},
	} {
		t.Run(name, func(t *testing.T) {
			a := put(c.query, c.media, c.body)
			a.t = t
			a.problem(c.status, c.code, c.field)
			if f.list("dnc").Members != 1 {
				t.Error("the list was changed")
			}
		})
	}
	f.pass(10 * time.Hour)
	if l := f.list("dnc"); l.State != "stale" {
		t.Errorf("got %+v, want a stale list", l)
	}
	if got := f.verdict(bob); got != "deny" {
		t.Errorf("got %s, want deny: the list is stale", got)
	}
}

// TestAReplacementIsSeenWholeOrNotAtAll swaps two files while another caller asks about numbers of both.
func TestAReplacementIsSeenWholeOrNotAtAll(t *testing.T) {
	f := start(t)
	f.post("/v1/lists", map[string]any{"id": "own", "name": "Own", "kind": "own"}).status(201)
	file := func(from int) string {
		var b strings.Builder
		for i := range 50 {
			fmt.Fprintf(&b, "+1202555%04d\n", from+i)
		}
		return b.String()
	}
	put := func(body string) {
		f.do(request{method: "PUT", path: "/v1/lists/own/members", media: "text/csv", body: body}).status(200)
	}
	put(file(100))
	done := make(chan struct{})
	go func() {
		defer close(done)
		for range 5 {
			put(file(150))
			put(file(100))
		}
	}()
	on := func(n string) bool {
		var got subjectAnswer
		f.post("/v1/lookups", map[string]any{"number": n}).status(200).into(&got)
		return len(got.Suppressions) > 0
	}
	for running := true; running; {
		select {
		case <-done:
			running = false
		default:
			on("+12025550100")
			on("+12025550150")
		}
	}
	if !on("+12025550100") || !on("+12025550149") || on("+12025550150") || f.list("own").Members != 50 {
		t.Error("the last file is not what stands")
	}
}
