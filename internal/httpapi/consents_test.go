package httpapi_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/httpapi"
)

func TestAConsentIsRecordedAndCheckedWithdrawnAndCheckedAgain(t *testing.T) {
	f := start(t)
	if got := f.verdict(alice); got != "deny" {
		t.Errorf("before: got %s, want deny", got)
	}
	var told httpapi.ConsentAnswer
	a := f.post("/v1/consents", grant(alice, "level", "express_written", "method", "checkbox", "text", "I agree.", "language", "en",
		"evidence", "https://example.com/17", "event_id", "e1", "correlation_id", "c1", "effective_at", "2026-01-02T03:04:05Z")).status(201).into(&told)
	if told.Status != "recorded" || told.Effective != "all" || told.Seq == 0 || told.Revision < told.Seq || len(told.Subject) != 32 || told.CorrelationID != "c1" {
		t.Errorf("grant: got %s", a.body)
	}
	r := told.Record
	if r.Brand != "default" || r.Status.String() != "granted" || r.Level.String() != "express_written" || r.Entry != told.Seq || r.Version != 1 ||
		!strings.HasPrefix(r.Disclosure, "words-") || time.Time(*r.GrantedAt).Format(time.RFC3339) != "2026-01-02T03:04:05Z" {
		t.Errorf("record: got %s", a.body)
	}
	if got := f.verdict(alice); got != "allow" {
		t.Errorf("granted: got %s, want allow", got)
	}
	f.post("/v1/consents", grant(alice, "act", "withdrawn", "source", "sms_keyword")).status(201).into(&told)
	if told.Record.Status.String() != "withdrawn" || told.Record.RestrictedAt == nil {
		t.Errorf("withdrawn: got %+v", told.Record)
	}
	if got := f.verdict(alice); got != "deny" {
		t.Errorf("withdrawn: got %s, want deny", got)
	}
}

func TestAnOldYesIsRecordedAndSuperseded(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant(alice, "act", "withdrawn")).status(201)
	var told httpapi.ConsentAnswer
	f.post("/v1/consents", grant(alice, "effective_at", "2026-01-01T00:00:00Z")).status(201).into(&told)
	if told.Status != "superseded" || told.Reason != "grant_older_than_withdrawal" || told.Text == "" || told.Record.Status.String() != "withdrawn" {
		t.Errorf("got %+v, want a superseded grant", told)
	}
	if got := f.verdict(alice); got != "deny" {
		t.Errorf("got %s, want deny", got)
	}
}

func TestAThirdPartysGrantOverAWithdrawalIsAConflict(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant(alice, "act", "withdrawn")).status(201)
	var told httpapi.ConsentAnswer
	f.post("/v1/consents", grant(alice, "source", "crm")).status(201).into(&told)
	if told.Status != "conflict" || told.Reason != "grant_after_restriction" || told.Text == "" || told.Record.Conflict != told.Seq {
		t.Errorf("got %+v, want a conflict", told)
	}
}

func TestTheSameRequestUnderAKeyHasItsEffectOnce(t *testing.T) {
	f := start(t)
	before := f.head()
	send := func(key string, body any) answer {
		return f.do(request{method: "POST", path: "/v1/consents", body: body, header: map[string]string{"Idempotency-Key": key}})
	}
	var first, again httpapi.ConsentAnswer
	send(`"k-1"`, grant(alice)).status(201).into(&first)
	send(`k-1`, grant(alice)).status(200).into(&again)
	if again.Status != "duplicate" || again.Seq != first.Seq || again.Subject != first.Subject {
		t.Errorf("again: got %+v, want a duplicate of %d", again, first.Seq)
	}
	send("k-1", grant(bob)).problem(422, "idempotency_key_reused", "Idempotency-Key")
	send("bad\tkey", grant(bob)).problem(400, "invalid_field", "Idempotency-Key")
	send(strings.Repeat("k", 256), grant(bob)).problem(400, "invalid_field", "Idempotency-Key")
	if got := f.head() - before; got != 1 {
		t.Errorf("%d entries were made, want 1", got)
	}
}

