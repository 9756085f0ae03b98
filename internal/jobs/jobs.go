// Package jobs runs what runs in the background: it calls a job's RunOnce when there may be work, and again after a
// while when there may not.
//
// It stores nothing. A job must bear to be run twice; where it stands is the job's own business.
package jobs

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"time"
)

// Loop is a follower of the ledger that runs until its context ends.
type Loop struct {
	Name string
	Log  *slog.Logger

	// Run does what is due and returns how much it did.
	Run func(ctx context.Context) (done int, err error)

	// Head returns the last entry there is; Wait returns when there are entries after seen.
	Head func() uint64
	Wait func(ctx context.Context, seen uint64) error

	// Every is how often Run is called when nothing happens.
	Every time.Duration
}

// maxBackoff is how long a job that keeps failing is left alone at most.
const maxBackoff = 30 * time.Second

// Follow runs a loop until the context ends. An error is logged and the job is run again, later each time it fails.
func Follow(ctx context.Context, l Loop) {
	failures := 0
	for ctx.Err() == nil {
		seen := l.Head()
		done, err := l.Run(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			l.Log.ErrorContext(ctx, "job failed", "job", l.Name, "failures", failures, "error", err)
			pause(ctx, backoff(failures))
			continue
		case done > 0:
			failures = 0
			continue
		}
		failures = 0
		l.rest(ctx, seen)
	}
}

// rest waits for the ledger to grow, for as long as Every.
func (l *Loop) rest(ctx context.Context, seen uint64) {
	ctx, cancel := context.WithTimeout(ctx, l.Every)
	defer cancel()
	if err := l.Wait(ctx, seen); err != nil && !errors.Is(err, ctx.Err()) {
		l.Log.ErrorContext(ctx, "job cannot wait for the ledger", "job", l.Name, "error", err)
	}
}

// backoff is full jitter, so that jobs that failed together do not come back together.
func backoff(failures int) time.Duration {
	limit := min(100*time.Millisecond<<min(failures, 20), maxBackoff)
	return time.Duration(rand.Int64N(int64(limit)) + 1)
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
