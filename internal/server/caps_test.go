package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/pgtest"
)

// afternoon is a clock that runs on from two o'clock in Florida, where the law then allows three contacts in 24 hours.
func afternoon(t testing.TB) func() time.Time {
	t.Helper()
	zone, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	y, m, d := began.In(zone).AddDate(0, 0, 1).Date()
	at := time.Date(y, m, d, 14, 0, 0, 0, zone)
	return func() time.Time { return at.Add(time.Since(began)) }
}

// ruled opens nodes that judge by the rules, on one database, and returns a way to call each over HTTP.
func ruled(t testing.TB, c server.Config, nodes int) (calls []func(method, path string, body, answer any) int) {
	t.Helper()
	c.Now = afternoon(t)
	for range nodes {
		c.DataDir = t.TempDir()
		s, err := server.Open(ctx, c)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { closing(t, s) })
		web := httptest.NewServer(s.API("test").LocalHandler())
		t.Cleanup(web.Close)
		calls = append(calls, func(method, path string, body, answer any) int {
			raw, err := json.Marshal(body)
			if err != nil {
				t.Error(err)
			}
			q, err := http.NewRequestWithContext(ctx, method, web.URL+path, bytes.NewReader(raw))
			if err != nil {
				t.Error(err)
				return 0
			}
			q.Header.Set("Content-Type", "application/json")
			res, err := web.Client().Do(q)
			if err != nil {
				t.Error(err)
				return 0
			}
			defer res.Body.Close()
			text, err := io.ReadAll(res.Body)
			if err == nil && answer != nil {
				err = json.Unmarshal(text, answer)
			}
			if err != nil {
				t.Errorf("%s %s: %v in %s", method, path, err, text)
			}
			return res.StatusCode
		})
	}
	return calls
}

func TestACapHoldsHoweverManyNodesAreAsked(t *testing.T) {
	for name, c := range map[string]struct {
		config server.Config
		nodes  int
	}{
		"embedded":                  {server.Config{}, 1},
		"three nodes on PostgreSQL": {server.Config{Database: pgtest.Shared(t).Schema(t), MasterKeyFile: filepath.Join(t.TempDir(), "master.key"), Delta: 200 * time.Millisecond, Every: 20 * time.Millisecond}, 3},
	} {
		t.Run(name, func(t *testing.T) { capHolds(t, ruled(t, c.config, c.nodes)) })
	}
}

type reserved struct{ Verdict, Reservation string }

func capHolds(t *testing.T, nodes []func(string, string, any, any) int) {
	t.Helper()
	numbers := []string{"+13055550101", "+13055550102", "+13055550103", "+13055550104"}
	question := func(n string) map[string]any {
		return map[string]any{"number": n, "purpose": "marketing", "channel": "sms", "reserve": true}
	}
	var consented struct{ Seq uint64 }
	for _, n := range numbers {
		grant := map[string]any{"number": n, "purpose": "marketing", "channel": "sms", "act": "granted", "source": "web_form", "level": "express_written"}
		if status := nodes[0](http.MethodPost, "/v1/consents", grant, &consented); status != http.StatusCreated {
			t.Fatalf("a consent: got %d", status)
		}
	}
	var mu sync.Mutex
	held := map[string][]string{}
	var all sync.WaitGroup
	for i := range 6 * len(numbers) {
		n, ask := numbers[i%len(numbers)], nodes[i%len(nodes)]
		all.Go(func() {
			q := question(n)
			q["min_revision"] = consented.Seq
			var v reserved
			if status := ask(http.MethodPost, "/v1/checks", q, &v); status != http.StatusOK {
				t.Errorf("a check: got %d", status)
			}
			mu.Lock()
			defer mu.Unlock()
			if v.Verdict == "allow" {
				held[n] = append(held[n], v.Reservation)
			}
		})
	}
	all.Wait()
	for _, n := range numbers {
		if len(held[n]) != 3 || slices.Contains(held[n], "") {
			t.Errorf("%s: reserved %q, want three", n, held[n])
		}
	}
	if t.Failed() {
		return
	}
	first, last := nodes[0], nodes[len(nodes)-1]
	if status := last(http.MethodPost, "/v1/attempts/"+held[numbers[0]][0]+"/release", nil, nil); status != http.StatusOK {
		t.Fatalf("released on another node than reserved: got %d", status)
	}
	deadline := time.Now().Add(10 * time.Second)
	for v := (reserved{}); v.Verdict != "allow"; first(http.MethodPost, "/v1/checks", question(numbers[0]), &v) {
		if time.Now().After(deadline) {
			t.Fatalf("the place that was given back stays taken: %+v", v)
		}
	}
	var v reserved
	if last(http.MethodPost, "/v1/checks", question(numbers[0]), &v); v.Verdict != "defer" {
		t.Errorf("the place was taken on the first node, and the last says %s", v.Verdict)
	}
}

// An override that one node takes in is in the verdicts of all, and each tells packs, versions and who decided.
func TestAChangeOfTheRulesReachesEveryNode(t *testing.T) {
	config := server.Config{Database: pgtest.Shared(t).Schema(t), MasterKeyFile: filepath.Join(t.TempDir(), "master.key"), Delta: 200 * time.Millisecond, Every: 20 * time.Millisecond}
	nodes := ruled(t, config, 2)
	ban := map[string]any{"region": "US-FL", "reason": "State of emergency", "actor": "counsel"}
	if status := nodes[0](http.MethodPut, "/v1/rules/bans/storm", ban, nil); status != http.StatusOK {
		t.Fatalf("got %d", status)
	}
	var head struct{ Revision uint64 }
	question := map[string]any{"number": "+13055550101", "purpose": "marketing", "channel": "sms", "explain": true}
	nodes[0](http.MethodPost, "/v1/checks", question, &head)
	question["min_revision"] = head.Revision
	var v struct {
		Packs []struct{ Pack, Version string }
		Gates []struct{ Rule, Result string }
	}
	nodes[1](http.MethodPost, "/v1/checks", question, &v)
	text := fmt.Sprint(v.Gates)
	if !strings.Contains(text, "{operator.storm failed}") || len(v.Packs) == 0 || v.Packs[0].Version == "" {
		t.Errorf("the other node says %s, by %v", text, v.Packs)
	}
}
