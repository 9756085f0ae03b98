package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// askPeople asks for the subjects of the group's numbers. What it returns reads the answer, and their records.
func (b *batch) askPeople(ctx context.Context, group []*request) func() error {
	var lookups [][]any
	people := map[[32]byte]*person{}
	for _, r := range group {
		for i := range r.items {
			p := &r.items[i]
			if _, known := b.people[p.Number]; known || p.Kind != KindAct {
				continue
			}
			who := &person{records: map[int64]*held{}}
			b.people[p.Number] = who
			b.order = append(b.order, who)
			lookups = append(lookups, []any{p.lookup[:]})
			people[p.lookup] = who
		}
	}
	sortByKey(lookups, 0)
	rows := b.tx.Ahead(ctx, "SELECT id, subject, sealed FROM subjects WHERE lookup = $1", lookups)
	return func() error {
		var ids [][]any
		var found []*person
		for row, err := range rows {
			if err != nil {
				return err
			}
			who := people[[32]byte(lookups[row.Set][0].([]byte))]
			who.id = row.Int64(0)
			if who.Subject, err = b.l.vault.OpenSubject(SubjectID(row.Bytes(1)), row.Bytes(2)); err != nil {
				return fmt.Errorf("subject %d: %w", who.id, err)
			}
			ids = append(ids, []any{who.id})
			found = append(found, who)
		}
		return b.readRecords(ctx, ids, found)
	}
}

// readRecords reads the records of the subjects that were found.
func (b *batch) readRecords(ctx context.Context, ids [][]any, found []*person) error {
	for row, err := range b.tx.QueryMany(ctx, "SELECT "+recordColumns+" FROM records r JOIN scopes s ON s.id = r.scope WHERE r.subject = $1", ids) {
		if err != nil {
			return err
		}
		h := &held{stored: true}
		if h.scopeID, h.scope, h.Record, err = scanRecord(row.Row, 0); err != nil {
			return err
		}
		found[row.Set].records[h.scopeID] = h
	}
	return nil
}

