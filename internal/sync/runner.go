package sync

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	stdsync "sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/changefeed"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/store"
)

// windowSize is how many entries, or people of a backfill, are read at once.
const windowSize = 2000

// runner keeps one destination in step while one definition of it holds.
type runner struct {
	definition Destination
	connector  Connector
	ledger     *ledger.Ledger
	db         store.DB
	feed       *changefeed.Feed
	now        func() time.Time
	log        *slog.Logger
	windows    *windows
	gate       *gate
	items      items
	version    uint64 // the entry that put the definition in force

	begun          bool
	cursor, stored uint64 // how far it has come, and what of that is written down
	storedAt       time.Time
	reached        atomic.Uint64 // cursor, for others to look at

	mu    stdsync.Mutex
	woken chan struct{} // closed when it is asked to look again
}

// run delivers until its context ends. An error of the store is tried again; those of the system are the gate's matter.
func (r *runner) run(ctx context.Context) {
	for failures := 0; ctx.Err() == nil; {
		woken := r.wakeup()
		seen := r.feed.Head()
		done, err := r.once(ctx)
		switch {
		case err != nil && ctx.Err() == nil:
			failures++
			r.begun = false // what is written down holds
			r.log.WarnContext(ctx, "destination will be tried again", "destination", r.definition.ID, "failures", failures, "error", err)
			_ = sleep(ctx, backoff(failures, 100*time.Millisecond), nil) // the loop looks at the context
			continue
		case done:
			failures = 0
			continue
		}
		failures = 0
		r.rest(ctx, seen, woken)
	}
	r.keep()
}

// keep writes down how far it came, when it is asked to end.
func (r *runner) keep() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if r.begun && r.cursor > r.stored {
		_ = r.follower().MoveTo(ctx, r.cursor) // else it goes through the same entries once more
	}
}

// restEvery is how long a runner that has nothing to do rests at most.
const restEvery = 30 * time.Second

// rest waits for the ledger to grow, for what may be tried again, or to be woken.
func (r *runner) rest(ctx context.Context, seen uint64, woken <-chan struct{}) {
	pause := restEvery
	if at, ok, err := r.items.nextDue(ctx); err == nil && ok {
		pause = min(pause, max(at.Sub(r.now()), 10*time.Millisecond))
	}
	ctx, cancel := context.WithTimeout(ctx, pause)
	defer cancel()
	go func() {
		select {
		case <-woken:
			cancel()
		case <-ctx.Done():
		}
	}()
	_ = r.feed.Wait(ctx, seen) // whatever ended the wait, the loop looks what there is to do
}

func (r *runner) wakeup() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.woken
}

func (r *runner) wake() {
	r.mu.Lock()
	defer r.mu.Unlock()
	close(r.woken)
	r.woken = make(chan struct{})
}

// once does the next piece of work, and reports whether there may be more. What is new goes first, since a person may
// have said no a moment ago; then what may be tried again; a backfill takes what time is left.
func (r *runner) once(ctx context.Context) (more bool, err error) {
	for _, step := range []func(context.Context) (bool, error){r.follow, r.again, r.backfill} {
		if more, err := step(ctx); more || err != nil {
			return more, err
		}
	}
	return false, nil
}

func (r *runner) round() *round {
	return &round{connector: r.connector, limits: r.connector.Limits(), gate: r.gate, now: r.now}
}

func (r *runner) follower() *changefeed.Follower {
	return &changefeed.Follower{Name: cursorName(r.definition.ID), DB: r.db}
}

// follow delivers the next window of entries.
func (r *runner) follow(ctx context.Context) (more bool, err error) {
	if err := r.begin(ctx); err != nil {
		return false, err
	}
	if r.feed.Head() <= r.cursor {
		return false, nil
	}
	w, err := r.windows.read(ctx, r.cursor)
	if err != nil || w.To == w.From {
		return false, err
	}
	changes := changesOf(w, &r.definition.Filter, r.connector.Limits().Events)
	if len(changes) == 0 {
		r.moved(w.To)
		return true, r.keepUp(ctx)
	}
	if err := r.send(ctx, changes, w.To); err != nil {
		return false, err
	}
	r.moved(w.To)
	r.stored, r.storedAt = w.To, r.now()
	return true, nil
}

func (r *runner) moved(to uint64) {
	r.cursor = to
	r.reached.Store(to)
}

// begin finds the place from which to go on. A destination that is new begins with its own definition; what a
// definition asks to be done once is done when it is first seen.
func (r *runner) begin(ctx context.Context) error {
	if r.begun {
		return nil
	}
	var version uint64
	err := r.db.InTx(ctx, func(tx store.Tx) error {
		r.cursor, version = r.version, 0
		const query = "SELECT follower, seq FROM cursors WHERE follower = $1 OR follower = $2"
		err := store.Each(tx.Query(ctx, query, cursorName(r.definition.ID), versionName(r.definition.ID)), func(row store.Row) error {
			if row.Text(0) == versionName(r.definition.ID) {
				version = uint64(row.Int64(1))
			} else {
				r.cursor = uint64(row.Int64(1))
			}
			return nil
		})
		if err != nil || version >= r.version {
			return err
		}
		if r.definition.ReplayAfter != nil {
			r.cursor = *r.definition.ReplayAfter
		}
		rows := [][]any{{cursorName(r.definition.ID), r.cursor}, {versionName(r.definition.ID), r.version}}
		if r.definition.Backfill {
			rows = append(rows, []any{backfillName(r.definition.ID), 0})
		}
		return tx.ExecMany(ctx, moveCursor, rows)
	})
	if err != nil {
		return err
	}
	r.moved(r.cursor)
	r.begun, r.stored, r.storedAt = true, r.cursor, r.now()
	return nil
}

