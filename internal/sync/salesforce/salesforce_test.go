package salesforce_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/salesforce"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var ctx = context.Background()

const (
	purpose = "0ZW000000000001AAA"
	channel = "0eF000000000001AAA"
)

// org is an account of Salesforce as documented: tokens by client credentials, collections of at most 200 records of one
// object with an external ID, HTTP 200 with a result for each, references by external ID that must be there.
type org struct {
	t       *testing.T
	server  *httptest.Server
	status  int
	errcode string
	expired bool              // the next call finds its session ended
	tokens  int               // how many were given
	calls   int               // of collections
	faults  map[string]string // number to status code
	phones  map[string]bool
	people  map[string]bool
	held    map[string]map[string]any // by number and purpose
}

func (o *org) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/services/oauth2/token" {
		if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("client_id") != "key" || r.PostFormValue("client_secret") != "secret" {
			synctest.Write(o.t, w, http.StatusBadRequest, map[string]string{"error": "invalid_client"})
			return
		}
		o.tokens++
		synctest.Write(o.t, w, http.StatusOK, map[string]string{"access_token": fmt.Sprint("t", o.tokens), "instance_url": o.server.URL, "token_type": "Bearer"})
		return
	}
	o.calls++
	switch {
	case o.expired || r.Header.Get("Authorization") != fmt.Sprint("Bearer t", o.tokens):
		o.expired = false
		synctest.Write(o.t, w, http.StatusUnauthorized, []map[string]string{{"errorCode": "INVALID_SESSION_ID"}})
		return
	case o.status != 0:
		synctest.Write(o.t, w, o.status, []map[string]string{{"errorCode": o.errcode, "message": "no"}})
		return
	}
	object, key, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/services/data/v62.0/composite/sobjects/"), "/")
	var body struct {
		AllOrNone bool             `json:"allOrNone"`
		Records   []map[string]any `json:"records"`
	}
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil || r.Method != http.MethodPatch || body.AllOrNone {
		o.t.Errorf("%s %s: %v", r.Method, r.URL.Path, err)
	}
	if len(body.Records) > 200 {
		synctest.Write(o.t, w, http.StatusBadRequest, []map[string]string{{"errorCode": "EXCEEDED_MAX_SIZE_REQUEST"}})
		return
	}
	results := []any{}
	for _, rec := range body.Records {
		if code := o.take(object, key, rec); code != "" {
			results = append(results, map[string]any{"success": false, "errors": []any{map[string]any{"statusCode": code, "fields": []string{}, "message": "no"}}})
			continue
		}
		results = append(results, map[string]any{"id": "a", "success": true, "created": true, "errors": []any{}})
	}
	synctest.Write(o.t, w, http.StatusOK, results)
}

// take writes one record, or says what is wrong with it.
func (o *org) take(object, key string, rec map[string]any) string {
	id, _ := rec[key].(string)
	if typ, _ := rec["attributes"].(map[string]any); typ["type"] != object || id == "" {
		return "INVALID_FIELD"
	}
	if object == "ContactPointPhone" {
		if code := o.faults[id]; code != "" {
			return code
		}
		o.phones[id] = rec["TelephoneNumber"] == id
		return ""
	}
	number, there := "", false
	switch object {
	case "ContactPointConsent":
		to, _ := rec["ContactPoint"].(map[string]any)
		number, _ = to["Consentline_Number__c"].(string)
		there = o.phones[number]
	case "ContactPointTypeConsent":
		to, _ := rec["Party"].(map[string]any)
		number, _ = to["Number__c"].(string)
		there = o.people[number] && rec["ContactPointType"] == "Phone"
	}
	if !there || len(id) != 32 {
		return "INVALID_FIELD"
	}
	for _, required := range []string{"Name", "CaptureDate", "CaptureSource", "CaptureContactPointType", "DataUsePurposeId"} {
		if v, _ := rec[required].(string); v == "" {
			return "REQUIRED_FIELD_MISSING"
		}
	}
	o.held[number+" "+rec["DataUsePurposeId"].(string)] = rec //nolint:forcetypeassert // seen above
	return ""
}

func connect(t *testing.T, settings map[string]string) (*org, sync.Connector) {
	t.Helper()
	o := &org{t: t, faults: map[string]string{}, phones: map[string]bool{}, people: map[string]bool{}, held: map[string]map[string]any{}}
	o.server = synctest.Serve(t, o).Server
	d := destination()
	d.Settings["login_url"] = o.server.URL
	for k, v := range settings {
		d.Settings[k] = v
	}
	return o, synctest.Open(t, salesforce.Kind, o.server.Client(), d)
}

func destination() sync.Destination {
	return sync.Destination{
		Settings: map[string]string{"login_url": "https://example.my.salesforce.com", "client_id": "key"},
		Secrets:  map[string]string{"client_secret": "secret"},
		Mapping:  map[string]string{synctest.Texts.String(): purpose + "/" + channel},
	}
}

