package attentive_test

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
	"github.com/consentline/consentline/internal/sync/attentive"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	kinds       = map[consent.Scope]string{synctest.Texts: "MARKETING", synctest.News: "TRANSACTIONAL"}
	destination = sync.Destination{
		Secrets: map[string]string{"access_token": "token"},
		Mapping: map[string]string{synctest.Texts.String(): "MARKETING/145", synctest.News.String(): "TRANSACTIONAL/146"},
	}
)

// company is Attentive as it documents itself.
type company struct {
	t     testing.TB
	mu    stdsync.Mutex
	held  map[string]string // by number and type: yes or no
	texts int               // sent to people
}

type request struct {
	User struct {
		Phone string `json:"phone"`
	} `json:"user"`
	Source        string `json:"signUpSourceId"`
	Single        bool   `json:"singleOptIn"`
	Subscriptions []struct {
		Type    string `json:"type"`
		Channel string `json:"channel"`
	} `json:"subscriptions"`
	Notification struct {
		Disabled bool `json:"disabled"`
	} `json:"notification"`
}

var (
	e164    = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sources = map[string]string{"145": "MARKETING", "146": "TRANSACTIONAL"}
)

func (c *company) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if r.Method == http.MethodGet && r.URL.Path == "/v1/subscriptions" {
		c.tell(w, r.URL.Query().Get("phone"))
		return
	}
	var in request
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(&in); err != nil || r.Method != http.MethodPost || !e164.MatchString(in.User.Phone) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/v1/subscriptions":
		if sources[in.Source] == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		key := in.User.Phone + " " + sources[in.Source]
		if c.held[key] == "yes" || !in.Single {
			c.texts++
		}
		c.held[key] = "yes"
	case "/v1/subscriptions/unsubscribe":
		if len(in.Subscriptions) == 0 {
			c.t.Error("somebody is unsubscribed from everything")
		}
		for _, s := range in.Subscriptions {
			if s.Channel != "TEXT" {
				w.WriteHeader(http.StatusBadRequest)
				return
			}
			c.held[in.User.Phone+" "+s.Type] = "no"
		}
		if !in.Notification.Disabled {
			c.texts++
		}
	default:
		w.WriteHeader(http.StatusNotFound)
		return
	}
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(`{}`))
}

func (c *company) tell(w http.ResponseWriter, number string) {
	var out struct {
		Eligibilities []any `json:"subscriptionEligibilities"`
	}
	for _, kind := range kinds {
		if said := c.held[number+" "+kind]; said != "" {
			out.Eligibilities = append(out.Eligibilities, map[string]any{
				"subscription": map[string]string{"type": kind, "channel": "TEXT"}, "eligibility": map[string]bool{"isEligible": said == "yes"},
			})
		}
	}
	if out.Eligibilities == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (c *company) would(number string, s consent.Scope) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.held[number+" "+kinds[s]]
}

func TestAttentive(t *testing.T) {
	var all []*company
	c := synctest.Case{Kind: attentive.Kind, Destination: destination, New: func(t testing.TB) (http.Handler, func(string, consent.Scope) string) {
		a := &company{t: t, held: map[string]string{}}
		all = append(all, a)
		return a, a.would
	}}
	c.Check(t)
	for _, a := range all {
		if a.texts > 0 {
			t.Errorf("%d texts were sent to people", a.texts)
		}
	}
}

func TestAttentiveMayAsk(t *testing.T) {
	a := &company{t: t, held: map[string]string{}}
	d := destination
	d.Settings = map[string]string{"ask": "yes"}
	to := synctest.Serve(t, a).Connect(t, attentive.Kind, d)
	if err := to.Deliver(context.Background(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)})[0]; err != nil || a.texts != 1 {
		t.Errorf("%v, %d texts", err, a.texts)
	}
}

func TestAYesWithoutASignUpSourceIsNotTold(t *testing.T) {
	d := destination
	d.Mapping = map[string]string{synctest.Texts.String(): "CHECKOUT_ABANDONED"}
	a := &company{t: t, held: map[string]string{}}
	s := synctest.Serve(t, a)
	errs := s.Connect(t, attentive.Kind, d).Deliver(context.Background(), []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Withdrawn),
	})
	if errs[0] != nil || errs[1] != nil || s.Calls.Load() != 1 || a.held[synctest.Number(1)+" CHECKOUT_ABANDONED"] != "no" {
		t.Errorf("%v, %d calls, %v", errs, s.Calls.Load(), a.held)
	}
}

func TestAMappingThatAttentiveCannotHoldIsRefused(t *testing.T) {
	for name, d := range map[string]sync.Destination{
		"unknown type":   {Mapping: map[string]string{synctest.Texts.String(): "PROMOTIONAL/145"}},
		"one type twice": {Mapping: map[string]string{synctest.Texts.String(): "MARKETING/145", synctest.News.String(): "MARKETING/146"}},
		"a yes to carts": {Mapping: map[string]string{synctest.Texts.String(): "CHECKOUT_ABANDONED/145"}},
		"WhatsApp":       {Mapping: map[string]string{"acme/marketing/whatsapp": "MARKETING/145"}},
		"ask":            {Mapping: destination.Mapping, Settings: map[string]string{"ask": "perhaps"}},
	} {
		var invalid *sync.InvalidError
		if _, err := attentive.Kind.New(sync.Config{Destination: d}); !errors.As(err, &invalid) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}
