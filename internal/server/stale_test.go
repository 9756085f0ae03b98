package server_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// TestAKeyRevokedElsewhereIsOfNoUseOnANodeThatLostTouch cuts a node off, revokes a key through another, and tries it on
// the first: checks are stale, a no may be said, and nothing else is told or done.
func TestAKeyRevokedElsewhereIsOfNoUseOnANodeThatLostTouch(t *testing.T) {
	c := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, c, 2, &log)
	record(t, nodes[0], consent.Granted)
	key, secret, err := nodes[0].Gate.Create(ctx, access.Local, access.Key{Name: "admin", Role: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	api := nodes[1].API("test").Handler()
	ask := func(method, path, body string) (int, map[string]any) {
		t.Helper()
		r := httptest.NewRequest(method, path, strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Authorization", "Bearer "+secret)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		var out map[string]any
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil {
			t.Fatalf("%s %s: %d %s", method, path, w.Code, w.Body)
		}
		return w.Code, out
	}
	for deadline := time.Now().Add(10 * time.Second); ; pause(time.Millisecond) {
		if status, _ := ask("GET", "/v1/brands", ""); status == http.StatusOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the key is not in force on the other node")
		}
	}
	cables[1].Set(pgtest.Faults{Swallow: true})
	if _, err := nodes[0].Gate.Revoke(ctx, access.Local, key.ID); err != nil {
		t.Fatal(err)
	}
	const about = `"number":"+12025550123","purpose":"marketing","channel":"sms"`
	for _, q := range []struct{ method, path, body string }{
		{"GET", "/v1/brands", ""},
		{"GET", "/v1/keys", ""},
		{"POST", "/v1/lookups", `{"number":"+12025550123"}`},
		{"POST", "/v1/consents", `{` + about + `,"act":"granted","source":"web_form"}`},
		{"POST", "/v1/keys", `{"name":"another","role":"admin"}`},
	} {
		if status, out := ask(q.method, q.path, q.body); status != http.StatusServiceUnavailable || out["code"] != "stale_node" {
			t.Errorf("%s %s: got %d %v, want 503 stale_node", q.method, q.path, status, out)
		}
	}
	if status, v := ask("POST", "/v1/checks", `{`+about+`}`); status != http.StatusOK || v["verdict"] != "deny" {
		t.Errorf("a check: got %d %v, want a deny", status, v)
	}
	cables[1].Set(pgtest.Faults{})
	for deadline := time.Now().Add(20 * time.Second); ; pause(time.Millisecond) {
		if status, _ := ask("GET", "/v1/brands", ""); status == http.StatusUnauthorized {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the node does not come back")
		}
	}
}

// TestAWithdrawalIsObeyedAtOnceByNodesThatConfirm gives two nodes leases of a minute, which would allow for that long,
// and lets them confirm each check instead: the withdrawal waits for nobody, and the very next check obeys it.
func TestAWithdrawalIsObeyedAtOnceByNodesThatConfirm(t *testing.T) {
	url, key := pgtest.Shared(t).Database(t), filepath.Join(t.TempDir(), "master.key")
	var nodes []*server.Server
	for range 2 {
		s := openAt(t, server.Config{
			DataDir: t.TempDir(), Database: url, MasterKeyFile: key, Rules: server.NoRules, ReadIndex: true,
			Delta: time.Minute, Every: time.Minute,
		})
		defer closing(t, s)
		nodes = append(nodes, s)
	}
	api := nodes[1].API("test").LocalHandler()
	verdict := func(path, body, kind string) string {
		t.Helper()
		r := httptest.NewRequest("POST", path, strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			t.Fatalf("%s: %d %s", path, w.Code, w.Body)
		}
		return w.Body.String()
	}
	const question = `{"number":"+12025550123","purpose":"marketing","channel":"sms"}`
	for i, kind := range []consent.Kind{consent.Granted, consent.Withdrawn, consent.Granted, consent.Withdrawn} {
		began := time.Now()
		record(t, nodes[0], kind)
		if took := time.Since(began); took > 20*time.Second {
			t.Errorf("the act waited %s, as if for a lease", took)
		}
		want := `"verdict":"deny"`
		if kind == consent.Granted {
			want = `"verdict":"allow"`
		}
		if got := verdict("/v1/checks", question, "application/json"); !strings.Contains(got, want) {
			t.Errorf("check %d: got %s, want %s", i, got, want)
		}
		if got := verdict("/v1/checks/batch", question+"\n", "application/x-ndjson"); !strings.Contains(got, want) {
			t.Errorf("stream %d: got %s, want %s", i, got, want)
		}
	}
}
