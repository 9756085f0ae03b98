package httpapi_test

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
)

type ruledVerdict struct {
	Verdict     string
	Reservation string
	Reasons     []struct {
		Code, Rule, Citation, Pack string
		PackVersion                string `json:"pack_version"`
		Verified                   *bool
	}
	NextAllowedAt *time.Time `json:"next_allowed_at"`
}

func (v *ruledVerdict) codes() (list []string) {
	for _, r := range v.Reasons {
		list = append(list, r.Code+" "+r.Rule)
	}
	return list
}

func (f *fixture) ask(question map[string]any) (v ruledVerdict) {
	f.t.Helper()
	f.post("/v1/checks", question).status(200).into(&v)
	return v
}

// A consent is of the day before, so that it stands at whatever past moment is asked about.
func (f *fixture) consentOfYesterday(number, purpose, channel, level string) {
	f.t.Helper()
	f.post("/v1/consents", map[string]any{
		"number": number, "purpose": purpose, "channel": channel, "act": "granted", "source": "web_form", "level": level,
		"effective_at": f.now().AddDate(0, 0, -3).UTC().Format(time.RFC3339),
	}).status(201)
}

// nightBefore is three in the morning in Washington, of the day before.
func (f *fixture) nightBefore() time.Time {
	f.t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		f.t.Fatal(err)
	}
	y, m, d := f.now().In(zone).AddDate(0, 0, -1).Date()
	return time.Date(y, m, d, 3, 0, 0, 0, zone)
}

func TestThePastIsJudgedByTheRulesOfThen(t *testing.T) {
	f := startWith(t, "")
	f.consentOfYesterday("+12025550123", "marketing", "sms", "express_written")
	night := f.nightBefore()
	v := f.ask(map[string]any{"number": "+12025550123", "purpose": "marketing", "channel": "sms", "at": night.UTC().Format(time.RFC3339)})
	if v.Verdict != "defer" || v.Reasons[0].Rule != "us.hours_marketing" || v.NextAllowedAt == nil || !v.NextAllowedAt.Equal(night.Add(5*time.Hour)) {
		t.Fatalf("at night: got %s %q until %v", v.Verdict, v.codes(), v.NextAllowedAt)
	}
	v = f.ask(map[string]any{"number": "+12025550123", "purpose": "marketing", "channel": "sms", "at": night.Add(9 * time.Hour).UTC().Format(time.RFC3339)})
	if v.Verdict != "allow" {
		t.Errorf("at noon: got %s %q", v.Verdict, v.codes())
	}
}

func TestARuleInAVerdictTellsItsPackAndWhetherItWasVerified(t *testing.T) {
	f := startWith(t, "")
	f.consentOfYesterday("+12025550123", "marketing", "sms", "express")
	v := f.ask(map[string]any{"number": "+12025550123", "purpose": "marketing", "channel": "sms"})
	for _, r := range v.Reasons {
		if r.Rule == "us.consent_text_marketing" {
			if r.Pack != "us" || r.PackVersion == "" || r.Verified == nil || *r.Verified || !strings.HasPrefix(r.Citation, "47 CFR") {
				t.Errorf("got %+v", r)
			}
			return
		}
	}
	t.Errorf("the rule is missing in %s %q", v.Verdict, v.codes())
}

func TestAnOverrideIsAnEntryAndShowsInVerdicts(t *testing.T) {
	f := startWith(t, "")
	f.consentOfYesterday("+12025550123", "transactional", "sms", "express")
	question := map[string]any{"number": "+12025550123", "purpose": "transactional", "channel": "sms"}
	if v := f.ask(question); v.Verdict != "allow" {
		t.Fatalf("before: got %s %q", v.Verdict, v.codes())
	}
	put := request{method: http.MethodPut, path: "/v1/rules/overrides/stricter", body: map[string]any{"rule": "us.consent_text_other", "requires": "express_written", "reason": "Counsel asked for it"}}
	put.as = string(access.Sender)
	f.do(put).status(403)
	put.as = ""
	before := f.head()
	f.do(put).status(200)
	if f.head() != before+1 {
		t.Errorf("the override made %d entries, want 1", f.head()-before)
	}
	v := f.ask(question)
	if v.Verdict != "deny" || !slices.Contains(v.codes(), "level_too_low us.consent_text_other") {
		t.Errorf("after: got %s %q", v.Verdict, v.codes())
	}
	loose := request{method: http.MethodPut, path: "/v1/rules/overrides/looser", body: map[string]any{"rule": "us.hours_marketing", "disable": true, "reason": "Why not"}}
	if a := f.do(loose).status(422); !strings.Contains(string(a.body), "needs an end") {
		t.Errorf("got %s", a.body)
	}
	f.do(request{method: http.MethodDelete, path: "/v1/rules/overrides/stricter"}).status(200)
	f.do(request{method: http.MethodDelete, path: "/v1/rules/overrides/stricter"}).status(404)
	if v := f.ask(question); v.Verdict != "allow" {
		t.Errorf("taken back: got %s %q", v.Verdict, v.codes())
	}
}