func TestFiftyEqualRequestsAtOnceMakeOneEntry(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		path string
		body any
	}{
		{"/v1/consents", grant(alice)},
		{"/v1/brands", map[string]any{"id": "acme", "name": "Acme"}},
		{"/v1/keys", map[string]any{"name": "tool", "role": "sender"}},
		{"/v1/disclosures", map[string]any{"id": "words", "language": "en", "text": "Yes."}},
		{"/v1/lists", map[string]any{"id": "own", "name": "Own", "kind": "own"}},
	} {
		before := f.head()
		var wait sync.WaitGroup
		for range 50 {
			wait.Go(func() {
				a := f.do(request{method: "POST", path: c.path, body: c.body, header: map[string]string{"Idempotency-Key": "once" + c.path}})
				if a.StatusCode != 201 && a.StatusCode != 200 {
					t.Errorf("%s: got %d %s", c.path, a.StatusCode, a.body)
				}
			})
		}
		wait.Wait()
		if got := f.head() - before; got != 1 {
			t.Errorf("%s: %d entries were made, want 1", c.path, got)
		}
	}
}

func TestAnEventIDIsUniqueForEver(t *testing.T) {
	f := start(t)
	var first, again httpapi.ConsentAnswer
	f.post("/v1/consents", grant(alice, "event_id", "e")).status(201).into(&first)
	f.post("/v1/consents", grant(alice, "event_id", "e")).status(200).into(&again)
	if again.Seq != first.Seq || again.Status != "duplicate" {
		t.Errorf("got %+v, want a duplicate", again)
	}
	f.post("/v1/consents", grant(bob, "event_id", "e")).problem(409, "event_id_reused", "event_id")
}

