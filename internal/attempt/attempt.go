// Package attempt keeps the contacts that were made, tried, or are about to be made: what caps count.
//
// It stores the table attempts, one row a contact with the number sealed, and holds the same in memory for the judge,
// which asks without a transaction. Others may rely on this: what Report and Reserve answered is on disk and counted;
// of reservations that race for the last place under a cap, one gets it; a reservation that is neither confirmed nor
// released counts as a contact made. Counting is this process's: other nodes on one database learn of a contact when
// they start.
package attempt

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// ID names an attempt.
type ID [16]byte

// String writes the ID as callers see it.
func (i ID) String() string { return base64.RawURLEncoding.EncodeToString(i[:]) }

// ParseID reads what String wrote.
func ParseID(s string) (id ID, ok bool) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	if err != nil || len(b) != len(id) {
		return id, false
	}
	return ID(b), true
}

// Outcome is what became of a contact.
type Outcome uint8

// The outcomes: it was made, nobody answered, or a conversation was held.
const (
	Made Outcome = iota
	Unanswered
	Conversation
)

// state is where an attempt stands. Only a released one does not count.
type state uint8

const (
	reserved state = iota
	confirmed
	released
)

// Attempt is one contact.
type Attempt struct {
	Name    string // the caller's name for it, by which it counts once; empty: it has none
	Number  phone.Number
	Brand   consent.BrandID
	Class   consent.Class
	Channel consent.Channel
	Contact policy.Contact
	Outcome Outcome
	Matter  string // what it was about, for caps that count by it; empty: unknown
	Event   string
	At      time.Time
}

// ErrNotFound says that there is no attempt with an ID, or that it was deleted since nothing counts it any more.
var ErrNotFound = errors.New("no such attempt")

// ErrSettled says that an attempt was confirmed already, so that it cannot be released.
var ErrSettled = errors.New("the attempt was confirmed already")

// Config is what attempts are kept with.
type Config struct {
	DB    store.DB
	Vault *vault.Vault
	Now   func() time.Time
}

// Attempts are all contacts that a cap may count. It is safe for concurrent use.
type Attempts struct {
	Config
	*Counter

	seed    maphash.Seed
	stripes [256]sync.Mutex // held, by number, from asking whether there is room until it is taken
}

// New returns attempts that are counted by a counter; Load brings those that are stored.
func New(c Config, counter *Counter) *Attempts {
	return &Attempts{Config: c, Counter: counter, seed: maphash.MakeSeed()}
}

// Load counts what is stored.
func (a *Attempts) Load(ctx context.Context) error {
	return a.DB.Read(ctx, func(tx store.Tx) error {
		rows := tx.Query(ctx, "SELECT id, sealed, brand, class, channel, contact, outcome, matter, event, made_at FROM attempts WHERE state <> $1 ORDER BY made_at", int64(released))
		return store.Each(rows, func(r store.Row) error {
			id := ID(r.Bytes(0))
			raw, err := a.Vault.NotesKey().Open(r.Bytes(1), id.place())
			if err != nil || len(raw) != 8 {
				return fmt.Errorf("open attempt %s: %w", id, errors.Join(err, errUnreadable))
			}
			a.add(phone.Number(binary.BigEndian.Uint64(raw)), contact{
				id: id, brand: a.intern(r.Text(2)), class: consent.Class(r.Int64(3)), channel: consent.Channel(r.Int64(4)),
				kind: policy.Contact(r.Int64(5)), outcome: Outcome(r.Int64(6)),
				matter: uint64(r.Int64(7)), event: uint64(r.Int64(8)), at: r.Int64(9) / 1e6,
			})
			return nil
		})
	})
}

var errUnreadable = errors.New("its number cannot be read")

func (i ID) place() uint64 { return binary.BigEndian.Uint64(i[:8]) }

// Report records contacts that were made or tried, all or none, and returns their IDs. One that was named before counts
// once.
func (a *Attempts) Report(ctx context.Context, list ...Attempt) ([]ID, error) {
	ids := make([]ID, len(list))
	for i := range list {
		ids[i] = a.idOf(&list[i])
	}
	return ids, a.put(ctx, list, ids, confirmed)
}

// Reserve asks whether a contact is allowed and, if it is, counts it before anybody else can ask about the number.
// The ID names the reservation; it means nothing unless the verdict is an allow.
func (a *Attempts) Reserve(ctx context.Context, at Attempt, ask func() (check.Verdict, error)) (v check.Verdict, id ID, err error) {
	stripe := &a.stripes[maphash.Comparable(a.seed, at.Number.WithoutExtension())%uint64(len(a.stripes))]
	stripe.Lock()
	defer stripe.Unlock()
	if v, err = ask(); err != nil || v.Outcome != check.Allow {
		return v, id, err
	}
	at.At = v.CheckedAt
	id = a.idOf(&at)
	return v, id, a.put(ctx, []Attempt{at}, []ID{id}, reserved)
}

// put stores attempts and then counts them. A crash between leaves them stored, and the next start counts them.
func (a *Attempts) put(ctx context.Context, list []Attempt, ids []ID, s state) error {
	sets := make([][]any, len(list))
	for i := range list {
		sets[i] = a.row(&list[i], ids[i], s)
	}
	err := a.DB.InTx(ctx, func(tx store.Tx) error {
		return tx.ExecMany(ctx, `
			INSERT INTO attempts (id, recipient, sealed, brand, class, channel, contact, outcome, matter, event, state, made_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
			ON CONFLICT (id) DO UPDATE SET state = excluded.state, outcome = excluded.outcome, made_at = excluded.made_at
			WHERE attempts.state = 2 -- it was released, and is made after all`, sets)
	})
	if err != nil {
		return fmt.Errorf("store attempts: %w", err)
	}
	for i := range list {
		at := &list[i]
		a.add(at.Number, contact{
			id: ids[i], brand: a.intern(string(at.Brand)), class: at.Class, channel: at.Channel, kind: at.Contact,
			outcome: at.Outcome, matter: a.digest("matter", at.Matter), event: a.digest("event", at.Event), at: at.At.Unix(),
		})
	}
	return nil
}

func (a *Attempts) row(at *Attempt, id ID, s state) []any {
	n := at.Number.WithoutExtension()
	lookup := a.Vault.Lookup(n)
	sealed := a.Vault.NotesKey().Seal(binary.BigEndian.AppendUint64(nil, uint64(n)), id.place())
	return []any{
		id[:], lookup[:], sealed, string(at.Brand), int64(at.Class), int64(at.Channel), int64(at.Contact), int64(at.Outcome),
		int64(a.digest("matter", at.Matter)), int64(a.digest("event", at.Event)), int64(s), at.At.UnixMicro(),
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

// digest stands for what an attempt was about; unknown is zero.
func (a *Attempts) digest(what, text string) uint64 {
	if text == "" {
		return 0
	}
	sum := a.Vault.Digest("attempt "+what, text)
	return binary.BigEndian.Uint64(sum[:8])>>1 | 1
}
