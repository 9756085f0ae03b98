package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
)

// passing makes a key, and what ends it.
func (f *fixture) passing(r access.Role) (secret string, revoke func()) {
	f.t.Helper()
	k, secret, err := f.Gate.Create(f.t.Context(), access.Local, access.Key{Name: "passing", Role: r})
	if err != nil {
		f.t.Fatal(err)
	}
	return secret, func() {
		f.t.Helper()
		f.do(request{method: "DELETE", path: "/v1/keys/" + k.ID}).status(200)
	}
}

func TestAKeyIsInForceUntilItIsRevokedOrExpires(t *testing.T) {
	f := start(t)
	at := f.now().Add(time.Hour)
	until := ledger.Time(at)
	k, secret, err := f.Gate.Create(t.Context(), access.Local, access.Key{Name: "hour", Role: access.Viewer, ExpiresAt: &until})
	if err != nil {
		t.Fatal(err)
	}
	caller, err := f.Gate.Authenticate(secret)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Gate.InForce(caller); err != nil || f.Gate.InForce(access.Local) != nil {
		t.Errorf("a key in force: got %v", err)
	}
	f.pass(2 * time.Hour)
	if err := f.Gate.InForce(caller); err == nil {
		t.Error("an expired key is still in force")
	}
	f.pass(-2 * time.Hour)
	if _, err := f.Gate.Revoke(t.Context(), access.Local, k.ID); err != nil {
		t.Fatal(err)
	}
	if err := f.Gate.InForce(caller); err == nil {
		t.Error("a revoked key is still in force")
	}
}

func TestARevokedKeyIsToldNoMoreChanges(t *testing.T) {
	f := start(t)
	for accept, want := range map[string]string{"application/x-ndjson": `{"problem":`, "text/event-stream": "event: problem"} {
		secret, revoke := f.passing(access.Compliance)
		ctx, leave := context.WithTimeout(t.Context(), 30*time.Second)
		s := f.follow(ctx, accept, fmt.Sprintf("/v1/changes?after=%d&numbers=true", f.head()), map[string]string{"Authorization": "Bearer " + secret})
		revoke()
		f.record(grant(alice))
		var told strings.Builder
		for s.Scan() {
			told.WriteString(s.Text() + "\n")
		}
		if got := told.String(); strings.Contains(got, alice) || !strings.Contains(got, want) || !strings.Contains(got, "unauthenticated") || s.Err() != nil {
			t.Errorf("%s: got %s, %v; want a problem and the end", accept, got, s.Err())
		}
		leave()
	}
}

func TestARevokedKeyThatWaitsForChangesIsRefused(t *testing.T) {
	f := start(t)
	secret, revoke := f.passing(access.Compliance)
	waiting := make(chan answer)
	go func() {
		waiting <- f.do(request{method: "GET", path: fmt.Sprintf("/v1/changes?after=%d&wait=60", f.head()+1), as: secret})
	}()
	revoke()
	f.record(grant(alice))
	f.record(grant(alice, "act", "withdrawn"))
	(<-waiting).problem(401, "unauthenticated", "Authorization")
}

// conversation sends lines over one request, and reads what is answered.
type conversation struct {
	out     *io.PipeWriter
	answers *bufio.Reader
}

func (f *fixture) converse(path, media, as string) conversation {
	f.t.Helper()
	in, out := io.Pipe()
	res, err := http.DefaultClient.Do(f.build(request{method: "POST", path: path, media: media, as: as, body: io.Reader(in)}))
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { _ = out.Close(); _ = res.Body.Close() })
	return conversation{out, bufio.NewReader(res.Body)}
}

func (c conversation) say(t *testing.T, line string) {
	t.Helper()
	if _, err := io.WriteString(c.out, line+"\n"); err != nil {
		t.Fatal(err)
	}
}

func TestARevokedKeyIsHeardNoMoreInAStream(t *testing.T) {
	f := start(t)
	question := mustJSON(map[string]any{"number": alice, "purpose": "marketing", "channel": "sms"})
	for path, line := range map[string]string{
		"/v1/consents/batch": mustJSON(grant(alice)),
		"/v1/checks/batch":   question,
	} {
		secret, revoke := f.passing(access.Admin)
		c := f.converse(path, "application/x-ndjson", secret)
		c.say(t, line)
		if first, err := c.answers.ReadString('\n'); err != nil || strings.Contains(first, "problem\":") {
			t.Fatalf("%s: got %s, %v", path, first, err)
		}
		revoke()
		before := f.head()
		c.say(t, line)
		last, err := io.ReadAll(c.answers)
		if err == nil || !strings.Contains(string(last), "unauthenticated") || strings.Contains(string(last), `"verdict"`) {
			t.Errorf("%s: got %s, %v; want a problem and no clean end", path, last, err)
		}
		if f.head() != before {
			t.Errorf("%s: a revoked key made an entry", path)
		}
	}
}

