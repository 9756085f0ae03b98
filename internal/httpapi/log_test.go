package httpapi_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/verify"
)

func (f *fixture) policy() *verify.Policy {
	f.t.Helper()
	text := string(f.do(request{method: "GET", path: "/v1/log/key", as: "none"}).status(200).body)
	origin, key, _ := strings.Cut(strings.TrimSpace(text), "\n")
	p, err := verify.NewPolicy(origin, key)
	if err != nil {
		f.t.Fatalf("%q: %v", text, err)
	}
	return p
}

func TestAnOutsiderAuditsTheServedLog(t *testing.T) {
	f := start(t)
	for i := range 300 { // more than a tile
		f.record(grant(fmt.Sprintf("+120255501%02d", i%100), "event_id", fmt.Sprint(i)))
	}
	f.waitForLog()
	prefix, err := url.Parse(f.http.URL + "/v1/log/")
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Audit{Source: verify.Web{Prefix: prefix}, Policy: f.policy()}.Run(t.Context())
	if err != nil || uint64(report.Entries) != f.head() {
		t.Errorf("got %+v, %v; want %d entries", report, err, f.head())
	}
}

func TestTheLogIsServedToEverybodyAndCached(t *testing.T) {
	f := start(t)
	f.waitForLog()
	size := f.head()
	for path, want := range map[string]struct{ kind, cache string }{
		"checkpoint":                         {"text/plain; charset=utf-8", "public, max-age=5"},
		"key":                                {"text/plain; charset=utf-8", "public, max-age=5"},
		fmt.Sprintf("tile/0/000.p/%d", size): {"application/octet-stream", "public, max-age=31536000, immutable"},
		fmt.Sprintf("tile/entries/000.p/%d", size): {"application/octet-stream", "public, max-age=31536000, immutable"},
	} {
		a := f.do(request{method: "GET", path: "/v1/log/" + path, as: "none"}).status(200)
		if a.Header.Get("Content-Type") != want.kind || a.Header.Get("Cache-Control") != want.cache || a.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, a.Header)
		}
		body, kind, _, err := f.Tree.Resource(t.Context(), path)
		if path != "key" && (err != nil || string(body) != string(a.body) || kind != want.kind) {
			t.Errorf("%s: %q is served, the log holds %q, %v", path, a.body, body, err)
		}
	}
	for _, path := range []string{"", "tile", "tile/0/001", "tile/0/x000/000", "tile/9/000", "tile/entries/999", "checkpoint/", "tile/0/../0/000"} {
		a := f.do(request{method: "GET", path: "/v1/log/" + path, as: "none"})
		a.problem(404, "not_found", "")
		if strings.Contains(a.Header.Get("Cache-Control"), "max-age") {
			t.Errorf("%s: what is not there may come, and is cached", path)
		}
	}
}

func TestAnEntryIsProvedToBeInTheLog(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	seq := f.record(grant(alice))
	path := fmt.Sprintf("/v1/entries/%d/proof", seq)
	e, err := f.Ledger.Entry(t.Context(), seq)
	if err != nil {
		t.Fatal(err)
	}
	for as, salted := range map[string]bool{"viewer": true, f.key(access.Compliance, "acme"): false} {
		a := f.do(request{method: "GET", path: path, as: as}).status(200) // waits for the next checkpoint
		proof, err := verify.ParseProof(a.body)
		if err != nil {
			t.Fatalf("%s: %v", a.body, err)
		}
		leaf := verify.Leaf{Seq: e.Seq, RecordedAt: e.RecordedAt.UnixMicro(), Kind: byte(e.Kind), Commitment: e.Commitment}
		if _, err := f.policy().VerifyProof(proof, leaf); err != nil {
			t.Error(err)
		}
		if (len(proof.Extra) > 0) != salted {
			t.Errorf("the proof carries a salt of %d bytes", len(proof.Extra))
		}
		if salted && verify.VerifyOpening(leaf, verify.Salt(proof.Extra), e.Raw) != nil {
			t.Error("the salt does not open the entry")
		}
		leaf.Kind++
		if _, err := f.policy().VerifyProof(proof, leaf); err == nil {
			t.Error("another leaf is proved too")
		}
	}
	for _, bad := range []string{"0", "99999", "x", "-1", "18446744073709551616"} {
		f.get("/v1/entries/"+bad+"/proof").problem(404, "not_found", "")
	}
	f.do(request{method: "GET", path: path, as: "sender"}).problem(403, "forbidden", "")
}

func TestHealthAndReadiness(t *testing.T) {
	f := start(t)
	f.waitForLog()
	var h struct{ Status, Version string }
	f.do(request{method: "GET", path: "/healthz", as: "none"}).status(200).into(&h)
	if h.Status != "ok" || h.Version != "test" {
		t.Errorf("got %+v", h)
	}
	var r struct {
		Ready          bool
		Why            []string
		Revision, Head uint64
		LogSize        uint64 `json:"log_size"`
	}
	f.do(request{method: "GET", path: "/readyz", as: "none"}).status(200).into(&r)
	if !r.Ready || len(r.Why) != 0 || r.Revision != f.head() || r.Head != f.head() || r.LogSize != f.head() {
		t.Errorf("got %+v", r)
	}
	f.Feed.Advance(f.head() + 5) // committed elsewhere, and applied nowhere here
	f.do(request{method: "GET", path: "/readyz", as: "none"}).status(503).into(&r)
	if r.Ready || len(r.Why) != 1 || !strings.Contains(r.Why[0], "index") {
		t.Errorf("behind: got %+v", r)
	}
	f.pass(time.Minute)
	f.do(request{method: "GET", path: "/readyz", as: "none"}).status(503).into(&r)
	if len(r.Why) != 2 || !strings.Contains(r.Why[1], "stuck") {
		t.Errorf("a minute later: got %+v", r)
	}
	f.Index.Lease().Break()
	f.do(request{method: "GET", path: "/readyz", as: "none"}).status(503).into(&r)
	if len(r.Why) != 3 {
		t.Errorf("without a lease: got %+v", r)
	}
}

func TestMetricsCountAndNameNobody(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	f.check(ask(alice))
	f.check(ask(bob))
	f.post("/v1/checks", ask("12")).problem(422, "invalid_number", "number")
	f.do(request{method: "POST", path: scrubHere, body: "phone\n+12025550123\n", media: "text/csv"}).status(200)
	f.do(request{method: "GET", path: "/metrics", as: "sender"}).problem(403, "forbidden", "")
	f.do(request{method: "GET", path: "/metrics", as: "none"}).problem(401, "unauthenticated", "Authorization")
	text := string(f.get("/metrics").status(200).body)
	for _, line := range []string{
		`consentline_checks_total{code="granted",verdict="allow"} 1`, `consentline_checks_total{code="no_record",verdict="deny"} 1`,
		`consentline_check_seconds_count 2`, `consentline_http_requests_total{route="POST /v1/checks",status="200"} 2`,
		`consentline_http_requests_total{route="POST /v1/checks",status="422"} 1`, `consentline_scrubbed_rows_total{verdict="allow"} 1`,
		`consentline_index_records 1`, fmt.Sprintf("consentline_revision %d", f.head()),
	} {
		if !strings.Contains(text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if strings.Contains(text, "12025550123") || strings.Contains(text, f.keys["admin"]) {
		t.Error("the figures tell of somebody")
	}
}
