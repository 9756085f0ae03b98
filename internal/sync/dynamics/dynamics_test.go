package dynamics_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/sync/dynamics"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

var ctx = context.Background()

const (
	purpose = "0f3c6a1e-0000-4000-8000-000000000001"
	topic   = "0f3c6a1e-0000-4000-8000-000000000002"
)

// environment is Dataverse's Web API as documented: tokens of Entra ID, multipart batches of at most 1,000 requests whose
// answers come in order, rows found by $filter, PATCH that makes the row or changes it.
type environment struct {
	t      *testing.T
	calls  int
	status int    // of the batch
	bad    string // a number whose row fails
	fails  int    // with this status
	short  bool   // an answer is missing
	rows   map[string]map[string]any
}

var filter = regexp.MustCompile(`^msdynmkt_contactpointvalue eq '([^']+)' and msdynmkt_contactpointtype eq (\d+) and _msdynmkt_purposeid_value eq (\S+) and msdynmkt_contactpointconsenttype eq (\d+)(?: and _msdynmkt_topicid_value eq (\S+))?$`)

func (e *environment) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/tenant/oauth2/v2.0/token" {
		if r.PostFormValue("client_secret") != "secret" || !strings.HasSuffix(r.PostFormValue("scope"), "/.default") {
			e.t.Error("the token is not asked for as documented")
		}
		synctest.Write(e.t, w, http.StatusOK, map[string]any{"access_token": "t", "expires_in": 3599, "token_type": "Bearer"})
		return
	}
	e.calls++
	_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || r.URL.Path != "/api/data/v9.2/$batch" || r.Header.Get("Authorization") != "Bearer t" || r.Header.Get("Prefer") != "odata.continue-on-error" {
		e.t.Errorf("%s is not as documented: %v", r.URL.Path, err)
	}
	if strings.Contains(r.URL.String(), "447700") {
		e.t.Error("an address holds a number")
	}
	if e.status != 0 {
		w.WriteHeader(e.status)
		return
	}
	var out bytes.Buffer
	n := 0
	for parts := multipart.NewReader(r.Body, params["boundary"]); ; n++ {
		part, err := parts.NextPart()
		if err == io.EOF { //nolint:errorlint // as multipart returns it
			break
		}
		if err != nil {
			e.t.Fatal(err)
		}
		if n == 0 && e.short {
			continue
		}
		raw, err := io.ReadAll(part)
		if err != nil {
			e.t.Fatal(err)
		}
		head, content, _ := strings.Cut(string(raw), "\r\n\r\n")
		line, _, _ := strings.Cut(head, "\r\n")
		status, body := e.one(line, content)
		fmt.Fprintf(&out, "--batchresponse_1\r\nContent-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\nHTTP/1.1 %d X\r\nContent-Type: application/json\r\n\r\n%s\r\n", status, body)
	}
	if n > 1000 {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	out.WriteString("--batchresponse_1--\r\n")
	w.Header().Set("Content-Type", "multipart/mixed; boundary=batchresponse_1")
	if _, err := w.Write(out.Bytes()); err != nil {
		e.t.Error(err)
	}
}

// one answers one request of a batch.
func (e *environment) one(line, content string) (int, string) {
	method, rest, _ := strings.Cut(strings.TrimSuffix(line, " HTTP/1.1"), " ")
	rest, ok := strings.CutPrefix(rest, "/api/data/v9.2/msdynmkt_contactpointconsent4s")
	if !ok || !strings.HasSuffix(line, " HTTP/1.1") {
		e.t.Errorf("a request is not as documented: %s", method)
	}
	if method == http.MethodGet {
		return http.StatusOK, e.find(strings.TrimPrefix(rest, "?$select=msdynmkt_contactpointconsent4id&$filter="))
	}
	id := strings.Trim(rest, "()")
	var fields map[string]any
	if err := json.Unmarshal([]byte(content), &fields); err != nil || method != http.MethodPatch || len(id) != 36 {
		e.t.Errorf("a write is not as documented: %v", err)
	}
	if fields["msdynmkt_contactpointvalue"] == e.bad {
		return e.fails, `{"error":{"code":"0x80040265","message":"` + e.bad + ` is wrong"}}`
	}
	for _, required := range []string{"value", "contactpointtype", "contactpointvalue", "logicalreason", "source", "purposeId@odata.bind", "contactpointconsenttype"} {
		if fields["msdynmkt_"+required] == nil {
			return http.StatusBadRequest, `{"error":{"code":"0x80048d19"}}`
		}
	}
	if e.rows[id] == nil {
		e.rows[id] = map[string]any{}
	}
	maps.Copy(e.rows[id], fields)
	return http.StatusNoContent, ""
}

