package sync_test

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
)

// TestInAFailingWorldAllAgreeAtRest lets three systems fail in all the ways they do, while numbers opt in and out and
// the engine is stopped and started: at rest each believes what the ledger says, and nothing older ever came after
// something newer.
func TestInAFailingWorldAllAgreeAtRest(t *testing.T) {
	w := open(t)
	systems := map[string]*system{
		"batching": newSystem(1, sync.Limits{Batch: 25, InFlight: 2}, failing, throttling, silentAfterTaking, someLater),
		"single":   newSystem(2, sync.Limits{Batch: 1, InFlight: 8}, failing, throttling, silentAfterTaking, someLater),
		"groups":   newSystem(4, sync.Limits{Batch: 10, InFlight: 3}, failing, silentAfterTaking, someLater),
		"events":   newSystem(3, sync.Limits{Batch: 1, InFlight: 4, Events: true}, failing, throttling, silentAfterTaking, someLater),
	}
	systems["groups"].mapping = mapping(t, map[string]string{texts.String(): "texts", calls.String(): "calls"})
	for id, s := range systems {
		w.define(id, s)
	}
	w.start()
	r := rand.New(rand.NewPCG(7, 7))
	scopes := []consent.Scope{texts, calls, {Brand: "acme", Purpose: consent.Any, Channel: consent.AnyChannel}}
	for i := range 150 {
		scope, kind := scopes[r.IntN(2)], consent.Granted
		if r.IntN(2) == 0 {
			scope, kind = scopes[r.IntN(3)], consent.Withdrawn
		}
		w.act(number(r.IntN(12)), scope, kind)
		if i%50 == 49 {
			w.halt()
			w.start()
		}
	}
	for id, s := range systems {
		until(t, id+" is in step", func() bool { return w.settled(id) })
		agrees(t, w, id, s)
	}
}

func agrees(t *testing.T, w *world, id string, s *system) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.undone > 0 {
		t.Errorf("%s: something older came after something newer %d times", id, s.undone)
	}
	for i := range 12 {
		who, err := w.Ledger.ByNumber(ctx, number(i))
		if err != nil {
			continue // nothing was ever said of it
		}
		s.agreesOn(t, id, i, who.Number.String(), who.Records)
		for _, h := range who.Records {
			got, told := s.believes[who.Number.String()+" "+h.Scope.String()]
			if want := h.Record.Allows(time.Now()); !told || got != want {
				t.Errorf("%s believes %t (told %t) of number %d in %s, the ledger says %t", id, got, told, i, h.Scope, want)
			}
		}
	}
}

// agreesOn holds a system's groups against the records: where there is none, a wide no means no.
func (s *system) agreesOn(t *testing.T, id string, i int, number string, records []sync.Held) {
	t.Helper()
	for _, to := range s.mapping {
		want, matters := false, false
		for _, h := range records {
			if h.Scope == to.Scope {
				want, matters = h.Record.Allows(time.Now()), true
				break
			}
			matters = matters || h.Scope.Covers(to.Scope)
		}
		if got, told := s.believes[number+" "+to.Value]; told != matters || got != want {
			t.Errorf("%s holds %t (told %t) of number %d in group %s, the ledger says %t (matters %t)", id, got, told, i, to.Value, want, matters)
		}
	}
}

func TestARestrictionGoesBeforeWhatDoesNotRestrict(t *testing.T) {
	w := open(t)
	s := newSystem(1, sync.Limits{Batch: 1, InFlight: 1})
	w.define("crm", s)
	w.act(number(9), texts, consent.Granted)
	for i := range 5 {
		w.act(number(i), texts, consent.Granted)
	}
	w.act(number(9), texts, consent.Withdrawn)
	w.start()
	until(t, "in step", func() bool { return w.settled("crm") })
	s.mu.Lock()
	defer s.mu.Unlock()
	if first := s.told[0]; first.Number != number(9) || first.Granted(time.Now()) {
		t.Errorf("the first that was told is about %s, granted %t", first.Number.Masked(), first.Granted(time.Now()))
	}
}

