package httpapi_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/httpapi"
)

type subjectAnswer struct {
	Subject      *string
	Number       string
	Records      []httpapi.Record
	Suppressions []httpapi.Suppression
	Verdicts     []struct {
		Brand, Purpose, Channel string
		Verdict                 struct{ Verdict string }
	}
}

func TestANumberNobodyKnowsIsAnsweredWithEmptyLists(t *testing.T) {
	f := start(t)
	a := f.post("/v1/lookups", map[string]any{"number": alice}).status(200)
	if want := `{"subject":null,"number":"+12025550123","records":[],"suppressions":[],"verdicts":[]}` + "\n"; string(a.body) != want {
		t.Errorf("got %s, want %s", a.body, want)
	}
	var got subjectAnswer
	f.post("/v1/lookups", map[string]any{"number": "(202) 555-0123", "region": "US", "purpose": "marketing", "channel": "sms"}).status(200).into(&got)
	if len(got.Verdicts) != 1 || got.Verdicts[0].Verdict.Verdict != "deny" || got.Number != alice {
		t.Errorf("with a scope: got %+v", got)
	}
}

func TestALookupTellsRecordsSuppressionsAndVerdicts(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant(alice)).status(201)
	f.post("/v1/consents", grant(alice, "channel", "whatsapp", "act", "refused")).status(201)
	f.post("/v1/lists", map[string]any{"id": "own", "name": "Our own", "kind": "own"}).status(201)
	f.post("/v1/lists/own/members", map[string]any{"add": []string{alice}}).status(200)
	var got, same subjectAnswer
	f.post("/v1/lookups", map[string]any{"number": alice, "purpose": "transactional", "channel": "sms"}).status(200).into(&got)
	if len(got.Records) != 2 || len(got.Suppressions) != 1 || got.Suppressions[0].List != "own" || len(got.Verdicts) != 3 {
		t.Fatalf("got %+v", got)
	}
	for _, v := range got.Verdicts {
		if v.Verdict.Verdict != "deny" {
			t.Errorf("%s/%s: got %s, want deny: the number is on a list", v.Purpose, v.Channel, v.Verdict.Verdict)
		}
	}
	f.get("/v1/subjects/" + *got.Subject).status(200).into(&same)
	if *same.Subject != *got.Subject || len(same.Records) != 2 || same.Number != alice {
		t.Errorf("by id: got %+v", same)
	}
}

func TestALookupRefusesWhatItCannotAnswer(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		body        map[string]any
		code, field string
	}{
		{map[string]any{}, "missing_field", "number"},
		{map[string]any{"number": "12"}, "invalid_number", "number"},
		{map[string]any{"number": alice, "brand": "default"}, "missing_field", "purpose"},
		{map[string]any{"number": alice, "purpose": "marketing"}, "missing_field", "channel"},
		{map[string]any{"number": alice, "purpose": "marketing", "channel": "*"}, "invalid_field", "channel"},
		{map[string]any{"number": alice, "purpose": "surveys", "channel": "sms"}, "unknown_purpose", "purpose"},
		{map[string]any{"number": alice, "brand": "acme", "purpose": "marketing", "channel": "sms"}, "unknown_brand", "brand"},
	} {
		f.post("/v1/lookups", c.body).problem(422, c.code, c.field)
	}
	f.get("/v1/subjects/+12025550123").problem(422, "invalid_field", "subject")
	f.get("/v1/subjects/"+strings.Repeat("0", 32)).problem(404, "not_found", "subject")
	f.get("/v1/subjects/"+strings.Repeat("0", 32)+"/history").problem(404, "not_found", "subject")
}

func (f *fixture) subjectOf(number string) string {
	f.t.Helper()
	var got subjectAnswer
	f.post("/v1/lookups", map[string]any{"number": number}).status(200).into(&got)
	if got.Subject == nil {
		f.t.Fatal("the number has no subject")
	}
	return *got.Subject
}

