// Package synctest checks kinds of destination against a system that is played as its vendor documents it.
package synctest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
)

// The scopes that changes are about. Unmapped is held by no system.
var (
	Texts    = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}
	News     = consent.Scope{Brand: "acme", Purpose: "newsletter", Channel: consent.SMS}
	Unmapped = consent.Scope{Brand: "acme", Purpose: "other", Channel: consent.SMS}
)

// At is when acts took effect.
var At = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// Number returns the nth of a thousand numbers that belong to nobody: they are reserved for fiction.
func Number(n int) string { return fmt.Sprintf("+447700900%03d", n) }

// Change returns what a single act about the nth number means.
func Change(n int, s consent.Scope, kind consent.Kind) sync.Change {
	number, err := phone.Parse(Number(n), "")
	if err != nil {
		panic(err) // a thousand of them are numbers
	}
	act := consent.Act{Kind: kind, Scope: s, EffectiveAt: At, Source: consent.WebForm, Seq: uint64(n + 1)}
	if kind == consent.Granted {
		act.Level = consent.Express
	}
	return sync.Change{
		ID: fmt.Sprint("change-", n), Seq: act.Seq, Subject: ledger.SubjectID{15: byte(n), 14: byte(n >> 8)}, Number: number,
		Scope: s, Record: consent.Fold([]consent.Act{act}), Act: act,
	}
}

// Server is a system on the network. It can be told to answer everything with a status.
type Server struct {
	*httptest.Server
	Calls  atomic.Int64
	status atomic.Int64
}

