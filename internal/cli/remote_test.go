package cli_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/cli"
)

// run runs a command line in this process and returns what it wrote.
func run(t *testing.T, want int, args ...string) (out, errs string) {
	t.Helper()
	var o, e bytes.Buffer
	a := &cli.App{In: &bytes.Buffer{}, Out: &o, Err: &e, Now: time.Now}
	if got := a.Run(t.Context(), args); got != want {
		t.Fatalf("%q: exit code %d, want %d\n%s%s", args, got, want, o.String(), e.String())
	}
	return o.String(), e.String()
}

func fake(t *testing.T, h http.HandlerFunc) (url string) {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s.URL
}

func TestADeferIsExitCode3(t *testing.T) {
	url := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer secret" {
			t.Errorf("authorization: got %q", got)
		}
		fmt.Fprint(w, `{"verdict":"defer","reasons":[{"code":"outside_window","text":"Not now.","rule":"us/hours","citation":"47 CFR 64.1200(c)(1)"}],"next_allowed_at":"2026-03-01T13:00:00Z"}`)
	})
	out, _ := run(t, 3, "check", "+12025550123", "--purpose", "marketing", "--channel", "sms", "--server", url, "--key", "secret")
	in(t, out, "defer", "outside_window", "us/hours: 47 CFR 64.1200(c)(1)", "next allowed", "2026-03-01")
}

func TestAVerdictThatIsNotKnownIsNoAllow(t *testing.T) {
	url := fake(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"verdict":"perhaps"}`) })
	run(t, 1, "check", "+12025550123", "--purpose", "marketing", "--channel", "sms", "--server", url)
}

func TestAnAnswerOfSomethingElseIsAnError(t *testing.T) {
	url := fake(t, func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "<html>", http.StatusBadGateway) })
	_, errs := run(t, 2, "check", "+12025550123", "--purpose", "marketing", "--channel", "sms", "--server", url)
	in(t, errs, "502 Bad Gateway", "is this a consentline server?")
	url = fake(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>") })
	run(t, 2, "check", "+12025550123", "--purpose", "marketing", "--channel", "sms", "--server", url)
}

func TestATerminalIsWrittenNothingButText(t *testing.T) {
	url := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"verdict":"deny","reasons":[{"code":"withdrawn","text":"a\u001b[2Jb\u009b31m"}]}`)
	})
	out, _ := run(t, 1, "check", "+12025550123", "--purpose", "marketing", "--channel", "sms", "--server", url)
	if strings.ContainsAny(out, "\x1b\u009b") {
		t.Errorf("control characters came through: %q", out)
	}
}

func stops(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "stops.csv")
	if err := os.WriteFile(path, []byte("phone\n+12025550101\n+12025550102\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func importStops(path, url string) []string {
	return []string{
		"import", path, "--map", "number=phone", "--act", "withdrawn", "--channel", "sms", "--brand", "default", "--purpose", "marketing",
		"--server", url, "--json",
	}
}

func TestAnImportSendsTheSameActsAgainWhenItIsNotAnswered(t *testing.T) {
	var calls atomic.Int32
	bodies := make(chan string, 3)
	url := fake(t, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || r.URL.Query().Get("via") != "import" {
			t.Error(err, r.URL)
		}
		bodies <- string(body)
		if calls.Add(1) == 1 {
			panic(http.ErrAbortHandler) // it was recorded, perhaps, and nobody heard of it
		}
		fmt.Fprint(w, `{"items":[{"status":"duplicate"},{"status":"recorded"}]}`)
	})
	out, _ := run(t, 0, importStops(stops(t), url)...)
	in(t, out, `"accepted":1,"duplicates":1`)
	first, second := <-bodies, <-bodies
	if first != second {
		t.Errorf("sent other acts the second time:\n%s\n%s", first, second)
	}
	var sent struct{ Items []map[string]string }
	if err := json.Unmarshal([]byte(first), &sent); err != nil || len(sent.Items) != 2 {
		t.Fatal(err, first)
	}
	if a, b := sent.Items[0]["event_id"], sent.Items[1]["event_id"]; a == "" || a == b {
		t.Errorf("event ids: got %q and %q, want two that tell the rows apart", a, b)
	}
}

