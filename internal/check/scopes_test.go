package check

import (
	"fmt"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

func TestScopesGiveEachScopeOneID(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := NewScopes()
		ids := map[consent.Scope]ScopeID{}
		scopes := map[ScopeID]consent.Scope{}
		names := rapid.OneOf(rapid.Just(consent.Any), rapid.StringMatching(`[a-c]{1,3}`))
		for range rapid.IntRange(1, 300).Draw(t, "scopes") {
			scope := consent.Scope{
				Brand: consent.BrandID(names.Draw(t, "brand")), Purpose: consent.PurposeID(names.Draw(t, "purpose")),
				Channel: consent.Channel(rapid.IntRange(0, 4).Draw(t, "channel")),
			}
			id, err := s.Intern(scope)
			if err != nil || id == markerScope {
				t.Fatalf("Intern(%v) = %d, %v", scope, id, err)
			}
			if old, ok := ids[scope]; ok && old != id {
				t.Fatalf("%v has the ids %d and %d", scope, old, id)
			}
			if old, ok := scopes[id]; ok && old != scope {
				t.Fatalf("%v and %v have the id %d", scope, old, id)
			}
			ids[scope], scopes[id] = id, scope
		}
		for scope, id := range ids {
			if got, ok := s.Scope(id); !ok || got != scope || s.Concrete(id) != scope.Concrete() {
				t.Fatalf("Scope(%d) = %v, %v; want %v", id, got, ok, scope)
			}
			f := s.Lookup([]byte(scope.Brand), []byte(scope.Purpose), scope.Channel)
			if want := id; scope.Concrete() && f.ID() != want || !scope.Concrete() && f.ID() != 0 {
				t.Fatalf("Lookup(%v) = %d, want %d if it has no wildcard", scope, f.ID(), want)
			}
			covering := map[ScopeID]bool{}
			for _, wild := range s.covering(&f) {
				covering[wild] = true
			}
			for other, wild := range ids {
				if want := other.Covers(scope) && !other.Concrete(); scope.Concrete() && covering[wild] != want {
					t.Fatalf("%v covers %v: %v, want %v", other, scope, covering[wild], want)
				}
			}
		}
	})
}

func TestWordsAreKnownOnlyWhileDefined(t *testing.T) {
	s := NewScopes()
	if _, err := s.Intern(consent.Scope{Brand: "acme", Purpose: "offers", Channel: consent.SMS}); err != nil {
		t.Fatal(err)
	}
	want := func(brand bool, class consent.Class) {
		t.Helper()
		if f := s.Lookup([]byte("acme"), []byte("offers"), consent.SMS); f.BrandKnown != brand || f.Class != class {
			t.Errorf("known %v, class %v; want %v, %v", f.BrandKnown, f.Class, brand, class)
		}
	}
	want(false, consent.NoClass)
	for range 2 {
		if s.DefineBrand("acme") != nil || s.DefinePurpose("offers", consent.Marketing) != nil {
			t.Fatal("a definition was refused")
		}
		want(true, consent.Marketing)
	}
	if s.DefinePurpose("offers", consent.ServiceAlert) != nil {
		t.Fatal("a definition was refused")
	}
	want(true, consent.ServiceAlert)
	s.RetireBrand("acme")
	s.RetireBrand("nobody")
	want(false, consent.ServiceAlert)
	s.RetirePurpose("offers")
	want(false, consent.NoClass)
}

func TestScopesRefuseWhatIsNoName(t *testing.T) {
	s := NewScopes()
	for name, err := range map[string]error{
		"brand *": s.DefineBrand("*"), "no brand": s.DefineBrand(""),
		"purpose *": s.DefinePurpose("*", consent.Marketing), "no purpose": s.DefinePurpose("", consent.Marketing),
		"no class": s.DefinePurpose("p", consent.NoClass), "class 9": s.DefinePurpose("p", 9),
	} {
		if err == nil {
			t.Errorf("%s was defined", name)
		}
	}
	for _, scope := range []consent.Scope{{}, {Brand: "b"}, {Purpose: "p"}, {Brand: "b", Purpose: "p", Channel: consent.VoiceAuto + 1}} {
		if id, err := s.Intern(scope); err == nil {
			t.Errorf("%v has the id %d", scope, id)
		}
	}
	for _, id := range []ScopeID{0, 1, 7, 8, 1 << 20} {
		if scope, ok := s.Scope(id); ok || s.Concrete(id) {
			t.Errorf("id %d, which nobody was given, is %v", id, scope)
		}
	}
}

func TestChannelOutOfRangeIsNoScope(t *testing.T) {
	s := NewScopes()
	for _, b := range []consent.BrandID{"a", "b", "c"} {
		if _, err := s.Intern(consent.Scope{Brand: b, Purpose: "p", Channel: consent.SMS}); err != nil {
			t.Fatal(err)
		}
	}
	for c := int(consent.VoiceAuto) + 1; c < 256; c++ {
		if f := s.Lookup([]byte("a"), []byte("p"), consent.Channel(c)); f.ID() != 0 {
			t.Fatalf("channel %d has the scope %d", c, f.ID())
		}
	}
}

func TestScopesAreReadWhileTheyGrow(t *testing.T) {
	s := NewScopes()
	scope := consent.Scope{Brand: "first", Purpose: "offers", Channel: consent.SMS}
	first, err := s.Intern(scope)
	if err != nil {
		t.Fatal(err)
	}
	var writers, readers sync.WaitGroup
	done := make(chan struct{})
	for w := range 2 {
		writers.Go(func() {
			for i := range 1000 {
				name := fmt.Sprint(w, "-", i)
				id, err := s.Intern(consent.Scope{Brand: consent.BrandID(name), Purpose: consent.PurposeID(name[:3]), Channel: consent.SMS})
				if f := s.Lookup([]byte(name), []byte(name[:3]), consent.SMS); err != nil || f.ID() != id {
					t.Errorf("%s: Lookup = %d, Intern = %d, %v", name, f.ID(), id, err)
				}
			}
		})
	}
	readers.Go(func() {
		for {
			select {
			case <-done:
				return
			default:
			}
			f := s.Lookup([]byte("first"), []byte("offers"), consent.SMS)
			if got, ok := s.Scope(first); f.ID() != first || !ok || got != scope {
				t.Errorf("Lookup = %d, Scope = %v, %v", f.ID(), got, ok)
				return
			}
		}
	})
	writers.Wait()
	close(done)
	readers.Wait()
}
