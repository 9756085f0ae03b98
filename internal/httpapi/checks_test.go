package httpapi_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/check"
)

type checkAnswer struct {
	CorrelationID string `json:"correlation_id"`
	verdict
	Problem *struct{ Code, Field, Detail string }
}

func (a checkAnswer) String() string {
	switch {
	case a.Problem != nil:
		return a.CorrelationID + ":" + a.Problem.Code
	case a.Verdict != "":
		return a.CorrelationID + ":" + a.Verdict
	}
	return a.CorrelationID + ":nothing"
}

func shown(answers []checkAnswer) string {
	var out []string
	for _, a := range answers {
		out = append(out, a.String())
	}
	return strings.Join(out, " ")
}

func TestABatchAnswersEachQuestionByName(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	var got struct{ Items []checkAnswer }
	body := `{"items":[
		{"correlation_id":"a","number":"+12025550123","purpose":"marketing","channel":"sms"},
		{"number":"+12025550124","purpose":"marketing","channel":"sms"},
		{"correlation_id":"a","number":"+12025550123","purpose":"marketing","channel":"sms"},
		{"correlation_id":"q\"ü","number":"12","purpose":"marketing","channel":"sms"},
		{"purpose":"marketing","channel":"sms","nmber":1,"correlation_id":"late"},
		{"correlation_id":"r","number":"+12025550123","purpose":"marketing","channel":"sms","receipt":true},
		{"correlation_id":"b","number":"+12025550123","brand":"acme","purpose":"marketing","channel":"sms"},
		{"correlation_id":"m","number":"+12025550123","purpose":"marketing","channel":"sms","min_revision":99999},
		{"correlation_id":"p","number":"+12025550123","purpose":"marketing","channel":"sms","at":"2020-01-01T00:00:00Z"},
		7, {"number":"x","number":"y"}]}`
	f.post("/v1/checks/batch", body).status(200).into(&got)
	const want = `a:allow 1:deny a:duplicate_correlation_id q"ü:invalid_number late:unknown_field r:invalid_field b:unknown_brand m:stale_replica p:deny 9:invalid_json 10:duplicate_field`
	if s := shown(got.Items); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
	f.post("/v1/checks/batch", `{"items":[]}`).status(200).into(&got)
	if len(got.Items) != 0 {
		t.Errorf("nothing was asked, and answered with %s", shown(got.Items))
	}
}

func TestABatchThatCannotBeReadIsAProblem(t *testing.T) {
	f := start(t)
	many := `{"items":[` + strings.Repeat("{},", 10_000) + "{}]}"
	for _, c := range []struct {
		body        string
		status      int
		code, field string
	}{
		{`{"items":[{]}`, 400, "invalid_json", ""},
		{`{"items":[`, 400, "invalid_json", ""},
		{`{"items":[]}{}`, 400, "invalid_json", ""},
		{`[]`, 400, "invalid_json", ""},
		{``, 400, "invalid_json", ""},
		{`{"items":`, 400, "invalid_json", ""},
		{`{}`, 422, "missing_field", "items"},
		{`{"items":{}}`, 422, "invalid_field", "items"},
		{`{"items":[],"items":[]}`, 422, "duplicate_field", "items"},
		{`{"item":[]}`, 422, "unknown_field", "item"},
		{many, 413, "too_many_items", "items"},
	} {
		f.post("/v1/checks/batch", c.body).problem(c.status, c.code, c.field)
	}
	f.post("/v1/checks/batch", strings.Replace(many, ",{}", "", 1)).status(200)
}

func (f *fixture) lines(path, media string, body io.Reader) *http.Response {
	f.t.Helper()
	res, err := http.DefaultClient.Do(f.build(request{method: "POST", path: path, body: body, media: media}))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 {
		f.t.Fatalf("%s: status %d", path, res.StatusCode)
	}
	return res
}