// The law of Florida allows three contacts in 24 hours, and its hours end at eight in the evening.
func TestOfManyWhoAskAtOnceAsManyAsTheCapAllowsGetAReservation(t *testing.T) {
	f := startWith(t, "")
	f.pass(f.nightBefore().AddDate(0, 0, 2).Add(11 * time.Hour).Sub(f.now())) // two in the afternoon there
	const number = "+13055550123"
	f.consentOfYesterday(number, "marketing", "sms", "express_written")
	question := map[string]any{"number": number, "purpose": "marketing", "channel": "sms", "reserve": true}
	verdicts := make([]ruledVerdict, 8)
	var all sync.WaitGroup
	for i := range verdicts {
		all.Go(func() { verdicts[i] = f.ask(question) })
	}
	all.Wait()
	var reserved []string
	for _, v := range verdicts {
		switch v.Verdict {
		case "allow":
			reserved = append(reserved, v.Reservation)
		case "defer":
			if !slices.Contains(v.codes(), "cap_reached us-fl.cap") || v.NextAllowedAt == nil || v.Reservation != "" {
				t.Errorf("got %q until %v, reservation %q", v.codes(), v.NextAllowedAt, v.Reservation)
			}
		default:
			t.Errorf("got %s %q", v.Verdict, v.codes())
		}
	}
	if len(reserved) != 3 || slices.Contains(reserved, "") {
		t.Fatalf("reserved %q, want three", reserved)
	}
	f.post("/v1/attempts/"+reserved[0]+"/confirm", map[string]any{}).status(200)
	f.post("/v1/attempts/"+reserved[0]+"/release", nil).status(409)
	f.post("/v1/attempts/"+reserved[1]+"/release", nil).status(200)
	if v := f.ask(question); v.Verdict != "allow" {
		t.Errorf("after a release: got %s %q", v.Verdict, v.codes())
	}
	f.post("/v1/attempts/nobody/release", nil).status(404)
}

func TestWhatIsReportedCountsAndWhatMakesNoSenseIsRefused(t *testing.T) {
	f := startWith(t, "")
	f.pass(f.nightBefore().AddDate(0, 0, 2).Add(11 * time.Hour).Sub(f.now()))
	const number = "+13055550123"
	f.consentOfYesterday(number, "marketing", "sms", "express_written")
	items := []map[string]any{}
	for _, name := range []string{"a", "b", "c", "c"} {
		items = append(items, map[string]any{"event_id": name, "number": number, "purpose": "marketing", "channel": "sms"})
	}
	question := map[string]any{"number": number, "purpose": "marketing", "channel": "sms"}
	f.post("/v1/attempts/batch", map[string]any{"items": items[:2]}).status(201)
	if v := f.ask(question); v.Verdict != "allow" {
		t.Errorf("after two: got %s %q", v.Verdict, v.codes())
	}
	f.post("/v1/attempts/batch", map[string]any{"items": items}).status(201)
	if v := f.ask(question); v.Verdict != "defer" {
		t.Errorf("after three: got %s %q", v.Verdict, v.codes())
	}
	for name, wrong := range map[string]any{"purpose": "nothing", "channel": "pigeon", "number": "12", "outcome": "fine", "at": "2190-01-01T00:00:00Z"} {
		report := map[string]any{"number": number, "purpose": "marketing", "channel": "sms"}
		report[name] = wrong
		if a := f.post("/v1/attempts", report).status(422); !strings.Contains(string(a.body), name) {
			t.Errorf("%s: got %s", name, a.body)
		}
	}
	question["reserve"], question["at"] = true, "2026-01-01T00:00:00Z"
	f.post("/v1/checks", question).status(422)
}

