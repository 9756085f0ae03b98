package server_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"golang.org/x/mod/sumdb/tlog"

	"github.com/consentline/consentline/internal/access"
	"github.com/consentline/consentline/internal/act"
	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/server"
	"github.com/consentline/consentline/internal/testkit/audit"
	"github.com/consentline/consentline/internal/testkit/history"
	"github.com/consentline/consentline/internal/testkit/pgtest"
	"github.com/consentline/consentline/internal/testkit/reliability"
	"github.com/consentline/consentline/internal/transparency"
	"github.com/consentline/consentline/verify"
)

// tiles is a node's public log, as an outsider reads it.
type tiles struct{ tree *transparency.Tree }

func (s tiles) Fetch(ctx context.Context, path string) ([]byte, error) {
	body, _, _, err := s.tree.Resource(ctx, path)
	return body, err
}

// logOf audits a node's public log, which must hold at least the entries up to least and continue an earlier tree.
func logOf(t *testing.T, s *server.Server, least uint64, trusted *tlog.Tree) tlog.Tree {
	t.Helper()
	soon, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	if err := s.Tree.WaitIntegrated(soon, least); err != nil {
		t.Fatal(err)
	}
	policy, err := verify.NewPolicy(s.Signer.Origin(), s.Signer.VerifierKey())
	if err != nil {
		t.Fatal(err)
	}
	report, err := verify.Audit{Source: tiles{s.Tree}, Policy: policy, Trusted: trusted}.Run(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return report.Checkpoint.Tree()
}

// writing lets callers record acts through all nodes until it is stopped, and keeps what was acknowledged, by key.
type writing struct {
	done chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex
	acked map[string]uint64
}

func write(nodes []*server.Server, callers int) *writing {
	w := &writing{done: make(chan struct{}), acked: map[string]uint64{}}
	for c := range callers {
		w.wg.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-w.done:
					return
				default:
				}
				key := fmt.Sprintf("%d-%d", c, i)
				given := report(consent.Granted, key)
				given[0].CorrelationID = key
				r, err := nodes[c%len(nodes)].Recorder.Record(ctx, access.Local, given)
				if err == nil && r[0].Err == nil {
					w.mu.Lock()
					w.acked[key] = r[0].Seq
					w.mu.Unlock()
				}
			}
		})
	}
	return w
}

func (w *writing) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.acked)
}

// more waits until so many acts more were acknowledged.
func (w *writing) more(t *testing.T, n int) {
	t.Helper()
	least := w.count() + n
	for deadline := time.Now().Add(30 * time.Second); w.count() < least; pause(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d acts acknowledged, want %d", w.count(), least)
		}
	}
}

func (w *writing) stop() map[string]uint64 {
	close(w.done)
	w.wg.Wait()
	return w.acked
}

// holds audits a node's ledger, which must hold every acknowledged act where it was, and returns its last entry.
func holds(t *testing.T, s *server.Server, acked map[string]uint64) (head uint64) {
	t.Helper()
	found, err := audit.Ledger(ctx, s.Ledger)
	if err != nil {
		t.Fatal(err)
	}
	for key, seq := range acked {
		if found.Told[key] != seq {
			t.Errorf("%s was acknowledged as entry %d and is %d", key, seq, found.Told[key])
		}
	}
	return found.Head
}

// TestNothingAcknowledgedIsLostWhenTheStandbyTakesOver kills the primary under load and promotes its synchronous standby.
func TestNothingAcknowledgedIsLostWhenTheStandbyTakesOver(t *testing.T) {
	old := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, old, 2, &log)
	standby := old.Standby(t)
	old.WaitForStandby(t)
	w := write(nodes, 8)
	w.more(t, 200)
	tree := logOf(t, nodes[0], 1, nil)
	w.more(t, 200)
	if err := old.Kill(); err != nil {
		t.Fatal(err)
	}
	promote(t, standby)
	for _, c := range cables {
		c.Lead(standby)
	}
	w.more(t, 200)
	acked := w.stop()
	head := holds(t, nodes[1], acked)
	for _, n := range nodes {
		if grown := logOf(t, n, head, &tree); uint64(grown.N) < head || grown.N <= tree.N {
			t.Errorf("the log has %d entries of %d, and had %d", grown.N, head, tree.N)
		}
	}
	reliability.Count(t, "acts acknowledged through promotions", len(acked))
	t.Logf("%d acts acknowledged, %d entries", len(acked), head)
}

