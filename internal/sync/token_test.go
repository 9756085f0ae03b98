package sync_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/sync"
)

func TestATokenIsKeptUntilShortlyBeforeItExpires(t *testing.T) {
	given, status := 0, http.StatusOK
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.PostFormValue("grant_type") != "client_credentials" || r.PostFormValue("scope") != "all" {
			t.Error("the grant is not as RFC 6749 says")
		}
		w.WriteHeader(status)
		if status == http.StatusOK {
			given++
			fmt.Fprintf(w, `{"access_token":"t%d","expires_in":3600}`, given)
		}
	}))
	defer server.Close()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	tokens := &sync.Tokens{URL: server.URL, ID: "id", Secret: "secret", Scope: "all", Clients: sync.Clients{HTTP: server.Client()}, Now: func() time.Time { return now }}
	get := func(want string) sync.Token {
		t.Helper()
		got, err := tokens.Get(t.Context())
		if err != nil || got.Access != want {
			t.Errorf("got %q, want %q: %v", got.Access, want, err)
		}
		return got
	}
	get("t1")
	now = now.Add(58 * time.Minute)
	first := get("t1")
	now = now.Add(time.Minute + time.Second)
	second := get("t2")
	tokens.Drop(first) // of which another call has heard
	get("t2")
	tokens.Drop(second)
	for _, status = range []int{400, 401, 429, 500} {
		var later *sync.LaterError
		if _, err := tokens.Get(t.Context()); !errors.As(err, &later) || !later.All {
			t.Errorf("%d: got %v", status, err)
		}
	}
	status = http.StatusOK
	get("t3")
}
