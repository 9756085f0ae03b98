package mailchimp_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	stdsync "sync"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/mailchimp"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	audiences   = map[consent.Scope]string{synctest.Texts: "773280e405", synctest.News: "99a"}
	destination = sync.Destination{
		Secrets: map[string]string{"api_key": "key-us6"},
		Mapping: map[string]string{synctest.Texts.String(): "773280e405", synctest.News.String(): "99a"},
	}
)

// account is Mailchimp as it documents itself.
type account struct {
	mu       stdsync.Mutex
	contacts []entry
}

type entry struct{ audience, phone, status, at string }

type sent struct {
	SMS struct {
		Phone   string `json:"sms_phone"`
		Consent *struct {
			Status string `json:"status"`
			At     string `json:"captured_at"`
		} `json:"marketing_consent"`
	} `json:"sms_channel"`
	Update bool `json:"update_existing"`
}

var (
	e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	path = regexp.MustCompile(`^/3\.0/audiences/(773280e405|99a)/contacts(?:/C([0-9]+))?$`)
)

func (a *account) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, key, _ := r.BasicAuth(); key != "key-us6" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	at := path.FindStringSubmatch(r.URL.Path)
	switch {
	case at == nil:
		w.WriteHeader(http.StatusNotFound)
	case r.Method == http.MethodGet && at[2] == "":
		a.list(w, at[1], r.URL.Query().Get("cursor"))
	case r.Method == http.MethodPost && at[2] == "" || r.Method == http.MethodPatch && at[2] != "":
		a.write(w, r, at[1], at[2])
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (a *account) write(w http.ResponseWriter, r *http.Request, audience, id string) {
	var in sent
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(&in)
	if err != nil || !e164.MatchString(in.SMS.Phone) || r.URL.Query().Get("merge_field_validation_mode") != "ignore_required_checks" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	n := slices.IndexFunc(a.contacts, func(e entry) bool { return e.audience == audience && e.phone == in.SMS.Phone })
	status, at := "", ""
	if c := in.SMS.Consent; c != nil {
		status, at = c.Status, c.At
	}
	known := slices.Contains([]string{"", "consented", "confirmed", "unknown", "denied"}, status)
	switch {
	case !known, at != "" && status != "confirmed", id == "" && status == "denied", id != "" && id != strconv.Itoa(n), id == "" && n >= 0 && !in.Update:
		w.WriteHeader(http.StatusBadRequest)
		return
	case n < 0:
		n = len(a.contacts)
		a.contacts = append(a.contacts, entry{audience: audience, phone: in.SMS.Phone})
	}
	if status != "" {
		a.contacts[n].status, a.contacts[n].at = status, at
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"id": "C" + strconv.Itoa(n)})
}

// list shows one contact a page.
func (a *account) list(w http.ResponseWriter, audience, cursor string) {
	from, _ := strconv.Atoi(strings.TrimPrefix(cursor, "after"))
	var out struct {
		Contacts []any  `json:"contacts"`
		Next     string `json:"next_cursor,omitempty"`
	}
	for n := from; n < len(a.contacts) && out.Next == ""; n++ {
		e := a.contacts[n]
		if e.audience != audience {
			continue
		}
		effective := map[string]string{"consented": "subscribed", "confirmed": "subscribed", "denied": "unsubscribed"}[e.status]
		channel := map[string]any{"sms_phone": e.phone, "effective_subscription_status": map[string]string{"value": effective}}
		out.Contacts, out.Next = append(out.Contacts, map[string]any{"sms_channel": channel}), "after"+strconv.Itoa(n+1)
	}
	_ = json.NewEncoder(w).Encode(out)
}

func (a *account) would(number string, s consent.Scope) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.contacts {
		if e.audience == audiences[s] && e.phone == number {
			return map[string]string{"consented": "yes", "confirmed": "yes", "denied": "no"}[e.status]
		}
	}
	return ""
}

func TestMailchimp(t *testing.T) {
	c := synctest.Case{Kind: mailchimp.Kind, Destination: destination, New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
		a := &account{}
		return a, a.would
	}}
	c.Check(t)
}

func TestOnlyWhatThePersonConfirmedIsToldAsConfirmed(t *testing.T) {
	a := &account{}
	confirmed := synctest.Change(1, synctest.Texts, consent.Granted)
	act := confirmed.Act
	act.Confirmed = true
	confirmed.Record = consent.Fold([]consent.Act{act})
	to := synctest.Serve(t, a).Connect(t, mailchimp.Kind, destination)
	for _, c := range []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted), confirmed} {
		if err := to.Deliver(context.Background(), []sync.Change{c})[0]; err != nil {
			t.Fatal(err)
		}
	}
	want := []entry{{"773280e405", synctest.Number(0), "consented", ""}, {"773280e405", synctest.Number(1), "confirmed", "2026-03-01T12:00:00Z"}}
	if !slices.Equal(a.contacts, want) {
		t.Errorf("got %+v, want %+v", a.contacts, want)
	}
}

func TestTheListHoldsAllPagesOfEachAudience(t *testing.T) {
	a := &account{contacts: []entry{
		{"773280e405", synctest.Number(0), "consented", ""}, {"99a", synctest.Number(1), "denied", ""}, {"773280e405", synctest.Number(2), "unknown", ""},
	}}
	var got []sync.Listed
	to := synctest.Serve(t, a).Connect(t, mailchimp.Kind, destination).(sync.Listing)
	if err := to.List(context.Background(), func(l sync.Listed) error { got = append(got, l); return nil }); err != nil {
		t.Fatal(err)
	}
	want := []sync.Listed{
		{Number: synctest.Number(0), Scope: synctest.Texts, Granted: true}, {Number: synctest.Number(2), Scope: synctest.Texts}, {Number: synctest.Number(1), Scope: synctest.News},
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTheKeyNamesTheDataCenter(t *testing.T) {
	for key, good := range map[string]bool{"key-us6": true, "key": false, "key-": false, "key-us6.example.com/": false} {
		d := destination
		d.Secrets = map[string]string{"api_key": key}
		var invalid *sync.InvalidError
		if _, err := mailchimp.Kind.New(sync.Config{Destination: d}); errors.As(err, &invalid) == good {
			t.Errorf("%q: got %v", key, err)
		}
	}
}
