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

// keys knows one key.
type keys struct{ revoked *ledger.Time }

func (k *keys) Authenticate(secret string) (*access.Caller, error) {
	if secret != "cl_secret" {
		return nil, access.ErrUnknownKey
	}
	return &access.Caller{ID: "key:k1", Name: "one", Role: access.Agent}, nil
}

func (k *keys) Key(id string) (access.Key, error) {
	if id != "k1" {
		return access.Key{}, access.ErrNotFound
	}
	return access.Key{ID: "k1", Name: "one", Role: access.Agent, RevokedAt: k.revoked}, nil
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

func open(t *testing.T, k *keys, l *log, now func() time.Time) *session.Sessions {
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
	l := &log{}
	s := open(t, &keys{}, l, func() time.Time { return noon })
	link, err := s.Link(t.Context(), "k1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var in atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			token, err := s.Redeem(t.Context(), link)
			if errors.Is(err, session.ErrEnded) {
				return
			}
			if _, err2 := s.Caller(t.Context(), token); err != nil || err2 != nil {
				t.Error(err, err2)
			}
			in.Add(1)
		})
	}
	all.Wait()
	if in.Load() != 1 || l.n.Load() != 1 {
		t.Errorf("%d signed in with %d entries, want 1 and 1", in.Load(), l.n.Load())
	}
}

func TestALinkIsNoSessionAndASessionNoLink(t *testing.T) {
	s := open(t, &keys{}, &log{}, func() time.Time { return noon })
	link, err := s.Link(t.Context(), "k1", time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Caller(t.Context(), link); !errors.Is(err, session.ErrEnded) {
		t.Errorf("a link is taken for a session: %v", err)
	}
	token, err := s.SignIn(t.Context(), " cl_secret\n")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Redeem(t.Context(), token); !errors.Is(err, session.ErrEnded) {
		t.Errorf("a session is taken for a link: %v", err)
	}
	if _, err := s.Link(t.Context(), "k2", time.Hour); !errors.Is(err, session.ErrEnded) {
		t.Errorf("a link rests on a key that is not there: %v", err)
	}
}

func TestASessionEndsAtItsLastMoment(t *testing.T) {
	now := noon
	k := &keys{}
	s := open(t, k, &log{}, func() time.Time { return now })
	token, err := s.SignIn(t.Context(), "cl_secret")
	if err != nil {
		t.Fatal(err)
	}
	for now = noon; now.Before(noon.Add(session.Lasts)); now = now.Add(time.Hour) {
		if c, err := s.Caller(t.Context(), token); err != nil || c.ID != "key:k1" || c.Role != access.Agent {
			t.Fatalf("after %s: %+v, %v", now.Sub(noon), c, err)
		}
	}
	now = noon.Add(session.Lasts)
	if _, err := s.Caller(t.Context(), token); !errors.Is(err, session.ErrEnded) {
		t.Errorf("at its end: %v", err)
	}
}

func TestNobodyIsSignedInWithoutAnEntry(t *testing.T) {
	l := &log{fail: errors.New("disk full")}
	s := open(t, &keys{}, l, func() time.Time { return noon })
	if token, err := s.SignIn(t.Context(), "cl_secret"); err == nil || token != "" {
		t.Errorf("got %q, %v", token, err)
	}
	if _, err := s.SignIn(t.Context(), "cl_other"); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
}
