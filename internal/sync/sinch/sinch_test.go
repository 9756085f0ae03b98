package sinch_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"
	stdsync "sync"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/sinch"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	ids         = map[consent.Scope]string{synctest.Texts: "01TEXTS", synctest.News: "01NEWS"}
	destination = sync.Destination{
		Settings: map[string]string{"service_plan_id": "plan"}, Secrets: map[string]string{"api_token": "token"},
		Mapping: map[string]string{synctest.Texts.String(): "01TEXTS", synctest.News.String(): "01NEWS"},
	}
)

// plan is Sinch's SMS API as it documents itself.
type plan struct {
	mu      stdsync.Mutex
	members map[string]map[string]bool // by group; false: removed
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (p *plan) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	id, listing := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/xms/v1/plan/groups/"), "/members")
	group, there := p.members[id]
	switch {
	case !there:
		w.WriteHeader(http.StatusNotFound)
	case listing && r.Method == http.MethodGet:
		numbers := []string{}
		for number, in := range group {
			if in {
				numbers = append(numbers, strings.TrimPrefix(number, "+"))
			}
		}
		_ = json.NewEncoder(w).Encode(numbers)
	case !listing && r.Method == http.MethodPost:
		p.update(w, r, group)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (p *plan) update(w http.ResponseWriter, r *http.Request, group map[string]bool) {
	var in struct{ Add, Remove []string }
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, number := range slices.Concat(in.Add, in.Remove) {
		if !e164.MatchString(number) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
	}
	for _, number := range in.Add {
		group[number] = true
	}
	for _, number := range in.Remove {
		group[number] = false
	}
	_, _ = w.Write([]byte(`{"id":"01TEXTS","size":1}`))
}

func (p *plan) would(number string, s consent.Scope) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	in, told := p.members[ids[s]][number]
	switch {
	case !told:
		return ""
	case in:
		return "yes"
	}
	return "no"
}

func newPlan() *plan { return &plan{members: map[string]map[string]bool{"01TEXTS": {}, "01NEWS": {}}} }

func TestSinch(t *testing.T) {
	c := synctest.Case{Kind: sinch.Kind, Destination: destination, New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
		p := newPlan()
		return p, p.would
	}}
	c.Check(t)
}

func TestTheListHoldsTheMembersOfEachGroup(t *testing.T) {
	p := newPlan()
	p.members["01TEXTS"][synctest.Number(1)] = true
	p.members["01TEXTS"][synctest.Number(2)] = false
	p.members["01NEWS"][synctest.Number(3)] = true
	to := synctest.Serve(t, p).Connect(t, sinch.Kind, destination)
	var got []sync.Listed
	if err := to.(sync.Listing).List(context.Background(), func(l sync.Listed) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []sync.Listed{{Number: synctest.Number(1), Scope: synctest.Texts, Granted: true}, {Number: synctest.Number(3), Scope: synctest.News, Granted: true}}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}
