package httpapi_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
)

type change struct {
	Seq     uint64
	Erased  bool
	Kind    string
	Subject string
	Number  string
	Act     string
	Brand   string
	By      string
	Detail  json.RawMessage
}

type changes struct {
	Items      []change
	Next, Head uint64
}

func (f *fixture) changes(query, as string) (page changes) {
	f.t.Helper()
	a := f.do(request{method: "GET", path: "/v1/changes?" + query, as: as}).status(200)
	if strings.Contains(string(a.body), alice[1:]) && !strings.Contains(query, "numbers=true") {
		f.t.Errorf("a number in %s", a.body)
	}
	a.into(&page)
	return page
}

func TestChangesArePagedByACursor(t *testing.T) {
	f := start(t)
	seq := f.record(grant(alice))
	var seen []uint64
	for after := uint64(0); ; {
		page := f.changes(fmt.Sprintf("after=%d&limit=3", after), "")
		for _, c := range page.Items {
			seen = append(seen, c.Seq)
		}
		if after = page.Next; page.Next == page.Head {
			break
		}
	}
	for i, s := range seen {
		if s != uint64(i+1) {
			t.Fatalf("got %v", seen)
		}
	}
	if uint64(len(seen)) != f.head() {
		t.Errorf("got %d entries, want %d", len(seen), f.head())
	}
	page := f.changes(fmt.Sprintf("after=%d", seq-1), "")
	if c := page.Items[0]; c.Kind != "act" || c.Act != "granted" || c.Brand != "default" || len(c.Subject) != 32 || c.Number != "" || c.By == "" {
		t.Errorf("got %+v", c)
	}
	f.get("/v1/changes?after=100000").problem(422, "cursor_ahead", "after")
	if page := f.changes("after=100000&wait=1", ""); len(page.Items) != 0 || page.Next != 100000 {
		t.Errorf("beyond the head, with patience: got %+v", page)
	}
}

func TestChangesAreWaitedFor(t *testing.T) {
	f := start(t)
	head := f.head()
	pages := make(chan changes)
	go func() { pages <- f.changes(fmt.Sprintf("after=%d&wait=60", head), "") }()
	f.record(grant(alice))
	if page := <-pages; len(page.Items) != 1 || page.Next != head+1 {
		t.Errorf("got %+v", page)
	}
	if page := f.changes(fmt.Sprintf("after=%d&wait=1", head+1), ""); len(page.Items) != 0 || page.Next != head+1 {
		t.Errorf("nothing came: got %+v", page)
	}
}

func TestWhatACallerMayNotSeeIsLeftOut(t *testing.T) {
	f := start(t)
	f.post("/v1/brands", map[string]any{"id": "acme", "name": "Acme"}).status(201)
	f.record(grant(alice))
	own := f.record(grant(alice, "brand", "acme"))
	everywhere := f.record(grant(bob, "act", "withdrawn", "brand", "*", "purpose", "*", "channel", "*"))
	page := f.changes("limit=1000", f.key(access.Compliance, "acme"))
	var seen []uint64
	for _, c := range page.Items {
		seen = append(seen, c.Seq)
	}
	if !slices.Equal(seen, []uint64{own, everywhere}) {
		t.Errorf("for one brand: got %v, want %v", seen, []uint64{own, everywhere})
	}
	if page.Next != f.head() {
		t.Errorf("the cursor stands at %d, want %d: it passes over what is left out", page.Next, f.head())
	}
	for role, want := range map[string][]string{
		"admin": {"access", "act", "definition"}, "compliance": {"act", "definition"}, "marketer": {"act", "definition"}, "viewer": {"act", "definition"},
	} {
		kinds := map[string]bool{}
		for _, c := range f.changes("limit=1000", role).Items {
			kinds[c.Kind] = true
			if (c.By == "") != (role == "marketer") {
				t.Errorf("%s: by %q", role, c.By)
			}
		}
		for _, k := range want {
			if !kinds[k] {
				t.Errorf("%s sees no entry of kind %s", role, k)
			}
		}
		if kinds["access"] && role != "admin" {
			t.Errorf("%s sees what is said of keys", role)
		}
	}
	f.do(request{method: "GET", path: "/v1/changes", as: "sender"}).problem(403, "forbidden", "")
}

func TestNumbersAreShownToThoseWhoMayAndAsk(t *testing.T) {
	f := start(t)
	seq := f.record(grant(alice))
	query := fmt.Sprintf("after=%d&numbers=", seq-1)
	if c := f.changes(query+"true", "compliance").Items[0]; c.Number != alice {
		t.Errorf("got %q", c.Number)
	}
	if c := f.changes(query+"false", "compliance").Items[0]; c.Number != "" {
		t.Errorf("not asked for: got %q", c.Number)
	}
	f.do(request{method: "GET", path: "/v1/changes?" + query + "true", as: "viewer"}).problem(403, "forbidden", "")
}

func TestQuestionsForChangesThatAreWrong(t *testing.T) {
	f := start(t)
	for query, field := range map[string]string{"after=-1": "after", "after=x": "after", "limit=0": "limit", "limit=1001": "limit", "wait=61": "wait", "wait=1s": "wait", "numbers=yes": "numbers"} {
		f.get("/v1/changes?"+query).problem(422, "invalid_field", field)
	}
	f.get("/v1/changes?aftr=1").problem(422, "unknown_field", "aftr")
}

