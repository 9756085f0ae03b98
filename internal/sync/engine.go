package sync

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Engine keeps all destinations in step. One engine may run at a time; a second one would send things twice.
type Engine struct {
	Destinations *Destinations
	Ledger       *ledger.Ledger
	DB           store.DB
	Feed         *changefeed.Feed
	Now          func() time.Time
	Log          *slog.Logger

	// LeastPause is how long a failing system is left alone at first; zero means a second.
	LeastPause time.Duration

	// LookEvery is how often the engine looks for what is overdue; zero means five seconds. A look is two queries.
	LookEvery time.Duration

	// Deadline says until when the law wants an opt-out obeyed; nil: nobody knows.
	Deadline DeadlineFunc

	mu      stdsync.Mutex
	running map[string]*running

	states atomic.Pointer[[]State] // as the engine last looked; nil: it does not run here
}

// running is a destination that is kept in step by a definition of it.
type running struct {
	runner *runner
	seq    uint64 // the entry that put the definition in force
	stop   context.CancelFunc
	ended  chan struct{}
}

// Run keeps the destinations in step until its context ends: it begins with those that are defined, lets go of those
// that are paused or removed, and takes up anew those whose definition changes.
func (e *Engine) Run(ctx context.Context) {
	shared := &windows{ledger: e.Ledger, now: e.Now, last: map[uint64]*shared{}}
	defer e.stopAll()
	var watching stdsync.WaitGroup
	defer watching.Wait()
	watching.Go(func() { e.watch(ctx) })
	for {
		defined, changed := e.Destinations.all()
		for id, seq := range defined {
			e.settle(ctx, id, seq, shared)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// settle lets what runs of a destination be what its definition says.
func (e *Engine) settle(ctx context.Context, id string, seq uint64, w *windows) {
	if now := e.get(id); now != nil {
		if now.seq == seq {
			return
		}
		e.stopOne(id, now)
	}
	connector, definition, err := e.Destinations.Connector(id)
	switch {
	case err != nil && definition.ID == "":
		e.removed(ctx, id)
		return
	case err != nil:
		e.Log.ErrorContext(ctx, "destination cannot be kept in step", "destination", id, "error", err)
		return
	case definition.Paused:
		return
	}
	least := e.LeastPause
	if least <= 0 {
		least = leastPause
	}
	r := &runner{
		definition: definition, connector: connector, ledger: e.Ledger, db: e.DB, feed: e.Feed, now: e.Now, log: e.Log, windows: w,
		gate: newGate(connector.Limits(), least), items: items{e.DB, id}, version: seq, woken: make(chan struct{}),
	}
	ctx, stop := context.WithCancel(ctx)
	now := &running{runner: r, seq: seq, stop: stop, ended: make(chan struct{})}
	e.mu.Lock()
	if e.running == nil {
		e.running = map[string]*running{}
	}
	e.running[id] = now
	e.mu.Unlock()
	go func() {
		defer close(now.ended)
		r.run(ctx)
		if open, ok := connector.(io.Closer); ok {
			_ = open.Close() // what was under way has ended
		}
	}()
}

// removed forgets what was kept of a destination that is no more.
func (e *Engine) removed(ctx context.Context, id string) {
	s := items{e.DB, id}
	if err := s.forget(ctx); err != nil {
		e.Log.WarnContext(ctx, "what was kept of a removed destination stays until the next start", "destination", id, "error", err)
	}
}

func (e *Engine) get(id string) *running {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.running[id]
}

func (e *Engine) stopOne(id string, now *running) {
	now.stop()
	<-now.ended
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, id)
}

func (e *Engine) stopAll() {
	e.mu.Lock()
	all := make(map[string]*running, len(e.running))
	for id, now := range e.running {
		now.stop()
		all[id] = now
	}
	e.mu.Unlock()
	for id, now := range all {
		e.stopOne(id, now)
	}
}

// Unpark lets what a destination refused be tried again, and returns how much that is.
func (e *Engine) Unpark(ctx context.Context, id string) (int64, error) {
	if _, err := e.Destinations.Get(id); err != nil {
		return 0, err
	}
	s := items{e.DB, id}
	n, err := s.unpark(ctx, e.Now())
	if err != nil {
		return 0, fmt.Errorf("try again what was parked: %w", err)
	}
	if now := e.get(id); now != nil {
		now.runner.wake()
	}
	return n, nil
}
