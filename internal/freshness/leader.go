package freshness

import (
	"context"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/store"
)

// Leader lets one node at a time do a job that should run once. It saves work; it is no lock: a leader that is paused
// in the middle of its job may meet its successor, so that the job must bear to be run twice.
type Leader struct {
	Database Database
	Job      string
	Holder   [16]byte             // the node's incarnation
	Term     time.Duration        // how long the others wait for a sign of life before they take over
	Clock    func() check.Instant // nil: check.BootClock

	until check.Instant // until when this node leads

	// What the others were last seen at, and since when: a holder whose term has not grown for Term is gone.
	seen  holding
	since check.Instant
}

type holding struct {
	holder [16]byte
	term   int64
}

// Lead reports whether this node leads now, after giving its sign of life or looking for that of the leader. Call it
// several times in each Term, from one goroutine. No clock is compared with another: each node only measures how long
// it has itself seen no sign.
func (l *Leader) Lead(ctx context.Context) (bool, error) {
	if l.Clock == nil {
		l.Clock = check.BootClock
	}
	sent := l.Clock()
	var now holding
	err := l.Database.Poll(ctx, func(tx store.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO leaders (job, holder, term) VALUES ($1, $2, 0) ON CONFLICT (job) DO NOTHING", l.Job, l.Holder[:]); err != nil {
			return err
		}
		err := store.One(tx.Query(ctx, "SELECT holder, term FROM leaders WHERE job = $1 FOR UPDATE", l.Job), func(r store.Row) {
			now = holding{[16]byte(r.Bytes(0)), r.Int64(1)}
		})
		if err != nil || now.holder != l.Holder && !l.gone(now, sent) {
			return err
		}
		now = holding{l.Holder, now.term + 1}
		_, err = tx.Exec(ctx, "UPDATE leaders SET holder = $2, term = $3 WHERE job = $1", l.Job, l.Holder[:], now.term)
		return err
	})
	if err != nil {
		return l.Clock() < l.until, fmt.Errorf("look who leads %s: %w", l.Job, err)
	}
	if now != l.seen {
		l.seen, l.since = now, l.Clock()
	}
	if now.holder == l.Holder {
		l.until = sent + check.Instant(l.Term)
	}
	return l.Clock() < l.until, nil
}

// gone reports whether the holder has given no sign for a whole term, all of which this node has watched.
func (l *Leader) gone(now holding, at check.Instant) bool {
	return now == l.seen && at-l.since > check.Instant(l.Term)
}