// keepUp writes down the cursor of a destination that little concerns, now and then: two hundred of them would
// otherwise write two hundred rows for each act.
func (r *runner) keepUp(ctx context.Context) error {
	if r.cursor-r.stored < windowSize && r.now().Sub(r.storedAt) < time.Minute {
		return nil
	}
	if err := r.follower().MoveTo(ctx, r.cursor); err != nil {
		return err
	}
	r.stored, r.storedAt = r.cursor, r.now()
	return nil
}

// send delivers changes and writes down what became of them; cursor, unless zero, in the same transaction.
func (r *runner) send(ctx context.Context, changes []Change, cursor uint64) error {
	outcomes, err := r.round().deliver(ctx, changes)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second) // what was taken is not sent again for a stop
	defer cancel()
	waited, err := r.waited(ctx, outcomes)
	if err != nil {
		return err
	}
	return r.db.InTx(ctx, func(tx store.Tx) error {
		if err := r.items.settle(ctx, tx, outcomes, waited); err != nil {
			return fmt.Errorf("write down what was delivered: %w", err)
		}
		if err := r.said(ctx, tx, outcomes); err != nil {
			return fmt.Errorf("write down what was said: %w", err)
		}
		if cursor == 0 {
			return nil
		}
		return tx.ExecMany(ctx, moveCursor, [][]any{{cursorName(r.definition.ID), cursor}})
	})
}

const moveCursor = `
	INSERT INTO cursors (follower, seq)
	VALUES ($1, $2)
	ON CONFLICT (follower) DO UPDATE SET seq = excluded.seq`

// waited returns what is kept of the changes' subjects.
func (r *runner) waited(ctx context.Context, outcomes []outcome) (map[changeKey]Item, error) {
	sets, seen := [][]any{}, map[ledger.SubjectID]bool{}
	for i := range outcomes {
		if id := outcomes[i].Subject; !seen[id] {
			seen[id] = true
			sets = append(sets, []any{r.definition.ID, outcomes[i].Subject[:]})
		}
	}
	out := map[changeKey]Item{}
	err := r.db.Read(ctx, func(tx store.Tx) error {
		for row, err := range tx.QueryMany(ctx, "SELECT "+itemColumns+" FROM sync_items WHERE destination = $1 AND subject = $2", sets) {
			if err != nil {
				return err
			}
			it, err := scanItem(row)
			if err != nil {
				return err
			}
			out[changeKey{it.Subject, it.Scope}] = it
		}
		return nil
	})
	return out, err
}

// again tries what was not taken, as it stands now.
func (r *runner) again(ctx context.Context) (more bool, err error) {
	due, err := r.items.due(ctx, r.now(), windowSize)
	if err != nil || len(due) == 0 {
		return false, err
	}
	var changes []Change
	var outcomes []outcome // of people who were erased meanwhile: nothing is left to tell
	for _, it := range due {
		restrictions, err := r.restrictions(ctx, it)
		if err != nil {
			return false, err
		}
		who, err := r.ledger.ByID(ctx, it.Subject)
		if errors.Is(err, ledger.ErrNotFound) {
			outcomes = append(outcomes, outcome{Change: Change{Subject: it.Subject, Scope: it.Scope}, at: r.now()})
			continue
		}
		if err != nil {
			return false, err
		}
		for _, h := range who.Records {
			if h.Scope == it.Scope {
				c := newChange(who, h, max(it.Seq, h.Record.Entry))
				c.restrictions = restrictions
				changes = append(changes, c)
			}
		}
	}
	if len(outcomes) > 0 {
		err := r.db.InTx(ctx, func(tx store.Tx) error {
			waited := map[changeKey]Item{}
			for _, o := range outcomes {
				waited[changeKey{o.Subject, o.Scope}] = Item{}
			}
			return r.items.settle(ctx, tx, outcomes, waited)
		})
		if err != nil {
			return false, err
		}
	}
	if len(changes) == 0 {
		return len(outcomes) > 0, nil
	}
	return true, r.send(ctx, changes, 0)
}

// restrictions are the acts that restrict and that a system which takes the item has acknowledged with it.
func (r *runner) restrictions(ctx context.Context, it Item) (out []place, err error) {
	if it.Since == 0 {
		return nil, nil
	}
	history, err := r.ledger.History(ctx, it.Subject, it.Since-1, windowSize)
	if errors.Is(err, ledger.ErrNotFound) {
		return nil, nil
	}
	for i := range history {
		act, ok := history[i].Act()
		if ok && act.Kind.Restricts() && reaches(act, it.Scope) && history[i].Seq <= it.Seq {
			out = append(out, place{history[i].Seq, history[i].RecordedAt})
		}
	}
	return out, err
}
