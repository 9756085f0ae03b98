package sync

import (
	"context"
	"math/rand/v2"
	stdsync "sync"
	"time"

	"golang.org/x/time/rate"
)

// gate is what every call to one system passes: its rate, and a circuit breaker that leaves a failing system alone for
// a while and then lets one call try.
type gate struct {
	rate *rate.Limiter

	mu       stdsync.Mutex
	failures int           // in a row
	until    time.Time     // closed until then
	probing  bool          // one call is trying
	changed  chan struct{} // closed when a probe has ended
	least    time.Duration // the first pause
}

const (
	leastPause = time.Second
	mostPause  = 5 * time.Minute
)

func newGate(l Limits, least time.Duration) *gate {
	g := &gate{rate: rate.NewLimiter(rate.Inf, 1), changed: make(chan struct{}), least: least}
	if l.PerSecond > 0 {
		g.rate = rate.NewLimiter(rate.Limit(l.PerSecond), max(l.Burst, 1))
	}
	return g
}

// pass waits until a call may be made.
func (g *gate) pass(ctx context.Context) error {
	for {
		g.mu.Lock()
		wait, changed := time.Until(g.until), g.changed
		open := g.failures == 0 || wait <= 0 && !g.probing
		if open && g.failures > 0 {
			g.probing = true
		}
		probing := g.probing
		g.mu.Unlock()
		if open {
			return g.rate.Wait(ctx)
		}
		if probing {
			wait = mostPause
		}
		if err := sleep(ctx, wait, changed); err != nil {
			return err
		}
	}
}

// report says how a call ended: nil when the system answered, else why it takes nothing at present.
func (g *gate) report(down *LaterError) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.probing || down == nil && g.failures > 0 {
		g.probing = false
		close(g.changed)
		g.changed = make(chan struct{})
	}
	if down == nil {
		g.failures = 0
		return
	}
	g.failures++
	pause := down.After
	if pause <= 0 {
		pause = backoff(g.failures, g.least)
	}
	if until := time.Now().Add(pause); until.After(g.until) { //nolint:forbidigo // a pace, no record
		g.until = until
	}
}

// state tells for how long the gate stays closed, and after how many failures.
func (g *gate) state() (failures int, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.failures, g.until
}

// backoff grows with each failure, with half of it left to chance, so that those who failed together part.
func backoff(failures int, least time.Duration) time.Duration {
	most := min(least<<min(failures-1, 16), mostPause)
	return most/2 + rand.N(most/2+1)
}

// sleep waits for a while, or until woken.
func sleep(ctx context.Context, d time.Duration, woken <-chan struct{}) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-woken:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}
