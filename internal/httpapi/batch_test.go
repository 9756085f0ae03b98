package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/httpapi"
)

func items(acts ...map[string]any) map[string]any { return map[string]any{"items": acts} }

func statuses(answer httpapi.ConsentBatchAnswer) []string {
	var out []string
	for _, i := range answer.Items {
		status := i.Status
		if i.Problem != nil {
			status += " " + i.Problem.Code
		}
		out = append(out, i.CorrelationID+" "+status)
	}
	return out
}

func TestABatchSaysOfEachItemWhatBecameOfIt(t *testing.T) {
	f := start(t)
	f.post("/v1/consents", grant("+12025550199", "act", "withdrawn")).status(201)
	var got httpapi.ConsentBatchAnswer
	f.post("/v1/consents/batch", items(
		grant(alice, "correlation_id", "a", "event_id", "1"),
		grant(alice, "correlation_id", "b", "event_id", "1"),
		grant("+1202555012", "correlation_id", "c"),
		grant(bob, "correlation_id", "d", "colour", "red"),
		grant(bob, "correlation_id", "a"),
		grant(bob, "purpose", "surveys"),
		grant("+12025550199", "correlation_id", "e"),
		grant("+12025550199", "correlation_id", "f", "effective_at", "2020-01-01T00:00:00Z"),
	)).status(200).into(&got)
	want := []string{
		"a recorded", "b duplicate", "c rejected invalid_number", "d rejected unknown_field", "a rejected duplicate_correlation_id",
		"5 rejected unknown_purpose", "e conflict", "f superseded",
	}
	if s := statuses(got); !slices.Equal(s, want) {
		t.Errorf("got  %q\nwant %q", s, want)
	}
	if want := (httpapi.Counts{Recorded: 1, Duplicate: 1, Conflict: 1, Superseded: 1, Rejected: 4}); got.Counts != want {
		t.Errorf("counts: got %+v, want %+v", got.Counts, want)
	}
	if got.Items[0].Seq != got.Items[1].Seq || got.Items[0].Seq == 0 || got.Revision < got.Items[0].Seq || got.Items[2].Seq != 0 {
		t.Errorf("entries: got %+v", got)
	}
	if got.Items[3].Problem.Field != "colour" {
		t.Errorf("field: got %q, want colour", got.Items[3].Problem.Field)
	}
}

func TestABatchThatCannotBeReadChangesNothing(t *testing.T) {
	f := start(t)
	before := f.head()
	many := make([]map[string]any, 10_001)
	for i := range many {
		many[i] = grant(alice)
	}
	for name, c := range map[string]struct {
		body        any
		status      int
		code, field string
	}{
		"no items":        {`{}`, 422, "missing_field", "items"},
		"empty":           {`{"items":[]}`, 422, "missing_field", "items"},
		"other field":     {`{"acts":[]}`, 422, "unknown_field", "acts"},
		"no list":         {`{"items":{}}`, 422, "invalid_field", "items"},
		"cut":             {`{"items":[{}`, 400, "invalid_json", ""},
		"too many":        {items(many...), 413, "too_many_items", "items"},
		"huge":            {strings.Repeat(" ", 33<<20), 413, "body_too_large", ""},
		"twice in an act": {`{"items":[{"number":"+12025550123","number":"+12025550124"}]}`, 422, "duplicate_field", "items[0].number"},
	} {
		t.Run(name, func(t *testing.T) {
			a := f.post("/v1/consents/batch", c.body)
			a.t = t
			a.problem(c.status, c.code, c.field)
		})
	}
	f.do(request{method: "POST", path: "/v1/consents/batch?via=magic", body: items(grant(alice))}).problem(422, "invalid_field", "via")
	if got := f.head(); got != before {
		t.Errorf("%d entries were made, want none", got-before)
	}
}

// TestAReuploadDoesNotReviveAWithdrawnConsent is promise 6 over HTTP.
func TestAReuploadDoesNotReviveAWithdrawnConsent(t *testing.T) {
	f := start(t)
	upload := []map[string]any{
		grant(alice), grant(alice, "source", "import"), grant(alice, "effective_at", "2026-01-01T00:00:00Z"),
		grant(alice, "source", "crm", "effective_at", f.now().UTC().Format("2006-01-02T15:04:05Z")),
	}
	f.post("/v1/consents/batch", items(upload...)).status(200)
	if got := f.verdict(alice); got != "allow" {
		t.Fatalf("before: got %s, want allow", got)
	}
	f.post("/v1/consents", grant(alice, "act", "withdrawn")).status(201)
	for _, road := range []string{"", "?via=import", "?via=crm", "?via=provider"} {
		var lines strings.Builder
		for _, act := range upload {
			line, _ := json.Marshal(act)
			lines.WriteString(string(line) + "\n")
		}
		f.post("/v1/consents/batch"+road, items(upload...)).status(200)
		f.do(request{method: "POST", path: "/v1/consents/batch" + road, media: "application/x-ndjson", body: lines.String()}).status(200)
		if got := f.verdict(alice); got != "deny" {
			t.Errorf("after a re-upload %s: got %s, want deny", road, got)
		}
	}
	again := f.now().Add(1e9).UTC().Format("2006-01-02T15:04:05.999999Z")
	f.post("/v1/consents/batch", items(grant(alice, "effective_at", again))).status(200)
	f.pass(2e9)
	if got := f.verdict(alice); got != "allow" {
		t.Errorf("after a new dated act of the person: got %s, want allow", got)
	}
}