// Serve serves a system until the test ends.
func Serve(t testing.TB, system http.Handler) *Server {
	t.Helper()
	s := &Server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Calls.Add(1)
		if status := int(s.status.Load()); status != 0 {
			w.Header().Set("Retry-After", "3")
			w.WriteHeader(status)
			return
		}
		system.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

// Fail lets the server answer with a status, or as it does again if that is zero.
func (s *Server) Fail(status int) { s.status.Store(int64(status)) }

// Connect makes a connector to the server, which is the definition's base_url.
func (s *Server) Connect(t testing.TB, k sync.Kind, d sync.Destination) sync.Connector {
	t.Helper()
	d.Settings = maps.Clone(d.Settings)
	if d.Settings == nil {
		d.Settings = map[string]string{}
	}
	d.Settings["base_url"] = s.URL
	c, err := k.New(sync.Config{Now: time.Now, Clients: sync.Clients{HTTP: s.Client()}, Destination: d})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Case is a kind with a system that plays its vendor's. The definition maps Texts, and News unless Single is set.
type Case struct {
	Kind        sync.Kind
	Destination sync.Destination
	Single      bool

	// New returns a system that knows nobody, and a function that tells whether it would text a number: yes, no, or nothing
	// if it was told neither.
	New func(t testing.TB) (system http.Handler, would func(number string, s consent.Scope) string)

	// NoGrants says that a yes cannot be told to the system.
	NoGrants bool

	// Down are statuses that the vendor answers while it takes nothing; none: the usual ones.
	Down []int
}

// Check checks what holds for each kind.
func (c *Case) Check(t *testing.T) {
	t.Run("each is told how things stand", c.stands)
	t.Run("a wide no is a no in every mapped scope", c.wide)
	t.Run("what concerns nobody there makes no call", c.silent)
	t.Run("a system that is down is tried again", c.down)
	t.Run("what is sent twice is as if sent once", c.twice)
	t.Run("a full batch arrives", c.full)
}

func (c *Case) start(t *testing.T) (*Server, sync.Connector, func(int, consent.Scope) string) {
	t.Helper()
	system, would := c.New(t)
	s := Serve(t, system)
	return s, s.Connect(t, c.Kind, c.Destination), func(n int, scope consent.Scope) string { return would(Number(n), scope) }
}

func (c *Case) yes() string {
	if c.NoGrants {
		return ""
	}
	return "yes"
}

// deliver hands changes over as the engine does: in batches.
func deliver(t *testing.T, to sync.Connector, changes ...sync.Change) {
	t.Helper()
	size := max(to.Limits().Batch, 1)
	for len(changes) > 0 {
		n := min(size, len(changes))
		for i, err := range to.Deliver(context.Background(), changes[:n]) {
			if err != nil {
				t.Errorf("%s of %s: %v", changes[i].Act.Kind, changes[i].Scope, err)
			}
		}
		changes = changes[n:]
	}
}

func (c *Case) stands(t *testing.T) {
	_, to, would := c.start(t)
	deliver(t, to, Change(0, Texts, consent.Granted), Change(1, Texts, consent.Withdrawn), Change(2, Texts, consent.Refused))
	deliver(t, to, Change(3, Texts, consent.Granted))
	deliver(t, to, Change(3, Texts, consent.Withdrawn))
	for n, want := range []string{c.yes(), "no", "no", "no"} {
		if got := would(n, Texts); got != want {
			t.Errorf("number %d: got %q, want %q", n, got, want)
		}
	}
	if got := would(0, News); got == "yes" {
		t.Error("a yes to one scope is told of another")
	}
}

func (c *Case) wide(t *testing.T) {
	_, to, would := c.start(t)
	deliver(t, to, Change(0, consent.Everything, consent.Withdrawn))
	held := []consent.Scope{Texts, News}
	if c.Single {
		held = held[:1]
	}
	for _, s := range held {
		if got := would(0, s); got != "no" {
			t.Errorf("%s: got %q", s, got)
		}
	}
}

func (c *Case) silent(t *testing.T) {
	s, to, _ := c.start(t)
	extension := Change(0, Texts, consent.Withdrawn)
	var err error
	if extension.Number, err = phone.Parse("+12025550100;ext=7", ""); err != nil {
		t.Fatal(err)
	}
	deliver(t, to, Change(0, Unmapped, consent.Granted), Change(1, Unmapped, consent.Withdrawn), Change(2, Texts, consent.Requested), extension)
	if n := s.Calls.Load(); n > 0 {
		t.Errorf("%d calls", n)
	}
}

func (c *Case) down(t *testing.T) {
	s, to, would := c.start(t)
	statuses := c.Down
	if statuses == nil {
		statuses = []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable}
	}
	for _, status := range statuses {
		s.Fail(status)
		for i, err := range to.Deliver(context.Background(), []sync.Change{Change(0, Texts, consent.Withdrawn), Change(1, Texts, consent.Refused)}) {
			var later *sync.LaterError
			if !errors.As(err, &later) || !later.All || later.Code != strconv.Itoa(status) {
				t.Errorf("%d, change %d: got %v", status, i, err)
			} else if status == http.StatusTooManyRequests && later.After != 3*time.Second {
				t.Errorf("%d: after %s", status, later.After)
			}
		}
	}
	s.Fail(0)
	deliver(t, to, Change(0, Texts, consent.Withdrawn))
	if got := would(0, Texts); got != "no" {
		t.Errorf("when it is back: got %q", got)
	}
}

func (c *Case) twice(t *testing.T) {
	_, to, would := c.start(t)
	for range 2 {
		deliver(t, to, Change(0, Texts, consent.Granted), Change(1, Texts, consent.Withdrawn))
	}
	if yes, no := would(0, Texts), would(1, Texts); yes != c.yes() || no != "no" {
		t.Errorf("got %q and %q", yes, no)
	}
}

func (c *Case) full(t *testing.T) {
	_, to, would := c.start(t)
	size := min(max(to.Limits().Batch, 1), 1000)
	var changes []sync.Change
	for i := range size {
		kind := consent.Granted
		if i%2 == 1 {
			kind = consent.Withdrawn
		}
		changes = append(changes, Change(i, Texts, kind))
	}
	deliver(t, to, changes...)
	for i := range changes {
		want := c.yes()
		if i%2 == 1 {
			want = "no"
		}
		if got := would(i, Texts); got != want {
			t.Fatalf("number %d of %d: got %q, want %q", i, size, got, want)
		}
	}
}
