package klaviyo_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	stdsync "sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/klaviyo"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	places      = map[consent.Scope]string{synctest.Texts: "LISTA1 sms marketing", synctest.News: "LISTA1 sms transactional"}
	destination = sync.Destination{
		Secrets: map[string]string{"api_key": "pk_1"},
		Mapping: map[string]string{synctest.Texts.String(): "LISTA1", synctest.News.String(): "LISTA1/transactional"},
	}
)

// account is Klaviyo as it documents itself.
type account struct {
	mu   stdsync.Mutex
	held map[string]string // by number, list, channel and kind of message
	at   map[string]string // consented_at, likewise
}

type job struct {
	Data struct {
		Type       string `json:"type"`
		Attributes struct {
			Source     string `json:"custom_source"`
			Historical bool   `json:"historical_import"`
			Profiles   struct {
				Data []profile `json:"data"`
			} `json:"profiles"`
		} `json:"attributes"`
		Relationships struct {
			List struct {
				Data struct {
					Type string `json:"type"`
					ID   string `json:"id"`
				} `json:"data"`
			} `json:"list"`
		} `json:"relationships"`
	} `json:"data"`
}

type profile struct {
	Type       string `json:"type"`
	Attributes struct {
		Phone         string `json:"phone_number"`
		Subscriptions map[string]map[string]struct {
			Consent string `json:"consent"`
			At      string `json:"consented_at"`
		} `json:"subscriptions"`
	} `json:"attributes"`
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	h := r.Header
	if h.Get("Authorization") != "Klaviyo-API-Key pk_1" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	var in job
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&in)
	most, says := 1000, "SUBSCRIBED"
	if in.Data.Type == "profile-subscription-bulk-delete-job" {
		most, says = 100, "UNSUBSCRIBED"
	}
	d := in.Data
	if err != nil || r.Method != http.MethodPost || r.URL.Path != "/api/"+d.Type+"s" || h.Get("revision") != "2026-07-15" ||
		h.Get("Content-Type") != "application/vnd.api+json" || h.Get("Accept") != "application/vnd.api+json" ||
		len(d.Attributes.Profiles.Data) == 0 || len(d.Attributes.Profiles.Data) > most || d.Relationships.List.Data.Type != "list" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if d.Relationships.List.Data.ID != "LISTA1" {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	held := map[string][2]string{}
	for _, p := range d.Attributes.Profiles.Data {
		if p.Type != "profile" || !e164.MatchString(p.Attributes.Phone) {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		for channel, kinds := range p.Attributes.Subscriptions {
			for kind, said := range kinds {
				at, err := time.Parse(time.RFC3339, said.At)
				past := err == nil && at.Before(time.Now()) && d.Attributes.Historical
				if said.Consent != says || channel != "sms" && channel != "whatsapp" || says == "SUBSCRIBED" && !past || says != "SUBSCRIBED" && said.At != "" {
					w.WriteHeader(http.StatusBadRequest)
					return
				}
				held[p.Attributes.Phone+" LISTA1 "+channel+" "+kind] = [2]string{says, said.At}
			}
		}
	}
	for key, said := range held {
		a.held[key], a.at[key] = said[0], said[1]
	}
	w.WriteHeader(http.StatusAccepted)
}

func (a *account) would(number string, s consent.Scope) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return map[string]string{"SUBSCRIBED": "yes", "UNSUBSCRIBED": "no"}[a.held[number+" "+places[s]]]
}

func newAccount() *account { return &account{held: map[string]string{}, at: map[string]string{}} }

func TestKlaviyo(t *testing.T) {
	c := synctest.Case{Kind: klaviyo.Kind, Destination: destination, New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
		a := newAccount()
		return a, a.would
	}}
	c.Check(t)
}

func TestAConsentKeepsItsTimeUnlessThatIsNotPast(t *testing.T) {
	a := newAccount()
	to := synctest.Serve(t, a).Connect(t, klaviyo.Kind, destination)
	now := synctest.Change(1, synctest.Texts, consent.Granted)
	act := now.Act
	act.EffectiveAt = time.Now().Add(10 * time.Second) // a clock that is ahead
	now.Record = consent.Fold([]consent.Act{act})
	for i, err := range to.Deliver(context.Background(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted), now}) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if got := a.at[synctest.Number(0)+" LISTA1 sms marketing"]; got != "2026-03-01T12:00:00Z" {
		t.Errorf("consented at %q", got)
	}
}

func TestAListThatIsNotThereIsRefused(t *testing.T) {
	d := destination
	d.Mapping = map[string]string{synctest.Texts.String(): "GONE"}
	s := synctest.Serve(t, newAccount())
	errs := s.Connect(t, klaviyo.Kind, d).Deliver(context.Background(), []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Granted),
	})
	var refused *sync.RefusedError
	if !errors.As(errs[0], &refused) || refused.Code != "404" || s.Calls.Load() != 1 {
		t.Errorf("got %v in %d calls", errs, s.Calls.Load())
	}
	for _, value := range []string{"/marketing", "LISTA1/else"} {
		d.Mapping = map[string]string{synctest.Texts.String(): value}
		var invalid *sync.InvalidError
		if _, err := klaviyo.Kind.New(sync.Config{Destination: d}); !errors.As(err, &invalid) {
			t.Errorf("%q: got %v", value, err)
		}
	}
}