// readHistory reads the subject's earlier acts, once.
func (b *batch) readHistory(ctx context.Context, who *person) error {
	if who.complete {
		return nil
	}
	var earlier []consent.Act
	err := readEntries(who.Subject, b.tx.Query(ctx, entriesOfSubject, who.id, 0, int64(1)<<62), func(e *Entry) error {
		if act, ok := e.Act(); ok {
			earlier = append(earlier, act)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("read the history of subject %d: %w", who.id, err)
	}
	who.acts, who.complete = append(earlier, who.acts...), true
	return nil
}

const entriesOfSubject = `
	SELECT seq, recorded_at, kind, body, leaf
	FROM ledger
	WHERE subject = $1 AND seq > $2
	ORDER BY seq
	LIMIT $3`

// readEntries opens entries of one subject. Rows hold seq, recorded_at, kind, body, leaf.
func readEntries(who vault.Subject, rows rowSeq, fn func(*Entry) error) error {
	return store.Each(rows, func(r store.Row) error {
		e := Entry{
			Seq: uint64(r.Int64(0)), RecordedAt: fromMicros(r.Int64(1)), Kind: Kind(r.Int64(2)),
			Subject: who.ID, Number: who.Number,
		}
		if err := e.open(who.Key, r.Bytes(3), r.Bytes(4)); err != nil {
			return err
		}
		return fn(&e)
	})
}

// DamagedError says that an entry in the database is not what was recorded.
type DamagedError struct {
	Seq uint64
	Why string
}

func (e *DamagedError) Error() string { return fmt.Sprintf("entry %d is damaged: %s", e.Seq, e.Why) }

// open unseals the body and holds it against the commitment that the log has.
func (e *Entry) open(key vault.Key, sealed, commitment []byte) error {
	raw, err := key.Open(sealed, e.Seq)
	if err != nil {
		return &DamagedError{e.Seq, "its body " + err.Error()}
	}
	if err := json.Unmarshal(raw, &e.Body); err != nil {
		return &DamagedError{e.Seq, err.Error()}
	}
	e.Raw = raw
	if e.Commitment = commit(e.Body.Salt, raw); string(e.Commitment[:]) != string(commitment) {
		return &DamagedError{e.Seq, "its body does not open its commitment"}
	}
	return nil
}

func fromMicros(us int64) time.Time { return time.UnixMicro(us).UTC() }

// seenRow is what is remembered of an idempotency key or event id.
type seenRow struct {
	content [16]byte
	seq     uint64
}

func (l *Ledger) seenKeys(item Item, body Body) []seenKey {
	var keys []seenKey
	if item.IdempotencyKey != "" {
		keys = append(keys, seenKey{l.vault.Digest("idempotency", item.By, item.IdempotencyKey), [16]byte{}, ErrKeyReused})
	}
	if item.EventID != "" {
		keys = append(keys, seenKey{l.vault.Digest(item.event()...), [16]byte{}, ErrEventReused})
	}
	if len(keys) == 0 {
		return nil
	}
	body.Salt, body.CorrelationID, body.By = nil, "", ""
	told, err := json.Marshal(&body)
	if err != nil {
		panic(err) // prepare has marshalled it before
	}
	content := l.vault.Digest("content", item.Number.String(), string(told))
	for i := range keys {
		keys[i].content = content
	}
	return keys
}

// askSeen asks which of the group's items were told before. What it returns reads the answer.
func (b *batch) askSeen(ctx context.Context, group []*request) func() error {
	var sets [][]any
	for _, r := range group {
		for i := range r.items {
			for _, k := range r.items[i].seen {
				sets = append(sets, []any{k.digest[:]})
			}
		}
	}
	sortByKey(sets, 0)
	rows := b.tx.Ahead(ctx, "SELECT digest, content, seq FROM seen WHERE digest = $1", sets)
	return func() error {
		for row, err := range rows {
			if err != nil {
				return err
			}
			b.seen[[16]byte(row.Bytes(0))] = seenRow{[16]byte(row.Bytes(1)), uint64(row.Int64(2))}
		}
		return nil
	}
}

func (b *batch) remember(k *seenKey, seq uint64) {
	if _, there := b.seen[k.digest]; there {
		return
	}
	b.seen[k.digest] = seenRow{k.content, seq}
	b.seenRows = append(b.seenRows, []any{k.digest[:], k.content[:], seq})
}

// repetition answers an item that was told before: with the entry it made then, or with an error if it was another.
func (b *batch) repetition(ctx context.Context, p *prepared, out *Result) (bool, error) {
	for _, k := range p.seen {
		before, there := b.seen[k.digest]
		if !there {
			continue
		}
		if before.content != k.content {
			*out = Result{Outcome: Rejected, Err: k.reused, Seq: before.seq}
			return true, nil
		}
		// The first may have been committed a moment ago, perhaps by another node, and never answered.
		*out = Result{Outcome: Duplicate, Seq: before.seq, RecordedAt: b.at, restricts: p.restricts()}
		if before.seq <= b.from {
			at, err := b.recordedAt(ctx, before.seq)
			if err != nil {
				return true, err
			}
			out.RecordedAt = at
		}
		if p.Kind != KindAct {
			return true, nil
		}
		who := b.people[p.Number]
		out.Subject, out.Scope = who.ID, p.Act.Scope
		if id, err := b.scopeID(ctx, p.Act.Scope); err != nil {
			return true, err
		} else if h, ok := who.records[id]; ok {
			out.Record = h.Record
		}
		return true, nil
	}
	return false, nil
}

func (b *batch) recordedAt(ctx context.Context, seq uint64) (at time.Time, err error) {
	err = store.One(b.tx.Query(ctx, "SELECT recorded_at FROM ledger WHERE seq = $1", seq), func(r store.Row) { at = fromMicros(r.Int64(0)) })
	if errors.Is(err, store.ErrNotFound) {
		return at, &DamagedError{seq, "it is missing"}
	}
	return at, err
}

// event names what a source reported under its event id. One message may end consent in several scopes, and a no must
// not be lost to an id that a yes had: so of what restricts, the scope is part of the name.
func (it *Item) event() []string {
	source := it.Act.Source.String()
	if it.Kind == KindAct && it.Act.Kind.Restricts() {
		return []string{"event that restricts", source, it.EventID, it.Act.Scope.String()}
	}
	return []string{"event", source, it.EventID}
}
