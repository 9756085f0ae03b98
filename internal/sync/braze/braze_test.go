package braze_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	stdsync "sync"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/braze"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	groups      = map[consent.Scope]string{synctest.Texts: "group-texts", synctest.News: "group-news"}
	destination = sync.Destination{
		Secrets: map[string]string{"api_key": "key"},
		Mapping: map[string]string{synctest.Texts.String(): "group-texts", synctest.News.String(): "group-news"},
	}
)

// workspace is Braze as it documents itself.
type workspace struct {
	mu     stdsync.Mutex
	states map[string]string // by group and number
	bad    map[string]bool   // numbers that it does not take
	hides  bool              // whether it says so with a success
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (b *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer key" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var in struct {
		Groups []struct {
			ID     string   `json:"subscription_group_id"`
			State  string   `json:"subscription_state"`
			Phones []string `json:"phones"`
		} `json:"subscription_groups"`
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || r.Method != http.MethodPost || r.URL.Path != "/v2/subscription/status/set" || len(in.Groups) == 0 {
		b.answer(w, http.StatusBadRequest, "malformed")
		return
	}
	users := 0
	for _, g := range in.Groups {
		users += len(g.Phones)
		known := g.ID == "group-texts" || g.ID == "group-news"
		if !known || g.State != "subscribed" && g.State != "unsubscribed" || len(g.Phones) == 0 || users > 50 {
			b.answer(w, http.StatusBadRequest, "invalid")
			return
		}
		for _, phone := range g.Phones {
			if e164.MatchString(phone) && !b.bad[phone] {
				continue
			}
			if b.hides {
				w.WriteHeader(http.StatusCreated)
				_, _ = w.Write([]byte(`{"message":"success","errors":[{"type":"a number is not valid"}]}`))
			} else {
				b.answer(w, http.StatusBadRequest, "a number is not valid")
			}
			return
		}
	}
	for _, g := range in.Groups {
		for _, phone := range g.Phones {
			b.states[g.ID+" "+phone] = g.State
		}
	}
	b.answer(w, http.StatusCreated, "success")
}

func (b *workspace) answer(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (b *workspace) would(number string, s consent.Scope) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return map[string]string{"subscribed": "yes", "unsubscribed": "no"}[b.states[groups[s]+" "+number]]
}

func newWorkspace() *workspace {
	return &workspace{states: map[string]string{}, bad: map[string]bool{}}
}

func TestBraze(t *testing.T) {
	c := synctest.Case{Kind: braze.Kind, Destination: destination, New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
		b := newWorkspace()
		return b, b.would
	}}
	c.Check(t)
}

func TestANumberThatIsRefusedKeepsNobodyElseOut(t *testing.T) {
	for _, hides := range []bool{false, true} {
		b := newWorkspace()
		b.bad[synctest.Number(17)], b.hides = true, hides
		to := synctest.Serve(t, b).Connect(t, braze.Kind, destination)
		var changes []sync.Change
		for i := range 50 {
			changes = append(changes, synctest.Change(i, synctest.Texts, consent.Withdrawn))
		}
		for i, err := range to.Deliver(context.Background(), changes) {
			var refused *sync.RefusedError
			switch {
			case i == 17 && !errors.As(err, &refused):
				t.Errorf("the bad number: got %v", err)
			case i != 17 && (err != nil || b.would(synctest.Number(i), synctest.Texts) != "no"):
				t.Errorf("number %d: %v", i, err)
			}
		}
	}
}

func TestVoiceHasNoSubscriptionGroup(t *testing.T) {
	_, err := braze.Kind.New(sync.Config{Destination: sync.Destination{
		Settings: map[string]string{"base_url": "https://rest.example.com"}, Mapping: map[string]string{"acme/marketing/voice_live": "group"},
	}})
	var invalid *sync.InvalidError
	if !errors.As(err, &invalid) || invalid.Field != "mapping" {
		t.Errorf("got %v", err)
	}
}
