package session_test

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/session"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/store/sqlite"
)

// gate knows one key, and one person.
type gate struct{ gone bool }

func (g *gate) Authenticate(secret string) (*access.Caller, error) {
	if secret != "cl_secret" {
		return nil, access.ErrUnknownKey
	}
	return g.Caller("key:k1")
}

func (g *gate) Caller(id string) (*access.Caller, error) {
	if g.gone || id != "key:k1" && id != "person:p1" {
		return nil, access.ErrUnknownKey
	}
	return &access.Caller{ID: id, Name: "one", Role: access.Agent}, nil
}

// log counts entries, or cannot take them.
type log struct {
	n    atomic.Int64
	fail error
}

func (l *log) AppendOne(_ context.Context, item ledger.Item) (ledger.Result, error) {
	if item.Kind != ledger.KindAccess || !item.Widens {
		return ledger.Result{}, errors.New("another entry than one of access that widens")
	}
	l.n.Add(1)
	return ledger.Result{}, l.fail
}

func open(t *testing.T, k *gate, l *log, now func() time.Time) *session.Sessions {
	t.Helper()
	db, err := sqlite.Open(filepath.Join(t.TempDir(), "test.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	if err := store.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	return session.New(db, k, l, now)
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestALinkThatManyFollowAtOnceSignsOneIn(t *testing.T) {
	s := open(t, &gate{}, &log{}, func() time.Time { return noon })
	for _, caller := range []string{"person:p1", ""} {
		link, err := s.Link(t.Context(), caller, time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		var in atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				got, err := s.Redeem(t.Context(), link)
				switch {
				case errors.Is(err, session.ErrEnded):
				case err != nil || got != caller:
					t.Errorf("got %q, %v", got, err)
				default:
					in.Add(1)
				}
			})
		}
		all.Wait()
		if in.Load() != 1 {
			t.Errorf("%d redeemed the link for %q, want 1", in.Load(), caller)
		}
	}
}

// Each token is good for one thing, and none for another.
func TestALinkAHalfFinishedSignInAndASessionAreNotEachOther(t *testing.T) {
	s := open(t, &gate{}, &log{}, func() time.Time { return noon })
	link, err1 := s.Link(t.Context(), "person:p1", time.Hour)
	half, err2 := s.Halfway(t.Context(), "person:p1")
	token, err3 := s.Begin(t.Context(), "person:p1", "password", "Firefox")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	for name, wrong := range map[string]error{
		"link as session":    second(s.Find(t.Context(), link)),
		"half as session":    second(s.Find(t.Context(), half)),
		"session as link":    second(s.Redeem(t.Context(), token)),
		"half as link":       second(s.Redeem(t.Context(), half)),
		"session as half":    second(s.Arrive(t.Context(), token)),
		"link as half":       second(s.HalfwayFrom(t.Context(), link)),
		"nothing as session": second(s.Find(t.Context(), "")),
		"link for nobody":    second(s.Link(t.Context(), "person:p2", time.Hour)),
	} {
		if !errors.Is(wrong, session.ErrEnded) {
			t.Errorf("%s: got %v", name, wrong)
		}
	}
	if got, err := s.Find(t.Context(), token); err != nil || got.Caller.ID != "person:p1" || got.How != "password" || !got.BeganAt.Equal(noon) {
		t.Errorf("got %+v, %v", got, err)
	}
	if got, err := s.Arrive(t.Context(), half); err != nil || got != "person:p1" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := s.Arrive(t.Context(), half); !errors.Is(err, session.ErrEnded) {
		t.Errorf("a half-finished sign-in is good twice: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestANewLinkEndsTheEarlierOne(t *testing.T) {
	s := open(t, &gate{}, &log{}, func() time.Time { return noon })
	first, err := s.Link(t.Context(), "person:p1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Link(t.Context(), "person:p1", time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := s.LinkFor(t.Context(), first); !errors.Is(err, session.ErrEnded) {
		t.Errorf("got %v", err)
	}
}

func TestNothingIsLeftToWhoIsNoLongerInForce(t *testing.T) {
	g := &gate{}
	s := open(t, g, &log{}, func() time.Time { return noon })
	token, err1 := s.Begin(t.Context(), "person:p1", "password", "")
	link, err2 := s.Link(t.Context(), "person:p1", time.Hour)
	half, err3 := s.Halfway(t.Context(), "person:p1")
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	g.gone = true
	for name, err := range map[string]error{
		"session": second(s.Find(t.Context(), token)), "link": second(s.Redeem(t.Context(), link)), "half": second(s.Arrive(t.Context(), half)),
	} {
		if !errors.Is(err, session.ErrEnded) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestSessionsAreListedAndEndedByTheirOwner(t *testing.T) {
	now := noon
	s := open(t, &gate{}, &log{}, func() time.Time { return now })
	tokens := make([]string, 3)
	for i, browser := range []string{"Firefox", "Chrome", "Safari"} {
		var err error
		if tokens[i], err = s.Begin(t.Context(), "person:p1", "passkey", browser); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	other, err := s.SignIn(t.Context(), "cl_secret", "Edge")
	if err != nil {
		t.Fatal(err)
	}
	listed, err := s.List(t.Context(), "person:p1", tokens[1])
	if err != nil || len(listed) != 3 || listed[0].Browser != "Safari" || !listed[1].Current || listed[2].Current {
		t.Fatalf("got %+v, %v", listed, err)
	}
	if err := s.End(t.Context(), "key:k1", listed[0].ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Find(t.Context(), tokens[2]); err != nil {
		t.Errorf("somebody else ended a session: %v", err)
	}
	if err := s.End(t.Context(), "person:p1", listed[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := s.EndAll(t.Context(), "person:p1", tokens[1]); err != nil {
		t.Fatal(err)
	}
	for i, ends := range []bool{true, false, true} {
		if _, err := s.Find(t.Context(), tokens[i]); errors.Is(err, session.ErrEnded) != ends {
			t.Errorf("session %d: got %v, want it ended: %t", i, err, ends)
		}
	}
	if _, err := s.Find(t.Context(), other); err != nil {
		t.Errorf("the session of another ended: %v", err)
	}
}

func TestASessionEndsAtItsLastMoment(t *testing.T) {
	now := noon
	k := &gate{}
	s := open(t, k, &log{}, func() time.Time { return now })
	token, err := s.SignIn(t.Context(), "cl_secret", "Firefox")
	if err != nil {
		t.Fatal(err)
	}
	for now = noon; now.Before(noon.Add(session.Lasts)); now = now.Add(time.Hour) {
		if c, err := s.Find(t.Context(), token); err != nil || c.Caller.ID != "key:k1" || c.Caller.Role != access.Agent {
			t.Fatalf("after %s: %+v, %v", now.Sub(noon), c, err)
		}
	}
	now = noon.Add(session.Lasts)
	if _, err := s.Find(t.Context(), token); !errors.Is(err, session.ErrEnded) {
		t.Errorf("at its end: %v", err)
	}
}

func TestNobodyIsSignedInWithoutAnEntry(t *testing.T) {
	l := &log{fail: errors.New("disk full")}
	s := open(t, &gate{}, l, func() time.Time { return noon })
	if token, err := s.SignIn(t.Context(), "cl_secret", "Firefox"); err == nil || token != "" {
		t.Errorf("got %q, %v", token, err)
	}
	if _, err := s.SignIn(t.Context(), "cl_other", ""); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
}
