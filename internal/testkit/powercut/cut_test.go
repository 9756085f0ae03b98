package powercut_test

import (
	"testing"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/testkit/powercut"
	"github.com/consentline/consentline/internal/testkit/reliability"
)

const databases, cutsEach = 20, 16

// TestNothingAcknowledgedIsLostInAPowerCut cuts the power at random calls, again and again on the same database.
func TestNothingAcknowledgedIsLostInAPowerCut(t *testing.T) {
	cuts, answered := 0, 0
	for seed := uint64(1); seed <= databases; seed++ {
		w := newWorkload(t, seed)
		w.mustOpen()
		for range cutsEach {
			w.untilTheCut(150)
			cuts++
			w.mustOpen()
			if lost := w.lost(); len(lost) > 0 {
				t.Fatalf("seed %d, cut %d: %d acknowledged acts are lost, %s among them", seed, cuts, len(lost), lost[0])
			}
			answered += w.tellAgain()
		}
		if err := w.close(); err != nil {
			t.Errorf("seed %d: close: %v", seed, err)
		}
		w.disk.Discard()
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
	reliability.Count(t, "power cuts", cuts)
	reliability.Count(t, "acts told again after power cuts", answered)
	t.Logf("seeds 1 to %d: %d cuts, %d acts told again", databases, cuts, answered)
}

// TestASettingThatLosesActsIsFoundOut is the test of the test: without a sync at each commit, the same cuts lose acts
// that were acknowledged.
func TestASettingThatLosesActsIsFoundOut(t *testing.T) {
	lossy := 0
	for seed := uint64(1); seed <= 10; seed++ {
		w := newWorkload(t, seed, "synchronous = NORMAL")
		w.mustOpen()
		w.untilTheCut(150)
		w.mustOpen()
		if len(w.lost()) > 0 {
			lossy++
		}
		if err := w.close(); err != nil {
			t.Errorf("seed %d: close: %v", seed, err)
		}
		w.disk.Discard()
	}
	if lossy == 0 {
		t.Error("no cut lost anything with synchronous=NORMAL: this harness would not notice a loss")
	}
	t.Logf("%d of 10 cuts lost acknowledged acts", lossy)
}

// untilTheCut works until the power is cut, within a number of calls, and restarts the disk.
func (w *workload) untilTheCut(within int) {
	w.t.Helper()
	w.disk.Follow(powercut.Plan{CutAt: 1 + w.rng.IntN(within)})
	for !w.disk.Off() {
		err := w.step()
		if err == nil && w.rng.IntN(40) == 0 { // a clean end, and sometimes the cut comes in the middle of it
			if err = w.close(); err == nil {
				err = w.open()
			}
		}
		if err != nil && !w.disk.Off() {
			w.t.Fatalf("with the power on: %v", err)
		}
	}
	_ = w.close() // nothing can be closed well without power
	old := w.disk
	w.disk = old.Restart(w.rng.Uint64())
	old.Discard()
}

// tellAgain repeats every act that was not answered, and a few that were, and returns how many it was.
func (w *workload) tellAgain() (told int) {
	w.t.Helper()
	for key, it := range w.items {
		seq, before := w.acked[key]
		if before && w.rng.IntN(50) > 0 {
			continue
		}
		if err := w.append(it); err != nil {
			w.t.Fatalf("tell %s again: %v", key, err)
		}
		r, err := w.ledger.AppendOne(ctx, it)
		if err != nil || r.Outcome != ledger.Duplicate || r.Seq != w.acked[key] {
			w.t.Errorf("%s, acknowledged as %d: got %+v, %v; want a duplicate", key, seq, r.Outcome, err)
		}
		told++
	}
	return told
}
