package attempt

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/store"
)

// Report records contacts that were made or tried, all or none, and returns their IDs. One that was named before counts
// once.
func (a *Attempts) Report(ctx context.Context, list ...Attempt) ([]ID, error) {
	ids, parts := make([]ID, len(list)), make([]int, len(list))
	for i := range list {
		ids[i], parts[i] = a.idOf(&list[i]), a.partOf(list[i].Number)
	}
	err := a.change(ctx, parts, func(tx store.Tx, now versions) error {
		return a.put(ctx, tx, list, ids, confirmed, now)
	}, func() { a.counted(list, ids) })
	if err != nil {
		return nil, fmt.Errorf("store attempts: %w", err)
	}
	return ids, nil
}

// errRefused undoes the transaction of a reservation that came too late.
var errRefused = errors.New("the contact is not allowed")

// Reserve asks whether a contact is allowed and, if it is, counts it before anybody else can ask about the number, on
// any node. The ID names the reservation; it means nothing unless the verdict is an allow. Ask may be called several
// times; it must not block, and must judge by the counter of these attempts.
func (a *Attempts) Reserve(ctx context.Context, at Attempt, ask func() check.Verdict) (v check.Verdict, id ID, err error) {
	if v = ask(); v.Outcome != check.Allow {
		return v, id, nil
	}
	id = a.idOf(&at)
	err = a.change(ctx, []int{a.partOf(at.Number)}, func(tx store.Tx, now versions) error {
		if v = ask(); v.Outcome != check.Allow { // others may have taken the last place meanwhile
			return errRefused
		}
		at.At = v.CheckedAt
		return a.put(ctx, tx, []Attempt{at}, []ID{id}, reserved, now)
	}, func() { a.counted([]Attempt{at}, []ID{id}) })
	switch {
	case errors.Is(err, errRefused):
		return v, ID{}, nil
	case err != nil:
		return check.Verdict{}, ID{}, fmt.Errorf("reserve a contact: %w", err)
	}
	return v, id, nil
}

// put stores attempts under the versions that their parts were raised to.
func (a *Attempts) put(ctx context.Context, tx store.Tx, list []Attempt, ids []ID, s state, now versions) error {
	sets := make([][]any, len(list))
	for i := range list {
		sets[i] = a.row(&list[i], ids[i], s, now)
	}
	return tx.ExecMany(ctx, `
		INSERT INTO attempts (id, recipient, sealed, brand, class, channel, contact, outcome, matter, event, state, made_at, keep_until, stripe, version, recorded_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
		ON CONFLICT (id) DO UPDATE SET state = excluded.state, outcome = excluded.outcome, made_at = excluded.made_at,
			keep_until = excluded.keep_until, stripe = excluded.stripe, version = excluded.version,
			recorded_at = excluded.recorded_at
		WHERE attempts.state = 2 -- it was released, and is made after all`, sets)
}

// counted counts what was stored.
func (a *Attempts) counted(list []Attempt, ids []ID) {
	for i := range list {
		at := &list[i]
		a.add(at.Number, contact{
			id: ids[i], brand: a.intern(string(at.Brand)), class: at.Class, channel: at.Channel, kind: at.Contact,
			outcome: at.Outcome, matter: a.Matter(at.Matter), event: a.Event(at.Event), at: a.past(at.At.Unix()),
		})
	}
}

func (a *Attempts) row(at *Attempt, id ID, s state, now versions) []any {
	n := at.Number.WithoutExtension()
	lookup := a.Vault.Lookup(n)
	sealed := a.Vault.NotesKey().Seal(binary.BigEndian.AppendUint64(nil, uint64(n)), id.place())
	part := int(lookup[0])
	return []any{
		id[:], lookup[:], sealed, string(at.Brand), int64(at.Class), int64(at.Channel), int64(at.Contact), int64(at.Outcome),
		int64(a.Matter(at.Matter)), int64(a.Event(at.Event)), int64(s), at.At.UnixMicro(), a.keptUntil(at).UnixMicro(),
		int64(part), now[part], a.Now().UnixMicro(),
	}
}

// idOf draws an ID, or makes it from the caller's name.
func (a *Attempts) idOf(at *Attempt) (id ID) {
	if at.Name != "" {
		return a.Vault.Digest("attempt", string(at.Brand), at.Number.WithoutExtension().String(), at.Name)
	}
	if _, err := rand.Read(id[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return id
}

// Matter is what stands for a matter in caps that count by it; unknown is zero.
func (a *Attempts) Matter(text string) uint64 { return a.digest("matter", text) }

// Event is what stands for an event in caps that count by it; unknown is zero.
func (a *Attempts) Event(text string) uint64 { return a.digest("event", text) }

func (a *Attempts) digest(what, text string) uint64 {
	if text == "" {
		return 0
	}
	sum := a.Vault.Digest("attempt "+what, text)
	return binary.BigEndian.Uint64(sum[:8])>>1 | 1
}
