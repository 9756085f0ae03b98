package httpapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/suppression"
	"github.com/consentline/consentline/verify"
)

type verdict struct {
	Verdict string
	Reasons []struct {
		Code, Text, List string
		Entry            uint64
	}
	Record      *struct{ Status string }
	UseWithinMS int64 `json:"use_within_ms"`
	Revision    uint64
	CheckedAt   time.Time      `json:"checked_at"`
	Receipt     map[string]any `json:"receipt"`
}

func ask(number string, changes ...any) map[string]any {
	q := map[string]any{"number": number, "purpose": "marketing", "channel": "sms"}
	for i := 0; i+1 < len(changes); i += 2 {
		if q[changes[i].(string)] = changes[i+1]; changes[i+1] == nil {
			delete(q, changes[i].(string))
		}
	}
	return q
}

func (f *fixture) check(q map[string]any) (v verdict) {
	f.t.Helper()
	f.post("/v1/checks", q).status(200).into(&v)
	return v
}

// record tells one act and returns its entry.
func (f *fixture) record(body map[string]any) uint64 {
	f.t.Helper()
	var a struct{ Seq uint64 }
	f.post("/v1/consents", body).status(201).into(&a)
	return a.Seq
}

func TestAVerdictSaysWhatItRestsOn(t *testing.T) {
	f := start(t)
	seq := f.record(grant(alice))
	v := f.check(ask(alice))
	if v.Verdict != "allow" || v.Reasons[0].Code != "granted" || v.Reasons[0].Entry != seq || v.Record.Status != "granted" || v.UseWithinMS <= 0 || v.Revision < seq || v.CheckedAt.IsZero() {
		t.Errorf("granted: got %+v", v)
	}
	if v := f.check(ask(bob)); v.Verdict != "deny" || v.Reasons[0].Code != "no_record" || v.Record != nil {
		t.Errorf("unknown: got %+v", v)
	}
	if v := f.check(ask("+1 (202) 555-0123")); v.Verdict != "allow" {
		t.Errorf("a number as people write it: got %+v", v)
	}
}

func TestQuestionsThatAreWrongAreProblems(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		body        any
		status      int
		code, field string
	}{
		{ask(alice, "brand", "acme"), 422, "unknown_brand", "brand"},
		{ask(alice, "brand", "*"), 422, "unknown_brand", "brand"},
		{ask(alice, "purpose", "offers"), 422, "unknown_purpose", "purpose"},
		{ask(alice, "channel", "*"), 422, "invalid_field", "channel"},
		{ask(alice, "channel", nil), 422, "missing_field", "channel"},
		{ask("2025550123"), 422, "invalid_number", "number"},
		{ask("+120255501"), 422, "invalid_number", "number"},
		{ask(alice, "nmber", "x"), 422, "unknown_field", "nmber"},
		{`{"number":"+12025550123","number":"+12025550123","purpose":"marketing","channel":"sms"}`, 422, "duplicate_field", "number"},
		{ask(alice, "at", "yesterday"), 422, "invalid_field", "at"},
		{ask(alice, "min_revision", "7"), 422, "invalid_field", "min_revision"},
		{`{"number":`, 400, "invalid_json", ""},
		{`[]`, 400, "invalid_json", ""},
		{``, 400, "invalid_json", ""},
		{"{\"purpose\":\"\xff\"}", 422, "invalid_field", "purpose"},
		{`{"number":"` + strings.Repeat("1", 20_000) + `"}`, 413, "body_too_large", ""},
	} {
		f.post("/v1/checks", c.body).problem(c.status, c.code, c.field)
	}
	f.do(request{method: "POST", path: "/v1/checks", body: "x", media: "text/plain"}).problem(415, "unsupported_media_type", "Content-Type")
	f.do(request{method: "POST", path: "/v1/checks", body: ask(alice), media: "application/json; charset=utf-8"}).status(200)
	f.do(request{method: "POST", path: "/v1/checks", body: ask(alice), as: "none"}).problem(401, "unauthenticated", "Authorization")
}