func TestTheHistoryTellsEveryEntryWithItsWords(t *testing.T) {
	f := start(t)
	var first httpapi.ConsentAnswer
	f.post("/v1/consents", grant(alice, "text", "I agree to texts.", "language", "en", "evidence", "sha256:00", "actor", "clerk 7", "event_id", "e1",
		"method", "checkbox", "effective_at", "2026-01-02T03:04:05Z")).status(201).into(&first)
	f.post("/v1/consents", grant(alice, "act", "withdrawn", "source", "sms_keyword")).status(201)
	var page struct{ Items []httpapi.Entry }
	f.get("/v1/subjects/" + first.Subject + "/history").status(200).into(&page)
	if len(page.Items) != 2 {
		t.Fatalf("got %d entries, want 2", len(page.Items))
	}
	e := page.Items[0]
	if e.Seq != first.Seq || e.Kind != "act" || e.Act.String() != "granted" || e.Brand != "default" || e.Channel.String() != "sms" || e.Method != "checkbox" ||
		e.Actor != "clerk 7" || e.Evidence != "sha256:00" || e.EventID != "e1" || !strings.HasPrefix(e.By, "key:") || len(e.Commitment) != 64 ||
		e.EffectiveAt == nil || e.Subject != first.Subject || e.Via != "" {
		t.Errorf("got %+v %+v", e, e.ActEntry)
	}
	if w := e.Wording; w == nil || w.Text != "I agree to texts." || w.Language != "en" || !strings.HasPrefix(w.Hash, "sha256:") || e.Disclosure == "" {
		t.Errorf("wording: got %+v", e.Wording)
	}
	var one httpapi.Entry
	f.get(fmt.Sprintf("/v1/entries/%d", first.Seq)).status(200).into(&one)
	if one.Commitment != e.Commitment || one.Wording == nil {
		t.Errorf("by its number: got %+v", one)
	}
}

func TestTheHistoryIsReadPageByPage(t *testing.T) {
	f := start(t)
	for i := range 7 {
		f.post("/v1/consents", grant(alice, "act", []string{"granted", "withdrawn"}[i%2])).status(201)
	}
	path := "/v1/subjects/" + f.subjectOf(alice) + "/history?limit=3"
	seen, last := 0, uint64(0)
	for range 10 {
		var page struct {
			Items []httpapi.Entry
			Next  string
		}
		a := f.get(path).status(200).into(&page)
		for _, e := range page.Items {
			if e.Seq <= last {
				t.Errorf("entry %d comes after %d", e.Seq, last)
			}
			last = e.Seq
			seen++
		}
		link := a.Header.Get("Link")
		if page.Next == "" {
			if link != "" {
				t.Errorf("the last page has the link %s", link)
			}
			break
		}
		path = strings.TrimPrefix(strings.TrimSuffix(link, `>; rel="next"`), "<")
	}
	if seen != 7 {
		t.Errorf("saw %d entries, want 7", seen)
	}
}

func TestACursorIsOnlyGoodWhereItWasGiven(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	var page struct{ Next string }
	f.get("/v1/brands?limit=1").status(200).into(&page)
	f.get("/v1/brands?cursor=" + page.Next).status(200)
	f.get("/v1/purposes?cursor="+page.Next).problem(400, "invalid_cursor", "cursor")
	f.get("/v1/brands?cursor="+page.Next+"AAAA").problem(400, "invalid_cursor", "cursor")
	f.get("/v1/brands?cursor=%25").problem(400, "invalid_cursor", "cursor")
	f.get("/v1/brands?limit=0").problem(422, "invalid_field", "limit")
	f.get("/v1/brands?limit=1001").problem(422, "invalid_field", "limit")
	f.get("/v1/brands?page=2").problem(422, "unknown_field", "page")
}