func TestWhatIsRefusedForGoodIsParkedAndHoldsUpNothing(t *testing.T) {
	w := open(t)
	s := newSystem(1, sync.Limits{Batch: 10, InFlight: 1})
	s.mood = func(*rand.Rand) mood { return someRefused }
	w.define("crm", s)
	stop := w.act(number(0), texts, consent.Withdrawn)
	w.act(number(1), texts, consent.Withdrawn)
	w.start()
	until(t, "gone through", func() bool { st, _ := w.Status(ctx, "crm"); return st.Cursor == st.Head && st.Parked == 1 })
	items, err := w.Parked(ctx, "crm", sync.Item{}, 10)
	if err != nil || len(items) != 1 || items[0].Code != "21211" || items[0].Since != stop || items[0].Scope != texts {
		t.Fatalf("parked %+v, %v", items, err)
	}
	if !s.believesTold(1) {
		t.Error("the other number was not told")
	}
	if acked := ackedAt(t, w, stop); !acked.IsZero() {
		t.Errorf("an act that was refused counts as acknowledged at %s", acked)
	}
	s.mu.Lock()
	s.mood = func(*rand.Rand) mood { return well }
	s.mu.Unlock()
	if n, err := w.Unpark(ctx, "crm"); n != 1 || err != nil {
		t.Fatalf("unparked %d, %v", n, err)
	}
	until(t, "in step", func() bool { st, _ := w.Status(ctx, "crm"); return st.Parked == 0 && st.Waiting == 0 })
	if ackedAt(t, w, stop).IsZero() {
		t.Error("the act is not acknowledged")
	}
}

func (s *system) believesTold(i int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, told := s.believes[number(i).String()+" "+texts.String()]
	return told
}

func ackedAt(t *testing.T, w *world, seq uint64) (at time.Time) {
	t.Helper()
	acks, err := w.AcksOf(ctx, seq)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range acks {
		at = a.AckedAt
	}
	return at
}

func TestOneThatIsDownDelaysNoOther(t *testing.T) {
	w := open(t)
	down := newSystem(1, sync.Limits{Batch: 1, InFlight: 4})
	down.mood = func(*rand.Rand) mood { return failing }
	up := newSystem(1, sync.Limits{Batch: 1, InFlight: 4})
	w.define("down", down)
	w.define("up", up)
	w.start()
	for i := range 40 {
		w.act(number(i), texts, consent.Withdrawn)
	}
	until(t, "the other is in step", func() bool { return w.settled("up") })
	st, err := w.Status(ctx, "down")
	if err != nil || st.Oldest.IsZero() {
		t.Errorf("status of what is down: %+v, %v", st, err)
	}
	until(t, "the breaker is open", func() bool { st, _ := w.Status(ctx, "down"); return st.Failures > 1 && !st.Until.IsZero() })
}

func TestPauseReplayAndBackfill(t *testing.T) {
	w := open(t)
	w.act(number(0), texts, consent.Granted) // before the destination was there
	s := newSystem(1, sync.Limits{Batch: 2, InFlight: 2})
	w.define("crm", s)
	w.start()
	first := w.act(number(1), texts, consent.Granted)
	until(t, "told of what is new", func() bool { return s.believesTold(1) })
	if s.believesTold(0) {
		t.Fatal("told of what was before without being asked")
	}
	if _, err := w.Destinations.Backfill(ctx, "test", "crm"); err != nil {
		t.Fatal(err)
	}
	until(t, "told of what was before", func() bool { return s.believesTold(0) && w.settled("crm") })

	if _, err := w.Destinations.Update(ctx, "test", "crm", func(d *sync.Destination) { d.Paused = true }); err != nil {
		t.Fatal(err)
	}
	until(t, "paused", func() bool { st, _ := w.Status(ctx, "crm"); return !st.Sending })
	w.act(number(2), texts, consent.Withdrawn)
	if s.believesTold(2) {
		t.Error("told while it was paused")
	}
	if _, err := w.Destinations.Update(ctx, "test", "crm", func(d *sync.Destination) { d.Paused = false }); err != nil {
		t.Fatal(err)
	}
	until(t, "told of what was meanwhile", func() bool { return s.believesTold(2) })
	before := s.count()
	if _, err := w.Destinations.Replay(ctx, "test", "crm", first-1); err != nil {
		t.Fatal(err)
	}
	until(t, "told again", func() bool { return s.count() >= before+2 && w.settled("crm") })
}

func (s *system) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.told)
}

func TestARemovedDestinationIsToldNothingMore(t *testing.T) {
	w := open(t)
	s := newSystem(1, sync.Limits{Batch: 1, InFlight: 1})
	w.define("crm", s)
	w.start()
	w.act(number(0), texts, consent.Granted)
	until(t, "in step", func() bool { return w.settled("crm") })
	if _, err := w.Destinations.Update(ctx, "test", "crm", func(d *sync.Destination) { d.Removed = true }); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Status(ctx, "crm"); !errors.Is(err, sync.ErrNotFound) {
		t.Errorf("status: got %v", err)
	}
	other := newSystem(1, sync.Limits{Batch: 1, InFlight: 1})
	w.define("other", other)
	w.act(number(1), texts, consent.Granted)
	until(t, "the other is in step", func() bool { return w.settled("other") })
	if s.believesTold(1) {
		t.Error("a removed destination was told")
	}
}

