package access_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// log commits definitions at once, and tells its gate of them.
type log struct {
	mu      sync.Mutex // guards:
	gate    *access.Gate
	entries []ledger.Item
}

func (l *log) AppendOne(_ context.Context, item ledger.Item) (ledger.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.entries = append(l.entries, item)
	if d, ok := item.Detail.(ledger.Definition); ok {
		d.Seq = uint64(len(l.entries))
		return ledger.Result{}, l.gate.Apply(d)
	}
	return ledger.Result{}, nil
}

func open() (*access.Gate, *log) {
	l := &log{}
	l.gate = access.New(l, func() time.Time { return noon })
	return l.gate, l
}

func invite(t *testing.T, g *access.Gate, login string, r access.Role, brands ...consent.BrandID) access.Person {
	t.Helper()
	p, err := g.Invite(t.Context(), access.Local, access.Person{Login: login, Role: r, Brands: brands})
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Joined(t.Context(), p.ID); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestALoginIsGivenOnceHoweverItIsWritten(t *testing.T) {
	g, l := open()
	p := invite(t, g, " Ada@Example.org", access.Agent)
	if p.Login != "ada@example.org" || p.Name != p.Login {
		t.Errorf("got %+v", p)
	}
	head := len(l.entries)
	if _, err := g.Invite(t.Context(), access.Local, access.Person{Login: "ADA@example.org", Role: access.Admin}); !errors.Is(err, access.ErrExists) {
		t.Errorf("got %v", err)
	}
	if got, err := g.PersonByLogin("ada@EXAMPLE.org "); err != nil || got.ID != p.ID || len(l.entries) != head {
		t.Errorf("got %+v, %v, with %d entries more", got, err, len(l.entries)-head)
	}
	for _, bad := range []access.Person{
		{Login: "", Role: access.Agent},
		{Login: "two words", Role: access.Agent},
		{Login: strings.Repeat("x", 201), Role: access.Agent},
		{Login: "x", Role: access.Sender},
		{Login: "x", Role: "king"},
		{Login: "x", Name: "two\nlines", Role: access.Agent},
		{Login: "a\xff", Role: access.Agent},
	} {
		var invalid *access.InvalidError
		if _, err := g.Invite(t.Context(), access.Local, bad); !errors.As(err, &invalid) {
			t.Errorf("%+v: got %v", bad, err)
		}
	}
}

func TestAPersonMayDoWhatTheirRoleAndBrandsSayNow(t *testing.T) {
	g, l := open()
	p := invite(t, g, "ada", access.Agent, "ours")
	c, err := g.Caller(p.CallerID())
	if err != nil || !c.IsPerson() {
		t.Fatal(c, err)
	}
	if err := g.Authorize(t.Context(), c, access.RecordConsent, "ours"); err != nil {
		t.Error(err)
	}
	var denied *access.DeniedError
	if err := g.Authorize(t.Context(), c, access.RecordConsent, "theirs"); !errors.As(err, &denied) || !strings.HasPrefix(denied.Error(), "you may not act for that brand") {
		t.Errorf("got %v", err)
	}
	if last := l.entries[len(l.entries)-1]; last.Kind != ledger.KindDenial || last.By != p.CallerID() {
		t.Errorf("the denial is recorded as %+v", last)
	}
	viewer, yes := access.Viewer, true
	if _, err := g.ChangePerson(t.Context(), access.Local, p.ID, access.PersonChange{Role: &viewer}); err != nil {
		t.Fatal(err)
	}
	if c, err := g.Caller(p.CallerID()); err != nil || c.Can(access.RecordConsent) {
		t.Errorf("got %+v, %v", c, err)
	}
	if _, err := g.ChangePerson(t.Context(), access.Local, p.ID, access.PersonChange{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if err := g.InForce(c); !errors.Is(err, access.ErrUnknownKey) {
		t.Errorf("disabled: got %v", err)
	}
}

// What restricts must be waited for by other nodes; letting somebody in need not.
func TestOnlyLettingSomebodyInWaitsForNobody(t *testing.T) {
	g, l := open()
	p := invite(t, g, "ada", access.Agent)
	yes := true
	if _, err := g.ChangePerson(t.Context(), access.Local, p.ID, access.PersonChange{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	if !l.entries[0].Widens || l.entries[len(l.entries)-1].Widens {
		t.Errorf("invited widens %t, disabled widens %t", l.entries[0].Widens, l.entries[len(l.entries)-1].Widens)
	}
}

func TestSomebodyWhoCanLetOthersInStays(t *testing.T) {
	g, _ := open()
	ada := invite(t, g, "ada", access.Admin)
	by, err := g.Caller(ada.CallerID())
	if err != nil {
		t.Fatal(err)
	}
	viewer, yes, ours := access.Viewer, true, []consent.BrandID{"ours"}
	try := func(want error) {
		t.Helper()
		for _, change := range []access.PersonChange{{Role: &viewer}, {Disabled: &yes}, {Brands: &ours}} {
			if _, err := g.ChangePerson(t.Context(), by, ada.ID, change); !errors.Is(err, want) {
				t.Errorf("got %v, want %v", err, want)
			}
		}
	}
	try(access.ErrLastAdmin)
	invite(t, g, "limited", access.Admin, "ours")
	if _, err := g.Invite(t.Context(), access.Local, access.Person{Login: "invited", Role: access.Admin}); err != nil {
		t.Fatal(err)
	}
	try(access.ErrLastAdmin)
	k, _, err := g.Create(t.Context(), access.Local, access.Key{Name: "admin", Role: access.Admin})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Revoke(t.Context(), by, k.ID); err != nil {
		t.Errorf("a key is not the last while a person can: %v", err)
	}
	if _, err := g.ChangePerson(t.Context(), access.Local, ada.ID, access.PersonChange{Disabled: &yes}); err != nil {
		t.Errorf("the local command line may: %v", err)
	}
}

func TestGroupsOfTodayDecideButNotOverWhoWasDisabledHere(t *testing.T) {
	g, l := open()
	who := access.Person{Login: "ada", Identity: "https://login.example ada", Role: access.Admin}
	first, err := g.Recognise(t.Context(), who)
	if err != nil || first.JoinedAt == nil {
		t.Fatal(first, err)
	}
	local := invite(t, g, "ada", access.Viewer) // the same login, another person
	if local.ID == first.ID {
		t.Error("a login here and an identity there are one person")
	}
	head := len(l.entries)
	if _, err := g.Recognise(t.Context(), who); err != nil || len(l.entries) != head {
		t.Errorf("coming again left %d entries, %v", len(l.entries)-head, err)
	}
	yes := true
	if _, err := g.ChangePerson(t.Context(), access.Local, first.ID, access.PersonChange{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	who.Role, who.Brands = access.Agent, []consent.BrandID{"ours"}
	again, err := g.Recognise(t.Context(), who)
	if err != nil || again.Role != access.Agent || again.DisabledAt == nil {
		t.Errorf("got %+v, %v", again, err)
	}
}

func TestAReasonHoldsNoNumber(t *testing.T) {
	for reason, good := range map[string]bool{
		"yearly audit": true, "complaint 2026/114": true, "why": false, "": false, "call +1 202 555 0123": false, "(202) 555-0123": false,
		"two\nlines": false, strings.Repeat("x", 501): false, "bad \xff bytes": false,
	} {
		if err := access.ValidReason(reason); (err == nil) != good {
			t.Errorf("%.40q: got %v", reason, err)
		}
	}
}
