// Package suppression keeps the lists of numbers that must not be contacted whatever consent says: the operator's own,
// national registries, reassigned numbers, known litigants.
//
// Every change of a list is an entry in the ledger, with how many numbers it added and removed. The members stand in
// the table list_members, each enciphered for its list. A list is replaced as a whole or not at all: readers, and
// whoever restarts after a crash, see the old members or the new.
package suppression

import (
	"context"
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

	changing sync.Mutex // held by whoever changes a list, until the change is committed

	mu    sync.RWMutex
	lists map[string]List
}

// Appender takes the entries that changes of lists make.
type Appender interface {
	AppendOne(context.Context, ledger.Item) (ledger.Result, error)
}

// New returns the keeper of the lists in a database.
func New(l Appender, db store.DB, v *vault.Vault) *Lists {
	return &Lists{ledger: l, db: db, vault: v, lists: map[string]List{}}
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
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := l.validate(); err != nil {
		return List{}, err
	}
	if _, err := s.Get(l.ID); err == nil {
		return List{}, fmt.Errorf("list %q %w", l.ID, ErrExists)
	}
	if time.Time(l.AsOf).IsZero() {
		l.AsOf = ledger.Time(now.UTC().Truncate(time.Microsecond))
	}
	l.Number, l.Members, l.Removed = s.nextNumber(), 0, false
	return l, s.record(ctx, by, Change{List: l}, nil)
}

// Update changes what is known of a list; its members stay.
func (s *Lists) Update(ctx context.Context, by string, l List) (List, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if err := l.validate(); err != nil {
		return List{}, err
	}
	old, err := s.Get(l.ID)
	if err != nil {
		return List{}, err
	}
	if time.Time(l.AsOf).IsZero() {
		l.AsOf = old.AsOf
	}
	l.Number, l.Members = old.Number, old.Members
	return l, s.record(ctx, by, Change{List: l}, nil)
}

var idPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,63}$`)

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
	}
	return nil
}

// nextNumber returns a number under which list_members holds no member of another list.
func (s *Lists) nextNumber() uint64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	next := uint64(1)
	for _, l := range s.lists {
		next = max(next, l.Number+1)
	}
	return next
}

// Apply puts a committed change in force on this node; definitions of other kinds are ignored.
func (s *Lists) Apply(d ledger.Definition) (List, bool, error) {
	if d.Kind != kindList {
		return List{}, false, nil
	}
	var l List
	if err := json.Unmarshal(d.Body, &l); err != nil {
		return List{}, false, fmt.Errorf("list %q: %w", d.ID, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lists[l.ID] = l
	return l, true, nil
}

// Definition returns the change as the definition that it puts in force.
func (c Change) Definition() (ledger.Definition, error) {
	body, err := json.Marshal(c.List)
	return ledger.Definition{Kind: kindList, ID: c.List.ID, Body: body}, err
}

// record appends the entry of a change, with what it writes besides the definition.
func (s *Lists) record(ctx context.Context, by string, c Change, write func(context.Context, store.Tx) error) error {
	item, err := ledger.Define(ledger.KindSuppression, by, kindList, c.List.ID, c.List)
	if err != nil {
		return err
	}
	define := item.Effect
	item.Detail = c
	item.Effect = func(ctx context.Context, tx store.Tx, seq uint64) error {
		if write != nil {
			if err := write(ctx, tx); err != nil {
				return err
			}
		}
		return define(ctx, tx, seq)
	}
	_, err = s.ledger.AppendOne(ctx, item)
	return err
}
