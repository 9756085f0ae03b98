package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// Place is an entry, and what it is known by: no other entry has its commitment.
type Place struct {
	seq  uint64
	leaf [32]byte
}

// Entry returns the number of the entry and its commitment.
func (p Place) Entry() (seq uint64, commitment [32]byte) { return p.seq, p.leaf }

// Holds reports whether a database's log has an entry with a commitment, and the last entry that it has.
func Holds(ctx context.Context, db store.DB, seq uint64, commitment []byte) (head uint64, holds bool, err error) {
	const query = "SELECT seq, (SELECT leaf FROM ledger WHERE seq = $1) FROM head WHERE id = 1"
	err = db.Read(ctx, func(tx store.Tx) error {
		return store.One(tx.Query(ctx, query, seq), func(r store.Row) {
			head = uint64(r.Int64(0))
			holds = head >= seq && bytes.Equal(r.Bytes(1), commitment)
		})
	})
	return head, holds, err
}

// ForkedError says that the database's log does not continue what this node has applied: the entry numbered Seq is
// missing there, or is another. Nothing may be answered or appended on what the node holds.
type ForkedError struct{ Seq uint64 }

func (e *ForkedError) Error() string {
	return fmt.Sprintf("the database's log does not continue this node's: entry %d is missing there, or is another; "+
		"the database was restored from an older copy, or failed over to a standby that lacked the last entries", e.Seq)
}

// Reached returns the last entry that the observer was told of. Whoever holds a log against it must have asked before the
// log's snapshot was taken: what this node commits itself meanwhile is not in it.
func (l *Ledger) Reached() Place {
	l.telling.Lock()
	defer l.telling.Unlock()
	return l.told
}

// continues reports whether a log with this head and this leaf at told goes on from there.
func (l *Ledger) continues(told Place, head uint64, deployment string, leaf []byte) bool {
	return deployment == l.deployment && head >= told.seq && (told.seq == 0 || bytes.Equal(leaf, told.leaf[:]))
}

// maxFollow is how many entries are followed at once, so that their changes fit into memory.
const maxFollow = 50_000

// Follow reads, in a snapshot, what the entries have changed since the observer was told of one, as it stood before the
// snapshot was taken. The records and definitions are those of the snapshot. A *ForkedError says that the log is not
// the one that was followed so far.
func (l *Ledger) Follow(ctx context.Context, tx store.Tx, told Place) (c Commit, head uint64, err error) {
	const query = "SELECT seq, deployment, (SELECT leaf FROM ledger WHERE seq = $1), (SELECT count(*) FROM transfers) FROM head WHERE id = 1"
	continues, moving := false, false
	err = store.One(tx.Query(ctx, query, told.seq), func(r store.Row) {
		head = uint64(r.Int64(0))
		continues = l.continues(told, head, r.Text(1), r.Bytes(2))
		moving = r.Int64(3) != 0
	})
	switch {
	case errors.Is(err, store.ErrNotFound):
		return c, 0, &ForkedError{told.seq}
	case err != nil:
		return c, 0, fmt.Errorf("read the head: %w", err)
	case moving:
		return c, head, Moved(ctx, tx)
	case !continues:
		return c, head, &ForkedError{told.seq}
	}
	c = Commit{From: told.seq, To: min(head, told.seq+maxFollow), leaf: told.leaf}
	if c.To == c.From {
		return c, head, nil
	}
	return c, head, l.read(ctx, tx, &c, c.To)
}

// Tell lets the observer hear of what Follow has read, unless it has heard of it meanwhile.
func (l *Ledger) Tell(c Commit) {
	l.telling.Lock()
	defer l.telling.Unlock()
	if c.To <= l.told.seq {
		return
	}
	c.From = l.told.seq // what this node has committed meanwhile is in c as well
	l.told = Place{c.To, c.leaf}
	l.notify(c)
}

// tell lets the observer hear of a batch, and before it of what it has not heard of: what others have committed, and
// what was committed though it was answered with an error, as after a lost connection. An entry that it misses would
// be missing from this node's verdicts for good.
func (l *Ledger) tell(b *batch) error {
	l.telling.Lock()
	defer l.telling.Unlock()
	if b.head.seq <= l.told.seq {
		return nil
	}
	c := Commit{From: l.told.seq, To: b.head.seq, Changes: b.changes(), Notices: b.notices, leaf: b.leaf}
	if b.from > l.told.seq {
		err := l.db.Read(context.Background(), func(tx store.Tx) error {
			own := c
			c = Commit{From: own.From, To: own.To}
			err := l.read(context.Background(), tx, &c, max(b.from, c.From))
			// Read after the commit, so that each record is at least as new as what the batch itself says of it.
			c.Changes = append(own.Changes, c.Changes...)
			c.Notices = append(c.Notices, own.Notices...)
			if b.head.seq > b.from {
				c.leaf = own.leaf
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read entries %d to %d: %w", c.From+1, b.from, err)
		}
	}
	l.told = Place{c.To, c.leaf}
	l.notify(c)
	return nil
}

// read adds to a commit what its entries up to upTo have changed, and the commitment of the last.
func (l *Ledger) read(ctx context.Context, tx store.Tx, c *Commit, upTo uint64) error {
	defined, err := definedBy(ctx, tx, c.From, upTo)
	if err != nil {
		return err
	}
	rows := tx.Query(ctx, "SELECT seq, kind, leaf FROM ledger WHERE seq > $1 AND seq <= $2 AND (kind <> $3 OR seq = $2) ORDER BY seq", c.From, upTo, int64(KindAct))
	err = store.Each(rows, func(r store.Row) error {
		seq, kind := uint64(r.Int64(0)), Kind(r.Int64(1))
		if seq == upTo {
			copy(c.leaf[:], r.Bytes(2))
		}
		if kind != KindAct {
			c.Notices = append(c.Notices, Notice{Seq: seq, Kind: kind, Detail: defined[seq]})
		}
		return nil
	})
	if err != nil {
		return err
	}
	return store.Each(tx.Query(ctx, recordsTouched, c.From, upTo), func(r store.Row) error {
		change, err := l.scanChange(r)
		c.Changes = append(c.Changes, change)
		return err
	})
}

const recordsTouched = `
	SELECT u.subject, u.sealed, ` + recordColumns + `
	FROM subjects u
	JOIN records r ON r.subject = u.id
	JOIN scopes s ON s.id = r.scope
	WHERE u.id IN (SELECT subject FROM ledger WHERE seq > $1 AND seq <= $2 AND subject > 0)`

// definedBy returns the definitions that these entries put in force, apart from those that were changed since.
func definedBy(ctx context.Context, tx store.Tx, after, upTo uint64) (map[uint64]any, error) {
	out := map[uint64]any{}
	rows := tx.Query(ctx, "SELECT seq, kind, id, body FROM definitions WHERE seq > $1 AND seq <= $2", after, upTo)
	return out, store.Each(rows, func(r store.Row) error {
		seq := uint64(r.Int64(0))
		out[seq] = Definition{r.Text(1), r.Text(2), []byte(r.Text(3)), seq}
		return nil
	})
}

func (l *Ledger) scanChange(r store.Row) (Change, error) {
	who, err := l.vault.OpenSubject(vault.SubjectID(r.Bytes(0)), r.Bytes(1))
	if err != nil {
		return Change{}, err
	}
	_, scope, record, err := scanRecord(r, 2)
	return Change{Number: who.Number, Scope: scope, Record: record}, err
}
