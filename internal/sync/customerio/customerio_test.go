package customerio_test

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
	"github.com/consentline/consentline/internal/sync/customerio"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var (
	preferences = map[consent.Scope]string{synctest.Texts: "channels.sms", synctest.News: "topics.topic_3"}
	destination = sync.Destination{
		Settings: map[string]string{"site_id": "site"}, Secrets: map[string]string{"api_key": "key"},
		Mapping: map[string]string{synctest.Texts.String(): "channels.sms", synctest.News.String(): "topics.topic_3"},
	}
)

// workspace is Customer.io as it documents itself.
type workspace struct {
	mu    stdsync.Mutex
	held  map[string]bool   // by person and preference
	phone map[string]string // by person
	bad   map[string]string // people whom it does not take, with its reason
}

type batch struct {
	Batch []struct {
		Type        string            `json:"type"`
		Action      string            `json:"action"`
		Identifiers map[string]string `json:"identifiers"`
		Attributes  map[string]any    `json:"attributes"`
	} `json:"batch"`
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func (c *workspace) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	site, key, _ := r.BasicAuth()
	if site != "site" || key != "key" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	raw, _ := io.ReadAll(r.Body)
	var in batch
	if err := json.Unmarshal(raw, &in); err != nil || len(raw) >= 500_000 || r.Method != http.MethodPost || r.URL.Path != "/api/v2/batch" {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	var errs []any
	for i, it := range in.Batch {
		id := it.Identifiers["id"]
		reason := c.bad[id]
		if it.Type != "person" || it.Action != "identify" || id == "" || len(it.Identifiers) != 1 {
			reason = "invalid"
		}
		if reason != "" {
			errs = append(errs, map[string]any{"batch_index": i, "reason": reason, "field": "identifiers", "message": "about " + id})
			continue
		}
		c.take(id, it.Attributes)
	}
	if len(errs) > 0 {
		w.WriteHeader(http.StatusMultiStatus)
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"errors": errs})
}

func (c *workspace) take(id string, attributes map[string]any) {
	phone, there := c.phone[id]
	if attributes["_update"] == true && !there {
		return
	}
	c.phone[id] = phone
	for name, value := range attributes {
		switch preference, ok := strings.CutPrefix(name, "cio_subscription_preferences."); {
		case ok:
			c.held[id+" "+preference] = value.(bool)
		case name == "phone" && e164.MatchString(value.(string)):
			c.phone[id] = value.(string)
		}
	}
}

func (c *workspace) would(number string, s consent.Scope) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, phone := range c.phone {
		granted, told := c.held[id+" "+preferences[s]]
		switch {
		case phone != number || !told:
		case granted:
			return "yes"
		default:
			return "no"
		}
	}
	return ""
}

func newWorkspace() *workspace {
	return &workspace{held: map[string]bool{}, phone: map[string]string{}, bad: map[string]string{}}
}

func with(settings ...string) sync.Destination {
	d := destination
	d.Settings = map[string]string{"site_id": "site"}
	for i := 0; i < len(settings); i += 2 {
		d.Settings[settings[i]] = settings[i+1]
	}
	return d
}

func TestCustomerIO(t *testing.T) {
	for _, person := range []string{"number", "subject"} {
		c := synctest.Case{Kind: customerio.Kind, Destination: with("person_id", person), New: func(testing.TB) (http.Handler, func(string, consent.Scope) string) {
			c := newWorkspace()
			return c, c.would
		}}
		t.Run(person, c.Check)
	}
}

func TestEachItemIsAnsweredForItself(t *testing.T) {
	c := newWorkspace()
	c.bad[synctest.Number(1)], c.bad[synctest.Number(3)] = "required", "no person "+synctest.Number(3)
	to := synctest.Serve(t, c).Connect(t, customerio.Kind, destination)
	errs := to.Deliver(context.Background(), []sync.Change{
		synctest.Change(0, synctest.Unmapped, consent.Withdrawn), synctest.Change(1, synctest.Texts, consent.Withdrawn),
		synctest.Change(2, synctest.Texts, consent.Withdrawn), synctest.Change(3, synctest.Texts, consent.Withdrawn),
	})
	var required, leak *sync.RefusedError
	if errs[0] != nil || !errors.As(errs[1], &required) || required.Reason != "required" || errs[2] != nil || !errors.As(errs[3], &leak) {
		t.Fatalf("got %v", errs)
	}
	if strings.Contains(leak.Reason, "+") {
		t.Errorf("the reason repeats a number: %s", leak.Reason)
	}
}

func TestPeopleWhomItDoesNotKnowMayBeLeftOut(t *testing.T) {
	c := newWorkspace()
	c.phone[synctest.Number(0)] = synctest.Number(0)
	to := synctest.Serve(t, c).Connect(t, customerio.Kind, with("only_existing", "yes"))
	for i, err := range to.Deliver(context.Background(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Withdrawn), synctest.Change(1, synctest.Texts, consent.Withdrawn)}) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if len(c.phone) != 1 || c.would(synctest.Number(0), synctest.Texts) != "no" {
		t.Errorf("it knows %d people", len(c.phone))
	}
}

func TestADefinitionThatCannotBeIsRefused(t *testing.T) {
	topic := with()
	topic.Mapping = map[string]string{synctest.Texts.String(): "topic_3"}
	for field, d := range map[string]sync.Destination{"person_id": with("person_id", "email"), "only_existing": with("only_existing", "perhaps"), "mapping": topic} {
		var invalid *sync.InvalidError
		if _, err := customerio.Kind.New(sync.Config{Destination: d}); !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