func TestARefusedImportIsNotSentAgainAndLeavesNoTrace(t *testing.T) {
	var calls atomic.Int32
	url := fake(t, func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"code":"forbidden","title":"Not allowed for this key","detail":"Ask for another."}`)
	})
	path := stops(t)
	_, errs := run(t, 1, importStops(path, url)...)
	in(t, errs, "Not allowed for this key", "(forbidden)")
	if calls.Load() != 1 {
		t.Errorf("sent %d times", calls.Load())
	}
	if _, err := os.Stat(path + ".consentline-resume"); !os.IsNotExist(err) {
		t.Errorf("a checkpoint of nothing was kept: %v", err)
	}
}

func TestAnImportStopsAtAnAnswerThatLeavesActsOut(t *testing.T) {
	url := fake(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"items":[{"status":"recorded"}]}`) })
	var o, e bytes.Buffer
	a := &cli.App{In: &bytes.Buffer{}, Out: &o, Err: &e, Now: time.Now}
	if code := a.Run(t.Context(), importStops(stops(t), url)); code != 1 {
		t.Fatal(code, o.String(), e.String())
	}
	in(t, e.String(), "to 2 acts it gave 1 outcomes")
}

func TestAKeyIsReadFromAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte("cl_file\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	url := fake(t, func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer cl_file" {
			t.Errorf("authorization: got %q", got)
		}
		fmt.Fprint(w, `{"items":[]}`)
	})
	run(t, 0, "lists", "list", "--server", url, "--key-file", path)
}

// taker records what it is sent, except the parcels that refuse names; it remembers how often each event was taken.
type taker struct {
	refuse func(events []string) bool

	mu    sync.Mutex
	taken map[string]int
}

func (k *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var body struct{ Items []map[string]string }
	if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
		return // an import that stops leaves what it was sending
	}
	events := make([]string, len(body.Items))
	answers := make([]map[string]string, len(body.Items))
	for i, item := range body.Items {
		events[i], answers[i] = item["event_id"], map[string]string{"status": "recorded"}
	}
	if k.refuse(events) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusForbidden)
		fmt.Fprint(w, `{"code":"forbidden","title":"Not now"}`)
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, e := range events {
		k.taken[e]++
	}
	_ = json.NewEncoder(w).Encode(map[string]any{"items": answers}) // as above, of what it would have heard
}

func TestAnImportThatStoppedGoesOnWithItsRejects(t *testing.T) {
	const rows = 5000
	var file strings.Builder
	file.WriteString("phone,state\n")
	for i := range rows {
		state := "stop"
		if i == 10 || i == 3000 {
			state = "perhaps"
		}
		fmt.Fprintf(&file, "+3532091%05d,%s\n", i, state)
	}
	path := filepath.Join(t.TempDir(), "stops.csv")
	if err := os.WriteFile(path, []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	k := &taker{taken: map[string]int{}}
	var mended atomic.Bool
	k.refuse = func(events []string) bool {
		return !mended.Load() && slices.ContainsFunc(events, func(e string) bool { return strings.HasSuffix(e, "-3500") })
	}
	url := fake(t, k.ServeHTTP)
	args := []string{
		"import", path, "--map", "number=phone,status=state", "--channel", "sms", "--brand", "default", "--purpose", "marketing", "--server", url, "--json",
	}
	_, errs := run(t, 1, args...)
	in(t, errs, "stopped after row 2049", "(forbidden)", "run the same command again")
	wantRejects(t, path, "12")

	mended.Store(true)
	out, _ := run(t, 1, args...) // since there are rejects
	in(t, out, `"resumed_after_row":2049`, `"read":5000,"accepted":4998,"duplicates":0,"skipped":0,"rejected":2`, `"rejected":{"unknown_status":2}`)
	wantRejects(t, path, "12", "3002")
	if len(k.taken) != rows-2 {
		t.Errorf("%d events were taken, want %d", len(k.taken), rows-2)
	}
}

// wantRejects wants these rows in a file of rejects, each once.
func wantRejects(t *testing.T, path string, want ...string) {
	t.Helper()
	text, err := os.ReadFile(path + ".rejected.csv")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for i, line := range strings.Split(strings.TrimSpace(string(text)), "\r\n") {
		if row, _, _ := strings.Cut(line, ","); i > 0 {
			got = append(got, row)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("rejected rows: got %v, want %v", got, want)
	}
}

func TestProgressIsDrawnOnATerminalOnly(t *testing.T) {
	url := fake(t, (&taker{taken: map[string]int{}, refuse: func([]string) bool { return false }}).ServeHTTP)
	for _, terminal := range []bool{true, false} {
		var o, e bytes.Buffer
		a := &cli.App{In: &bytes.Buffer{}, Out: &o, Err: &e, Now: time.Now, Terminal: terminal}
		if code := a.Run(t.Context(), importStops(stops(t), url)); code != 0 {
			t.Fatal(code, e.String())
		}
		if got := strings.Contains(e.String(), "import 2 rows, "); got != terminal {
			t.Errorf("terminal %t: got %q", terminal, e.String())
		}
		if !strings.HasPrefix(o.String(), "{") {
			t.Errorf("terminal %t: the answer is not JSON alone: %q", terminal, o.String())
		}
	}
}
