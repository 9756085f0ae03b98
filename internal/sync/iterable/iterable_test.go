package iterable_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
	stdsync "sync"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/iterable"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	groups      = map[consent.Scope]string{synctest.Texts: "messageType/5342", synctest.News: "messageChannel/48"}
	destination = sync.Destination{
		Secrets: map[string]string{"api_key": "key"},
		Mapping: map[string]string{synctest.Texts.String(): "messageType/5342", synctest.News.String(): "messageChannel/48"},
	}
)

// project is Iterable as it documents itself.
type project struct {
	mu    stdsync.Mutex
	phone map[string]string // by userId
	held  map[string]string // by group and userId, the last action
	bad   map[string]bool   // userIds that it counts as failed
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (p *project) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.Header.Get("Api-Key") != "key" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	raw, _ := io.ReadAll(r.Body)
	var in struct {
		Users []struct {
			ID     string            `json:"userId"`
			Prefer bool              `json:"preferUserId"`
			Fields map[string]string `json:"dataFields"`
		} `json:"users"`
		IDs []string `json:"usersByUserId"`
	}
	if err := json.Unmarshal(raw, &in); err != nil || len(raw) > 4<<20 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	action, path := r.URL.Query().Get("action"), r.Method+" "+r.URL.Path
	group, subscription := strings.CutPrefix(path, "PUT /api/subscriptions/")
	switch {
	case path == "POST /api/users/bulkUpdate":
		failed := 0
		for _, u := range in.Users {
			if u.ID == "" || !u.Prefer || !e164.MatchString(u.Fields["phoneNumber"]) || p.bad[u.ID] {
				failed++
				continue
			}
			p.phone[u.ID] = u.Fields["phoneNumber"]
		}
		_ = json.NewEncoder(w).Encode(map[string]int{"successCount": len(in.Users) - failed, "failCount": failed})
	case subscription && (group == "messageType/5342" || group == "messageChannel/48") && (action == "subscribe" || action == "unsubscribe"):
		for _, id := range in.IDs {
			if p.phone[id] == "" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			p.held[group+" "+id] = action
		}
		w.WriteHeader(http.StatusAccepted)
	default:
		w.WriteHeader(http.StatusNotFound)
	}
}

func (p *project) would(number string, s consent.Scope) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, phone := range p.phone {
		if phone == number {
			return map[string]string{"subscribe": "yes", "unsubscribe": "no"}[p.held[groups[s]+" "+id]]
		}
	}
	return ""
}

func newProject() *project {
	return &project{phone: map[string]string{}, held: map[string]string{}, bad: map[string]bool{}}
}

func TestIterable(t *testing.T) {
	for _, person := range []string{"", "subject"} {
		d := destination
		d.Settings = map[string]string{"person_id": person}
		c := synctest.Case{Kind: iterable.Kind, Destination: d, New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
			p := newProject()
			return p, p.would
		}}
		t.Run("by "+person, c.Check)
	}
}

func TestAFailureThatIsHiddenInASuccessIsFound(t *testing.T) {
	p := newProject()
	p.bad[synctest.Number(2)] = true
	var changes []sync.Change
	for i := range 6 {
		changes = append(changes, synctest.Change(i, synctest.Texts, consent.Withdrawn))
	}
	for i, err := range synctest.Serve(t, p).Connect(t, iterable.Kind, destination).Deliver(context.Background(), changes) {
		var refused *sync.RefusedError
		if errors.As(err, &refused) != (i == 2) || i != 2 && p.would(synctest.Number(i), synctest.Texts) != "no" {
			t.Errorf("change %d: %v", i, err)
		}
	}
}

func TestNobodyIsAddedUnlessThatIsWanted(t *testing.T) {
	p := newProject()
	p.phone[synctest.Number(0)] = synctest.Number(0)
	d := destination
	d.Settings = map[string]string{"only_existing": "yes"}
	errs := synctest.Serve(t, p).Connect(t, iterable.Kind, d).Deliver(context.Background(), []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Withdrawn), synctest.Change(1, synctest.Texts, consent.Withdrawn),
	})
	synctest.Expect(t, errs, "taken", "refused")
	if len(p.phone) != 1 || p.would(synctest.Number(0), synctest.Texts) != "no" {
		t.Errorf("it knows %d people", len(p.phone))
	}
}

func TestADefinitionThatCannotBeIsRefused(t *testing.T) {
	for field, d := range map[string]sync.Destination{
		"mapping":       {Mapping: map[string]string{synctest.Texts.String(): "5342"}},
		"only_existing": {Mapping: destination.Mapping, Settings: map[string]string{"only_existing": "perhaps"}},
		"person_id":     {Mapping: destination.Mapping, Settings: map[string]string{"person_id": "email"}},
	} {
		var invalid *sync.InvalidError
		if _, err := iterable.Kind.New(sync.Config{Destination: d}); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
