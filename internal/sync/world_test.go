package sync_test

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	stdsync "sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/testkit/dbtest"
	"github.com/consentline/consentline/internal/vault"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Run(m)) }

var (
	ctx    = context.Background()
	master = []byte("0123456789abcdef0123456789abcdef")
	texts  = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.SMS}
	calls  = consent.Scope{Brand: "acme", Purpose: "marketing", Channel: consent.VoiceLive}
)

// world is a ledger with destinations that systems of the test stand behind.
type world struct {
	*sync.Engine
	t       testing.TB
	stop    context.CancelFunc
	ended   chan struct{}
	systems map[string]sync.Connector
}

func open(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, systems: map[string]sync.Connector{}}
	v, err := vault.Open(master)
	if err != nil {
		t.Fatal(err)
	}
	feed := changefeed.New(0)
	kind := sync.Kind{
		Name: "fake", Doc: "a system of the test", Mapping: "anything",
		Settings: []sync.Setting{{Name: "system", Required: true}, {Name: "token", Secret: true}},
		New:      func(c sync.Config) (sync.Connector, error) { return w.systems[c.Settings["system"]], nil },
	}
	w.Engine = &sync.Engine{DB: dbtest.Open(t), Feed: feed, Now: time.Now, Log: slog.New(slog.DiscardHandler), LeastPause: time.Millisecond}
	w.Ledger, err = ledger.Open(ctx, ledger.Config{DB: w.DB, Vault: v, OnCommit: func(c ledger.Commit) {
		for _, n := range c.Notices {
			if d, ok := n.Detail.(ledger.Definition); ok {
				d.Seq = n.Seq
				if err := w.Destinations.Apply(d); err != nil {
					t.Error(err)
				}
			}
		}
		feed.Advance(c.To)
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.Destinations = sync.NewDestinations(w.Ledger, v, []sync.Kind{kind}, sync.Clients{}, time.Now)
	t.Cleanup(func() { w.halt(); w.Ledger.Close() })
	return w
}

func (w *world) define(id string, c sync.Connector) {
	w.t.Helper()
	w.systems[id] = c
	_, err := w.Destinations.Create(ctx, "test", sync.Destination{ID: id, Kind: "fake", Name: id, Settings: map[string]string{"system": id}})
	if err != nil {
		w.t.Fatal(err)
	}
}

// start lets the engine run, and halt ends it as an orderly stop or a lost lead would.
func (w *world) start() {
	run, stop := context.WithCancel(ctx)
	w.stop, w.ended = stop, make(chan struct{})
	go func() {
		defer close(w.ended)
		w.Run(run)
	}()
}

func (w *world) halt() {
	if w.stop == nil {
		return
	}
	w.stop()
	<-w.ended
	w.stop = nil
}

func number(i int) phone.Number {
	n, err := phone.Parse(fmt.Sprintf("+1202555%04d", 100+i), "")
	if err != nil {
		panic(err)
	}
	return n
}

func (w *world) act(n phone.Number, s consent.Scope, kind consent.Kind) uint64 {
	w.t.Helper()
	act := consent.Act{Kind: kind, Scope: s, Source: consent.WebForm, EffectiveAt: time.Now()}
	if kind == consent.Granted {
		act.Level = consent.Express
	}
	r, err := w.Ledger.AppendOne(ctx, ledger.Item{Kind: ledger.KindAct, Number: n, Act: act, By: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	return r.Seq
}

// until waits for a state of the world.
func until(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s: has not come about", what)
		}
		<-time.After(2 * time.Millisecond)
	}
}

// settled reports whether a destination has gone through everything.
func (w *world) settled(id string) bool {
	s, err := w.Status(ctx, id)
	if err != nil {
		w.t.Fatal(err)
	}
	return s.Cursor >= s.Head && s.Waiting == 0 && !s.Backfilling
}

// system is an outside system with a mood: whatever it was told last of a number and scope is what it believes.
type system struct {
	limits  sync.Limits
	mapping sync.Mapping // of a system that holds groups; nil: it holds scopes
	mood    func(*rand.Rand) mood

	mu       stdsync.Mutex
	rand     *rand.Rand
	believes map[string]bool
	seq      map[string]uint64 // of the latest that it was told
	ids      map[string]bool
	told     []sync.Change
	undone   int // how often something older came after something newer
	calls    int
}

type mood int

const (
	well mood = iota
	failing
	throttling
	silentAfterTaking // it takes everything and the answer is lost
	someLater
	someRefused
)

func newSystem(seed uint64, l sync.Limits, moods ...mood) *system {
	return &system{
		limits: l, rand: rand.New(rand.NewPCG(seed, 1)), believes: map[string]bool{}, seq: map[string]uint64{}, ids: map[string]bool{},
		mood: func(r *rand.Rand) mood {
			if len(moods) == 0 || r.IntN(3) > 0 {
				return well
			}
			return moods[r.IntN(len(moods))]
		},
	}
}

func (s *system) Limits() sync.Limits { return s.limits }

func (s *system) Deliver(_ context.Context, changes []sync.Change) []error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	switch mood := s.mood(s.rand); mood {
	case failing:
		return sync.Every(len(changes), &sync.LaterError{Code: "503", All: true})
	case throttling:
		return sync.Every(len(changes), &sync.LaterError{Code: "429", After: time.Millisecond, All: true})
	case silentAfterTaking:
		s.take(changes...)
		return sync.Every(len(changes), context.DeadlineExceeded)
	default:
		out := make([]error, len(changes))
		for i := range changes {
			switch {
			case mood == someLater && s.rand.IntN(2) == 0:
				out[i] = &sync.LaterError{Code: "busy", After: time.Millisecond}
			case mood == someRefused && changes[i].Number == number(0):
				out[i] = &sync.RefusedError{Code: "21211", Reason: "no such number there"}
			default:
				s.take(changes[i])
			}
		}
		return out
	}
}

func (s *system) take(changes ...sync.Change) {
	for _, c := range changes {
		for _, to := range s.mapping.Targets(&c, time.Now()) {
			s.believes[c.Number.String()+" "+to.Value] = to.Granted
		}
		key := c.Number.String() + " " + c.Scope.String()
		if c.Seq < s.seq[key] && !s.ids[c.ID] { // what is sent again was not noted as taken
			s.undone++
		}
		s.ids[c.ID] = true
		s.seq[key] = max(s.seq[key], c.Seq)
		s.believes[key] = c.Granted(time.Now())
		s.told = append(s.told, c)
	}
}