func TestAKeyForABrandAsksForThatBrandOnly(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	secret := f.key(access.Sender, "acme")
	before := f.head()
	f.do(request{method: "POST", path: "/v1/checks", body: ask(alice, "brand", "acme"), as: secret}).status(200)
	if n := f.denials(before); n != 0 {
		t.Errorf("%d denials for its own brand", n)
	}
	f.do(request{method: "POST", path: "/v1/checks", body: ask(alice), as: secret}).problem(403, "forbidden", "")
	f.do(request{method: "POST", path: "/v1/checks/batch", body: map[string]any{"items": []any{ask(alice), ask(bob), ask(bob, "brand", "acme")}}, as: secret}).status(200)
	f.do(request{method: "POST", path: "/v1/scrubs?purpose=marketing&channel=sms", body: "phone\n", media: "text/csv", as: secret}).problem(403, "forbidden", "")
	if n := f.denials(before); n != 3 {
		t.Errorf("%d denials, want one for each call that was refused", n)
	}
}

func TestMinRevisionWaitsOrSaysThatTheNodeIsBehind(t *testing.T) {
	f := start(t)
	f.post("/v1/checks", ask(alice, "min_revision", f.head()+1000)).problem(412, "stale_replica", "min_revision")
	next := f.head() + 1
	answers := make(chan verdict)
	go func() {
		var v verdict
		f.post("/v1/checks", ask(alice, "min_revision", next)).into(&v)
		answers <- v
	}()
	f.record(grant(alice))
	if v := <-answers; v.Verdict != "allow" || v.Revision < next {
		t.Errorf("got %+v", v)
	}
}

func TestANodeWithoutALeaseAnswersStale(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	f.Index.Lease().Break()
	if v := f.check(ask(alice)); v.Verdict != "deny" || v.Reasons[0].Code != "stale" {
		t.Errorf("got %+v", v)
	}
	f.get("/readyz").status(503)
	f.do(request{method: "POST", path: "/v1/checks", body: ask(alice, "at", f.now().Add(-time.Hour))}).status(200)
	if v := f.check(ask(alice, "known_at", f.now().Add(-time.Minute))); v.Verdict != "deny" || v.Reasons[0].Code != "stale" {
		t.Errorf("about the past: got %+v", v)
	}
}

func TestTheStoryIsToldAsOfAnyMoment(t *testing.T) {
	f := start(t)
	day := 24 * time.Hour
	began := f.now().Add(-100 * day).UTC().Truncate(time.Second)
	at := func(days int) string { return began.Add(time.Duration(days) * day).Format(time.RFC3339) }
	f.record(grant(alice, "effective_at", at(10), "valid_until", at(200)))
	withdrawal := grant(alice, "act", "withdrawn", "effective_at", at(20))
	f.record(withdrawal)
	learned := f.now()
	f.pass(time.Minute)
	f.record(grant(alice, "effective_at", at(30), "valid_until", at(200)))
	for _, c := range []struct {
		changes []any
		verdict string
		code    string
	}{
		{[]any{"at", at(5)}, "deny", "no_record"},
		{[]any{"at", at(15)}, "allow", "granted"},
		{[]any{"at", at(25)}, "deny", "withdrawn"},
		{[]any{"at", at(35)}, "allow", "granted"},
		{[]any{}, "allow", "granted"},
		{[]any{"at", at(199)}, "allow", "granted"},
		{[]any{"at", at(201)}, "deny", "expired"},
		{[]any{"known_at", learned}, "deny", "withdrawn"},
		{[]any{"at", at(35), "known_at", learned}, "deny", "withdrawn"},
		{[]any{"at", at(15), "known_at", learned}, "allow", "granted"},
		{[]any{"at", at(35), "known_at", began}, "deny", "no_record"},
		{[]any{"known_at", f.now().Add(time.Hour)}, "allow", "granted"},
	} {
		v := f.check(ask(alice, c.changes...))
		if v.Verdict != c.verdict || v.Reasons[0].Code != c.code {
			t.Errorf("%v: got %s, %s; want %s, %s", c.changes, v.Verdict, v.Reasons[0].Code, c.verdict, c.code)
		}
		if len(c.changes) > 0 && v.UseWithinMS > 0 && c.changes[0] == "at" {
			t.Errorf("%v: an allow about another moment may be used for %d ms", c.changes, v.UseWithinMS)
		}
	}
	if v := f.check(ask(bob, "at", at(5))); v.Reasons[0].Code != "no_record" {
		t.Errorf("a stranger: got %+v", v)
	}
	f.post("/v1/checks", ask(alice, "at", at(5), "purpose", "offers")).problem(422, "unknown_purpose", "purpose")
}