func TestConsentHangsOnThePhoneRecord(t *testing.T) {
	o, s := connect(t, nil)
	synctest.Expect(t, s.Deliver(ctx, []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, consent.Everything, consent.Withdrawn), synctest.Change(2, synctest.Texts, consent.Requested),
	}), "taken", "taken", "taken")
	if len(o.held) != 2 || o.calls != 2 || o.tokens != 1 {
		t.Errorf("%d records, %d calls, %d tokens", len(o.held), o.calls, o.tokens)
	}
	for n, want := range []string{"OptIn", "OptOut"} {
		got := o.held[synctest.Number(n)+" "+purpose]
		if got["PrivacyConsentStatus"] != want || got["EngagementChannelTypeId"] != channel || got["CaptureDate"] != "2026-03-01T12:00:00Z" || got["CaptureContactPointType"] != "Web" {
			t.Errorf("person %d: got %v", n, got)
		}
	}
}

func TestConsentHangsOnTheIndividual(t *testing.T) {
	o, s := connect(t, map[string]string{"object": "ContactPointTypeConsent", "party_key": "Number__c"})
	o.people[synctest.Number(0)] = true
	synctest.Expect(t, s.Deliver(ctx, []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Granted),
	}), "taken", "refused")
	if len(o.phones) != 0 || len(o.held) != 1 {
		t.Errorf("%d phone records, %d consents", len(o.phones), len(o.held))
	}
}

// A 200 says that the call was read, not that anything in it was done.
func TestA200HidesNoFailure(t *testing.T) {
	o, s := connect(t, nil)
	o.faults = map[string]string{synctest.Number(1): "DUPLICATE_VALUE", synctest.Number(2): "UNABLE_TO_LOCK_ROW"}
	changes := []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Granted), synctest.Change(2, synctest.Texts, consent.Granted),
	}
	synctest.Expect(t, s.Deliver(ctx, changes), "taken", "refused", "later")
	o.faults = map[string]string{synctest.Number(1): "REQUEST_LIMIT_EXCEEDED"}
	if got := synctest.Became(s.Deliver(ctx, changes)[1]); got != "down" {
		t.Errorf("past the account's limit: %s", got)
	}
}

func TestASessionThatEndsIsBegunAnew(t *testing.T) {
	o, s := connect(t, nil)
	change := []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}
	o.expired = true
	synctest.Expect(t, s.Deliver(ctx, change), "down")
	synctest.Expect(t, s.Deliver(ctx, change), "taken")
	if o.tokens != 2 {
		t.Errorf("%d tokens", o.tokens)
	}
}

func TestAFailingSalesforceIsTriedAgain(t *testing.T) {
	o, s := connect(t, nil)
	o.errcode = "NOT_FOUND"
	for _, o.status = range []int{400, 403, 404, 429, 500, 503} {
		synctest.Expect(t, s.Deliver(ctx, []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}), "down")
	}
}

func TestWrongCredentialsAreAnOperatorsToMend(t *testing.T) {
	_, s := connect(t, map[string]string{"client_id": "another"})
	synctest.Expect(t, s.Deliver(ctx, []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}), "down")
}

func TestNoCallHoldsMoreThanIsAllowed(t *testing.T) {
	o := &org{t: t, faults: map[string]string{}, phones: map[string]bool{}, held: map[string]map[string]any{}}
	o.server = synctest.Serve(t, o).Server
	d := destination()
	d.Settings["login_url"], d.Mapping = o.server.URL, map[string]string{}
	for i, s := range []string{"a", "b", "c"} {
		d.Mapping["acme/"+s+"/sms"] = fmt.Sprintf("0ZW00000000000%dAAA", i)
	}
	s := synctest.Open(t, salesforce.Kind, o.server.Client(), d)
	var changes []sync.Change
	for i := range 90 {
		changes = append(changes, synctest.Change(i, consent.Everything, consent.Withdrawn))
	}
	for i, err := range s.Deliver(ctx, changes) {
		if err != nil {
			t.Fatalf("change %d: %v", i, err)
		}
	}
	if len(o.held) != 270 || o.calls != 3 {
		t.Errorf("%d held, %d calls", len(o.held), o.calls)
	}
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for field, value := range map[string]string{"login_url": "example", "object": "Contact", "phone_key": "a b", "consent_key": "é", "api_version": "62"} {
		d := destination()
		d.Settings[field] = value
		synctest.Invalid(t, salesforce.Kind, field, d)
	}
	d := destination()
	d.Settings["object"] = "ContactPointTypeConsent"
	synctest.Invalid(t, salesforce.Kind, "party_key", d)
	d = destination()
	d.Mapping[synctest.Texts.String()] = "Marketing"
	synctest.Invalid(t, salesforce.Kind, "mapping", d)
}
