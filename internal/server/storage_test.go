package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestAFullDatabaseIsToldToCallersAndProbes lets PostgreSQL say that its disk is full: withdrawals are refused with a
// status that says so, checks go on, /readyz tells, and all is well again without a restart.
func TestAFullDatabaseIsToldToCallersAndProbes(t *testing.T) {
	c := pgtest.Start(t)
	s := openDefault(t, c, filepath.Join(t.TempDir(), "master.key"))
	defer closing(t, s)
	api := s.API("test").LocalHandler()
	ask := func(method, path, body string) (status int, answer map[string]any) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "one")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return w.Code, answer
	}
	const withdrawal = `{"number":"+12025550123","purpose":"marketing","channel":"sms","act":"withdrawn","source":"web_form"}`
	const check = `{"number":"+12025550123","purpose":"marketing","channel":"sms"}`
	c.SQL(t, "postgres",
		"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$",
		"CREATE TRIGGER full_disk BEFORE UPDATE ON head FOR EACH ROW EXECUTE FUNCTION full_disk()")
	if status, p := ask("POST", "/v1/consents", withdrawal); status != http.StatusInsufficientStorage || p["code"] != "storage_full" {
		t.Errorf("a withdrawal: got %d %v, want 507 storage_full", status, p)
	}
	if status, v := ask("POST", "/v1/checks", check); status != http.StatusOK {
		t.Errorf("a check: got %d %v, want an answer", status, v)
	}
	if status, r := ask("GET", "/readyz", ""); status != http.StatusServiceUnavailable || !strings.Contains(strings.ToLower(string(mustJSON(t, r["why"]))), "the storage is full") {
		t.Errorf("readiness: got %d %v, want 503 and the reason", status, r)
	}
	c.SQL(t, "postgres", "DROP TRIGGER full_disk ON head")
	if status, r := ask("POST", "/v1/consents", withdrawal); status/100 != 2 {
		t.Errorf("once there is room: got %d %v", status, r)
	}
	if status, r := ask("GET", "/readyz", ""); status != http.StatusOK {
		t.Errorf("readiness once there is room: got %d %v", status, r)
	}
}

func mustJSON(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestACommitThatWasCutOffIsToldAsUnknown cuts the connection right after the COMMIT, which the server carries out: the
// caller hears that nobody knows, and the same key settles it.
func TestACommitThatWasCutOffIsToldAsUnknown(t *testing.T) {
	c := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, c, 1, &log)
	api := nodes[0].API("test").LocalHandler()
	withdraw := func() (status int, answer struct{ Code, Status any }) {
		t.Helper()
		r := httptest.NewRequest("POST", "/v1/consents", strings.NewReader(
			`{"number":"+12025550123","purpose":"marketing","channel":"sms","act":"withdrawn","source":"web_form"}`))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", "one")
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		return w.Code, answer
	}
	cables[0].Set(pgtest.Faults{Commits: true})
	if status, p := withdraw(); status != http.StatusServiceUnavailable || p.Code != "outcome_unknown" {
		t.Errorf("cut off: got %d %v, want 503 outcome_unknown", status, p)
	}
	cables[0].Set(pgtest.Faults{})
	if status, p := withdraw(); status != http.StatusOK || p.Status != "duplicate" {
		t.Errorf("again: got %d %v, want the duplicate of what was committed", status, p)
	}
}
