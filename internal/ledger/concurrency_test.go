package ledger_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/testkit/audit"
)

// observer keeps what the commits said, as an index does, for callers that ask at any moment.
type observer struct {
	mu    sync.Mutex
	heard audit.Records
	last  uint64
	gaps  int
}

func (o *observer) observe(c ledger.Commit) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if c.From != o.last {
		o.gaps++
	}
	o.last = c.To
	o.heard.Apply(c.Changes)
}

func (o *observer) at(p audit.Place) (consent.Record, uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.heard[p], o.last
}

// TestWhoeverIsAnsweredIsAnsweredFromAfterIt lets many callers append at once, each about a person of their own, and
// asks the observer at the moment of each answer.
func TestWhoeverIsAnsweredIsAnsweredFromAfterIt(t *testing.T) {
	const callers, acts = 32, 30
	o := &observer{heard: audit.Records{}}
	f := openObserved(t, o.observe)
	errs := make(chan error, callers)
	for n := range callers {
		go func() { errs <- yesAndNo(f.Ledger, o, phone.Number(12025550100+n), acts) }()
	}
	for range callers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	found, err := audit.Ledger(ctx, f.Ledger)
	if err != nil || found.Head != callers*acts || o.gaps > 0 {
		t.Errorf("got %d entries, %d gaps, %v; want %d and none", found.Head, o.gaps, err, callers*acts)
	}
	if diff := found.Records.Diff(o.heard); diff != "" {
		t.Errorf("the observer holds other records than the database: %s", diff)
	}
}

// noon is where the fixture's clock begins.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func openObserved(t *testing.T, observe func(ledger.Commit)) *fixture {
	t.Helper()
	f := open(t)
	f.Close()
	f.observe = observe
	f.reopen(t, master)
	return f
}

func yesAndNo(l *ledger.Ledger, o *observer, n phone.Number, acts int) error {
	for i := range acts {
		kind := []consent.Kind{consent.Granted, consent.Withdrawn}[i%2]
		it := item(kind, newsletter)
		it.Number = n
		// The clock of the test stands still, so the acts are told apart by when they happened.
		it.Act.EffectiveAt = noon.Add(-time.Duration(acts-i) * 2 * time.Minute)
		r, err := l.AppendOne(ctx, it)
		if err != nil {
			return err
		}
		heard, last := o.at(audit.Place{Number: n, Scope: newsletter})
		if last < r.Seq || heard != r.Record || heard.Entry != r.Seq || (heard.Status == consent.StatusGranted) != (kind == consent.Granted) {
			return fmt.Errorf("answered with entry %d %+v, when the observer was at %d and held %+v", r.Seq, r.Record, last, heard)
		}
	}
	return nil
}

// TestClosingAnswersEveryCaller closes the ledger under load: each caller has an answer, and what was promised is there.
func TestClosingAnswersEveryCaller(t *testing.T) {
	const callers = 32
	f := open(t)
	begun, answers := make(chan bool, callers), make(chan map[string]uint64, callers)
	for n := range callers {
		go func() {
			acked := map[string]uint64{}
			defer func() { answers <- acked }()
			for i := 0; ; i++ {
				it := item(consent.Granted, newsletter)
				it.CorrelationID = fmt.Sprintf("%d.%d", n, i)
				r, err := f.AppendOne(ctx, it)
				if err != nil {
					return
				}
				acked[it.CorrelationID] = r.Seq
				if i == 0 {
					begun <- true
				}
			}
		}()
	}
	for range callers {
		<-begun
	}
	f.Close()
	acked := map[string]uint64{}
	for range callers {
		for key, seq := range <-answers {
			acked[key] = seq
		}
	}
	f.reopen(t, master)
	found, err := audit.Ledger(ctx, f.Ledger)
	if err != nil || len(acked) < callers || len(found.Told) != len(acked) {
		t.Fatalf("%d acts acknowledged, %d are there (%v)", len(acked), len(found.Told), err)
	}
	for key, seq := range acked {
		if found.Told[key] != seq {
			t.Errorf("%s was acknowledged as entry %d and is %d", key, seq, found.Told[key])
		}
	}
}
