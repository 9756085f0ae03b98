package server_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/credential"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/session"
)

// knows waits until a node has heard of a person; who is let in may come a poll later.
func knows(t *testing.T, s *server.Server, login string) access.Person {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		p, err := s.Gate.PersonByLogin(login)
		if err == nil {
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("the node does not hear of somebody: %v", err)
		}
		if err := s.Node.Confirm(ctx); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWhoIsDisabledOnOneNodeIsOutOnAllAtOnce(t *testing.T) {
	nodes, _ := cluster(t, 2)
	a, b := nodes[0], nodes[1]
	who, link, err := a.People.Invite(ctx, access.Local, access.Person{Login: "ada@example.org", Role: access.Agent})
	if err != nil {
		t.Fatal(err)
	}
	knows(t, b, "ada@example.org")
	token, err := b.People.Enter(ctx, link, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.People.Enter(ctx, link, ""); !errors.Is(err, session.ErrEnded) {
		t.Errorf("a link that was used on another node: got %v", err)
	}
	for _, s := range nodes {
		if _, err := s.Sessions.Find(ctx, token); err != nil {
			t.Errorf("a session does not hold on every node: %v", err)
		}
	}
	viewer, yes := access.Viewer, true
	if _, err := a.People.Change(ctx, access.Local, who.ID, access.PersonChange{Role: &viewer}); err != nil {
		t.Fatal(err)
	}
	if got, err := b.Sessions.Find(ctx, token); err != nil || got.Caller.Role != access.Viewer {
		t.Errorf("lowered on one node: got %+v, %v on the other", got, err)
	}
	if _, err := a.People.Change(ctx, access.Local, who.ID, access.PersonChange{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Sessions.Find(ctx, token); !errors.Is(err, session.ErrEnded) {
		t.Errorf("disabled on one node: got %v on the other", err)
	}
	if _, err := b.Gate.Caller(who.CallerID()); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("disabled on one node: got %v at the other's gate", err)
	}
}

func TestFailuresToSignInAreCountedOverAllNodes(t *testing.T) {
	nodes, _ := cluster(t, 2)
	for i := range 5 {
		if _, err := nodes[i%2].People.Password(ctx, "nobody@example.org", "several words in a row", ""); !errors.Is(err, credential.ErrWrong) {
			t.Fatal(err)
		}
	}
	for _, s := range nodes {
		var locked *credential.LockedError
		if _, err := s.People.Password(ctx, "nobody@example.org", "several words in a row", ""); !errors.As(err, &locked) {
			t.Errorf("got %v, want a lock", err)
		}
	}
}

func TestTwoNodesGiveALoginOnce(t *testing.T) {
	nodes, _ := cluster(t, 2)
	errs := make([]error, len(nodes))
	var all sync.WaitGroup
	for i, s := range nodes {
		all.Go(func() {
			_, _, errs[i] = s.People.Invite(ctx, access.Local, access.Person{Login: "ada@example.org", Role: access.Agent})
		})
	}
	all.Wait()
	made := 0
	for _, err := range errs {
		switch {
		case err == nil:
			made++
		case !errors.Is(err, access.ErrExists) && !errors.Is(err, ledger.ErrChanged):
			t.Error(err)
		}
	}
	if made != 1 {
		t.Errorf("the login was given %d times: %v", made, errs)
	}
}
