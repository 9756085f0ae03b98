package demo_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/demo"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
)

var now = time.Date(2026, 5, 4, 10, 0, 0, 0, time.UTC)

func open(t testing.TB) *server.Server {
	t.Helper()
	return openAt(t, func() time.Time { return now })
}

func openAt(t testing.TB, clock func() time.Time) *server.Server {
	t.Helper()
	s, err := server.Open(t.Context(), server.Config{DataDir: t.TempDir(), Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func load(t testing.TB, s *server.Server, o demo.Options) demo.Summary {
	t.Helper()
	sum, err := demo.Load(t.Context(), s, o)
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func entries(t testing.TB, s *server.Server) (out []ledger.Entry) {
	t.Helper()
	for {
		after := uint64(0)
		if len(out) > 0 {
			after = out[len(out)-1].Seq
		}
		next, err := s.Ledger.Entries(context.Background(), after, 5000)
		if err != nil {
			t.Fatal(err)
		}
		if len(next) == 0 {
			return out
		}
		out = append(out, next...)
	}
}

func TestTheSampleHoldsEveryKindOfThing(t *testing.T) {
	s := open(t)
	sum := load(t, s, demo.Options{})
	if sum.People < 4900 || sum.Acts < 2*sum.People || sum.Conflicts < 50 || sum.Listed < 100 {
		t.Errorf("got %+v, want about 5,000 people, twice as many acts, conflicts and listed numbers", sum)
	}
	kinds, sources, vias := map[consent.Kind]int{}, map[consent.Source]int{}, map[consent.Via]int{}
	channels, brands, levels := map[consent.Channel]int{}, map[consent.BrandID]int{}, map[consent.Level]int{}
	evidenced, confirmed, limited := 0, 0, 0
	for _, e := range entries(t, s) {
		a, ok := e.Act()
		if !ok {
			continue
		}
		if !phone.Reserved(e.Number) {
			t.Fatalf("entry %d is about a number that somebody may have", e.Seq)
		}
		if a.EffectiveAt.After(now) || a.EffectiveAt.Before(now.AddDate(-2, 0, -1)) {
			t.Fatalf("entry %d happened at %s, want within two years before %s", e.Seq, a.EffectiveAt, now)
		}
		kinds[a.Kind]++
		sources[a.Source]++
		vias[a.Via]++
		channels[a.Scope.Channel]++
		brands[a.Scope.Brand]++
		levels[a.Level]++
		if a.Evidence != "" {
			evidenced++
		}
		if a.Confirmed {
			confirmed++
		}
		if !a.ValidUntil.IsZero() {
			limited++
		}
	}
	want(t, "kind", kinds, consent.Kinds)
	want(t, "source", sources, consent.Sources)
	want(t, "via", vias, []consent.Via{consent.ViaBatch, consent.ViaImport, consent.ViaProvider, consent.ViaCRM})
	want(t, "channel", channels, append(slices.Clone(consent.Channels), consent.AnyChannel))
	want(t, "level", levels, []consent.Level{consent.Implied, consent.SoftOptIn, consent.Express, consent.ExpressWritten})
	if len(brands) < 4 || evidenced == 0 || confirmed == 0 || limited == 0 {
		t.Errorf("got %d brands, %d acts with evidence, %d confirmed, %d with an end", len(brands), evidenced, confirmed, limited)
	}
	wantDefinitions(t, s)
}

func want[K comparable](t *testing.T, what string, got map[K]int, all []K) {
	t.Helper()
	for _, k := range all {
		if got[k] == 0 {
			t.Errorf("no act with %s %v", what, k)
		}
	}
}

func wantDefinitions(t *testing.T, s *server.Server) {
	t.Helper()
	classes, languages := map[consent.Class]int{}, map[string]bool{}
	for _, p := range s.Catalog.Purposes() {
		classes[p.Class]++
	}
	want(t, "purpose class", classes, consent.Classes)
	versioned := 0
	for _, d := range s.Catalog.Disclosures() {
		for _, w := range d.Versions {
			languages[w.Language] = true
		}
		if len(d.Versions) > 1 {
			versioned++
		}
	}
	if len(languages) < 5 || versioned < 3 {
		t.Errorf("got languages %v and %d disclosures with versions", slices.Sorted(maps.Keys(languages)), versioned)
	}
	lists := map[string]int{}
	for _, l := range s.Lists.All() {
		lists[l.Kind] += l.Members
	}
	want(t, "list kind", lists, []string{"own", "national_registry", "reassigned", "litigant"})
	if len(s.Catalog.Senders()) < 4 {
		t.Errorf("got %d senders", len(s.Catalog.Senders()))
	}
}

func TestTheSameSeedTellsTheSameTale(t *testing.T) {
	acts := func(seed uint64) (out []consent.Act) {
		s := open(t)
		load(t, s, demo.Options{Seed: seed, People: 200})
		for _, e := range entries(t, s) {
			if a, ok := e.Act(); ok {
				out = append(out, a)
			}
		}
		return out
	}
	first, again, other := acts(7), acts(7), acts(8)
	if !slices.Equal(first, again) {
		t.Error("one seed told two tales")
	}
	if slices.Equal(first, other) {
		t.Error("two seeds told one tale")
	}
}

func TestALoadThatWasCutShortIsFinishedByTheNext(t *testing.T) {
	cut, cancel := context.WithCancel(t.Context())
	var opened atomic.Pointer[server.Server] // the clock is read by the server's own jobs too
	s := openAt(t, func() time.Time {
		// The definitions are some thirty entries: when there are more, the second batch of acts is being committed.
		if s := opened.Load(); s != nil && s.Feed.Head() > 100 {
			cancel()
		}
		return now
	})
	opened.Store(s)
	o := demo.Options{}
	if _, err := demo.Load(cut, s, o); err == nil {
		t.Fatal("the load was not cut short")
	}
	if demo.Loaded(s) || s.Index.Stats().Records == 0 {
		t.Fatal("the load was not cut in the middle")
	}
	sum := load(t, s, o)
	if !demo.Loaded(s) {
		t.Error("the sample is not complete")
	}
	acts := 0
	for _, e := range entries(t, s) {
		if e.Kind == ledger.KindAct {
			acts++
		}
	}
	if acts != sum.Acts {
		t.Errorf("acts: got %d entries, want %d", acts, sum.Acts)
	}
}

func TestTheSampleDoesNotMixWithRealRecords(t *testing.T) {
	s := open(t)
	r, err := s.Recorder.Record(t.Context(), access.Local, []act.Report{{
		Number: "+12025550123", Purpose: "marketing", Channel: consent.SMS, Act: consent.Granted, Source: consent.WebForm,
	}})
	if err != nil || r[0].Err != nil {
		t.Fatal(err, r[0].Err)
	}
	if _, err := demo.Load(t.Context(), s, demo.Options{}); !errors.Is(err, demo.ErrNotEmpty) {
		t.Errorf("got %v, want ErrNotEmpty", err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		load(b, open(b), demo.Options{})
	}
}
