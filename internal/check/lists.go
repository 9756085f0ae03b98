package check

import (
	"fmt"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// List is what is known of a suppression list apart from its members. A published List never changes.
type List struct {
	ID    string
	Name  string
	Kind  string          // own, national_registry, reassigned, litigant …
	Brand consent.BrandID // empty or consent.Any: holds for every brand

	// AsOf is the moment whose truth the members are. A list with a MaxAge that is older denies every question of its
	// brand; a MaxAge of zero asks for no freshness.
	AsOf   time.Time
	MaxAge time.Duration

	// Registry is the registry of which the list is a copy, by the id that rules give it, such as us.ndnc; empty: of
	// none. Where a rule asks that registry the list answers it, and does not speak for itself.
	Registry string
	Covers   []string // the beginnings of the numbers that were asked about, calling code first; empty: of all
	Loaded   bool     // members were put on it: a copy of a registry that never came says nothing
}

// Stale reports whether the list was too old at the moment t to be relied on. At exactly MaxAge it is not.
func (l *List) Stale(t time.Time) bool { return l.MaxAge > 0 && t.Sub(l.AsOf) > l.MaxAge }

// Expires returns when the list grows stale unless it is refreshed; zero for never.
func (l *List) Expires() time.Time {
	if l.MaxAge <= 0 {
		return time.Time{}
	}
	return l.AsOf.Add(l.MaxAge)
}

func (l *List) applies(brand []byte) bool {
	return l.Brand == "" || l.Brand == consent.Any || string(l.Brand) == string(brand)
}

// UnknownListError says that a change names a list that nobody defined.
type UnknownListError struct{ ID string }

func (e *UnknownListError) Error() string {
	return fmt.Sprintf("suppression list %q is not defined", e.ID)
}

// Lists says on which suppression lists a number stands. Reads take no lock and allocate nothing. A membership takes
// 12 bytes and its share of empty slots: it is the pair of the number and the generation of the list's members.
type Lists struct {
	current atomic.Pointer[listing]
	members slots

	mu      sync.Mutex                 // held by those who change anything
	asks    func(registry string) bool // whether a rule asks a registry; nil: none does. It is set before any list is.
	created uint32                     // generations so far; none is used twice
	live    map[uint32]bool            // generations whose members are there, published or staged
	seed    uint64
}

// listing is one published view of all lists: a membership counts if its generation is in the view.
type listing struct {
	lists       map[string]*entry
	generations []*List // by generation; nil where the list was replaced or removed
	aging       []*List // those with a MaxAge
	registries  map[string][]*List
}

// at returns the list that a generation's members belong to; nil for those of none.
func (v *listing) at(generation uint32) *List {
	if int(generation) >= len(v.generations) {
		return nil
	}
	return v.generations[generation]
}

type entry struct {
	list       *List
	generation uint32
}

// listStride is a membership in words: number and generation, nothing behind them.
const listStride = keyWords

// NewLists returns an empty set of lists, which takes no memory until the first is defined.
func NewLists(seed uint64) *Lists {
	l := &Lists{seed: seed, live: map[uint32]bool{}}
	l.current.Store(&listing{lists: map[string]*entry{}})
	return l
}

// Define creates a list without members, or changes what is known of one and keeps its members.
func (l *Lists) Define(list List) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if list.ID == "" {
		return fmt.Errorf("define suppression list: it has no id")
	}
	if old := l.current.Load().lists[list.ID]; old != nil {
		l.publish(list.ID, &entry{&list, old.generation})
		return nil
	}
	l.publish(list.ID, &entry{&list, l.generation()})
	return nil
}

// Remove forgets a list and its members.
func (l *Lists) Remove(id string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.current.Load().lists[id]
	if old == nil {
		return &UnknownListError{id}
	}
	l.publish(id, nil)
	l.forget(old.generation)
	return nil
}

// Add puts numbers on a list; those that stand on it already stay.
func (l *Lists) Add(id string, numbers ...phone.Number) error {
	return l.change(id, numbers, func(n phone.Number, generation uint32) { l.members.put(n, generation, nil) })
}

// Delete takes numbers from a list; those that do not stand on it are ignored.
func (l *Lists) Delete(id string, numbers ...phone.Number) error {
	return l.change(id, numbers, func(n phone.Number, generation uint32) { l.members.remove(n, generation) })
}

func (l *Lists) change(id string, numbers []phone.Number, apply func(phone.Number, uint32)) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	e := l.current.Load().lists[id]
	if e == nil {
		return &UnknownListError{id}
	}
	for _, n := range numbers {
		if n != 0 {
			apply(n, e.generation)
		}
	}
	return nil
}

// generation returns a number for a new set of members. The caller holds mu.
func (l *Lists) generation() uint32 {
	if l.created == 0 {
		l.members.init(listStride, l.seed, 0)
	}
	l.created++
	l.live[l.created] = true
	return l.created
}

// forget deletes the members of a generation that is no longer published. The caller holds mu.
func (l *Lists) forget(generation uint32) {
	delete(l.live, generation)
	l.members.sweep(func(g uint32) bool { return g == generation })
}

// publish makes e the entry of id, or forgets id if e is nil. The caller holds mu.
func (l *Lists) publish(id string, e *entry) {
	next := &listing{lists: maps.Clone(l.current.Load().lists), generations: make([]*List, l.created+1), registries: map[string][]*List{}}
	delete(next.lists, id)
	if e != nil {
		next.lists[id] = e
	}
	for _, e := range next.lists {
		next.generations[e.generation] = e.list
		if e.list.MaxAge > 0 {
			next.aging = append(next.aging, e.list)
		}
		if e.list.Registry != "" {
			next.registries[e.list.Registry] = append(next.registries[e.list.Registry], e.list)
		}
	}
	l.current.Store(next)
}

// Get returns what is known of a list, and whether it is defined.
func (l *Lists) Get(id string) (List, bool) {
	e := l.current.Load().lists[id]
	if e == nil {
		return List{}, false
	}
	return *e.list, true
}

// Members counts the memberships of all lists.
func (l *Lists) Members() int {
	if !l.begun() {
		return 0
	}
	return l.members.len()
}

// Bytes returns the memory that the memberships take, empty slots included.
func (l *Lists) Bytes() int {
	if !l.begun() {
		return 0
	}
	return l.members.bytes()
}

func (l *Lists) begun() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.created > 0
}
