package powercut_test

import (
	"math"
	"testing"

	"github.com/consentline/consentline/internal/testkit/powercut"
	"github.com/consentline/consentline/internal/testkit/reliability"
)

// TestNoFaultMakesTheLedgerLie fails each call to the disk in turn, once or from then on, until a run needs none that
// fails. Whatever was acknowledged, before the fault or after it, must be there: at once and after a power cut.
func TestNoFaultMakesTheLedgerLie(t *testing.T) {
	template := newWorkload(t, 7)
	template.mustOpen()
	if err := template.close(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name  string
		more  int
		stays bool
	}{
		{"one call fails", 0, false},
		{"one call fails, and the ledger stays open", 0, true},
		{"five calls fail, and the ledger stays open", 4, true},
		{"all calls fail from one on", math.MaxInt, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			faults, refused := 0, 0
			for n := 1; ; n++ {
				errs, hurt := faultyRun(t, template.disk.Copy(7), uint64(n), c.stays, powercut.Plan{FailAt: n, More: c.more})
				if t.Failed() {
					t.Fatalf("call %d fails", n)
				}
				if hurt == 0 {
					break
				}
				faults++
				refused += errs
			}
			reliability.Count(t, "disk calls failed in turn", faults)
			t.Logf("%d calls failed in turn, %d steps were refused", faults, refused)
			if faults < 100 || refused < faults/2 {
				t.Errorf("%d faults made %d steps fail: the plan does not reach the ledger", faults, refused)
			}
		})
	}
}

// faultyRun does a fixed number of steps on a ledger, and tells how many were refused and how many calls failed.
func faultyRun(t *testing.T, disk *powercut.Disk, seed uint64, stays bool, plan powercut.Plan) (refused, hurt int) {
	t.Helper()
	w := newWorkload(t, 7) // the same steps each time, so that every call is failed
	w.disk.Discard()
	w.disk = disk
	w.stays = stays
	w.mustOpen()
	defer func() { w.disk.Discard() }()
	w.disk.Follow(plan)
	for range 12 {
		if err := w.stepOrReopen(); err != nil {
			refused++
		}
	}
	_, hurt = w.disk.Calls()
	w.disk.Follow(powercut.Plan{}) // the disk is well again
	w.holds("with the disk well again")
	for range 3 {
		if err := w.stepOrReopen(); err != nil {
			t.Errorf("the disk is well again, and yet: %v", err)
		}
	}
	w.holds("three steps later")
	w.disk.Cut()
	_ = w.close()
	old := w.disk
	w.disk = old.Restart(seed)
	old.Discard()
	w.holds("after a power cut")
	w.tellAgain()
	if err := w.close(); err != nil {
		t.Errorf("close: %v", err)
	}
	return refused, hurt
}

// stepOrReopen is a step, or a start where there is no ledger; every fourth step is a stop, unless the ledger stays open.
func (w *workload) stepOrReopen() error {
	if w.ledger == nil {
		err := w.open()
		if err != nil {
			_ = w.close() // it did not open
		}
		return err
	}
	if w.steps++; w.steps%4 == 0 && !w.stays {
		return w.close()
	}
	return w.step()
}

func (w *workload) holds(when string) {
	w.t.Helper()
	if w.ledger == nil {
		w.mustOpen()
	}
	if lost := w.lost(); len(lost) > 0 {
		w.t.Errorf("%s: %d acknowledged acts are lost, %s among them", when, len(lost), lost[0])
	}
}
