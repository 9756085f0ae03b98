// Package changefeed tells followers that the ledger has grown, and keeps for each how far it has come.
//
// The ledger is the outbox: a follower reads committed entries in order from its cursor, applies them, and moves the
// cursor. Others may rely on this: every entry reaches every follower, in order, at least once. The table cursors
// survives a crash; a follower whose cursor was not moved sees the same entries again.
package changefeed

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// Feed is the ledger's head as this node knows it. It is safe for concurrent use.
type Feed struct {
	mu   sync.Mutex
	head uint64
	grew chan struct{} // closed when head moves
}

// New returns a feed that stands at an entry.
func New(head uint64) *Feed { return &Feed{head: head, grew: make(chan struct{})} }

// Advance says that entries up to seq are committed.
func (f *Feed) Advance(seq uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if seq <= f.head {
		return
	}
	f.head = seq
	close(f.grew)
	f.grew = make(chan struct{})
}

// Head returns the last entry that is known to be committed.
func (f *Feed) Head() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.head
}

// Wait returns when there are entries after seq, or with the context's error.
func (f *Feed) Wait(ctx context.Context, seq uint64) error {
	for {
		f.mu.Lock()
		head, grew := f.head, f.grew
		f.mu.Unlock()
		if head > seq {
			return nil
		}
		select {
		case <-grew:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Follower applies committed entries in order, from a durable cursor of its own.
type Follower struct {
	Name   string
	DB     store.DB
	Ledger *ledger.Ledger
	Batch  int // how many entries at once; zero means 1,000

	// Apply must bear to be given the same entries again.
	Apply func(context.Context, []ledger.Entry) error
}

// RunOnce applies the next entries and returns how many there were. Run it again while it returns more than zero, and
// whenever the ledger has grown. Two of one name must not run at once.
func (f *Follower) RunOnce(ctx context.Context) (done int, err error) {
	cursor, err := f.Cursor(ctx)
	if err != nil {
		return 0, err
	}
	size := f.Batch
	if size == 0 {
		size = 1000
	}
	entries, err := f.Ledger.Entries(ctx, cursor, size)
	if err != nil || len(entries) == 0 {
		return 0, err
	}
	if err := f.Apply(ctx, entries); err != nil {
		return 0, fmt.Errorf("follower %s at entry %d: %w", f.Name, entries[0].Seq, err)
	}
	// A crash here applies the same entries once more.
	return len(entries), f.MoveTo(ctx, entries[len(entries)-1].Seq)
}

// Cursor returns the last entry that the follower has applied.
func (f *Follower) Cursor(ctx context.Context) (seq uint64, err error) {
	err = f.DB.Read(ctx, func(tx store.Tx) error {
		err := store.One(tx.Query(ctx, "SELECT seq FROM cursors WHERE follower = $1", f.Name), func(r store.Row) { seq = uint64(r.Int64(0)) })
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	})
	return seq, err
}

// MoveTo sets the cursor, forwards after applying entries, or backwards to apply them again.
func (f *Follower) MoveTo(ctx context.Context, seq uint64) error {
	return f.DB.InTx(ctx, func(tx store.Tx) error {
		_, err := tx.Exec(ctx, `
			INSERT INTO cursors (follower, seq)
			VALUES ($1, $2)
			ON CONFLICT (follower) DO UPDATE SET seq = excluded.seq`, f.Name, seq)
		return err
	})
}
