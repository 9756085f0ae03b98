package twilio_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/twilio"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	ctx   = context.Background()
	texts = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}
	news  = consent.Scope{Brand: "acme", Purpose: "newsletter", Channel: consent.SMS}
)

// bulk is Twilio as it documents itself.
type bulk struct {
	t      *testing.T
	status int
	wrong  map[string]string // by contact, the message it is refused with
	held   map[string]string // by contact and sender
	calls  int
}

var (
	correlation = regexp.MustCompile(`^[0-9a-f]{32}$`)
	contact     = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	sources     = map[string]bool{"website": true, "offline": true, "opt-in-message": true, "opt-out-message": true, "others": true}
)

func (b *bulk) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.calls++
	user, password, _ := r.BasicAuth()
	if user != "AC1" || password != "token" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if b.status != 0 {
		w.Header().Set("Retry-After", "3")
		w.WriteHeader(b.status)
		return
	}
	if err := r.ParseForm(); err != nil || r.URL.Path != "/v1/Consents/Bulk" || len(r.PostForm["Items"]) > 25 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	type told struct {
		Correlation string   `json:"correlation_id"`
		Code        int      `json:"error_code"`
		Messages    []string `json:"error_messages"`
	}
	out := struct {
		Items []told `json:"items"`
	}{}
	for _, raw := range r.PostForm["Items"] {
		var it struct{ Contact_id, Correlation_id, Sender_id, Status, Source, Date_of_consent string }
		if err := json.Unmarshal([]byte(raw), &it); err != nil {
			b.t.Error(err)
		}
		answer := told{Correlation: it.Correlation_id, Messages: []string{}}
		_, badDate := time.Parse(time.RFC3339, it.Date_of_consent)
		switch {
		case !correlation.MatchString(it.Correlation_id) || !sources[it.Source] || badDate != nil || it.Status != "opt-in" && it.Status != "opt-out":
			b.t.Errorf("an item is not as documented: %+v", it)
		case !contact.MatchString(it.Contact_id):
			answer.Code, answer.Messages = 30646, []string{"INVALID_CONTACT_ID"}
		case b.wrong[it.Contact_id] != "":
			answer.Code, answer.Messages = 30646, []string{b.wrong[it.Contact_id]}
		default:
			b.held[it.Contact_id+" "+it.Sender_id] = it.Status
		}
		out.Items = append(out.Items, answer)
	}
	w.WriteHeader(http.StatusCreated)
	if err := json.NewEncoder(w).Encode(out); err != nil {
		b.t.Error(err)
	}
}

func connect(t *testing.T) (*bulk, sync.Connector) {
	t.Helper()
	b := &bulk{t: t, wrong: map[string]string{}, held: map[string]string{}}
	server := httptest.NewServer(b)
	t.Cleanup(server.Close)
	c, err := twilio.Kind.New(sync.Config{
		Now: time.Now, Clients: sync.Clients{HTTP: server.Client()},
		Destination: sync.Destination{
			Settings: map[string]string{"account_sid": "AC1", "base_url": server.URL}, Secrets: map[string]string{"auth_token": "token"},
			Mapping: map[string]string{texts.String(): "MG1", news.String(): "MG2"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return b, c
}

func change(n int, s consent.Scope, kind consent.Kind) sync.Change {
	number, err := phone.Parse(fmt.Sprintf("+1202555%04d", 100+n), "")
	if err != nil {
		panic(err)
	}
	act := consent.Act{Kind: kind, Scope: s, Level: consent.Express, EffectiveAt: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), Source: consent.WebForm, Seq: uint64(n + 1)}
	if kind != consent.Granted {
		act.Level = consent.NoLevel
	}
	return sync.Change{ID: fmt.Sprint("c", n), Seq: act.Seq, Number: number, Scope: s, Record: consent.Fold([]consent.Act{act}), Act: act}
}

func TestEachItemIsAnsweredForItself(t *testing.T) {
	b, c := connect(t)
	b.wrong["+12025550102"] = "INVALID_SENDER_ID"
	b.wrong["+12025550103"] = "INTERNAL_SERVER_ERROR"
	errs := c.Deliver(ctx, []sync.Change{
		change(0, texts, consent.Granted), change(1, consent.Everything, consent.Withdrawn), change(2, texts, consent.Granted), change(3, texts, consent.Granted),
		change(4, consent.Scope{Brand: "acme", Purpose: "other", Channel: consent.SMS}, consent.Granted),
	})
	var refused *sync.RefusedError
	var later *sync.LaterError
	if errs[0] != nil || errs[1] != nil || !errors.As(errs[2], &refused) || refused.Code != "30646" || !errors.As(errs[3], &later) || later.All || errs[4] != nil {
		t.Errorf("got %v", errs)
	}
	want := map[string]string{"+12025550100 MG1": "opt-in", "+12025550101 MG1": "opt-out", "+12025550101 MG2": "opt-out"}
	if len(b.held) != len(want) {
		t.Errorf("it holds %v", b.held)
	}
	for key, status := range want {
		if b.held[key] != status {
			t.Errorf("%s: got %q, want %q", key, b.held[key], status)
		}
	}
}

func TestTwilio(t *testing.T) {
	senders := map[consent.Scope]string{synctest.Texts: "MG1", synctest.News: "MG2"}
	c := synctest.Case{
		Kind: twilio.Kind,
		Destination: sync.Destination{
			Settings: map[string]string{"account_sid": "AC1"}, Secrets: map[string]string{"auth_token": "token"},
			Mapping: map[string]string{synctest.Texts.String(): "MG1", synctest.News.String(): "MG2"},
		},
		New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
			b := &bulk{t: t, wrong: map[string]string{}, held: map[string]string{}}
			return b, func(number string, s consent.Scope) string {
				return map[string]string{"opt-in": "yes", "opt-out": "no"}[b.held[number+" "+senders[s]]]
			}
		},
	}
	c.Check(t)
}

func TestNoCallHoldsMoreThanIsAllowed(t *testing.T) {
	b, c := connect(t)
	var changes []sync.Change
	for i := range 20 { // two senders each: 40 items
		changes = append(changes, change(i, consent.Everything, consent.Withdrawn))
	}
	for i, err := range c.Deliver(ctx, changes) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if b.calls != 2 || len(b.held) != 40 {
		t.Errorf("%d calls, %d held", b.calls, len(b.held))
	}
}

// A request told as an opt-in would allow what nobody confirmed, and told as an opt-out block the question itself.
func TestPendingIsNeitherOptInNorOptOut(t *testing.T) {
	b, c := connect(t)
	if err := c.Deliver(ctx, []sync.Change{change(0, texts, consent.Requested)})[0]; err != nil {
		t.Fatal(err)
	}
	if len(b.held) > 0 {
		t.Errorf("a request that nobody confirmed is told: %v", b.held)
	}
}

func TestAFailingTwilioIsTriedAgain(t *testing.T) {
	b, c := connect(t)
	for _, status := range []int{401, 429, 500, 503} {
		b.status = status
		var later *sync.LaterError
		if err := c.Deliver(ctx, []sync.Change{change(0, texts, consent.Granted)})[0]; !errors.As(err, &later) || !later.All {
			t.Errorf("%d: got %v", status, err)
		}
		if status == 429 && later.After != 3*time.Second {
			t.Errorf("429: after %s", later.After)
		}
	}
}