func TestAReceiptIsVerifiedOffline(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	f.waitForLog()
	policy, err := verify.NewPolicy(f.Signer.Origin(), f.Signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		number, as string
		opened     bool
	}{{alice, "admin", true}, {alice, "sender", false}, {bob, "sender", false}} {
		a := f.do(request{method: "POST", path: "/v1/checks", body: ask(c.number, "receipt", true), as: c.as}).status(200)
		var got struct{ Receipt rawJSON }
		a.into(&got)
		r, err := verify.ParseReceipt(got.Receipt)
		if err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		if err := verify.VerifyReceipt(r, policy); err != nil {
			t.Errorf("as %s: %v", c.as, err)
		}
		if (r.Opening != nil) != c.opened || (r.Statement.Entry != nil) != (c.number == alice) {
			t.Errorf("as %s: entry %v, opening %v", c.as, r.Statement.Entry, r.Opening)
		}
		if (r.Statement.Question.Subject == "") != (c.number == bob) || strings.Contains(string(got.Receipt), c.number[1:]) {
			t.Errorf("as %s: the receipt names %q: %s", c.as, r.Statement.Question.Subject, got.Receipt)
		}
		r.Statement.Verdict = "defer"
		if verify.VerifyReceipt(r, policy) == nil {
			t.Error("an altered receipt is accepted")
		}
	}
}

type rawJSON []byte

func (r *rawJSON) UnmarshalJSON(b []byte) error { *r = append((*r)[:0], b...); return nil }

func TestAWithdrawalAcknowledgedIsObeyedByEveryLaterCheck(t *testing.T) {
	f := start(t)
	const people, checks = 20, 10_000
	var all sync.WaitGroup
	for i := range people {
		f.record(grant(fmt.Sprintf("+120255501%02d", i)))
	}
	// Checks run all the while, so that withdrawals come in the middle of them.
	noise := make(chan struct{})
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-noise:
					return
				default:
					f.check(ask("+12025550100"))
				}
			}
		})
	}
	for i := range people {
		f.record(grant(fmt.Sprintf("+120255501%02d", i), "act", "withdrawn"))
	}
	close(noise)
	all.Wait()
	var asking sync.WaitGroup
	for worker := range 8 {
		asking.Go(func() {
			for i := range checks / 8 {
				if v := f.check(ask(fmt.Sprintf("+120255501%02d", (i+worker)%people))); v.Verdict != "deny" || v.Reasons[0].Code != "withdrawn" {
					t.Errorf("after the withdrawal: %+v", v)
					return
				}
			}
		})
	}
	asking.Wait()
}

func TestASuppressionListIsNamed(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	if _, err := f.Lists.Create(t.Context(), "test", suppression.List{ID: "dnc", Name: "Do not contact", Kind: "own"}, f.now()); err != nil {
		t.Fatal(err)
	}
	if _, _, err := f.Lists.Add(t.Context(), "test", "dnc", numbers(t, alice)); err != nil {
		t.Fatal(err)
	}
	if v := f.check(ask(alice)); v.Verdict != "deny" || v.Reasons[0].Code != "suppressed" || v.Reasons[0].List != "dnc" {
		t.Errorf("got %+v", v)
	}
	if v := f.check(ask(alice, "at", f.now().Add(-time.Minute))); v.Verdict != "deny" || v.Reasons[0].Code != "suppressed" {
		t.Errorf("lists have no history, so they hold for the past too: got %+v", v)
	}
}

func TestNoAnswerToACheckHoldsTheNumber(t *testing.T) {
	f := start(t)
	for _, q := range []map[string]any{ask(alice), ask(alice + "9"), ask(alice, "brand", alice), ask(alice, alice, 1), ask(alice, "at", alice)} {
		a := f.post("/v1/checks", q)
		if strings.Contains(string(a.body), alice[1:]) {
			t.Errorf("%s", a.body)
		}
		if u, err := url.QueryUnescape(a.Request.URL.String()); err != nil || strings.Contains(u, alice) {
			t.Errorf("%s", u)
		}
	}
}

func numbers(t *testing.T, texts ...string) (out []phone.Number) {
	t.Helper()
	for _, text := range texts {
		n, err := phone.Parse(text, "")
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, n)
	}
	return out
}

func BenchmarkCheckOverHTTP(b *testing.B) {
	f := start(b)
	f.record(grant(alice))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			f.check(ask(alice))
		}
	})
}
