//go:build unix

package scenarios

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
)

// direct asks the capabilities themselves.
type direct struct{ s *server.Server }

func inProcess(_ *testing.T, s *server.Server, _ listener) listener { return direct{s} }

var outcomes = map[ledger.Outcome]string{
	ledger.Recorded: "recorded", ledger.Duplicate: "duplicate", ledger.Conflicting: "conflict", ledger.Superseded: "superseded",
}

func (d direct) record(t *testing.T, f map[string]string) string {
	t.Helper()
	r := act.Report{
		Number: f["number"], Brand: consent.BrandID(f["brand"]), Purpose: consent.PurposeID(f["purpose"]), Confirmed: f["confirmed"] == "true",
		EffectiveAt: moment(t, f["effective_at"]), ValidUntil: moment(t, f["valid_until"]), EventID: f["event_id"], IdempotencyKey: f["key"],
	}
	var errs [4]error
	r.Channel, errs[0] = consent.ParseChannel(f["channel"])
	r.Act, errs[1] = consent.ParseKind(f["act"])
	if f["source"] != "" {
		r.Source, errs[2] = consent.ParseSource(f["source"])
	}
	if f["level"] != "" {
		r.Level, errs[3] = consent.ParseLevel(f["level"])
	}
	if err := errors.Join(errs[:]...); err != nil {
		t.Fatal(err)
	}
	results, err := d.s.Recorder.Record(ctx, access.Local, []act.Report{r})
	if err != nil {
		t.Fatal(err)
	}
	var invalid *act.InvalidError
	if errors.As(results[0].Err, &invalid) {
		return invalid.Code
	}
	if results[0].Err != nil {
		t.Fatal(results[0].Err)
	}
	return outcomes[results[0].Outcome]
}