func TestABatchUnderAKeyHasItsEffectOnce(t *testing.T) {
	f := start(t)
	body := items(grant(alice), grant(bob, "correlation_id", "b"))
	send := func() (got httpapi.ConsentBatchAnswer) {
		f.do(request{method: "POST", path: "/v1/consents/batch", body: body, header: map[string]string{"Idempotency-Key": "b-1"}}).status(200).into(&got)
		return got
	}
	first, again := send(), send()
	if first.Counts.Recorded != 2 || again.Counts.Duplicate != 2 || first.Items[1].Seq != again.Items[1].Seq {
		t.Errorf("got %+v and then %+v", first, again)
	}
}

func TestOnlyKeysThatMayImportSayThatTheyDo(t *testing.T) {
	f := start(t)
	before := f.head()
	a := f.do(request{method: "POST", path: "/v1/consents/batch?via=import", as: "agent", body: items(grant(alice))})
	a.problem(403, "forbidden", "")
	if n := f.denials(before); n != 1 {
		t.Errorf("%d denials were recorded, want 1", n)
	}
	f.do(request{method: "POST", path: "/v1/consents/batch?via=import", as: "marketer", body: items(grant(alice))}).status(200)
	f.do(request{method: "POST", path: "/v1/consents/batch", as: "agent", body: items(grant(alice))}).status(200)
}

func TestAStreamIsAnsweredLineByLine(t *testing.T) {
	f := start(t)
	var got []httpapi.ConsentItem
	body := strings.Join([]string{
		mustJSON(grant(alice, "correlation_id", "a")),
		"",
		`{"number":`,
		mustJSON(grant(bob, "colour", "red")),
		"{\"number\":\"\xff\"}",
		mustJSON(grant(bob, "method", strings.Repeat("x", 70_000))),
		mustJSON(grant(bob)), // the last line has no end
	}, "\n")
	a := f.do(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: body}).status(200)
	if a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got %s", a.Header.Get("Content-Type"))
	}
	for line := range bytes.Lines(a.body) {
		var i httpapi.ConsentItem
		if err := json.Unmarshal(line, &i); err != nil {
			t.Fatal(err)
		}
		got = append(got, i)
	}
	want := []string{"1 a recorded ", "3 3 rejected invalid_json", "4 4 rejected unknown_field", "5 5 rejected invalid_utf8", "6 6 rejected row_too_long", "7 7 recorded "}
	for i, w := range want {
		if i >= len(got) {
			t.Fatalf("got %d lines: %s", len(got), a.body)
		}
		code := ""
		if got[i].Problem != nil {
			code = got[i].Problem.Code
		}
		if s := fmt.Sprintf("%d %s %s %s", got[i].Line, got[i].CorrelationID, got[i].Status, code); s != w {
			t.Errorf("line %d: got %q, want %q", i, s, w)
		}
	}
}

func mustJSON(v any) string {
	body, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(body)
}

// TestAStreamAnswersBeforeItEnds holds a conversation over one stream: each act is answered before the next is sent.
func TestAStreamAnswersBeforeItEnds(t *testing.T) {
	f := start(t)
	in, out := io.Pipe()
	req := f.build(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: io.Reader(in)})
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answers := bufio.NewScanner(res.Body)
	for i, act := range []string{"granted", "withdrawn", "granted", "withdrawn"} {
		if _, err := io.WriteString(out, mustJSON(grant(alice, "act", act))+"\n"); err != nil {
			t.Fatal(err)
		}
		if !answers.Scan() {
			t.Fatalf("act %d was not answered: %v", i, answers.Err())
		}
		var item httpapi.ConsentItem
		if err := json.Unmarshal(answers.Bytes(), &item); err != nil || item.Line != int64(i+1) || item.Seq == 0 {
			t.Fatalf("act %d: got %s", i, answers.Bytes())
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if answers.Scan() || answers.Err() != nil {
		t.Errorf("after the end: got %s, %v", answers.Bytes(), answers.Err())
	}
	if got := f.verdict(alice); got != "deny" {
		t.Errorf("got %s, want deny: the last act was a withdrawal", got)
	}
}

// TestTheLaterLineIsTheLaterAct sends grants and withdrawals without dates, the withdrawal last.
func TestTheLaterLineIsTheLaterAct(t *testing.T) {
	f := start(t)
	var body strings.Builder
	for i := range 3000 {
		n := fmt.Sprintf("+1202555%04d", 100+i%100)
		body.WriteString(mustJSON(grant(n)) + "\n" + mustJSON(grant(n, "act", "withdrawn")) + "\n")
	}
	a := f.do(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: body.String()}).status(200)
	if n := bytes.Count(a.body, []byte("\n")); n != 6000 {
		t.Fatalf("got %d answers, want 6000", n)
	}
	line, last := int64(0), uint64(0)
	for raw := range bytes.Lines(a.body) {
		var i httpapi.ConsentItem
		if err := json.Unmarshal(raw, &i); err != nil {
			t.Fatal(err)
		}
		if i.Line != line+1 || i.Seq <= last {
			t.Fatalf("line %d with entry %d comes after line %d with entry %d", i.Line, i.Seq, line, last)
		}
		line, last = i.Line, i.Seq
	}
	for i := range 100 {
		if n := fmt.Sprintf("+1202555%04d", 100+i); f.verdict(n) != "deny" {
			t.Errorf("number %d is not denied", i)
		}
	}
}