func TestARevokedKeyScrubsNoMoreRows(t *testing.T) {
	f := start(t)
	secret, revoke := f.passing(access.Sender)
	in, out := io.Pipe()
	req := f.build(request{method: "POST", path: "/v1/scrubs?purpose=marketing&channel=sms", media: "application/x-ndjson", as: secret, body: io.Reader(in)})
	go func() { _, _ = io.WriteString(out, `{"phone":"`+alice+"\"}\n") }()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answers := bufio.NewReader(res.Body)
	if first, err := answers.ReadString('\n'); err != nil || !strings.Contains(first, `"verdict"`) {
		t.Fatalf("got %s, %v", first, err)
	}
	revoke()
	go func() { _, _ = io.WriteString(out, `{"phone":"`+bob+"\"}\n") }()
	last, err := io.ReadAll(answers)
	if err == nil || strings.Contains(string(last), "verdict") || !strings.Contains(string(last), "unauthenticated") {
		t.Errorf("got %s, %v; want a problem and no clean end", last, err)
	}
	_ = out.Close()
}

func TestARevokedKeyReplacesNoMembers(t *testing.T) {
	f := start(t)
	f.post("/v1/lists", map[string]any{"id": "own", "name": "Own", "kind": "own"}).status(201)
	secret, revoke := f.passing(access.Compliance)
	in, out := io.Pipe()
	go func() {
		_, _ = io.WriteString(out, "phone\n"+alice+"\n")
		revoke()
		_, _ = io.WriteString(out, bob+"\n")
		_ = out.Close()
	}()
	f.do(request{method: "PUT", path: "/v1/lists/own/members", media: "text/csv", as: secret, body: io.Reader(in)}).problem(401, "unauthenticated", "Authorization")
	var l struct{ Members int }
	if f.get("/v1/lists/own").status(200).into(&l); l.Members != 0 {
		t.Errorf("the list has %d members, want none", l.Members)
	}
}

// revoking ends a key once its request was let in: the guard sets headers before that, the route after it.
type revoking struct {
	*httptest.ResponseRecorder
	headers int
	revoke  func()
}

func (r *revoking) Header() http.Header {
	if r.headers++; r.headers == 2 {
		r.revoke()
	}
	return r.ResponseRecorder.Header()
}

func TestARevokedKeyExportsNoMore(t *testing.T) {
	f := start(t)
	f.record(grant(alice))
	secret, revoke := f.passing(access.Compliance)
	w := &revoking{ResponseRecorder: httptest.NewRecorder(), revoke: revoke}
	func() {
		defer func() {
			if p := recover(); p != http.ErrAbortHandler { //nolint:errorlint // as net/http compares it
				t.Errorf("got %v, want an answer that is broken off", p)
			}
		}()
		f.api.Handler().ServeHTTP(w, f.build(request{method: http.MethodGet, path: "/v1/export", as: secret, header: why}))
	}()
	if got := w.Body.String(); strings.Contains(got, alice) || !strings.Contains(got, "unauthenticated") {
		t.Errorf("got %s, want a problem alone", got)
	}
	if told, _ := f.disclosures(); len(told) != 2 || told[1].Complete {
		t.Errorf("got %+v, want an export that is not complete", told)
	}
}

func TestTheLastAdminKeyCannotEndItself(t *testing.T) {
	f := start(t)
	caller, err := f.Gate.Authenticate(f.keys["admin"])
	if err != nil {
		t.Fatal(err)
	}
	path := "/v1/keys/" + strings.TrimPrefix(caller.ID, "key:")
	f.key(access.Admin, "default") // it cannot make a key for all brands
	f.do(request{method: "DELETE", path: path}).problem(409, "last_admin_key", "")
	f.do(request{method: "GET", path: path}).status(200)
	f.key(access.Admin)
	f.do(request{method: "DELETE", path: path}).status(200)
	f.do(request{method: "GET", path: path}).problem(401, "unauthenticated", "Authorization")
}
