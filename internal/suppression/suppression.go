// Package suppression keeps the lists of numbers that must not be contacted whatever consent says: the operator's own,
// national registries, reassigned numbers, known litigants.
//
// Every change of a list is an entry in the ledger, with how many numbers it added and removed. The members stand in
// the table list_members, each enciphered for its list. A list is replaced as a whole or not at all: readers, and
// whoever restarts after a crash, see the old members or the new.
package suppression

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/vault"
)

// List is a named suppression list.
type List struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Kind   string          `json:"kind"`
	Brand  consent.BrandID `json:"brand,omitempty"` // empty: holds for all brands
	Source string          `json:"source,omitempty"`

	// AsOf is the moment whose truth the members are. A list with a MaxAge that has grown older denies every contact.
	AsOf   ledger.Time   `json:"as_of"`
	MaxAge time.Duration `json:"max_age,omitempty"`

	// Registry is the registry of which the list is a copy, by the id that rules give it, such as us.ndnc. Where a rule
	// asks that registry the list answers it, with Covers the beginnings of the numbers that the copy is about.
	Registry string   `json:"registry,omitempty"`
	Covers   []string `json:"covers,omitempty"`

	Number  uint64 `json:"number"` // the list's place in the table list_members; a replaced list gets a new one
	Members int    `json:"members"`
	Removed bool   `json:"removed,omitempty"`
}

// Kinds are the kinds a list can have.
var Kinds = []string{"own", "national_registry", "reassigned", "litigant", "complaint", "provider_opt_out", "other"}

// Change is the detail of the entry that records a change of a list.
type Change struct {
	List     List `json:"list"`
	Added    int  `json:"added"`
	Removed  int  `json:"removed"`
	Replaced bool `json:"replaced,omitempty"`

	// Add and Delete are the numbers, for this node's index. They are no part of the entry: they stay as they are
	// until the entry is applied.
	Add    []phone.Number `json:"-"`
	Delete []phone.Number `json:"-"`
}

// ErrNotFound says that no list is defined under an ID.
var ErrNotFound = errors.New("not defined")

// ErrExists says that an ID is taken.
var ErrExists = errors.New("is defined already")

// InvalidError says which field of a list is wrong, and what would be right.
type InvalidError struct{ Field, Reason string }

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

// Lists keeps the suppression lists. It is safe for concurrent use.
type Lists struct {
	ledger Appender
	db     store.DB
	vault  *vault.Vault

	// node names this process where others change the same lists; empty in the only one.
	node []byte

	changing sync.Mutex // held by whoever changes a list, until the change is committed

	mu    sync.RWMutex
	lists map[string]List
	since map[string]uint64 // the entry that put each list in force
}

// Appender takes the entries that changes of lists make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// New returns the keeper of the lists in a database, which no other process changes.
func New(l Appender, db store.DB, v *vault.Vault) *Lists {
	return &Lists{ledger: l, db: db, vault: v, lists: map[string]List{}, since: map[string]uint64{}}
}

// NewNode returns the keeper of the lists on one node of several, by the name under which the table nodes has it.
func NewNode(l Appender, db store.DB, v *vault.Vault, node [16]byte) *Lists {
	s := New(l, db, v)
	s.node = node[:]
	return s
}

const kindList = "list"

// Get returns the list with an ID, or ErrNotFound.
func (s *Lists) Get(id string) (List, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	l, ok := s.lists[id]
	if !ok {
		return List{}, fmt.Errorf("list %q is %w", id, ErrNotFound)
	}
	return l, nil
}

// All returns every list, by ID.
func (s *Lists) All() []List {
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]List, 0, len(s.lists))
	for _, id := range slices.Sorted(maps.Keys(s.lists)) {
		out = append(out, s.lists[id])
	}
	return out
}

// Create defines a new list without members.
func (s *Lists) Create(ctx context.Context, by string, l List, now time.Time) (List, error) {
	if err := l.validate(); err != nil {
		return List{}, err
	}
	return l, s.change(ctx, by, l.ID, func() (Change, writeFunc, error) {
		if _, err := s.Get(l.ID); err == nil {
			return Change{}, nil, fmt.Errorf("list %q %w", l.ID, ErrExists)
		}
		if time.Time(l.AsOf).IsZero() {
			l.AsOf = ledger.Time(now.UTC().Truncate(time.Microsecond))
		}
		l.Number, l.Members, l.Removed = newNumber(), 0, false
		return Change{List: l}, nil, nil
	})
}