// TestAStreamThatBreaksOffLeavesNoHalfAct cuts the connection in the middle of a line.
func TestAStreamThatBreaksOffLeavesNoHalfAct(t *testing.T) {
	f := start(t)
	before := f.head()
	in, out := io.Pipe()
	res, err := http.DefaultClient.Do(f.build(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: io.Reader(in)}))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.WriteString(out, mustJSON(grant(alice))+"\n"); err != nil {
		t.Fatal(err)
	}
	answers := bufio.NewReader(res.Body)
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(out, strings.TrimSuffix(mustJSON(grant(bob)), "}")); err != nil {
		t.Fatal(err)
	}
	_ = out.CloseWithError(io.ErrUnexpectedEOF)
	if _, err := io.ReadAll(answers); err == nil {
		t.Error("the answer to a broken stream ends as if all had been heard")
	}
	f.http.CloseClientConnections()
	if got := f.head() - before; got != 1 {
		t.Errorf("%d entries were made, want the one that was whole", got)
	}
}

func TestAStreamOfManyLinesIsAnsweredWhole(t *testing.T) {
	f := start(t)
	const lines = 20_000
	body := io.LimitReader(&repeating{line: []byte(`{"number":"+12025550123","purpose":"marketing","channel":"sms","act":"requested","colour":1}` + "\n")}, lines*94)
	res, err := http.DefaultClient.Do(f.build(request{method: "POST", path: "/v1/consents/batch", media: "application/x-ndjson", body: body}))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	scanner, n := bufio.NewScanner(res.Body), 0
	for scanner.Scan() {
		n++
	}
	if n < lines-1000 || scanner.Err() != nil {
		t.Errorf("got %d answers, %v; want about %d", n, scanner.Err(), lines)
	}
}

type repeating struct {
	line []byte
	at   int
}

func (r *repeating) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		c := copy(p[n:], r.line[r.at:])
		n, r.at = n+c, (r.at+c)%len(r.line)
	}
	return n, nil
}

func TestABatchForOtherBrandsIsDeniedItemByItemAndRecordedOnce(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	limited := f.key(access.Marketer, consent.BrandID("acme"))
	before := f.head()
	var got httpapi.ConsentBatchAnswer
	f.do(request{method: "POST", path: "/v1/consents/batch", as: limited, body: items(
		grant(alice, "brand", "acme"), grant(alice), grant(bob), grant(alice, "brand", "*", "act", "withdrawn"), grant(alice, "brand", "202-555-0123"),
	)}).status(200).into(&got)
	want := []string{"0 recorded", "1 rejected forbidden", "2 rejected forbidden", "3 rejected forbidden", "4 rejected unknown_brand"}
	if s := statuses(got); !slices.Equal(s, want) {
		t.Errorf("got  %q\nwant %q", s, want)
	}
	if n := f.denials(before); n != 1 {
		t.Errorf("%d denials were recorded, want one for the request", n)
	}
	f.holdsNo(before, "555-0123")
}

// FuzzAct feeds the decoder of acts whatever comes. Every input is answered with an act, a duplicate or a problem.
func FuzzAct(f *testing.F) {
	for _, seed := range []string{
		mustJSON(grant(alice)), `{}`, `[]`, `null`, `{"number":null}`, `{"number":"\ud800"}`, `{"items":[1,2]}`, "{\"a\":\"\x00\"}",
		`{"number":"+12025550123","purpose":"marketing","channel":"sms","act":"granted","effective_at":"9999-12-31T23:59:59Z"}`,
		`{"channel":{"channel":{"channel":1e999}}}`, strings.Repeat(`{"a":`, 200),
	} {
		f.Add([]byte(seed))
	}
	fx := start(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		fx.t = t
		before := fx.head()
		a := fx.do(request{method: "POST", path: "/v1/consents", body: body})
		switch {
		case a.StatusCode == 201, a.StatusCode == 200:
			return
		case a.StatusCode < 400 || a.StatusCode >= 500:
			t.Errorf("got %d %s", a.StatusCode, a.body)
		}
		var p httpapi.Problem
		a.into(&p)
		if p.Code == "" || p.Status != a.StatusCode || fx.head() != before {
			t.Errorf("got %s, with %d entries made", a.body, fx.head()-before)
		}
	})
}
