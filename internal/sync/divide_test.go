package sync_test

import (
	"errors"
	"testing"

	"github.com/consentline/consentline/internal/sync"
)

func TestOneItemThatIsRefusedDoesNotKeepTheOthers(t *testing.T) {
	const bad = 37
	taken := map[int]bool{}
	errs := sync.Divide(100, func(from, to int) ([]error, error) {
		if from <= bad && bad < to {
			return nil, &sync.RefusedError{Code: "400", Reason: "no"}
		}
		for i := from; i < to; i++ {
			taken[i] = true
		}
		return make([]error, to-from), nil
	})
	for i, err := range errs {
		var refused *sync.RefusedError
		if i == bad != errors.As(err, &refused) || i == bad == taken[i] {
			t.Errorf("item %d: taken %t, error %v", i, taken[i], err)
		}
	}
}

func TestWhatIsRefusedAltogetherIsSentAgain(t *testing.T) {
	calls := 0
	errs := sync.Divide(100, func(int, int) ([]error, error) {
		calls++
		return nil, &sync.RefusedError{Code: "404", Reason: "no such thing"}
	})
	for i, err := range errs {
		var later *sync.LaterError
		if !errors.As(err, &later) || !later.All {
			t.Fatalf("item %d: got %v", i, err)
		}
	}
	if calls > 12 {
		t.Errorf("%d calls", calls)
	}
}

func TestASystemThatIsDownIsAskedOnce(t *testing.T) {
	calls := 0
	down := &sync.LaterError{Code: "503", All: true}
	errs := sync.Divide(10, func(int, int) ([]error, error) {
		calls++
		return nil, down
	})
	if calls != 1 || !errors.Is(errs[9], down) {
		t.Errorf("%d calls, %v", calls, errs)
	}
}
