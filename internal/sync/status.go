package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Status is how far a destination is in step.
type Status struct {
	Cursor      uint64 // the last entry that was gone through
	Head        uint64 // the last entry there is
	Waiting     int64  // changes that are to be tried again
	Parked      int64  // changes that were refused for good
	Backfilling bool
	Sending     bool // this node keeps it in step at present

	// Oldest is when the earliest act that restricts and is not acknowledged was recorded; zero if all are.
	Oldest time.Time

	// Failures are those of the system in a row, and Until when it is asked again; known to the node that sends.
	Failures int
	Until    time.Time
}

// Status returns how far a destination is in step, or ErrNotFound.
func (e *Engine) Status(ctx context.Context, id string) (s Status, err error) {
	d, err := e.Destinations.Get(id)
	if err != nil {
		return s, err
	}
	s.Head = e.Feed.Head()
	if s.Cursor, s.Backfilling, err = e.place(ctx, id); err != nil {
		return s, err
	}
	if now := e.get(id); now != nil {
		s.Sending = true
		s.Failures, s.Until = now.runner.gate.state()
		s.Cursor = max(s.Cursor, now.runner.reached.Load())
	}
	err = e.DB.Read(ctx, func(tx store.Tx) error {
		const query = `
			SELECT count(CASE WHEN parked = 0 THEN 1 END), count(CASE WHEN parked = 1 THEN 1 END), coalesce(min(CASE WHEN since > 0 THEN since_at END), 0)
			FROM sync_items
			WHERE destination = $1`
		return store.One(tx.Query(ctx, query, id), func(r store.Row) {
			s.Waiting, s.Parked = r.Int64(0), r.Int64(1)
			if at := r.Int64(2); at > 0 {
				s.Oldest = time.UnixMicro(at).UTC()
			}
		})
	})
	if err != nil {
		return s, fmt.Errorf("status of destination %q: %w", id, err)
	}
	return s, e.oldest(ctx, d, &s)
}

// place returns the cursor that is written down, and whether a backfill is under way.
func (e *Engine) place(ctx context.Context, id string) (cursor uint64, backfilling bool, err error) {
	r := &runner{definition: Destination{ID: id}, db: e.DB}
	if cursor, err = r.follower().Cursor(ctx); err != nil {
		return 0, false, err
	}
	_, backfilling, err = r.backfillPlace(ctx)
	return cursor, backfilling, err
}

// oldest looks among the next entries that were not gone through yet for one that restricts, that the destination is to
// be told of, and that is older.
func (e *Engine) oldest(ctx context.Context, d Destination, s *Status) error {
	if s.Cursor >= s.Head {
		return nil
	}
	w, err := e.Ledger.Window(ctx, s.Cursor, windowSize)
	if err != nil {
		return err
	}
	for i := range w.Acts {
		if act, ok := w.Acts[i].Act(); ok && act.Kind.Restricts() && d.Wants(w.Acts[i].Number, act.Scope) {
			if at := w.Acts[i].RecordedAt; s.Oldest.IsZero() || at.Before(s.Oldest) {
				s.Oldest = at
			}
			return nil
		}
	}
	return nil
}

// Parked returns up to limit changes that a destination refused for good, after the one given.
func (e *Engine) Parked(ctx context.Context, id string, after Item, limit int) ([]Item, error) {
	if _, err := e.Destinations.Get(id); err != nil {
		return nil, err
	}
	s := items{e.DB, id}
	return s.parked(ctx, after, limit)
}

// Ack says when a destination acknowledged an act that restricts.
type Ack struct {
	Destination string
	Seq         uint64
	RecordedAt  time.Time
	AckedAt     time.Time // zero: not yet
}

// Acks calls fn with the acts that restrict, recorded from a moment on, that destinations have acknowledged or not, the
// earliest first. An act of which one scope is still waiting or parked is not acknowledged.
func (e *Engine) Acks(ctx context.Context, from time.Time, fn func(Ack) error) error {
	const query = `
		SELECT destination, seq, recorded_at, max(acked_at), max(waits)
		FROM (
			SELECT destination, seq, recorded_at, acked_at, 0 AS waits FROM sync_acks WHERE recorded_at >= $1
			UNION ALL
			SELECT destination, since, since_at, 0, 1 FROM sync_items WHERE since > 0 AND since_at >= $1
		) a
		GROUP BY destination, seq, recorded_at
		ORDER BY recorded_at, seq, destination`
	return e.DB.Read(ctx, func(tx store.Tx) error {
		return store.Each(tx.Query(ctx, query, from.UnixMicro()), func(r store.Row) error {
			a := Ack{Destination: r.Text(0), Seq: uint64(r.Int64(1)), RecordedAt: time.UnixMicro(r.Int64(2)).UTC()}
			if r.Int64(4) == 0 {
				a.AckedAt = time.UnixMicro(r.Int64(3)).UTC()
			}
			return fn(a)
		})
	})
}

// AcksOf returns what became of one act at each destination that it concerned and that has come to it.
func (e *Engine) AcksOf(ctx context.Context, seq uint64) (out []Ack, err error) {
	entry, err := e.Ledger.Entry(ctx, seq)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	err = e.Acks(ctx, entry.RecordedAt, func(a Ack) error {
		if a.Seq == seq {
			out = append(out, a)
		}
		return nil
	})
	return out, err
}

// Forget deletes what is kept of a subject, as when they are erased.
func (e *Engine) Forget(ctx context.Context, id ledger.SubjectID) error {
	return e.DB.InTx(ctx, func(tx store.Tx) error {
		for _, table := range []string{"sync_items", "sync_said"} {
			if _, err := tx.Exec(ctx, "DELETE FROM "+table+" WHERE subject = $1", id[:]); err != nil {
				return err
			}
		}
		return nil
	})
}

// keptAcks is how long it is remembered when a destination acknowledged an act: as long as it may be asked about in a
// dispute over a message (TCPA, 28 U.S.C. § 1658(a): four years), and one more.
const keptAcks = 5 * 365 * 24 * time.Hour

// Purge deletes what was acknowledged long ago.
func (e *Engine) Purge(ctx context.Context) (done int, err error) {
	err = e.DB.InTx(ctx, func(tx store.Tx) error {
		n, err := tx.Exec(ctx, "DELETE FROM sync_acks WHERE acked_at < $1", e.Now().Add(-keptAcks).UnixMicro())
		if err != nil {
			return err
		}
		said, err := tx.Exec(ctx, "DELETE FROM sync_said WHERE to_at < $1", e.Now().Add(-keptSaid).UnixMicro())
		done = int(n + said)
		return err
	})
	return done, err
}
