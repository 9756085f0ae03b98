package attempt

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
	"github.com/consentline/consentline/internal/store"
)

// stripes is how many parts numbers fall into: the rows of attempt_stripes.
const stripes = 256

// stripe is one part, by the first byte of the number's keyed hash, which is the same on every node.
type stripe struct {
	mu   sync.Mutex   // held while this node changes, or catches up with, the part's attempts
	seen atomic.Int64 // everything up to this version is counted here; it is set under mu
}

func (a *Attempts) partOf(n phone.Number) int {
	lookup := a.Vault.Lookup(n.WithoutExtension())
	return int(lookup[0])
}

// hold locks parts, in one order for all, until the function that it returns is called.
func (a *Attempts) hold(parts []int) (release func()) {
	for _, p := range parts {
		a.parts[p].mu.Lock()
	}
	return func() {
		for _, p := range parts {
			a.parts[p].mu.Unlock()
		}
	}
}

// change runs a transaction that changes attempts of the given parts while nobody else does, on any node: raising a
// stripe's version waits for, or is undone by, whoever raised it before. What others have changed is counted before fn
// runs. Then comes after, if the transaction was committed. A crash between leaves it stored, and the next start counts it.
func (a *Attempts) change(ctx context.Context, parts []int, fn func(store.Tx, versions) error, after func()) error {
	slices.Sort(parts)
	parts = slices.Compact(parts)
	defer a.hold(parts)()
	var raised versions
	err := a.DB.InTx(ctx, func(tx store.Tx) (err error) {
		if raised, err = raise(ctx, tx, parts); err != nil {
			return err
		}
		if err := a.catchUp(ctx, tx, parts, raised); err != nil {
			return err
		}
		return fn(tx, raised)
	})
	if err != nil {
		return err
	}
	after()
	for part, version := range raised {
		a.parts[part].seen.Store(version)
	}
	return nil
}

// versions are the versions of stripes.
type versions map[int]int64

func raise(ctx context.Context, tx store.Tx, parts []int) (versions, error) {
	return stripeVersions(ctx, tx, "UPDATE attempt_stripes SET version = version + 1 WHERE stripe = $1 RETURNING version", parts)
}

func stripeVersions(ctx context.Context, tx store.Tx, query string, parts []int) (versions, error) {
	sets := make([][]any, len(parts))
	for i, p := range parts {
		sets[i] = []any{int64(p)}
	}
	found := versions{}
	for row, err := range tx.QueryMany(ctx, query, sets) {
		if err != nil {
			return nil, fmt.Errorf("versions of attempts: %w", err)
		}
		found[parts[row.Set]] = row.Int64(0)
	}
	if len(found) != len(parts) {
		return nil, fmt.Errorf("versions of attempts: %d of %d rows are missing in attempt_stripes", len(parts)-len(found), len(parts))
	}
	return found, nil
}

const columns = "id, sealed, brand, class, channel, contact, outcome, matter, event, state, made_at"

// catchUp counts what other nodes have changed since this one last looked. The parts are held.
func (a *Attempts) catchUp(ctx context.Context, tx store.Tx, parts []int, now versions) error {
	var behind [][]any
	for _, p := range parts {
		if seen := a.parts[p].seen.Load(); now[p] > seen+1 {
			behind = append(behind, []any{int64(p), seen})
		}
	}
	if len(behind) == 0 {
		return nil
	}
	gone := map[ID]bool{}
	for row, err := range tx.QueryMany(ctx, "SELECT "+columns+" FROM attempts WHERE stripe = $1 AND version > $2 ORDER BY version", behind) {
		if err != nil {
			return fmt.Errorf("attempts of other nodes: %w", err)
		}
		if state(row.Int64(9)) == forgotten {
			gone[ID(row.Bytes(0))] = true
			continue
		}
		if err := a.count(row); err != nil {
			return err
		}
	}
	a.dropAll(gone)
	return nil
}

