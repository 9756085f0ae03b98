package sync

import (
	"context"
	stdsync "sync"
	"time"

	"github.com/consentline/consentline/internal/ledger"
)

// windows reads windows of entries, once for all destinations that stand at the same entry: two hundred of them would
// otherwise unseal each act two hundred times.
type windows struct {
	ledger *ledger.Ledger
	now    func() time.Time

	mu   stdsync.Mutex
	last map[uint64]*shared // by the entry that they come after
}

type shared struct {
	once   stdsync.Once
	readAt time.Time
	window ledger.Window
	err    error
}

// fresh is for how long a window may be shared: its records are those of the moment at which it was read.
const fresh = time.Second

// kept is how many windows are held for those that come a little later.
const kept = 4

// read returns the window after an entry. Destinations that come later than others get a window that was read a moment
// before: the acts that have happened since are in the next.
func (w *windows) read(ctx context.Context, after uint64) (*ledger.Window, error) {
	w.mu.Lock()
	s, there := w.last[after]
	if !there || w.now().Sub(s.readAt) > fresh {
		if len(w.last) >= kept {
			clear(w.last)
		}
		s = &shared{readAt: w.now()}
		w.last[after] = s
	}
	w.mu.Unlock()
	s.once.Do(func() { s.window, s.err = w.ledger.Window(ctx, after, windowSize) })
	if s.err != nil || s.window.To == after {
		w.mu.Lock()
		if w.last[after] == s {
			delete(w.last, after)
		}
		w.mu.Unlock()
	}
	return &s.window, s.err
}
