package httpapi_test

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/catalog"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/httpapi"
	"github.com/consentline/consentline/internal/ledger"
)

// twoBrands records one consent with each of two brands.
func (f *fixture) twoBrands() {
	f.t.Helper()
	if _, err := f.Catalog.CreateBrand(context.Background(), "test", catalog.Brand{ID: "acme", Name: "Acme"}); err != nil {
		f.t.Fatal(err)
	}
	results, err := f.Recorder.Record(context.Background(), access.Local, []act.Report{
		{Number: alice, Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm},
		{Number: bob, Brand: "acme", Purpose: "marketing", Channel: consent.SMS, Act: consent.Withdrawn, Source: consent.SMSReply},
	})
	if err != nil || results[0].Err != nil || results[1].Err != nil {
		f.t.Fatal(err, results)
	}
}

func (f *fixture) export(key string) (lines []httpapi.ExportedRecord, trailer string) {
	f.t.Helper()
	a := f.do(request{method: http.MethodGet, path: "/v1/export", as: key, header: why})
	if a.StatusCode != http.StatusOK || a.Header.Get("Content-Type") != "application/x-ndjson" {
		f.t.Fatalf("got %d %s: %s", a.StatusCode, a.Header.Get("Content-Type"), a.body)
	}
	for line := range bytes.Lines(a.body) {
		var r httpapi.ExportedRecord
		if err := json.Unmarshal(line, &r); err != nil {
			f.t.Fatalf("%v in %s", err, line)
		}
		lines = append(lines, r)
	}
	return lines, a.Trailer.Get("Consentline-Exported")
}

var why = map[string]string{"Consentline-Reason": "a test of exports"}

func TestNumbersInFullLeaveOnlyWithAReason(t *testing.T) {
	f := start(t)
	f.twoBrands()
	get := func(reason string) answer {
		return f.do(request{method: http.MethodGet, path: "/v1/export", header: map[string]string{"Consentline-Reason": reason}})
	}
	f.get("/v1/export").problem(422, "reason_required", "Consentline-Reason")
	get("  ").problem(422, "reason_required", "Consentline-Reason")
	for _, reason := range []string{"why", "asked for by 202 555-0123", strings.Repeat("x", 501)} {
		get(reason).problem(422, "invalid_field", "Consentline-Reason")
	}
	if told, _ := f.disclosures(); len(told) != 0 {
		t.Errorf("what was refused left %+v", told)
	}
	get(" yearly audit ").status(200)
	if told, _ := f.disclosures(); len(told) != 2 || told[0].Reason != "yearly audit" {
		t.Errorf("got %+v", told)
	}
}

// disclosures are the details of the entries that say that data left.
func (f *fixture) disclosures() (out []httpapi.Disclosed, by []string) {
	f.t.Helper()
	entries, err := f.Ledger.Entries(context.Background(), 0, 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, e := range entries {
		if e.Kind != ledger.KindDisclosed {
			continue
		}
		var d httpapi.Disclosed
		if err := json.Unmarshal(e.Body.Detail, &d); err != nil {
			f.t.Fatal(err)
		}
		out, by = append(out, d), append(by, e.Body.By)
	}
	return out, by
}

func TestAnExportHoldsEveryRecordAndIsRecordedItself(t *testing.T) {
	f := start(t)
	f.twoBrands()
	revision := f.Index.Revision()
	lines, trailer := f.export("admin")
	if len(lines) != 2 || trailer != "2" {
		t.Fatalf("got %d records and the trailer %q, want 2 of each: %+v", len(lines), trailer, lines)
	}
	if a := lines[0]; a.Number != alice || a.Brand != "default" || a.Status != consent.StatusGranted || a.Entry == 0 {
		t.Errorf("got %+v", a)
	}
	if b := lines[1]; b.Number != bob || b.Brand != "acme" || b.Status != consent.StatusWithdrawn {
		t.Errorf("got %+v", b)
	}
	told, by := f.disclosures()
	if len(told) != 2 || told[0].Ended || !told[1].Ended || !told[1].Complete || told[1].Records != 2 {
		t.Errorf("got %+v, want one entry before and one after with 2 records", told)
	}
	if told[0].Revision != revision || !strings.HasPrefix(by[0], "key:") || by[0] != by[1] {
		t.Errorf("got revision %d by %q, want %d by the key", told[0].Revision, by, revision)
	}
}

func TestAnExportHoldsOnlyTheCallersBrands(t *testing.T) {
	f := start(t)
	f.twoBrands()
	lines, trailer := f.export(f.key(access.Compliance, "acme"))
	if len(lines) != 1 || trailer != "1" || lines[0].Brand != "acme" {
		t.Errorf("got %+v and the trailer %q, want acme's record alone", lines, trailer)
	}
}

func TestOnlyThoseMayExportWhoseRoleSaysSo(t *testing.T) {
	f := start(t)
	for _, role := range access.Roles {
		want := http.StatusForbidden
		if role.Includes(access.Export) {
			want = http.StatusOK
		}
		if a := f.do(request{method: http.MethodGet, path: "/v1/export", as: string(role), header: why}); a.StatusCode != want {
			t.Errorf("%s: got %d, want %d", role, a.StatusCode, want)
		}
	}
}

// leaving is a caller who takes one piece of an answer and is gone.
type leaving struct{ http.ResponseWriter }

func (leaving) Write([]byte) (int, error) { return 0, http.ErrHandlerTimeout }

func TestAnExportThatBreaksOffIsRecordedAsSuch(t *testing.T) {
	f := start(t)
	f.twoBrands()
	r := f.build(request{method: http.MethodGet, path: "/v1/export", header: why})
	w := leaving{httptest.NewRecorder()}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				t.Errorf("got %v, want an answer that is broken off", p)
			}
		}()
		f.api.Handler().ServeHTTP(w, r)
	}()
	told, _ := f.disclosures()
	if len(told) != 2 || !told[1].Ended || told[1].Complete {
		t.Errorf("got %+v, want an entry that says the export ended and is not complete", told)
	}
}