// TestBadActsAreRefusedPrecisely is the part of the specification that is called "Bad input".
func TestBadActsAreRefusedPrecisely(t *testing.T) {
	f := start(t)
	before := f.head()
	future := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	for name, c := range map[string]struct {
		body        any
		status      int
		code, field string
	}{
		"no object":            {`7`, 422, "invalid_field", ""},
		"no JSON":              {`{"number":`, 400, "invalid_json", ""},
		"two values":           {`{} {}`, 400, "invalid_json", ""},
		"broken UTF-8":         {"{\"number\":\"\xff\"}", 400, "invalid_utf8", ""},
		"field twice":          {`{"number":"+12025550123","number":"+12025550124"}`, 422, "duplicate_field", "number"},
		"unknown field":        {grant(alice, "colour", "red"), 422, "unknown_field", "colour"},
		"field in capitals":    {grant(alice, "Act", "granted"), 422, "unknown_field", "Act"},
		"number as field":      {map[string]any{alice: "x"}, 422, "unknown_field", "############"},
		"no number":            {grant(alice, "number", ""), 422, "missing_field", "number"},
		"impossible number":    {grant("+1202555012"), 422, "invalid_number", "number"},
		"number without plus":  {grant("2025550123"), 422, "invalid_number", "number"},
		"a name for a number":  {grant("Alice"), 422, "invalid_number", "number"},
		"number as number":     {`{"number":12025550123}`, 422, "invalid_field", "number"},
		"unknown region":       {grant("2025550123", "region", "XX"), 422, "invalid_number", "number"},
		"no purpose":           {grant(alice, "purpose", ""), 422, "missing_field", "purpose"},
		"unknown purpose":      {grant(alice, "purpose", "surveys"), 422, "unknown_purpose", "purpose"},
		"number as brand":      {grant(alice, "brand", alice), 422, "unknown_brand", "brand"},
		"number as channel":    {grant(alice, "channel", "202 555 0123"), 422, "invalid_field", "channel"},
		"number as date":       {grant(alice, "effective_at", alice), 422, "invalid_field", "effective_at"},
		"number as disclosure": {grant(alice, "disclosure", alice), 422, "invalid_field", "disclosure"},
		"unknown brand":        {grant(alice, "brand", "acme"), 422, "unknown_brand", "brand"},
		"no channel":           {grant(alice, "channel", ""), 422, "missing_field", "channel"},
		"unknown channel":      {grant(alice, "channel", "fax"), 422, "invalid_field", "channel"},
		"no act":               {grant(alice, "act", ""), 422, "missing_field", "act"},
		"unknown act":          {grant(alice, "act", "liked"), 422, "invalid_field", "act"},
		"unknown level":        {grant(alice, "level", "strong"), 422, "invalid_field", "level"},
		"unknown source":       {grant(alice, "source", "rumour"), 422, "invalid_field", "source"},
		"grant for everything": {grant(alice, "channel", "*"), 422, "invalid_field", "act"},
		"level of a no":        {grant(alice, "act", "withdrawn", "level", "express"), 422, "invalid_field", "level"},
		"future":               {grant(alice, "effective_at", future), 422, "effective_at_in_future", "effective_at"},
		"no date":              {grant(alice, "effective_at", "yesterday"), 422, "invalid_field", "effective_at"},
		"long ago":             {grant(alice, "effective_at", "0202-01-01T00:00:00Z"), 422, "invalid_field", "effective_at"},
		"ends before it began": {grant(alice, "effective_at", "2026-01-02T00:00:00Z", "valid_until", "2026-01-01T00:00:00Z"), 422, "invalid_field", "valid_until"},
		"unknown disclosure":   {grant(alice, "disclosure", "nothing@1"), 422, "unknown_disclosure", "disclosure"},
		"no version":           {grant(alice, "disclosure", "nothing"), 422, "invalid_field", "disclosure"},
		"two wordings":         {grant(alice, "disclosure", "a@1", "text", "x", "language", "en"), 422, "invalid_field", "text"},
		"words of no language": {grant(alice, "text", "I agree"), 422, "invalid_field", "language"},
		"long method":          {grant(alice, "method", strings.Repeat("x", 201)), 422, "invalid_field", "method"},
		"huge":                 {`{"method":"` + strings.Repeat("x", 2<<20) + `"}`, 413, "body_too_large", ""},
		"deep":                 {`{"number":` + strings.Repeat("[", 20_000), 400, "invalid_json", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.post("/v1/consents", c.body)
			a.t = t
			a.problem(c.status, c.code, c.field)
			if strings.Contains(string(a.body), "202555") {
				t.Errorf("the problem repeats the number: %s", a.body)
			}
		})
	}
	f.do(request{method: "POST", path: "/v1/consents", body: "number=1", media: "application/x-www-form-urlencoded"}).problem(415, "unsupported_media_type", "Content-Type")
	f.do(request{method: "POST", path: "/v1/consents", body: "x", header: map[string]string{"Content-Encoding": "gzip"}}).problem(415, "unsupported_encoding", "Content-Encoding")
	f.do(request{method: "POST", path: "/v1/consents?number=1", body: grant(alice)}).problem(422, "unknown_field", "number")
	f.do(request{method: "POST", path: "/v1/nothing", body: "{}"}).problem(404, "not_found", "")
	f.do(request{method: "DELETE", path: "/v1/consents"}).problem(405, "method_not_allowed", "")
	f.do(request{method: "POST", path: "/v1/consents", as: "none", body: grant(alice)}).problem(401, "unauthenticated", "Authorization")
	f.do(request{method: "POST", path: "/v1/consents", as: "cl_wrong", body: grant(alice)}).problem(401, "unauthenticated", "Authorization")
	if got := f.head(); got != before {
		t.Errorf("%d entries were made by bad input, want none", got-before)
	}
}

func TestAMethodThatIsNotTakenIsToldWhichAre(t *testing.T) {
	f := start(t)
	a := f.do(request{method: "PATCH", path: "/v1/brands/default"})
	a.problem(405, "method_not_allowed", "")
	if got := a.Header.Get("Allow"); got != "GET, PUT" {
		t.Errorf("Allow: got %q, want GET, PUT", got)
	}
}

func TestAsynchronyIsAcceptedAndNotNeeded(t *testing.T) {
	f := start(t)
	var told httpapi.ConsentAnswer
	f.do(request{method: "POST", path: "/v1/consents", body: grant(alice), header: map[string]string{"Prefer": "respond-async"}}).status(201).into(&told)
	if told.Effective != "all" {
		t.Errorf("got effective %q, want all", told.Effective)
	}
}

func TestAWithdrawalFromEverythingCoversEveryScope(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant(alice)).status(201)
	f.post("/v1/consents", grant(alice, "act", "withdrawn", "brand", "*", "purpose", "*", "channel", "*")).status(201)
	if got := f.verdict(alice); got != "deny" {
		t.Errorf("got %s, want deny", got)
	}
}

func BenchmarkRecordConsent(b *testing.B) {
	f := start(b)
	b.SetParallelism(32)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			f.post("/v1/consents", grant(fmt.Sprintf("+1202555%04d", 100+i%100))).status(201)
		}
	})
}