// follow opens a stream of changes.
func (f *fixture) follow(ctx context.Context, accept, path string, header map[string]string) *bufio.Scanner {
	f.t.Helper()
	r := request{method: "GET", path: path, header: map[string]string{"Accept": accept}}
	for k, v := range header {
		r.header[k] = v
	}
	res, err := http.DefaultClient.Do(f.build(r).WithContext(ctx))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = res.Body.Close() })
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != accept {
		f.t.Fatalf("%s: %d, %s", accept, res.StatusCode, res.Header.Get("Content-Type"))
	}
	return bufio.NewScanner(res.Body)
}

func TestLinesFollowTheLedgerLive(t *testing.T) {
	f := start(t)
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	lines := f.follow(ctx, "application/x-ndjson", fmt.Sprintf("/v1/changes?after=%d", f.head()), nil)
	for i := range 3 {
		seq := f.record(grant(fmt.Sprintf("+120255501%02d", i)))
		if !lines.Scan() {
			t.Fatal(lines.Err())
		}
		var c change
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil || c.Seq != seq {
			t.Errorf("got %s, want entry %d", lines.Text(), seq)
		}
	}
	lines = f.follow(ctx, "application/x-ndjson", "/v1/changes?limit=2", nil)
	n := 0
	for lines.Scan() {
		n++
	}
	if n != 2 || lines.Err() != nil {
		t.Errorf("with a limit: %d lines, %v", n, lines.Err())
	}
}

// events reads up to most events and returns the entries they tell, and the last id.
func events(t *testing.T, s *bufio.Scanner, until func(change) bool) (seen []change, id string) {
	t.Helper()
	var kind string
	for s.Scan() {
		name, value, _ := strings.Cut(s.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			kind = value
		case "data":
			var c change
			if err := json.Unmarshal([]byte(value), &c); err != nil || kind != c.Kind || id != strconv.FormatUint(c.Seq, 10) {
				t.Fatalf("event %s of kind %s holds %s: %v", id, kind, value, err)
			}
			if seen = append(seen, c); until(c) {
				return seen, id
			}
		}
	}
	return seen, id
}

func TestABrowserThatComesBackMissesNothing(t *testing.T) {
	f := start(t)
	const writers, each = 4, 25
	from := f.head()
	var writing sync.WaitGroup
	for w := range writers {
		writing.Go(func() {
			for i := range each {
				f.record(grant(fmt.Sprintf("+1202555010%d", w), "event_id", fmt.Sprintf("%d-%d", w, i)))
			}
		})
	}
	var all []uint64
	header := map[string]string{}
	for len(all) < writers*each {
		ctx, leave := context.WithTimeout(t.Context(), 30*time.Second)
		s := f.follow(ctx, "text/event-stream", fmt.Sprintf("/v1/changes?after=%d", from), header)
		// The connection breaks after a few events, and the browser comes back with the last id it has.
		seen, id := events(t, s, func(c change) bool { return c.Seq%7 == 0 || c.Seq == from+writers*each })
		leave()
		if len(seen) == 0 {
			t.Fatalf("no event after %v: %v", header, s.Err())
		}
		for _, c := range seen {
			all = append(all, c.Seq)
		}
		header["Last-Event-ID"] = id
	}
	writing.Wait()
	for i, seq := range all {
		if seq != from+uint64(i)+1 {
			t.Fatalf("entry %d came in the place of %d", seq, from+uint64(i)+1)
		}
	}
}

func TestTheCursorOfEventsPassesOverWhatIsLeftOut(t *testing.T) {
	f := start(t)
	secret := f.key(access.Compliance, "acme")
	head := f.head()
	ctx, leave := context.WithTimeout(t.Context(), 30*time.Second)
	defer leave()
	s := f.follow(ctx, "text/event-stream", "/v1/changes", map[string]string{"Authorization": "Bearer " + secret})
	want := []string{"retry: 2000", "", "id: " + strconv.FormatUint(head, 10), ""}
	for _, line := range want {
		if !s.Scan() || s.Text() != line {
			t.Fatalf("got %q, want %q", s.Text(), line)
		}
	}
}

func TestAnErasedEntrySaysSo(t *testing.T) {
	f := start(t)
	seq := f.record(grant(alice))
	// What erasing a person comes to: the row with their key is gone.
	db, err := sqlite.Open(filepath.Join(f.DataDir, "consentline.db"))
	if err != nil {
		t.Fatal(err)
	}
	err = db.InTx(t.Context(), func(tx store.Tx) error {
		_, err := tx.Exec(t.Context(), "DELETE FROM subjects")
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	query := fmt.Sprintf("after=%d", seq-1)
	page := f.changes(query+"&numbers=true", "")
	if c := page.Items[0]; c.Seq != seq || !c.Erased || c.Kind != "act" || c.Act != "" || c.Subject != "" || c.Number != "" {
		t.Errorf("got %+v", c)
	}
	if page := f.changes(query, f.key(access.Compliance, "default")); len(page.Items) != 0 {
		t.Errorf("nobody can tell whose brand it was, and it is shown for one: %+v", page)
	}
	f.waitForLog()
	if r := f.do(request{method: "GET", path: fmt.Sprintf("/v1/entries/%d/proof", seq)}).status(200); strings.Contains(string(r.body), "\nextra ") {
		t.Errorf("the proof has a salt that is gone: %s", r.body)
	}
}