func TestThePastKnowsTheChangesAndTheContactsOfThen(t *testing.T) {
	f := startWith(t, "")
	f.pass(f.nightBefore().AddDate(0, 0, 2).Add(11 * time.Hour).Sub(f.now()))
	const number = "+13055550123"
	f.consentOfYesterday(number, "marketing", "sms", "express_written")
	moment := func() string {
		f.pass(time.Minute)
		defer f.pass(time.Minute)
		return f.now().UTC().Format(time.RFC3339Nano)
	}
	question := func(changes ...any) map[string]any { return ask(number, changes...) }
	ban := request{method: http.MethodPut, path: "/v1/rules/bans/storm", body: map[string]any{"region": "US-FL", "reason": "State of emergency"}}

	before := moment()
	f.do(ban).status(200)
	during := moment()
	f.do(request{method: http.MethodDelete, path: ban.path}).status(200)
	after := moment()
	for range 3 {
		f.post("/v1/attempts", map[string]any{"number": number, "purpose": "marketing", "channel": "sms"}).status(201)
	}
	full := moment()
	for name, c := range map[string]struct {
		question map[string]any
		want     string
	}{
		"before the ban":                       {question("at", before), "allow"},
		"during the ban, as it is known now":   {question("at", during), "defer"},
		"during the ban, as it was known then": {question("at", during, "known_at", during), "deny"},
		"during the ban, as known before":      {question("at", during, "known_at", before), "allow"},
		"after the ban":                        {question("at", after), "allow"},
		"once the cap was reached":             {question("at", full), "defer"},
		"as known before the contacts":         {question("at", full, "known_at", after), "allow"},
	} {
		if v := f.ask(c.question); v.Verdict != c.want {
			t.Errorf("%s: got %s %q, want %s", name, v.Verdict, v.codes(), c.want)
		}
	}
}

func TestAChangeOfTheRulesIsMadeOnceUnderAKey(t *testing.T) {
	f := startWith(t, "")
	until := f.now().AddDate(1, 0, 0).UTC().Format(time.RFC3339)
	for path, c := range map[string]struct {
		body  map[string]any
		other map[string]any
	}{
		"/v1/rules/overrides/stricter": {
			map[string]any{"rule": "us.consent_text_other", "requires": "express_written"}, map[string]any{"rule": "us.consent_text_other", "requires": "express"},
		},
		"/v1/rules/bans/storm": {
			map[string]any{"region": "US-FL", "reason": "Storm"}, map[string]any{"region": "US-GA", "reason": "Storm"},
		},
		"/v1/rules/relaxations/us.quiet_hours_lifted_by_consent": {
			map[string]any{"reason": "Counsel", "until": until}, map[string]any{"reason": "Another counsel", "until": until},
		},
		"/v1/rules/declarations/code": {
			map[string]any{"brand": "default", "sender_kind": "short_code"}, map[string]any{"brand": "default", "sender_kind": "toll_free"},
		},
	} {
		keyed := func(method, key string, body any) answer {
			return f.do(request{method: method, path: path, body: body, header: map[string]string{"Idempotency-Key": key}})
		}
		before := f.head()
		keyed(http.MethodPut, path+" a", c.body).status(200)
		keyed(http.MethodPut, path+" a", c.body).status(200)
		f.do(request{method: http.MethodPut, path: path, body: c.body}).status(200) // as it is: nothing is changed
		keyed(http.MethodPut, path+" a", c.other).problem(422, "idempotency_key_reused", "Idempotency-Key")
		if got := f.head() - before; got != 1 {
			t.Errorf("%s: %d entries, want 1", path, got)
		}
		var list struct{ Items []struct{ ID, Actor string } }
		f.get(path[:strings.LastIndex(path, "/")]).status(200).into(&list)
		if len(list.Items) != 1 || !strings.HasSuffix(path, "/"+list.Items[0].ID) || list.Items[0].Actor == "" {
			t.Errorf("%s: listed %+v", path, list.Items)
		}
		keyed(http.MethodDelete, path+" b", nil).status(200)
		keyed(http.MethodDelete, path+" b", nil).status(200)
		keyed(http.MethodDelete, path+" c", nil).status(404)
		f.do(request{method: http.MethodPut, path: path, body: map[string]any{"id": "other"}}).status(422)
	}
}

