package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/sync"
	"github.com/consentline/consentline/internal/testkit/synctest"
)

// caller is a system of two places that notes each call.
type caller struct {
	calls  []string
	refuse func(sync.Told) error
}

func (c *caller) connect(t *testing.T) *sync.Calls {
	return &sync.Calls{
		Mapping: mapping(t, map[string]string{synctest.Texts.String(): "a", synctest.News.String(): "b"}),
		Now:     time.Now, Granted: 8, Denied: 4, Pace: sync.Limits{PerSecond: 1000, Burst: 40, InFlight: 3},
		Send: func(_ context.Context, told sync.Told) error {
			c.calls = append(c.calls, fmt.Sprintf("%s %t %d", told.Value, told.Granted, len(told.Numbers())))
			if c.refuse == nil {
				return nil
			}
			return c.refuse(told)
		},
	}
}

func withdrawals(n int) (out []sync.Change) {
	for i := range n {
		out = append(out, synctest.Change(i, synctest.Texts, consent.Withdrawn))
	}
	return out
}

func TestWhoSaidNoIsToldFirst(t *testing.T) {
	c := &caller{}
	to := c.connect(t)
	changes := append([]sync.Change{
		synctest.Change(10, synctest.Texts, consent.Granted), synctest.Change(11, synctest.News, consent.Granted),
		synctest.Change(12, synctest.News, consent.Refused),
	}, withdrawals(5)...)
	for i, err := range to.Deliver(t.Context(), changes) {
		if err != nil {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if want := []string{"a false 4", "a false 1", "b false 1", "a true 1", "b true 1"}; !slices.Equal(c.calls, want) {
		t.Errorf("calls: %q, want %q", c.calls, want)
	}
	if l := to.Limits(); l.Batch != 8 || l.InFlight != 3 || l.PerSecond != 0 {
		t.Errorf("limits: %+v", l)
	}
}

func TestTheRateIsKeptCallByCall(t *testing.T) {
	c := &caller{}
	to := c.connect(t)
	to.Pace = sync.Limits{PerSecond: 0.001, Burst: 3}
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	for i, err := range to.Deliver(ctx, withdrawals(20)) { // five calls
		if err == nil {
			t.Errorf("change %d was told", i)
		}
	}
	if len(c.calls) != 3 {
		t.Errorf("%d calls at once, want 3", len(c.calls))
	}
}

func TestARefusalIsSoughtInHalves(t *testing.T) {
	c := &caller{refuse: func(told sync.Told) error {
		if slices.Contains(told.Numbers(), synctest.Number(2)) {
			return &sync.RefusedError{Code: "400"}
		}
		return nil
	}}
	for i, err := range c.connect(t).Deliver(t.Context(), withdrawals(4)) {
		var refused *sync.RefusedError
		if errors.As(err, &refused) != (i == 2) {
			t.Errorf("change %d: %v", i, err)
		}
	}
	if len(c.calls) != 5 {
		t.Errorf("calls: %q", c.calls)
	}
}

func TestASystemThatRefusesEverybodyIsNotAskedForEach(t *testing.T) {
	for code, most := range map[string]int{"404": 1, "400": 12} {
		c := &caller{refuse: func(sync.Told) error { return &sync.RefusedError{Code: code} }}
		to := c.connect(t)
		to.Denied = 40
		for i, err := range to.Deliver(t.Context(), withdrawals(40)) {
			var refused *sync.RefusedError
			if !errors.As(err, &refused) {
				t.Errorf("%s, change %d: %v", code, i, err)
			}
		}
		if len(c.calls) > most {
			t.Errorf("%s: %d calls for 40 changes", code, len(c.calls))
		}
	}
}

func TestASystemThatIsDownIsLeftAlone(t *testing.T) {
	for _, failure := range []error{&sync.LaterError{Code: "503", All: true}, errors.New("unknown")} {
		c := &caller{refuse: func(sync.Told) error { return failure }}
		for i, err := range c.connect(t).Deliver(t.Context(), withdrawals(8)) {
			if !errors.Is(err, failure) {
				t.Errorf("change %d: %v", i, err)
			}
		}
		if len(c.calls) != 1 {
			t.Errorf("%d calls", len(c.calls))
		}
	}
	c := &caller{refuse: func(told sync.Told) error {
		if told.Value == "a" {
			return &sync.LaterError{Code: "busy"}
		}
		return nil
	}}
	errs := c.connect(t).Deliver(t.Context(), []sync.Change{synctest.Change(0, synctest.Texts, consent.Granted), synctest.Change(1, synctest.News, consent.Granted)})
	var later *sync.LaterError
	if !errors.As(errs[0], &later) || errs[1] != nil {
		t.Errorf("one place that is busy: %v", errs)
	}
}
