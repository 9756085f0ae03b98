package hubspot_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/hubspot"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var ctx = context.Background()

// crm is HubSpot's batch upsert as documented: at most 100 inputs, none of one contact twice, by a unique property that
// is there; 207 with the errors of single contacts, 400 for all of them.
type crm struct {
	t          *testing.T
	status     int
	bad        string // a number that fails
	whole      bool   // a bad contact fails the whole call
	category   string
	held       map[string]map[string]string
	calls      int
	properties map[string]bool
}

func (c *crm) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	c.calls++
	var body struct {
		Inputs []struct {
			ID, IDProperty, ObjectWriteTraceID string
			Properties                         map[string]string
		}
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		c.t.Error(err)
	}
	switch {
	case r.Method != http.MethodPost || r.URL.Path != "/crm/objects/2026-03/contacts/batch/upsert" || r.Header.Get("Authorization") != "Bearer pat-1":
		c.t.Errorf("%s %s is not as documented", r.Method, r.URL.Path)
		return
	case c.status != 0:
		w.Header().Set("Retry-After", "4")
		synctest.Write(c.t, w, c.status, map[string]any{"status": "error", "category": "RATE_LIMITS"})
		return
	case len(body.Inputs) > 100:
		synctest.Write(c.t, w, http.StatusBadRequest, map[string]any{"category": "VALIDATION_ERROR"})
		return
	}
	seen := map[string]bool{}
	results, failed := []any{}, []any{}
	for _, in := range body.Inputs {
		if seen[in.ID] {
			synctest.Write(c.t, w, http.StatusBadRequest, map[string]any{"category": "VALIDATION_ERROR", "message": "Duplicate IDs"})
			return
		}
		seen[in.ID] = true
		for name := range in.Properties {
			if !c.properties[name] || !c.properties[in.IDProperty] {
				synctest.Write(c.t, w, http.StatusBadRequest, map[string]any{
					"category": "VALIDATION_ERROR", "errors": []any{map[string]any{"code": "PROPERTY_DOESNT_EXIST"}},
				})
				return
			}
		}
		if in.ID == c.bad && c.whole {
			synctest.Write(c.t, w, http.StatusBadRequest, map[string]any{"category": "VALIDATION_ERROR", "message": in.ID + " is wrong"})
			return
		}
		if in.ID == c.bad {
			failed = append(failed, map[string]any{
				"status": "error", "category": c.category, "message": in.ID + " is wrong",
				"context": map[string]any{"objectWriteTraceId": []string{in.ObjectWriteTraceID}},
			})
			continue
		}
		c.held[in.ID] = in.Properties
		results = append(results, map[string]any{"id": "51", "new": true, "properties": in.Properties, "objectWriteTraceId": in.ObjectWriteTraceID})
	}
	status := http.StatusOK
	if len(failed) > 0 {
		status = http.StatusMultiStatus
	}
	synctest.Write(c.t, w, status, map[string]any{"status": "COMPLETE", "results": results, "errors": failed, "numErrors": len(failed)})
}

func destination() sync.Destination {
	return sync.Destination{
		Settings: map[string]string{"id_property": "consent_number"}, Secrets: map[string]string{"access_token": "pat-1"},
		Mapping: map[string]string{synctest.Texts.String(): "sms_ok", synctest.Voice.String(): "calls_ok"},
	}
}

func connect(t *testing.T) (*crm, sync.Connector) {
	t.Helper()
	c := &crm{
		t: t, held: map[string]map[string]string{}, category: "VALIDATION_ERROR",
		properties: map[string]bool{"consent_number": true, "sms_ok": true, "calls_ok": true},
	}
	server := synctest.Serve(t, c)
	d := destination()
	d.Settings["base_url"] = server.URL
	return c, synctest.Open(t, hubspot.Kind, server.Client(), d)
}

func TestWhatConcernsOneContactTravelsTogether(t *testing.T) {
	c, h := connect(t)
	synctest.Expect(t, h.Deliver(ctx, []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(0, synctest.Voice, consent.Withdrawn),
		synctest.Change(1, consent.Everything, consent.Withdrawn), synctest.Change(2, synctest.Texts, consent.Requested),
	}), "taken", "taken", "taken", "taken")
	for n, want := range []map[string]string{{"sms_ok": "true", "calls_ok": "false"}, {"sms_ok": "false", "calls_ok": "false"}, nil} {
		got := c.held[synctest.Number(n)]
		if len(got) != len(want) || got["sms_ok"] != want["sms_ok"] || got["calls_ok"] != want["calls_ok"] {
			t.Errorf("contact %d: got %v, want %v", n, got, want)
		}
	}
}

func TestOneContactFailsByItself(t *testing.T) {
	changes := []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Granted), synctest.Change(2, synctest.Texts, consent.Granted),
	}
	for _, c := range []struct {
		whole          bool
		category, want string
	}{{false, "VALIDATION_ERROR", "refused"}, {false, "RATE_LIMITS", "later"}, {true, "", "refused"}} {
		crm, h := connect(t)
		crm.bad, crm.whole, crm.category = synctest.Number(1), c.whole, c.category
		synctest.Expect(t, h.Deliver(ctx, changes), "taken", c.want, "taken")
		if len(crm.held) != 2 {
			t.Errorf("whole %t: %d contacts are held", c.whole, len(crm.held))
		}
	}
}

func TestAPropertyThatIsMissingIsAnOperatorsToMend(t *testing.T) {
	c, h := connect(t)
	delete(c.properties, "sms_ok")
	synctest.Expect(t, h.Deliver(ctx, []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}), "down")
}

func TestAFailingHubSpotIsTriedAgain(t *testing.T) {
	c, h := connect(t)
	for _, c.status = range []int{401, 403, 409, 429, 500, 502} {
		errs := h.Deliver(ctx, []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)})
		synctest.Expect(t, errs, "down")
		if after := errs[0].(*sync.LaterError).After; c.status == 429 && after != 4*time.Second { //nolint:errorlint,forcetypeassert // Expect has looked
			t.Errorf("429: after %s", after)
		}
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	d := destination()
	d.Settings = map[string]string{"id_property": "Consent Number"}
	synctest.Invalid(t, hubspot.Kind, "id_property", d)
	d.Settings = map[string]string{"id_property": "consent_number", "granted": "x", "denied": "x"}
	synctest.Invalid(t, hubspot.Kind, "granted", d)
	d = destination()
	d.Mapping = map[string]string{synctest.Texts.String(): "consent_number"}
	synctest.Invalid(t, hubspot.Kind, "mapping", d)
	d.Mapping = nil
	synctest.Invalid(t, hubspot.Kind, "mapping", d)
}