func TestNumbersAreMaskedForThoseWhoNeedNotSeeThem(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant(alice)).status(201)
	subject := f.subjectOf(alice)
	for _, r := range access.Roles {
		for _, q := range []request{
			{method: "POST", path: "/v1/lookups", body: map[string]any{"number": alice}},
			{method: "GET", path: "/v1/subjects/" + subject},
			{method: "GET", path: "/v1/subjects/" + subject + "/history"},
			{method: "GET", path: "/v1/changes"},
		} {
			q.as = string(r)
			a := f.do(q)
			if a.StatusCode == http.StatusForbidden {
				continue
			}
			a.status(200)
			if shown := strings.Contains(string(a.body), "2025550123"); shown && !r.Includes(access.SeeNumbers) {
				t.Errorf("%s %s shows the number to a %s: %s", q.method, q.path, r, a.body)
			}
		}
	}
	var got subjectAnswer
	f.do(request{method: "GET", path: "/v1/subjects/" + subject, as: "viewer"}).status(200).into(&got)
	if got.Number != "+1•••••••123" {
		t.Errorf("got %q, want a mask", got.Number)
	}
}

func TestWhatBelongsToOtherBrandsIsNotSeen(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	f.post("/v1/brands", map[string]any{"id": "zeta", "name": "Zeta"}).status(201)
	var zeta httpapi.ConsentAnswer
	f.post("/v1/consents", grant(alice, "brand", "zeta")).status(201).into(&zeta)
	f.post("/v1/consents", grant(bob, "brand", "acme")).status(201)
	f.post("/v1/consents", grant(bob, "brand", "zeta")).status(201)
	limited := f.key(access.Compliance, "acme")
	as := func(method, path string, body any) answer {
		return f.do(request{method: method, path: path, body: body, as: limited})
	}

	var got subjectAnswer
	as("POST", "/v1/lookups", map[string]any{"number": alice}).status(200).into(&got)
	if got.Subject != nil || len(got.Records) != 0 || len(got.Verdicts) != 0 {
		t.Errorf("somebody whom another brand knows: got %+v", got)
	}
	as("GET", "/v1/subjects/"+zeta.Subject, nil).problem(404, "not_found", "subject")
	as("GET", "/v1/subjects/"+zeta.Subject+"/history", nil).problem(404, "not_found", "subject")
	as("POST", "/v1/lookups", map[string]any{"number": bob}).status(200).into(&got)
	if got.Subject == nil || len(got.Records) != 1 || got.Records[0].Brand != "acme" || len(got.Verdicts) != 1 {
		t.Errorf("somebody whom both brands know: got %+v", got)
	}
	var page struct{ Items []httpapi.Entry }
	as("GET", "/v1/subjects/"+*got.Subject+"/history", nil).status(200).into(&page)
	if len(page.Items) != 1 || page.Items[0].Brand != "acme" {
		t.Errorf("history: got %+v", page)
	}

	for _, q := range []request{
		{method: "POST", path: "/v1/consents", body: grant(alice, "brand", "zeta")},
		{method: "POST", path: "/v1/consents", body: grant(alice)},
		{method: "POST", path: "/v1/consents", body: grant(alice, "brand", "*", "act", "withdrawn")},
		{method: "POST", path: "/v1/lookups", body: map[string]any{"number": alice, "brand": "zeta", "purpose": "marketing", "channel": "sms"}},
		{method: "GET", path: fmt.Sprintf("/v1/entries/%d", zeta.Seq)},
		{method: "GET", path: "/v1/entries/1"},
		{method: "POST", path: "/v1/lists", body: map[string]any{"id": "all", "name": "All", "kind": "own"}},
		{method: "POST", path: "/v1/disclosures", body: map[string]any{"id": "words", "brand": "zeta", "language": "en", "text": "Yes"}},
		{method: "GET", path: "/v1/brands/zeta"},
	} {
		before := f.head()
		as(q.method, q.path, q.body).problem(403, "forbidden", "")
		if n := f.denials(before); n != 1 || f.head() != before+1 {
			t.Errorf("%s %s: %d denials were recorded among %d entries, want one alone", q.method, q.path, n, f.head()-before)
		}
	}
	var brands struct{ Items []httpapi.Brand }
	as("GET", "/v1/brands", nil).status(200).into(&brands)
	if len(brands.Items) != 1 || brands.Items[0].ID != "acme" {
		t.Errorf("brands: got %+v", brands)
	}
	as("POST", "/v1/lists", map[string]any{"id": "ours", "name": "Ours", "kind": "own", "brand": "acme"}).status(201)
	as("POST", "/v1/consents", grant(alice, "brand", "acme")).status(201)
}
