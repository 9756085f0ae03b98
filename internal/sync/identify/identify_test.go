package identify_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/identify"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var ctx = context.Background()

// cdp takes batches as documented: at most so many bytes a call and 32 KB an event, each with an ID of its user; what was
// sent before with the same messageId is dropped.
type cdp struct {
	t      *testing.T
	max    int
	status int
	body   any    // of the answer
	bad    string // a user whose event is refused with all of its call
	calls  int
	seen   map[string]bool
	traits map[string]map[string]any
}

func (c *cdp) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.calls++
	if user, password, _ := r.BasicAuth(); r.Method != http.MethodPost || r.URL.Path != "/v1/batch" || user != "wk" || password != "" {
		c.t.Errorf("%s %s is not as documented", r.Method, r.URL.Path)
	}
	if c.status != 0 {
		w.WriteHeader(c.status)
		return
	}
	raw, err := io.ReadAll(r.Body)
	if err != nil {
		c.t.Error(err)
	}
	var body struct{ Batch []json.RawMessage }
	if err := json.Unmarshal(raw, &body); err != nil {
		c.t.Error(err)
	}
	if len(raw) > c.max || c.bad != "" && bytes.Contains(raw, []byte(c.bad)) {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, raw := range body.Batch {
		var e struct {
			Type, MessageID, UserID, Timestamp string
			Traits                             map[string]any
		}
		if err := json.Unmarshal(raw, &e); err != nil || len(raw) > 32_000 || e.Type != "identify" || e.UserID == "" || e.MessageID == "" || e.Timestamp == "" {
			c.t.Errorf("an event is not as documented: %v", err)
		}
		if c.seen[e.MessageID] {
			continue
		}
		c.seen[e.MessageID] = true
		if c.traits[e.UserID] == nil {
			c.traits[e.UserID] = map[string]any{}
		}
		for k, v := range e.Traits {
			c.traits[e.UserID][k] = v
		}
	}
	if c.body == nil {
		c.body = map[string]bool{"success": true}
	}
	synctest.Write(c.t, w, http.StatusOK, c.body)
}

func connect(t *testing.T, kind sync.Kind, d sync.Destination) (*cdp, sync.Connector) {
	t.Helper()
	c := &cdp{t: t, max: 500_000, seen: map[string]bool{}, traits: map[string]map[string]any{}}
	server := synctest.Serve(t, c)
	if d.Settings == nil {
		d.Settings = map[string]string{}
	}
	d.Settings[map[string]string{"segment": "base_url", "rudderstack": "data_plane_url"}[kind.Name]] = server.URL
	d.Secrets = map[string]string{"write_key": "wk"}
	if d.Mapping == nil {
		d.Mapping = map[string]string{synctest.Texts.String(): "sms_ok", synctest.Voice.String(): "calls_ok"}
	}
	return c, synctest.Open(t, kind, server.Client(), d)
}

const first = "00000000000000000000000000000000"

func TestConsentIsTraitsWithoutTheNumber(t *testing.T) {
	for _, kind := range []sync.Kind{identify.Segment, identify.RudderStack} {
		c, d := connect(t, kind, sync.Destination{})
		synctest.Expect(t, d.Deliver(ctx, []sync.Change{
			synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(0, synctest.Voice, consent.Withdrawn), synctest.Change(1, synctest.Texts, consent.Requested),
		}), "taken", "taken", "taken")
		got := c.traits[first]
		if len(c.traits) != 1 || len(got) != 2 || got["sms_ok"] != true || got["calls_ok"] != false {
			t.Errorf("%s: got %v", kind.Name, c.traits)
		}
	}
}

func TestNumbersAreToldWhereAllowed(t *testing.T) {
	c, d := connect(t, identify.Segment, sync.Destination{Numbers: true, Settings: map[string]string{"user_id": "phone"}})
	synctest.Expect(t, d.Deliver(ctx, []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}), "taken")
	if got := c.traits[synctest.Number(0)]; got["phone"] != synctest.Number(0) || got["sms_ok"] != true {
		t.Error("the person is not known by their number")
	}
}

// A state that is sent again is dropped there; a later one of the same change, as after an expiry, is not.
func TestWhatDiffersHasAnotherID(t *testing.T) {
	c, d := connect(t, identify.Segment, sync.Destination{})
	yes, no := synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(0, synctest.Texts, consent.Withdrawn)
	for _, change := range []sync.Change{yes, yes, no} {
		synctest.Expect(t, d.Deliver(ctx, []sync.Change{change}), "taken")
	}
	if len(c.seen) != 2 || c.traits[first]["sms_ok"] != false {
		t.Errorf("%d events, %v", len(c.seen), c.traits)
	}
}

func TestNoCallHoldsMoreBytesThanAreAllowed(t *testing.T) {
	mapping := map[string]string{}
	for i := range 80 {
		mapping["acme/p"+strings.Repeat("x", i)+"/sms"] = strings.Repeat("t", 100) + strings.Repeat("x", i)
	}
	c, d := connect(t, identify.Segment, sync.Destination{Mapping: mapping})
	var changes []sync.Change
	for i := range 100 {
		changes = append(changes, synctest.Change(i, consent.Everything, consent.Withdrawn))
	}
	for i, err := range d.Deliver(ctx, changes) {
		if err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}
	if c.calls < 2 || len(c.seen) != 100 {
		t.Errorf("%d calls, %d events", c.calls, len(c.seen))
	}
}

func TestOneEventFailsByItself(t *testing.T) {
	c, d := connect(t, identify.Segment, sync.Destination{})
	c.bad = first
	synctest.Expect(t, d.Deliver(ctx, []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Granted), synctest.Change(2, synctest.Texts, consent.Granted),
	}), "refused", "taken", "taken")
}

func TestAFailingSystemIsTriedAgain(t *testing.T) {
	c, d := connect(t, identify.RudderStack, sync.Destination{})
	change := []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}
	for _, c.status = range []int{401, 403, 429, 500, 503} {
		synctest.Expect(t, d.Deliver(ctx, change), "down")
	}
	c.status, c.body = 0, map[string]bool{"success": false}
	synctest.Expect(t, d.Deliver(ctx, change), "down")
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	mapping := map[string]string{synctest.Texts.String(): "sms_ok"}
	synctest.Invalid(t, identify.Segment, "user_id", sync.Destination{Mapping: mapping, Settings: map[string]string{"user_id": "phone"}})
	synctest.Invalid(t, identify.Segment, "user_id", sync.Destination{Mapping: mapping, Settings: map[string]string{"user_id": "email"}})
	synctest.Invalid(t, identify.Segment, "base_url", sync.Destination{Mapping: mapping, Settings: map[string]string{"base_url": "segment"}})
	synctest.Invalid(t, identify.RudderStack, "data_plane_url", sync.Destination{Mapping: mapping})
	synctest.Invalid(t, identify.Segment, "mapping", sync.Destination{Mapping: map[string]string{synctest.Texts.String(): "phone"}})
}
