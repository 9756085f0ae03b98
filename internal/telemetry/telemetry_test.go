package telemetry_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/telemetry"
)

func scrape(t *testing.T, m *telemetry.Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	return w.Body.String()
}

func want(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

func TestEveryOutcomeAndCodeCanBeCounted(t *testing.T) {
	m := telemetry.New()
	for _, o := range []check.Outcome{check.Deny, check.Allow, check.Defer} {
		for _, c := range check.Codes() {
			m.Checked(o, c)
		}
	}
	m.Checked(check.Allow, check.Granted)
	m.Checked(check.Outcome(9), check.Granted)
	m.Checked(check.Deny, check.NoCode)
	m.Checked(check.Deny, check.Code(250))
	text := scrape(t, m)
	want(t, text, `consentline_checks_total{code="granted",verdict="allow"} 2`, `consentline_checks_total{code="stale",verdict="deny"} 1`,
		`consentline_checks_total{code="outside_window",verdict="defer"} 1`)
	if got, all := strings.Count(text, "consentline_checks_total{"), 3*len(check.Codes()); got != all {
		t.Errorf("%d kinds of check, want %d", got, all)
	}
}

func TestFiguresOfWhatHappened(t *testing.T) {
	m := telemetry.New()
	m.CheckTook(3 * time.Microsecond)
	m.Committed(5)
	m.Committed(1)
	m.Scrubbed("allow", 3)
	m.Scrubbed("deny", 0)
	r := m.Route("POST /v1/checks")
	r.Answered(200)
	r.Answered(200)
	r.Answered(422)
	telemetry.Route{}.Answered(200)
	text := scrape(t, m)
	want(t, text, `consentline_check_seconds_bucket{le="2e-06"} 0`, `consentline_check_seconds_bucket{le="4e-06"} 1`,
		`consentline_entries_total 6`, `consentline_commit_entries_count 2`, `consentline_scrubbed_rows_total{verdict="allow"} 3`,
		`consentline_http_requests_total{route="POST /v1/checks",status="200"} 2`,
		`consentline_http_requests_total{route="POST /v1/checks",status="422"} 1`)
	if strings.Contains(text, `consentline_scrubbed_rows_total{verdict="deny"}`) {
		t.Error("a verdict nobody got is counted")
	}
}

func TestStateIsReadWhenAsked(t *testing.T) {
	m := telemetry.New()
	head := uint64(10)
	m.Watch(telemetry.State{
		Index:    func() check.Stats { return check.Stats{Records: 3, Members: 4, TableBytes: 50, ListBytes: 60} },
		Revision: func() uint64 { return head }, Head: func() uint64 { return head }, LogSize: func() uint64 { return 8 },
		Fresh: func() float64 { return 0.5 },
	})
	want(t, scrape(t, m), "consentline_index_records 3", "consentline_index_list_members 4", `consentline_index_bytes{part="lists"} 60`,
		"consentline_revision 10", "consentline_log_size 8", "consentline_log_lag_entries 2", "consentline_lease_seconds 0.5")
	if text := scrape(t, m); strings.Contains(text, "consentline_polls_total") {
		t.Error("the only node tells of polls")
	}
	head = 7 // a checkpoint of another node may be ahead of what this one has heard of
	want(t, scrape(t, m), "consentline_head 7", "consentline_log_lag_entries 0")
}

func TestANodeOfSeveralTellsHowItFollows(t *testing.T) {
	m := telemetry.New()
	zero := func() uint64 { return 0 }
	m.Watch(telemetry.State{
		Index: func() check.Stats { return check.Stats{} }, Revision: zero, Head: zero, LogSize: zero, Fresh: func() float64 { return 0 },
		Destinations: func() []telemetry.Destination {
			return []telemetry.Destination{{ID: "crm", Lag: 5, Waiting: 4, Parked: 3, Failures: 2, Oldest: 1.5, Overdue: true}}
		},
		Node: func() telemetry.Node { return telemetry.Node{Polls: 9, Failures: 2, LagSeconds: 1.25, Closed: true} },
	})
	want(t, scrape(t, m), "consentline_lease_seconds 0", "consentline_lag_seconds 1.25", "consentline_node_closed 1",
		`consentline_polls_total{outcome="applied"} 9`, `consentline_polls_total{outcome="failed"} 2`,
		`consentline_destination_lag_entries{destination="crm"} 5`, `consentline_destination_waiting{destination="crm"} 4`,
		`consentline_destination_parked{destination="crm"} 3`, `consentline_destination_failures{destination="crm"} 2`,
		`consentline_destination_oldest_unacknowledged_seconds{destination="crm"} 1.5`, `consentline_destination_overdue{destination="crm"} 1`)
}

func BenchmarkChecked(b *testing.B) {
	m := telemetry.New()
	b.ReportAllocs()
	for b.Loop() {
		m.Checked(check.Allow, check.Granted)
		m.CheckTook(3 * time.Microsecond)
	}
}

func TestWhatWasAnsweredCanBeKept(t *testing.T) {
	m := telemetry.New()
	m.Checked(check.Allow, check.Granted)
	m.Checked(check.Allow, check.Granted)
	m.Checked(check.Deny, check.Stale)
	got, err := m.Answered()
	want := []telemetry.Answers{{Verdict: "allow", Code: "granted", N: 2}, {Verdict: "deny", Code: "stale", N: 1}}
	if err != nil || len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
}