func TestARelaxationShowsInVerdictsForItsTime(t *testing.T) {
	f := startWith(t, "")
	f.consentOfYesterday(alice, "marketing", "sms", "express_written")
	f.pass(f.nightBefore().AddDate(0, 0, 2).Sub(f.now())) // three in the morning
	if v := f.ask(ask(alice)); v.Verdict != "defer" {
		t.Fatalf("strictly: got %s %q", v.Verdict, v.codes())
	}
	path := "/v1/rules/relaxations/us.quiet_hours_lifted_by_consent"
	body := map[string]any{"reason": "Opinion of counsel"}
	f.do(request{method: http.MethodPut, path: path, body: body}).status(422)
	body["until"] = f.now().Add(time.Hour).UTC().Format(time.RFC3339)
	f.do(request{method: http.MethodPut, path: path, body: body}).status(200)
	_, gates := f.explained(ask(alice))
	if g := gateOf(t, gates, "us.hours_marketing"); g.Result != "lifted" {
		t.Errorf("relaxed: got %+v", g)
	}
	f.pass(2 * time.Hour)
	_, gates = f.explained(ask(alice))
	if g := gateOf(t, gates, "us.hours_marketing"); g.Result != "failed" {
		t.Errorf("when its time is over: got %+v", g)
	}
}

func TestContactsAreStreamedInAndAnsweredLineByLine(t *testing.T) {
	f := startWith(t, "")
	f.pass(f.nightBefore().AddDate(0, 0, 2).Add(11 * time.Hour).Sub(f.now()))
	const number = "+13055550123"
	f.consentOfYesterday(number, "marketing", "sms", "express_written")
	good := `{"number":"` + number + `","purpose":"marketing","channel":"sms"}`
	body := strings.Join([]string{good, `{"number":"12","purpose":"marketing","channel":"sms"}`, good, `{`, `{"number":"` + number + `","purpose":"marketing","channel":"sms","when":"now"}`, good}, "\n")
	a := f.do(request{method: http.MethodPost, path: "/v1/attempts/batch", body: body, media: "application/x-ndjson"}).status(201)
	var told []string
	for line := range strings.Lines(string(a.body)) {
		var item struct {
			Line    int
			Attempt string
			Problem *struct{ Code string }
		}
		if err := json.Unmarshal([]byte(line), &item); err != nil || item.Line != len(told)+1 || (item.Attempt == "") == (item.Problem == nil) {
			t.Fatalf("got %s, %v", line, err)
		}
		if item.Problem != nil {
			told = append(told, item.Problem.Code)
		} else {
			told = append(told, "counts")
		}
	}
	if want := []string{"counts", "invalid_number", "counts", "invalid_json", "unknown_field", "counts"}; !slices.Equal(told, want) {
		t.Errorf("got %q, want %q", told, want)
	}
	if v := f.ask(ask(number)); v.Verdict != "defer" || !slices.Contains(v.codes(), "cap_reached us-fl.cap") {
		t.Errorf("after three: got %s %q", v.Verdict, v.codes())
	}
	f.do(request{method: http.MethodPost, path: "/v1/attempts/batch", body: good, media: "application/x-ndjson", as: "viewer"}).status(403)
}

func TestEachUseExtendsTheRetentionWhereTheLawSaysSo(t *testing.T) {
	f := startWith(t, "")
	const number = "+4915112345678"
	retained := func() (until map[string]*time.Time) {
		var told struct {
			Retention []struct {
				Of, For, From, Rule string
				Until               *time.Time
			}
		}
		f.post("/v1/rules/applicable", map[string]any{"number": number, "purpose": "marketing", "channel": "voice_live"}).status(200).into(&told)
		until = map[string]*time.Time{}
		for _, r := range told.Retention {
			if r.For == "" || r.From == "" {
				t.Errorf("says too little: %+v", r)
			}
			until[r.Rule] = r.Until
		}
		return until
	}
	before := retained()
	if len(before) == 0 || slices.ContainsFunc(slices.Collect(maps.Values(before)), func(t *time.Time) bool { return t != nil }) {
		t.Fatalf("before any use: got %v", before)
	}
	f.post("/v1/attempts", map[string]any{"number": number, "purpose": "marketing", "channel": "voice_live"}).status(201)
	for rule, until := range retained() {
		if until != nil && until.After(f.now().AddDate(4, 11, 0)) && strings.HasPrefix(rule, "de.") {
			return
		}
	}
	t.Errorf("after a use: got %v", retained())
}
