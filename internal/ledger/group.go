package ledger

import (
	"context"
	"fmt"
	"time"
)

// maxGroup bounds the items of one transaction, so that nobody waits long behind an import.
const maxGroup = 4096

// appendLoop is the only writer of entries on this node: it takes what is queued, commits it at once, and answers.
func (l *Ledger) appendLoop() {
	for first := range l.queue {
		l.commitGroup(l.gather(first))
	}
}

func (l *Ledger) gather(first *request) []*request {
	group, items := []*request{first}, len(first.items)
	for items < maxGroup {
		select {
		case next, open := <-l.queue:
			if !open {
				return group
			}
			group = append(group, next)
			items += len(next.items)
		default:
			return group
		}
	}
	return group
}

// commitGroup commits, then tells this node's index, then answers: whoever hears of success can ask and will be
// answered from after it. A crash before the commit leaves nothing, after it the whole group.
func (l *Ledger) commitGroup(group []*request) {
	var b *batch
	err := l.db.InTx(context.Background(), func(tx storeTx) error {
		b = newBatch(l, tx)
		return b.run(context.Background(), group)
	})
	l.committed(err)
	if err != nil {
		answer(group, fmt.Errorf("append: %w", err))
		return
	}
	pending := l.pend(b.results)
	for scope, id := range b.newScopes {
		l.scopes[scope] = id
	}
	if err := l.tell(b); err != nil {
		answer(group, fmt.Errorf("tell the observer: %w", err)) // the next commit makes up for it
		return
	}
	for i, r := range group {
		copy(r.results, b.results[i])
		for j := range r.results {
			if r.results[j].restricts {
				r.results[j].Pending = pending
			}
		}
		r.done <- nil
	}
}

func answer(group []*request, err error) {
	for _, r := range group {
		r.done <- err
	}
}

// clock returns the moment of recording, which never runs backwards in the ledger whatever the wall clock does.
func (b *batch) clock() time.Time {
	now := b.l.now().UTC().Truncate(time.Microsecond)
	if now.Before(b.head.recordedAt) {
		return b.head.recordedAt
	}
	return now
}
