package httpapi_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

const scrubHere = "/v1/scrubs?purpose=marketing&channel=sms"

func TestAFileComesBackWithVerdicts(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	a := f.do(request{method: "POST", path: scrubHere, body: "\ufeffname;Phone\r\nAda;+12025550123\r\nBob;(202) 555-0124\r\n;x\r\n", media: "text/csv", as: "sender"}).status(200)
	const want = "\ufeffname;Phone;verdict;reason;next_allowed_at\r\nAda;+12025550123;allow;granted;\r\nBob;(202) 555-0124;invalid;no_region;\r\n;x;invalid;alphanumeric_sender;\r\n"
	if string(a.body) != want {
		t.Errorf("got  %q\nwant %q", a.body, want)
	}
	if got := a.Header.Get("Content-Type"); got != "text/csv; charset=utf-8; header=present" {
		t.Errorf("content type %q", got)
	}
	a = f.do(request{method: "POST", path: scrubHere + "&region=us&column=to&at=" + f.now().Add(time.Hour).UTC().Format(time.RFC3339), body: "to,phone\n202-555-0123,+12025550124\n", media: "text/csv"}).status(200)
	if !strings.HasSuffix(string(a.body), ",+12025550124,allow,granted,\n") {
		t.Errorf("got %q", a.body)
	}
	a = f.do(request{method: "POST", path: scrubHere, body: `{"phone":"+12025550123"}` + "\n", media: "application/x-ndjson"}).status(200)
	if got := string(a.body); got != `{"phone":"+12025550123","verdict":"allow","reason":"granted","next_allowed_at":null}`+"\n" {
		t.Errorf("got %q", got)
	}
}

func TestAnEmptyStreamOfLinesIsAnsweredEmpty(t *testing.T) {
	f := start(t)
	a := f.do(request{method: "POST", path: scrubHere, body: "", media: "application/x-ndjson"}).status(200)
	if len(a.body) != 0 || a.Header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("got %q, %q", a.body, a.Header.Get("Content-Type"))
	}
}

func TestScrubsThatAreWrongAreProblems(t *testing.T) {
	f := start(t)
	for _, c := range []struct {
		query, body, media string
		status             int
		code, field        string
	}{
		{"?channel=sms", "phone\n", "text/csv", 422, "missing_field", "purpose"},
		{"?purpose=marketing", "phone\n", "text/csv", 422, "invalid_field", "channel"},
		{"?purpose=marketing&channel=fax", "phone\n", "text/csv", 422, "invalid_field", "channel"},
		{"?purpose=marketing&channel=*", "phone\n", "text/csv", 422, "invalid_field", "channel"},
		{"?purpose=offers&channel=sms", "phone\n", "text/csv", 422, "unknown_purpose", "purpose"},
		{"?purpose=marketing&channel=sms&brand=acme", "phone\n", "text/csv", 422, "unknown_brand", "brand"},
		{"?purpose=marketing&channel=sms&at=2020-01-01T00:00:00Z", "phone\n", "text/csv", 422, "invalid_field", "at"},
		{"?purpose=marketing&channel=sms&at=soon", "phone\n", "text/csv", 422, "invalid_field", "at"},
		{"?purpose=marketing&channel=sms&region=XX", "phone\n", "text/csv", 422, "invalid_field", "region"},
		{"?purpose=marketing&channel=sms&colum=x", "phone\n", "text/csv", 422, "unknown_field", "colum"},
		{"?purpose=marketing&channel=sms", "phone\n", "application/json", 415, "unsupported_media_type", "Content-Type"},
		{"?purpose=marketing&channel=sms", "id,name\n", "text/csv", 422, "invalid_header", "column"},
		{"?purpose=marketing&channel=sms&column=to", "id,phone\n", "text/csv", 422, "invalid_header", "column"},
		{"?purpose=marketing&channel=sms", "", "text/csv", 422, "invalid_header", "column"},
		{"?purpose=marketing&channel=sms", "+12025550123,Ada\n", "text/csv", 422, "invalid_header", "column"},
	} {
		a := f.do(request{method: "POST", path: "/v1/scrubs" + c.query, body: c.body, media: c.media})
		a.problem(c.status, c.code, c.field)
		if strings.Contains(string(a.body), alice[1:]) {
			t.Errorf("%s: %s", c.query, a.body)
		}
	}
}

func zipped(t *testing.T, text string) []byte {
	t.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestACompressedFileComesBackCompressedToWhoWantsItSo(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	for accept, compressed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "identity": false, "gzip;q=0": false} {
		a := f.do(request{
			method: "POST", path: scrubHere, body: zipped(t, "phone\n+12025550123\n"), media: "text/csv",
			header: map[string]string{"Content-Encoding": "gzip", "Accept-Encoding": accept},
		}).status(200)
		body := a.body
		if (a.Header.Get("Content-Encoding") == "gzip") != compressed {
			t.Errorf("%s: encoding %q", accept, a.Header.Get("Content-Encoding"))
		}
		if compressed {
			r, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(r); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != "phone,verdict,reason,next_allowed_at\n+12025550123,allow,granted,\n" {
			t.Errorf("%s: got %q", accept, body)
		}
	}
	f.do(request{method: "POST", path: scrubHere, body: "phone\n", media: "text/csv", header: map[string]string{"Content-Encoding": "gzip"}}).problem(400, "invalid_gzip", "Content-Encoding")
	f.do(request{method: "POST", path: scrubHere, body: "phone\n", media: "text/csv", header: map[string]string{"Content-Encoding": "br"}}).problem(415, "unsupported_encoding", "Content-Encoding")
}

func TestRowsAreAnsweredWhileTheFileIsStillBeingSent(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	in, out := io.Pipe()
	go func() { _, _ = io.WriteString(out, "phone\n+12025550123\n") }() // the reading below says whether it arrived
	res := f.lines(scrubHere, "text/csv", in)
	rows := bufio.NewScanner(res.Body)
	rows.Scan()
	rows.Scan()
	if got := rows.Text(); got != "+12025550123,allow,granted," {
		t.Fatalf("got %q", got)
	}
	f.record(grant(alice, "act", "withdrawn"))
	if _, err := io.WriteString(out, "+12025550123\n"); err != nil {
		t.Fatal(err)
	}
	rows.Scan()
	if got := rows.Text(); got != "+12025550123,deny,withdrawn," {
		t.Errorf("after the withdrawal: got %q", got)
	}
	f.Index.Lease().Break()
	if _, err := io.WriteString(out, "+12025550123\n"); err != nil {
		t.Fatal(err)
	}
	rows.Scan()
	if got := rows.Text(); got != "+12025550123,deny,stale," {
		t.Errorf("after the lease: got %q", got)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if rows.Scan() || rows.Err() != nil {
		t.Errorf("after the end: %q, %v", rows.Text(), rows.Err())
	}
	if res.Header.Get("Content-Type") == "" || res.StatusCode != http.StatusOK {
		t.Error(res.Status)
	}
}

func TestAScrubNamesTheColumnsThatAFileHasAlready(t *testing.T) {
	f := start(t)
	r := request{method: "POST", path: "/v1/scrubs?purpose=marketing&channel=sms", media: "text/csv", body: "phone,verdict\n" + alice + ",deny\n"}
	f.do(r).problem(422, "columns_exist", "prefix")
	r.path += "&prefix=now_"
	if got := string(f.do(r).status(200).body); !strings.HasPrefix(got, "phone,verdict,now_verdict,now_reason,now_next_allowed_at\n") {
		t.Errorf("got %s", got)
	}
	r.path += "%22"
	f.do(r).problem(422, "invalid_field", "prefix")
}