// connected is a system to which a connection is kept.
type connected struct {
	*system
	closed chan struct{}
}

func (c connected) Close() error {
	close(c.closed)
	return nil
}

func TestAConnectionIsLetGoAfterTheLastDelivery(t *testing.T) {
	w := open(t)
	c := connected{newSystem(1, sync.Limits{Batch: 1, InFlight: 1}), make(chan struct{})}
	w.define("bus", c)
	w.start()
	w.act(number(0), texts, consent.Granted)
	until(t, "in step", func() bool { return w.settled("bus") })
	select {
	case <-c.closed:
		t.Fatal("it was closed while it is in use")
	default:
	}
	if _, err := w.Destinations.Update(ctx, "test", "bus", func(d *sync.Destination) { d.Paused = true }); err != nil {
		t.Fatal(err)
	}
	until(t, "closed", func() bool {
		select {
		case <-c.closed:
			return true
		default:
			return false
		}
	})
}

func TestWhatAFilterLeavesOutIsNotTold(t *testing.T) {
	w := open(t)
	s := newSystem(1, sync.Limits{Batch: 10, InFlight: 1})
	w.systems["crm"] = s
	_, err := w.Destinations.Create(ctx, "test", sync.Destination{
		ID: "crm", Kind: "fake", Name: "CRM", Settings: map[string]string{"system": "crm"},
		Filter: sync.Filter{Channels: []consent.Channel{consent.SMS}, Regions: []string{"US"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	w.start()
	w.act(number(0), calls, consent.Granted)
	w.act(number(1), texts, consent.Granted)
	w.act(number(2), consent.Everything, consent.Withdrawn)
	until(t, "in step", func() bool { return w.settled("crm") })
	s.mu.Lock()
	defer s.mu.Unlock()
	var got []string
	for _, c := range s.told {
		got = append(got, c.Scope.String())
	}
	slices.Sort(got)
	if want := []string{consent.Everything.String(), texts.String()}; !slices.Equal(got, want) {
		t.Errorf("told of %v, want %v", got, want)
	}
}

func TestSecretsAreSealedAndStay(t *testing.T) {
	w := open(t)
	w.systems["crm"] = newSystem(1, sync.Limits{})
	const secret = "a token that nobody may read"
	d := sync.Destination{
		ID: "crm", Kind: "fake", Name: "CRM", Settings: map[string]string{"system": "crm"}, Secrets: map[string]string{"token": secret},
	}
	if _, err := w.Destinations.Create(ctx, "test", d); err != nil {
		t.Fatal(err)
	}
	d.Secrets, d.Name = nil, "another name"
	if _, err := w.Destinations.Change(ctx, "test", d); err != nil {
		t.Fatal(err)
	}
	entries, err := w.Ledger.Entries(ctx, 0, 10)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if strings.Contains(string(e.Raw), secret) {
			t.Error("an entry holds the secret")
		}
	}
	got, err := w.Destinations.Get("crm")
	if err != nil || got.Secrets != nil || got.Name != "another name" || len(got.Sealed) == 0 {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestADefinitionThatCannotBeIsRefused(t *testing.T) {
	w := open(t)
	good := sync.Destination{ID: "crm", Kind: "fake", Name: "CRM", Settings: map[string]string{"system": "crm"}}
	for field, spoil := range map[string]func(*sync.Destination){
		"id":            func(d *sync.Destination) { d.ID = "No Such" },
		"name":          func(d *sync.Destination) { d.Name = "" },
		"kind":          func(d *sync.Destination) { d.Kind = "unknown" },
		"system":        func(d *sync.Destination) { d.Settings = nil },
		"colour":        func(d *sync.Destination) { d.Settings = map[string]string{"system": "crm", "colour": "red"} },
		"regions":       func(d *sync.Destination) { d.Regions = []string{"Finland"} },
		"channels":      func(d *sync.Destination) { d.Channels = []consent.Channel{consent.AnyChannel} },
		"alert_seconds": func(d *sync.Destination) { d.Alert = -1 },
	} {
		d := good
		spoil(&d)
		_, err := w.Destinations.Create(ctx, "test", d)
		var invalid *sync.InvalidError
		if !errors.As(err, &invalid) || invalid.Field != field {
			t.Errorf("%s: got %v", field, err)
		}
	}
}
