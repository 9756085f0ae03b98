package server_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// web is a node as callers reach it.
type web struct {
	t    *testing.T
	base string
	key  string
}

func serve(t *testing.T, s *server.Server, key string) web {
	t.Helper()
	h := httptest.NewServer(s.API("test").Handler())
	t.Cleanup(h.Close)
	return web{t, h.URL, key}
}

// call sends JSON, or asks where there is no body, and returns the status and the text of the answer.
func (w web) call(path, body string) (status int, text string) {
	w.t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(w.t.Context(), method, w.base+path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+w.key)
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }() // read to its end
	b, err := io.ReadAll(res.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// act records an act and returns the revision after it.
func (w web) act(kind string) (revision string) {
	w.t.Helper()
	status, text := w.call("/v1/consents", `{"number":"`+alice+`","purpose":"marketing","channel":"sms","source":"web_form","act":"`+kind+`"}`)
	var told struct {
		Effective string
		Revision  json.Number
	}
	if err := json.Unmarshal([]byte(text), &told); err != nil || status != http.StatusCreated || told.Effective != "all" {
		w.t.Fatalf("%s: got %d, %v", kind, status, err)
	}
	return told.Revision.String()
}

// check asks with a least revision, if there is one, and returns the status and the words that decide.
func (w web) check(least string) (status int, verdict, code string) {
	w.t.Helper()
	question := `{"number":"` + alice + `","purpose":"marketing","channel":"sms"`
	if least != "" {
		question += `,"min_revision":` + least
	}
	status, text := w.call("/v1/checks", question+"}")
	var v struct {
		Verdict, Code string
		Reasons       []struct{ Code string }
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		w.t.Fatal(err)
	}
	if len(v.Reasons) > 0 {
		v.Code = v.Reasons[0].Code
	}
	return status, v.Verdict, v.Code
}

func (w web) want(what, least string, status int, verdict, code string) {
	w.t.Helper()
	if s, v, c := w.check(least); s != status || v != verdict || c != code {
		w.t.Errorf("%s: got %d %q (%s), want %d %q (%s)", what, s, v, c, status, verdict, code)
	}
}

// TestTwoNodesOverHTTPWaitForARevisionOrSayThatTheyAreBehind asks one node for what another has recorded, and then cuts
// it off from the database.
func TestTwoNodesOverHTTPWaitForARevisionOrSayThatTheyAreBehind(t *testing.T) {
	var log locked
	nodes, cables := cabledWith(t, pgtest.Start(t), filepath.Join(t.TempDir(), "master.key"), 2, &log)
	_, key, err := nodes[0].Gate.Create(ctx, access.Local, access.Key{Name: "k", Role: access.Admin})
	if err == nil {
		err = nodes[1].Node.Confirm(ctx)
	}
	if err != nil {
		t.Fatal(err)
	}
	a, b := serve(t, nodes[0], key), serve(t, nodes[1], key)
	b.want("a grant of the other node's, with its revision", a.act("granted"), http.StatusOK, "allow", "granted")
	a.act("withdrawn")
	b.want("a withdrawal, without a revision", "", http.StatusOK, "deny", "withdrawn")
	if status, text := b.call("/readyz", ""); status != http.StatusOK || !strings.Contains(text, `"freshness":{"lease_ms":`) || !strings.Contains(text, `"closed":false`) {
		t.Errorf("/readyz: got %d %s", status, text)
	}

	cables[1].Set(pgtest.Faults{Swallow: true})
	silent(t, nodes[1])
	after := a.act("granted")
	b.want("a revision that cannot arrive", after, http.StatusPreconditionFailed, "", "stale_replica")
	b.want("a node that is cut off", "", http.StatusOK, "deny", "stale")
	status, text := b.call("/readyz", "")
	if status != http.StatusServiceUnavailable || !strings.Contains(text, `"lease_ms":0,`) || !strings.Contains(text, "answered stale") {
		t.Errorf("/readyz of a node that is cut off: got %d %s", status, text)
	}
	_, text = b.call("/metrics", "")
	for _, want := range []string{
		"\nconsentline_lease_seconds 0\n", "\nconsentline_node_closed 0\n", "\nconsentline_polls_total{outcome=\"applied\"} ",
		"\nconsentline_checks_total{code=\"stale\",verdict=\"deny\"} 1\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("/metrics of a node that is cut off lacks %q", want)
		}
	}

	cables[1].Set(pgtest.Faults{Cut: true})
	cables[1].Set(pgtest.Faults{})
	for deadline := time.Now().Add(20 * time.Second); ; pause(20 * time.Millisecond) {
		if status, verdict, _ := b.check(after); status == http.StatusOK && verdict == "allow" {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the node does not come back: %+v", nodes[1].Node.State())
		}
	}
}