// Update changes what is known of a list; its members stay.
func (s *Lists) Update(ctx context.Context, by string, l List) (List, error) {
	if err := l.validate(); err != nil {
		return List{}, err
	}
	return l, s.change(ctx, by, l.ID, func() (Change, writeFunc, error) {
		old, err := s.Get(l.ID)
		if err != nil {
			return Change{}, nil, err
		}
		if time.Time(l.AsOf).IsZero() {
			l.AsOf = old.AsOf
		}
		l.Number, l.Members = old.Number, old.Members
		return Change{List: l}, nil, nil
	})
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

var prefixPattern = regexp.MustCompile(`^[1-9][0-9]{0,14}$`)

func (l *List) validate() error {
	switch {
	case !idPattern.MatchString(l.ID):
		return &InvalidError{"id", "want 1 to 64 of a-z, 0-9, dot, dash and underscore, beginning with a letter or digit"}
	case l.Name == "" || len(l.Name) > 200:
		return &InvalidError{"name", "want 1 to 200 bytes"}
	case !slices.Contains(Kinds, l.Kind):
		return &InvalidError{"kind", fmt.Sprintf("want one of %v", Kinds)}
	case l.MaxAge < 0:
		return &InvalidError{"max_age", "want a positive duration, or none"}
	case l.Registry != "" && !idPattern.MatchString(l.Registry):
		return &InvalidError{"registry", "want the id that rules give it, such as us.ndnc"}
	case l.Registry == "" && len(l.Covers) > 0:
		return &InvalidError{"covers", "is for the copy of a registry: name it, or leave this out"}
	}
	for _, prefix := range l.Covers {
		if !prefixPattern.MatchString(prefix) {
			return &InvalidError{"covers", "want beginnings of numbers, calling code first, without a plus sign, such as 1212"}
		}
	}
	return nil
}

// newNumber draws a number under which list_members holds no member of another list. It is random, since other nodes
// draw them too, and small enough for every reader of JSON.
func newNumber() uint64 {
	var b [8]byte
	if _, err := rand.Read(b[:]); err != nil {
		panic(err) // crypto/rand does not fail
	}
	return binary.BigEndian.Uint64(b[:])>>12 | 1
}

// Defined returns the list that a definition defines; definitions of other kinds define none.
func Defined(d ledger.Definition) (l List, isList bool, err error) {
	if d.Kind != kindList {
		return List{}, false, nil
	}
	if err := json.Unmarshal(d.Body, &l); err != nil {
		return List{}, false, fmt.Errorf("list %q: %w", d.ID, err)
	}
	return l, true, nil
}

// Apply puts a committed change in force on this node; definitions of other kinds are ignored.
func (s *Lists) Apply(d ledger.Definition) (List, bool, error) {
	l, isList, err := Defined(d)
	if err != nil || !isList {
		return l, isList, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[l.ID] = l
	s.since[l.ID] = d.Seq
	return l, true, nil
}

// Definition returns the change as the definition that it puts in force.
func (c Change) Definition() (ledger.Definition, error) {
	body, err := json.Marshal(c.List)
	return ledger.Definition{Kind: kindList, ID: c.List.ID, Body: body}, err
}

type writeFunc = func(context.Context, store.Tx, uint64) error

// change works out a change of a list and records it, unless another node has changed the list since. It waits for the
// other nodes when the list may be changed again.
func (s *Lists) change(ctx context.Context, by, id string, work func() (Change, writeFunc, error)) error {
	s.changing.Lock()
	pending, err := s.recordChange(ctx, by, id, work)
	s.changing.Unlock()
	if err != nil {
		return err
	}
	return pending.Wait(ctx)
}

func (s *Lists) recordChange(ctx context.Context, by, id string, work func() (Change, writeFunc, error)) (*ledger.Pending, error) {
	seen := s.seen(id) // before the list is looked at
	c, write, err := work()
	if err != nil || c.List.ID == "" {
		return nil, err
	}
	return s.record(ctx, by, c, seen, write)
}

func (s *Lists) seen(id string) uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.since[id]
}

// record appends the entry of a change, with what it writes besides the definition.
func (s *Lists) record(ctx context.Context, by string, c Change, seen uint64, write writeFunc) (*ledger.Pending, error) {
	item, err := ledger.Define(ledger.KindSuppression, by, kindList, c.List.ID, c.List)
	if err != nil {
		return nil, err
	}
	define := item.Effect
	item.Detail = c
	item.Effect = func(ctx context.Context, tx store.Tx, seq uint64) error {
		if write != nil {
			if err := write(ctx, tx, seq); err != nil {
				return err
			}
		}
		return define(ctx, tx, seq)
	}
	r, err := s.ledger.AppendOne(ledger.WithoutWaiting(ctx), item.IfStill(kindList, c.List.ID, seen))
	return r.Pending, err
}
