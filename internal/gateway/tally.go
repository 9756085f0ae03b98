package gateway

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/attempt"
	"github.com/consentline/consentline/internal/phone"
)

// Tally counts what goes out, for the caps of the rules, many contacts in one transaction. While a contact to somebody is
// under way or not counted yet, the next one to them waits, so that no two race for the last place under a cap. A crash
// loses what was counted within the last hundredth of a second.
type Tally struct {
	// Report records contacts that were made, as attempt.Attempts does.
	Report func(ctx context.Context, list ...attempt.Attempt) ([]attempt.ID, error)
	Log    *slog.Logger

	mu   sync.Mutex // guards:
	busy map[phone.Number]chan struct{}
	made []attempt.Attempt

	wake chan struct{}
}

const (
	// tallyEvery is how long contacts are gathered before they are counted together.
	tallyEvery = 10 * time.Millisecond
	// tallyAgain is the pause after the database has failed. Meanwhile nobody who waits to be counted is contacted again.
	tallyAgain = time.Second
)

// NewTally returns a tally; Run must be called for anything to be counted.
func NewTally(report func(context.Context, ...attempt.Attempt) ([]attempt.ID, error), log *slog.Logger) *Tally {
	return &Tally{Report: report, Log: log, busy: map[phone.Number]chan struct{}{}, wake: make(chan struct{}, 1)}
}

// begin waits until every earlier contact to a number is counted, and lets the next one wait in turn. An error is the
// context's.
func (t *Tally) begin(ctx context.Context, n phone.Number) error {
	for {
		t.mu.Lock()
		before, busy := t.busy[n]
		if !busy {
			t.busy[n] = make(chan struct{})
			t.mu.Unlock()
			return nil
		}
		t.mu.Unlock()
		select {
		case <-before:
		case <-ctx.Done():
			return fmt.Errorf("wait for an earlier contact to be counted: %w", ctx.Err())
		}
	}
}

// end lets the next contact to a number begin: this one was not made, or is counted.
func (t *Tally) end(n phone.Number) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c, ok := t.busy[n]; ok {
		delete(t.busy, n)
		close(c)
	}
}

// count lets a contact be counted that was made.
func (t *Tally) count(a attempt.Attempt) {
	t.mu.Lock()
	t.made = append(t.made, a)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // it is on its way
	}
}

// Run counts what was made until the context ends, and then what is left.
func (t *Tally) Run(ctx context.Context) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	<-pause.C
	for wait := tallyEvery; ; {
		select {
		case <-t.wake:
		case <-ctx.Done():
			t.flush(context.WithoutCancel(ctx))
			return
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		if wait = tallyEvery; !t.flush(context.WithoutCancel(ctx)) {
			wait = tallyAgain
		}
	}
}

// flush counts what was made, and reports whether that is done. What cannot be counted is kept for the next time.
func (t *Tally) flush(ctx context.Context) bool {
	t.mu.Lock()
	list := t.made
	t.made = nil
	t.mu.Unlock()
	if len(list) == 0 {
		return true
	}
	if _, err := t.Report(ctx, list...); err != nil {
		t.Log.ErrorContext(ctx, "contacts that were made cannot be counted now, and are tried again", "error", err, "contacts", len(list))
		t.mu.Lock()
		t.made = append(list, t.made...)
		t.mu.Unlock()
		select {
		case t.wake <- struct{}{}:
		default:
		}
		return false
	}
	for i := range list {
		t.end(list[i].Number)
	}
	return true
}