// find returns the rows that a filter is for.
func (e *environment) find(escaped string) string {
	text, err := url.PathUnescape(escaped)
	m := filter.FindStringSubmatch(text)
	if err != nil || m == nil || strings.Contains(escaped, " ") {
		e.t.Fatalf("a filter is not as documented: %v", err)
	}
	found := []map[string]string{}
	for id, row := range e.rows {
		topic := ""
		if m[5] != "" {
			topic = "/msdynmkt_topics(" + m[5] + ")"
		}
		held, _ := row["msdynmkt_topicId@odata.bind"].(string)
		if row["msdynmkt_contactpointvalue"] == m[1] && fmt.Sprintf("%.0f", row["msdynmkt_contactpointtype"]) == m[2] &&
			row["msdynmkt_purposeId@odata.bind"] == "/msdynmkt_purposes("+m[3]+")" && held == topic {
			found = append(found, map[string]string{"msdynmkt_contactpointconsent4id": id})
		}
	}
	raw, err := json.Marshal(map[string]any{"value": found})
	if err != nil {
		e.t.Fatal(err)
	}
	return string(raw)
}

func destination() sync.Destination {
	return sync.Destination{
		Settings: map[string]string{"tenant_id": "tenant", "client_id": "app", "base_url": "https://example.crm.dynamics.com"},
		Secrets:  map[string]string{"client_secret": "secret"},
		Mapping: map[string]string{
			synctest.Texts.String(): "text:" + purpose, synctest.News.String(): "text:" + purpose + "/" + topic, synctest.Voice.String(): "voice:" + purpose,
		},
	}
}

func connect(t *testing.T) (*environment, sync.Connector) {
	t.Helper()
	e := &environment{t: t, rows: map[string]map[string]any{}}
	server := synctest.Serve(t, e)
	d := destination()
	d.Settings["base_url"], d.Settings["login_url"] = server.URL, server.URL
	return e, synctest.Open(t, dynamics.Kind, server.Client(), d)
}

func TestEachPlaceHasItsRow(t *testing.T) {
	e, d := connect(t)
	for range 2 { // what is sent twice is held once
		synctest.Expect(t, d.Deliver(ctx, []sync.Change{
			synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, consent.Everything, consent.Withdrawn), synctest.Change(2, synctest.Texts, consent.Requested),
		}), "taken", "taken", "taken")
	}
	got := map[string]float64{}
	for _, row := range e.rows {
		topic, _ := row["msdynmkt_topicId@odata.bind"].(string)
		got[fmt.Sprintf("%s %.0f %s", row["msdynmkt_contactpointvalue"], row["msdynmkt_contactpointtype"], topic)], _ = row["msdynmkt_value"].(float64)
	}
	want := map[string]float64{
		synctest.Number(0) + " 534120001 ": 534120001,
		synctest.Number(1) + " 534120001 ": 534120002, synctest.Number(1) + " 534120003 ": 534120002,
		synctest.Number(1) + " 534120001 /msdynmkt_topics(" + topic + ")": 534120002,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if e.calls != 4 {
		t.Errorf("%d batches", e.calls)
	}
}

// Rows that forms made, also where there are two of them, are written: else one of them would still say yes.
func TestRowsThatOthersMadeAreWritten(t *testing.T) {
	e, d := connect(t)
	for _, id := range []string{"11111111-0000-4000-8000-000000000001", "11111111-0000-4000-8000-000000000002"} {
		e.rows[id] = map[string]any{
			"msdynmkt_contactpointvalue": synctest.Number(0), "msdynmkt_contactpointtype": float64(534120001),
			"msdynmkt_purposeId@odata.bind": "/msdynmkt_purposes(" + purpose + ")", "msdynmkt_value": float64(534120001),
		}
	}
	synctest.Expect(t, d.Deliver(ctx, []sync.Change{synctest.Change(0, synctest.Texts, consent.Withdrawn)}), "taken")
	if len(e.rows) != 2 {
		t.Errorf("%d rows", len(e.rows))
	}
	for id, row := range e.rows {
		if row["msdynmkt_value"] != float64(534120002) {
			t.Errorf("row %s still says yes", id)
		}
	}
}

func TestOneRowFailsByItself(t *testing.T) {
	e, d := connect(t)
	e.bad = synctest.Number(1)
	changes := []sync.Change{
		synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.Texts, consent.Granted), synctest.Change(2, synctest.Texts, consent.Granted),
	}
	for status, want := range map[int]string{400: "refused", 412: "later", 429: "later", 500: "later"} {
		e.fails = status
		synctest.Expect(t, d.Deliver(ctx, changes), "taken", want, "taken")
	}
}

func TestAFailingDynamicsIsTriedAgain(t *testing.T) {
	e, d := connect(t)
	change := []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted)}
	for _, e.status = range []int{400, 401, 404, 429, 500, 503} {
		synctest.Expect(t, d.Deliver(ctx, change), "down")
	}
	e.status, e.short = 0, true
	synctest.Expect(t, d.Deliver(ctx, change), "down")
}

func TestSettingsThatCannotBeAreRefused(t *testing.T) {
	for field, value := range map[string]string{"base_url": "dynamics", "login_url": "login", "tenant_id": "a/b"} {
		d := destination()
		d.Settings[field] = value
		synctest.Invalid(t, dynamics.Kind, field, d)
	}
	d := destination()
	d.Mapping[synctest.Texts.String()] = purpose
	synctest.Invalid(t, dynamics.Kind, "mapping", d)
}