func moment(t *testing.T, text string) time.Time {
	t.Helper()
	if text == "" {
		return time.Time{}
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func (d direct) question(t *testing.T, f map[string]string) (check.Question, consent.Scope) {
	t.Helper()
	number, err := phone.Parse(f["number"], "")
	if err != nil {
		t.Fatal(err)
	}
	channel, err := consent.ParseChannel(f["channel"])
	if err != nil {
		t.Fatal(err)
	}
	scope := consent.Scope{Brand: act.DefaultBrand, Purpose: consent.PurposeID(f["purpose"]), Channel: channel}
	if f["brand"] != "" {
		scope.Brand = consent.BrandID(f["brand"])
	}
	return check.Question{Number: number, Brand: []byte(scope.Brand), Purpose: []byte(scope.Purpose), Channel: channel, At: moment(t, f["at"])}, scope
}

func said(v check.Verdict) string { return v.Outcome.String() + " " + v.Code().String() }

func (d direct) check(t *testing.T, f map[string]string) string {
	t.Helper()
	q, scope := d.question(t, f)
	m := ledger.Moment{At: q.At, KnownAt: moment(t, f["known_at"])}
	if m == (ledger.Moment{}) {
		return said(d.s.Index.Check(q))
	}
	record, err := d.s.Ledger.RecordAt(ctx, q.Number, scope, m)
	if err != nil && !errors.Is(err, ledger.ErrNotFound) {
		t.Fatal(err)
	}
	return said(d.s.Index.CheckRecord(q, check.StateOf(record), record.Version > 0, d.rulesOf(t, q.Number, m)))
}

// rulesOf returns the rules of a moment; nil without rules.
func (d direct) rulesOf(t *testing.T, n phone.Number, m ledger.Moment) check.Rules {
	t.Helper()
	if d.s.Rules == nil {
		return nil
	}
	contacts, err := d.s.Attempts.Past(ctx, n, m.KnownAt)
	if err != nil {
		t.Fatal(err)
	}
	changed, err := d.s.Ledger.RuleChanges(ctx)
	if err != nil {
		t.Fatal(err)
	}
	past, err := d.s.Rules.AsOf(changed, m.KnownAt, contacts)
	if err != nil {
		t.Fatal(err)
	}
	return past
}

func (d direct) contact(t *testing.T, f map[string]string) (attempt.Attempt, check.Question) {
	t.Helper()
	q, scope := d.question(t, f)
	purpose, err := d.s.Catalog.Purpose(string(scope.Purpose))
	if err != nil {
		t.Fatal(err)
	}
	return attempt.Attempt{Number: q.Number, Brand: scope.Brand, Class: purpose.Class, Channel: scope.Channel, At: d.s.Now()}, q
}

func (d direct) reserve(t *testing.T, f map[string]string) string {
	t.Helper()
	at, q := d.contact(t, f)
	v, _, err := d.s.Attempts.Reserve(ctx, at, func() check.Verdict { return d.s.Index.Check(q) })
	if err != nil {
		t.Fatal(err)
	}
	return said(v)
}

func (d direct) attempt(t *testing.T, f map[string]string) {
	t.Helper()
	at, _ := d.contact(t, f)
	if _, err := d.s.Attempts.Report(ctx, at); err != nil {
		t.Fatal(err)
	}
}

func (d direct) member(t *testing.T, list, number string, add bool) {
	t.Helper()
	n, err := phone.Parse(number, "")
	if err != nil {
		t.Fatal(err)
	}
	put, taken := []phone.Number{n}, []phone.Number(nil)
	if !add {
		put, taken = taken, put
	}
	if _, err := d.s.Lists.Edit(ctx, "test", list, put, taken); err != nil {
		t.Fatal(err)
	}
}

// web asks over HTTP, with a key.
type web struct {
	url, secret string
}

func overHTTP(t *testing.T, s *server.Server, before listener) listener {
	t.Helper()
	secret := ""
	if w, again := before.(web); again { // an idempotency key is its caller's own
		secret = w.secret
	} else {
		var err error
		if _, secret, err = s.Gate.Create(ctx, access.Local, access.Key{Name: "story", Role: access.Admin}); err != nil {
			t.Fatal(err)
		}
	}
	h := httptest.NewServer(s.API("test").Handler())
	t.Cleanup(h.Close)
	return web{h.URL, secret}
}

// answer holds what any of the calls may answer.
type answer struct {
	Code    string
	Status  any // of an act a word, of a problem a number
	Verdict string
	Reasons []struct{ Code string }
}

func (w web) call(t *testing.T, path string, body any, key string) answer {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+w.secret)
	if key != "" {
		r.Header.Set("Idempotency-Key", key)
	}
	reply, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = reply.Body.Close() }() // it is read to its end
	var a answer
	if err := json.NewDecoder(reply.Body).Decode(&a); err != nil {
		t.Fatalf("%s: %s: %v", path, reply.Status, err)
	}
	return a
}

func (w web) record(t *testing.T, f map[string]string) string {
	t.Helper()
	body := map[string]any{}
	for name, value := range f {
		body[name] = value
	}
	delete(body, "key")
	if f["confirmed"] != "" {
		body["confirmed"] = f["confirmed"] == "true"
	}
	a := w.call(t, "/v1/consents", body, f["key"])
	if a.Code != "" {
		return a.Code
	}
	status, _ := a.Status.(string)
	return status
}

func (w web) check(t *testing.T, f map[string]string) string {
	t.Helper()
	return w.asked(t, f, false)
}

func (w web) reserve(t *testing.T, f map[string]string) string {
	t.Helper()
	return w.asked(t, f, true)
}

func (w web) asked(t *testing.T, f map[string]string, reserve bool) string {
	t.Helper()
	body := map[string]any{"reserve": reserve}
	for name, value := range f {
		body[name] = value
	}
	a := w.call(t, "/v1/checks", body, "")
	if len(a.Reasons) == 0 {
		return a.Verdict + a.Code
	}
	return a.Verdict + " " + a.Reasons[0].Code
}

func (w web) attempt(t *testing.T, f map[string]string) {
	t.Helper()
	if a := w.call(t, "/v1/attempts", f, ""); a.Code != "" {
		t.Fatal(a.Code)
	}
}

func (w web) member(t *testing.T, list, number string, add bool) {
	t.Helper()
	what := "remove"
	if add {
		what = "add"
	}
	if a := w.call(t, "/v1/lists/"+list+"/members", map[string]any{what: []string{number}}, ""); a.Code != "" {
		t.Fatalf("list %s: %s", list, a.Code)
	}
}
