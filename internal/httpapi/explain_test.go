package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/rulebook"
	"github.com/consentline/consentline/verify"
)

func (f *fixture) explained(question map[string]any) (verdict string, gates []rulebook.Gate) {
	f.t.Helper()
	var v struct {
		Verdict string
		Gates   []rulebook.Gate
	}
	question["explain"] = true
	f.post("/v1/checks", question).status(200).into(&v)
	return v.Verdict, v.Gates
}

func gateOf(t *testing.T, gates []rulebook.Gate, name string) rulebook.Gate {
	t.Helper()
	i := slices.IndexFunc(gates, func(g rulebook.Gate) bool { return g.Rule == name || g.Rule == "" && g.Gate == name })
	if i < 0 {
		t.Fatalf("no gate %s in %+v", name, gates)
	}
	return gates[i]
}

func TestEveryGateIsExplainedAlsoThoseThatWerePassed(t *testing.T) {
	f := startWith(t, "")
	const number = "+13055550123"
	f.pass(f.nightBefore().AddDate(0, 0, 2).Add(11 * time.Hour).Sub(f.now())) // two in the afternoon there
	f.consentOfYesterday(number, "marketing", "sms", "express_written")
	f.post("/v1/attempts", map[string]any{"number": number, "purpose": "marketing", "channel": "sms"}).status(201)
	verdict, told := f.explained(ask(number))
	if verdict != "allow" {
		t.Errorf("got %s", verdict)
	}
	for gate, want := range map[string][2]string{
		"number": {"passed", ""}, "fresh": {"passed", "revision "}, "suppression": {"passed", ""}, "record": {"passed", "granted, express_written, entry "},
		"us.hours_marketing": {"passed", ":00 America/New_York"}, "us-fl.cap": {"passed", "1 of 3, the latest "},
		"us.consent_text_marketing": {"passed", "express_written"},
	} {
		g := gateOf(t, told, gate)
		if g.Result != want[0] || !strings.Contains(g.Evidence, want[1]) {
			t.Errorf("%s: got %s with %q, want %s with %q", gate, g.Result, g.Evidence, want[0], want[1])
		}
		if g.Rule != "" && (g.Citation == "" || g.Requires == "" || g.Pack == "" || g.Version == "" || g.Verified == nil) {
			t.Errorf("%s: says too little: %+v", gate, g)
		}
	}
	f.pass(12 * time.Hour)
	verdict, told = f.explained(ask(number))
	if g := gateOf(t, told, "us.hours_marketing"); verdict != "defer" || g.Result != "failed" || g.Code != "outside_window" || !strings.Contains(g.Evidence, "02:0") {
		t.Errorf("at night: got %s, %+v", verdict, g)
	}
	verdict, told = f.explained(ask("+13055550199"))
	if g := gateOf(t, told, "record"); verdict != "deny" || g.Result != "failed" || g.Code != "no_record" || g.Evidence != "no record" {
		t.Errorf("nobody said yes: got %s, %+v", verdict, g)
	}
}

// The explanation is another way of saying the verdict: a rule that fails in one fails in the other.
func TestAnExplanationAgreesWithItsVerdict(t *testing.T) {
	f := startWith(t, "")
	numbers := []string{"+12025550123", "+13055550123", "+447700900123", "+33612345678", "+4915112345678", "+18005550123", "+27821234567"}
	for _, n := range numbers[:4] {
		f.consentOfYesterday(n, "marketing", "sms", "express")
	}
	for _, number := range numbers {
		for _, about := range []map[string]any{{}, {"time_zone": "Pacific/Honolulu"}, {"country": "FI"}, {"contact": "consent_request"}} {
			var v struct {
				ruledVerdict
				Gates []rulebook.Gate
			}
			f.post("/v1/checks", ask(number, "explain", true, "about", about)).status(200).into(&v)
			failed := map[string]bool{}
			for _, g := range v.Gates {
				if g.Result == "failed" {
					failed[g.Code+" "+g.Rule] = true
				}
			}
			for _, code := range v.codes() {
				if code := strings.TrimSuffix(code, " "); code != "granted" && !strings.HasPrefix(code, "exempt") && !failed[code] && !failed[code+" "] {
					t.Errorf("%s %v: the verdict says %q, the explanation does not: %v", number, about, code, failed)
				}
			}
			if (v.Verdict == "allow") != (len(failed) == 0) {
				t.Errorf("%s %v: %s, and %d gates failed", number, about, v.Verdict, len(failed))
			}
		}
	}
}

func TestAReceiptStatesPlaceAndPacks(t *testing.T) {
	f := startWith(t, "")
	f.consentOfYesterday(alice, "marketing", "sms", "express")
	f.waitForLog()
	var v struct {
		Receipt struct{ Statement json.RawMessage }
	}
	about := map[string]any{"country": "US", "region": "FL"}
	a := f.do(request{method: http.MethodPost, path: "/v1/checks", body: ask(alice, "receipt", true, "about", about)}).status(200)
	a.into(&v)
	var st verify.Statement
	if err := json.Unmarshal(v.Receipt.Statement, &st); err != nil {
		t.Fatal(err)
	}
	if st.Place == nil || !slices.Contains(st.Place.Regions, "US-FL") || !slices.ContainsFunc(st.Packs, func(p verify.Pack) bool { return p.Pack == "us" && p.Version != "" }) {
		t.Errorf("got %+v %+v", st.Place, st.Packs)
	}
	if string(st.Question.About) != `{"country":"US","region":"FL"}` {
		t.Errorf("what was told: got %s", st.Question.About)
	}
	for _, r := range st.Reasons {
		if r.Rule.Rule != "" && (r.Pack == "" || r.PackVersion == "" || r.Verified == nil) {
			t.Errorf("a rule without its source: %+v", r)
		}
	}
}