// count brings what is counted in memory in line with a row.
func (a *Attempts) count(r store.Row) error {
	id := ID(r.Bytes(0))
	n, err := a.open(id, r.Bytes(1))
	if err != nil {
		return err
	}
	a.drop(n, id)
	if s := state(r.Int64(9)); s != reserved && s != confirmed {
		return nil
	}
	one := a.contactOf(r)
	one.at = a.past(one.at)
	a.add(n, one)
	return nil
}

// contactOf reads what a counter holds of a row.
func (c *Counter) contactOf(r store.Row) contact {
	return contact{
		id: ID(r.Bytes(0)), brand: c.intern(r.Text(2)), class: consent.Class(r.Int64(3)), channel: consent.Channel(r.Int64(4)),
		kind: policy.Contact(r.Int64(5)), outcome: Outcome(r.Int64(6)),
		matter: uint64(r.Int64(7)), event: uint64(r.Int64(8)), at: r.Int64(10) / 1e6,
	}
}

// past is the second at which a contact counts as made: what is stored has happened, whatever another node's clock said.
func (a *Attempts) past(second int64) int64 { return min(second, a.Now().Unix()) }

var errUnreadable = errors.New("its number cannot be read")

// open returns the number of an attempt.
func (a *Attempts) open(id ID, sealed []byte) (phone.Number, error) {
	raw, err := a.Vault.NotesKey().Open(sealed, id.place())
	if err != nil || len(raw) != 8 {
		return 0, fmt.Errorf("open attempt %s: %w", id, errors.Join(err, errUnreadable))
	}
	return phone.Number(binary.BigEndian.Uint64(raw)), nil
}

func (i ID) place() uint64 { return binary.BigEndian.Uint64(i[:8]) }

// Load counts what is stored.
func (a *Attempts) Load(ctx context.Context) error {
	all := make([]int, stripes)
	for i := range all {
		all[i] = i
	}
	defer a.hold(all)()
	since := a.Now().Add(-a.countedFor()).UnixMicro()
	return a.DB.Read(ctx, func(tx store.Tx) error {
		now, err := stripeVersions(ctx, tx, readVersion, all)
		if err != nil {
			return err
		}
		rows := tx.Query(ctx, "SELECT "+columns+" FROM attempts WHERE state < $1 AND (made_at >= $2 OR contact <> 0) ORDER BY made_at", int64(released), since)
		if err := store.Each(rows, a.count); err != nil {
			return err
		}
		for part, version := range now {
			a.parts[part].seen.Store(version)
		}
		return nil
	})
}

const readVersion = "SELECT version FROM attempt_stripes WHERE stripe = $1"

// Follow counts what other nodes have changed, and returns in how many parts. Run it a few times a second where there
// are other nodes; to run it more often does no harm.
func (a *Attempts) Follow(ctx context.Context) (changed int, err error) {
	var behind []int
	err = a.DB.Read(ctx, func(tx store.Tx) error {
		behind = behind[:0]
		return store.Each(tx.Query(ctx, "SELECT stripe, version FROM attempt_stripes ORDER BY stripe"), func(r store.Row) error {
			if part := int(r.Int64(0)); r.Int64(1) > a.parts[part].seen.Load() {
				behind = append(behind, part)
			}
			return nil
		})
	})
	if err != nil || len(behind) == 0 {
		return 0, err
	}
	defer a.hold(behind)()
	return len(behind), a.DB.Read(ctx, func(tx store.Tx) error {
		now, err := stripeVersions(ctx, tx, readVersion, behind)
		if err != nil {
			return err
		}
		for p := range now {
			now[p]++ // as raise would leave it: catchUp counts what is below
		}
		if err := a.catchUp(ctx, tx, behind, now); err != nil {
			return err
		}
		for part, version := range now {
			a.parts[part].seen.Store(max(version-1, a.parts[part].seen.Load()))
		}
		return nil
	})
}