// TestTwoPrimariesAllowNothingStale keeps asking all nodes while a standby is promoted whose old primary lives on for
// one of them, and keeps what they said as one history.
func TestTwoPrimariesAllowNothingStale(t *testing.T) {
	old := pgtest.Start(t)
	var log locked
	nodes, cables := cabled(t, old, 3, &log)
	standby := old.Standby(t)
	old.WaitForStandby(t)
	h := history.New()
	client := func() func(int, string, phone.Number) string {
		return h.Client(func(node int, what string, n phone.Number) (string, bool) { return answerHere(nodes[node], what, n) })
	}
	done := make(chan struct{})
	var checkers sync.WaitGroup
	for i := range 3 {
		ask := client()
		checkers.Go(func() {
			for n := phone.Number(0); ; n++ {
				select {
				case <-done:
					return
				case <-time.After(time.Millisecond):
					ask(i, history.Check, 12025550100+n%4)
				}
			}
		})
	}
	ask := client()
	for n := range phone.Number(4) {
		ask(0, history.Grant, 12025550100+n)
	}
	pause(300 * time.Millisecond)
	promote(t, standby)
	promoted := time.Now()
	for i := range 2 {
		cables[i].Lead(standby)
		cables[i].Set(pgtest.Faults{Cut: true})
		cables[i].Set(pgtest.Faults{})
	}
	<-time.After(time.Until(promoted.Add(cabledDelta)))
	if v := nodes[2].Index.Check(question()); v.Outcome != check.Deny || v.Code() != check.Stale {
		t.Errorf("after Δ the node of the old primary answers %s (%s), want stale", v.Outcome, v.Code())
	}
	for n := range phone.Number(4) {
		for ask(int(n%2), history.Withdraw, 12025550100+n) != history.Done {
			pause(10 * time.Millisecond)
		}
	}
	pause(300 * time.Millisecond)
	close(done)
	checkers.Wait()
	heard := h.Heard()
	t.Logf("heard %v", heard)
	judged(t, h)
	if got := h.Judge(); got != porcupine.Ok {
		t.Errorf("the history is %s", got)
	}
	if heard[history.Allow] < 20 || heard["stale"] < 20 || heard["deny"] < 20 {
		t.Errorf("heard %v: too little happened for the history to prove anything", heard)
	}
}

// answerHere asks a node of this process.
func answerHere(s *server.Server, what string, n phone.Number) (said string, ok bool) {
	if what == history.Check {
		q := question()
		q.Number = n
		v := s.Index.Check(q)
		if v.Code() == check.Stale {
			return "stale", true
		}
		return v.Outcome.String(), true
	}
	kind := consent.Granted
	if what == history.Withdraw {
		kind = consent.Withdrawn
	}
	r, err := s.Recorder.Record(ctx, access.Local, []act.Report{{
		Number: n.String(), Purpose: "marketing", Channel: consent.SMS, Act: kind, Source: consent.WebForm,
	}})
	if err == nil {
		err = r[0].Err
	}
	if err != nil {
		return err.Error(), true
	}
	return history.Done, true
}

// TestACopyThatWasWrittenToIsNoticed restores an older copy that has since grown past what the nodes know: its head
// alone would not tell.
func TestACopyThatWasWrittenToIsNoticed(t *testing.T) {
	old := pgtest.Start(t)
	var log locked
	key := filepath.Join(t.TempDir(), "master.key")
	nodes, cables := cabledWith(t, old, key, 1, &log)
	copied := old.Standby(t)
	if err := copied.Stop(); err != nil {
		t.Fatal(err)
	}
	record(t, nodes[0], consent.Granted)
	last := record(t, nodes[0], consent.Withdrawn)
	if err := errors.Join(old.Kill(), copied.Start()); err != nil {
		t.Fatal(err)
	}
	promote(t, copied)
	other := openDefault(t, copied, key)
	defer closing(t, other)
	for i := 0; ; i++ {
		r, err := other.Recorder.Record(ledger.WithoutWaiting(ctx), access.Local, report(consent.Granted, fmt.Sprint("again", i)))
		if err != nil {
			t.Fatal(err)
		}
		if r[0].Seq > last.Seq {
			break
		}
	}
	cables[0].Lead(copied)
	for deadline := time.Now().Add(10 * time.Second); !nodes[0].Node.State().Forked; pause(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not noticed: %+v", nodes[0].Node.State())
		}
	}
	v := nodes[0].Index.Check(question())
	if v.Outcome != check.Deny || v.Code() != check.Stale || v.Status != consent.StatusWithdrawn {
		t.Errorf("got %s (%s) on %s, want stale, and the withdrawal kept", v.Outcome, v.Code(), v.Status)
	}
}