func TestAStreamOfQuestionsIsAnsweredOneAtATime(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	in, out := io.Pipe()
	res := f.lines("/v1/checks/batch", "application/x-ndjson", in)
	answers := bufio.NewScanner(res.Body)
	for i, number := range []string{alice, bob, alice} {
		if i == 2 {
			f.record(grant(alice, "act", "withdrawn"))
		}
		fmt.Fprintf(out, `{"number":"%s","purpose":"marketing","channel":"sms"}`+"\n", number)
		if !answers.Scan() {
			t.Fatal("the stream ended")
		}
		var a checkAnswer
		if err := json.Unmarshal(answers.Bytes(), &a); err != nil {
			t.Fatal(err)
		}
		if want := []string{"1:allow", "2:deny", "3:deny"}[i]; a.String() != want {
			t.Errorf("got %s, want %s", a, want)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if answers.Scan() || answers.Err() != nil {
		t.Errorf("after the end: %q, %v", answers.Text(), answers.Err())
	}
}

func TestHostileLinesAreRefusedInTheirPlace(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	good := `{"number":"+12025550123","purpose":"marketing","channel":"sms","correlation_id":"g"}`
	lines := []string{good, "{", "\xff", strings.Repeat("z", 100_000), `{"number":"` + strings.Repeat("9", 60_000) + `","purpose":"marketing","channel":"sms"}`, "null", "\x00", "", strings.Repeat("[", 50_000), good}
	res := f.lines("/v1/checks/batch", "application/x-ndjson", strings.NewReader(strings.Join(lines, "\n")))
	var got []checkAnswer
	d := json.NewDecoder(res.Body)
	for {
		var a checkAnswer
		if err := d.Decode(&a); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		got = append(got, a)
	}
	const want = "g:allow 2:invalid_json 3:invalid_utf8 4:row_too_long 5:invalid_number 6:invalid_json 7:nul_byte 9:invalid_json g:allow"
	if s := shown(got); s != want {
		t.Errorf("got  %s\nwant %s", s, want)
	}
}

// cut sends a request with a chunked body that breaks off in the middle, and returns all that came back.
func (f *fixture) cut(path, media, body string) string {
	f.t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(f.http.URL, "http://"))
	if err != nil {
		f.t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n", path, f.keys["admin"], media)
	fmt.Fprintf(c, "%x\r\n%s\r\n", len(body), body)
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		f.t.Fatal(err)
	}
	got, err := io.ReadAll(c)
	if err != nil {
		f.t.Fatal(err)
	}
	return string(got)
}

func TestAStreamThatIsCutDoesNotEndAsIfItWereWhole(t *testing.T) {
	f := start(t)
	good := `{"number":"+12025550123","purpose":"marketing","channel":"sms"}`
	for path, c := range map[string]struct{ media, body string }{
		"/v1/checks/batch":                         {"application/x-ndjson", good + "\n" + good[:20]},
		"/v1/scrubs?purpose=marketing&channel=sms": {"text/csv", "phone\n+12025550123\n+1202"},
	} {
		got := f.cut(path, c.media, c.body)
		if !strings.HasPrefix(got, "HTTP/1.1 200 OK") || strings.HasSuffix(got, "\r\n0\r\n\r\n") {
			t.Errorf("%s: a cut stream was answered with %q", path, got)
		}
	}
}

func TestAStreamHasNoLimit(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	const questions = 200_000
	line := []byte(`{"correlation_id":"17","number":"+12025550123","purpose":"marketing","channel":"sms"}` + "\n")
	began := time.Now()
	res := f.lines("/v1/checks/batch", "application/x-ndjson", bytes.NewReader(bytes.Repeat(line, questions)))
	allowed := 0
	s := bufio.NewScanner(res.Body)
	for s.Scan() {
		if bytes.Contains(s.Bytes(), []byte(`"verdict":"allow"`)) {
			allowed++
		}
	}
	if allowed != questions {
		t.Errorf("%d allowed, want %d (%v)", allowed, questions, s.Err())
	}
	t.Logf("%.0f checks/s", questions/time.Since(began).Seconds())
}

func FuzzCheckLine(f *testing.F) {
	fx := start(f)
	for _, seed := range []string{`{"number":"+12025550123","purpose":"marketing","channel":"sms"}`, `{"correlation_id":"\u0000"}`, "{", "", "\xff", `{"a":"\ud800"}`} {
		f.Add([]byte(seed))
	}
	// The line comes second, since a file may begin with a mark of its encoding.
	const first = `{"number":"+12025550123","purpose":"marketing","channel":"sms"}` + "\n"
	f.Fuzz(func(t *testing.T, line []byte) {
		if bytes.ContainsAny(line, "\n\r") || len(bytes.TrimSpace(line)) == 0 {
			return
		}
		req, err := http.NewRequestWithContext(t.Context(), "POST", fx.http.URL+"/v1/checks/batch", bytes.NewReader(append([]byte(first), line...)))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+fx.keys["sender"])
		req.Header.Set("Content-Type", "application/x-ndjson")
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		_, body, _ = bytes.Cut(body, []byte("\n"))
		var a checkAnswer
		if err != nil || json.Unmarshal(body, &a) != nil || (a.Verdict == "") == (a.Problem == nil) || a.CorrelationID == "" {
			t.Errorf("%q: answered with %q, %v", line, body, err)
		}
		var it check.Item
		if err := check.DecodeItem(line, &it); err != nil && a.Problem == nil {
			t.Errorf("%q: %v, and answered with %s", line, err, body)
		}
	})
}
