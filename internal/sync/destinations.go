package sync

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"reflect"
	"slices"
	stdsync "sync"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/vault"
)

// ErrNotFound says that no destination is defined under an ID.
var ErrNotFound = errors.New("destination is not defined")

// ErrExists says that an ID is taken.
var ErrExists = errors.New("destination is defined already")

const kindDestination = "destination"

// Clients are the ways out that connectors take.
type Clients struct {
	HTTP *http.Client // guarded, see package egress

	// Dial connects for protocols other than HTTP, guarded in the same way.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)

	// Exports is the server's folder for files of destinations, empty where it has none.
	Exports string

	// Checkpoint returns the log's latest signed checkpoint, empty before the first. It may be nil.
	Checkpoint func(context.Context) string
}

// Destinations are the definitions of all destinations. It is safe for concurrent use.
type Destinations struct {
	ledger  *ledger.Ledger
	vault   *vault.Vault
	kinds   map[string]Kind
	clients Clients
	now     func() time.Time

	changing stdsync.Mutex // held while a definition is changed

	mu      stdsync.RWMutex
	defined map[string]Destination
	since   map[string]uint64
	changed chan struct{} // closed when a definition changes
}

// NewDestinations returns the destinations of a ledger; Apply fills them.
func NewDestinations(l *ledger.Ledger, v *vault.Vault, kinds []Kind, clients Clients, now func() time.Time) *Destinations {
	d := &Destinations{
		ledger: l, vault: v, clients: clients, now: now, kinds: map[string]Kind{},
		defined: map[string]Destination{}, since: map[string]uint64{}, changed: make(chan struct{}),
	}
	for _, k := range kinds {
		d.kinds[k.Name] = k
	}
	return d
}

// Kinds returns the kinds there are, by name.
func (ds *Destinations) Kinds() []Kind {
	return slices.SortedFunc(maps.Values(ds.kinds), func(a, b Kind) int { return cmp.Compare(a.Name, b.Name) })
}

// Create defines a new destination. It begins with what is recorded from then on; Backfill sends what was before.
func (ds *Destinations) Create(ctx context.Context, by string, d Destination) (Destination, error) {
	ds.changing.Lock()
	defer ds.changing.Unlock()
	if _, err := ds.Get(d.ID); err == nil {
		return Destination{}, fmt.Errorf("%q: %w", d.ID, ErrExists)
	}
	d.Removed = false
	return ds.define(ctx, by, d)
}

// Change changes a destination that is there. Secrets that are not given stay; its kind stays.
func (ds *Destinations) Change(ctx context.Context, by string, d Destination) (Destination, error) {
	ds.changing.Lock()
	defer ds.changing.Unlock()
	old, err := ds.Get(d.ID)
	if err != nil {
		return Destination{}, err
	}
	if d.Kind != old.Kind {
		return Destination{}, &InvalidError{"kind", "cannot be changed: define another destination"}
	}
	was := old
	was.ReplayAfter, was.Backfill = nil, false // were done
	if d.Sealed = old.Sealed; len(d.Secrets) == 0 && reflect.DeepEqual(d, was) {
		return old, nil // as it is already
	}
	kept, err := ds.secrets(old)
	if err != nil {
		return Destination{}, err
	}
	maps.Copy(kept, d.Secrets)
	d.Secrets = kept
	return ds.define(ctx, by, d)
}

// Update changes one thing about a destination, such as whether it is paused.
func (ds *Destinations) Update(ctx context.Context, by, id string, fn func(*Destination)) (Destination, error) {
	d, err := ds.Get(id)
	if err != nil {
		return Destination{}, err
	}
	d.ReplayAfter, d.Backfill = nil, false // were done
	fn(&d)
	return ds.Change(ctx, by, d)
}

// Replay lets a destination begin again after an entry: whatever was recorded since is sent once more.
func (ds *Destinations) Replay(ctx context.Context, by, id string, after uint64) (Destination, error) {
	return ds.Update(ctx, by, id, func(d *Destination) { d.ReplayAfter = &after })
}

// Backfill sends a destination everything that is on record.
func (ds *Destinations) Backfill(ctx context.Context, by, id string) (Destination, error) {
	return ds.Update(ctx, by, id, func(d *Destination) { d.Backfill = true })
}

func (ds *Destinations) define(ctx context.Context, by string, d Destination) (Destination, error) {
	if err := d.validate(); err != nil {
		return Destination{}, err
	}
	kind, ok := ds.kinds[d.Kind]
	if !ok {
		return Destination{}, &InvalidError{"kind", fmt.Sprintf("want one of %v", slices.Sorted(maps.Keys(ds.kinds)))}
	}
	if err := kind.settle(&d); err != nil {
		return Destination{}, err
	}
	connector, err := kind.New(Config{Destination: d, Clients: ds.clients, Now: ds.now})
	if err != nil {
		return Destination{}, err
	}
	if _, lists := connector.(Listing); d.ReconcileHours > 0 && !lists {
		return Destination{}, &InvalidError{"reconcile_hours", kind.Name + " cannot be asked what it holds: reconcile with a file that was exported from it"}
	}
	d.Sealed = nil
	if len(d.Secrets) > 0 {
		d.Sealed = ds.vault.NotesKey().Seal(encodeSecrets(d.Secrets), ds.place(d.ID))
	}
	item, err := ledger.Define(ledger.KindDefinition, by, kindDestination, d.ID, d)
	if err != nil {
		return Destination{}, err
	}
	item.Widens = true // it turns no allow into a deny
	_, err = ds.ledger.AppendOne(ctx, item.IfStill(kindDestination, d.ID, ds.seen(d.ID)))
	d.Secrets = nil
	return d, err
}

// place binds sealed secrets to their destination.
func (ds *Destinations) place(id string) uint64 {
	digest := ds.vault.Digest("secrets of a destination", id)
	return binary.BigEndian.Uint64(digest[:8])
}

func (ds *Destinations) secrets(d Destination) (map[string]string, error) {
	out := map[string]string{}
	if len(d.Sealed) == 0 {
		return out, nil
	}
	raw, err := ds.vault.NotesKey().Open(d.Sealed, ds.place(d.ID))
	if err == nil {
		err = json.Unmarshal(raw, &out)
	}
	if err != nil {
		return nil, fmt.Errorf("secrets of destination %q: %w", d.ID, err)
	}
	return out, nil
}

// Connector makes the connector of a destination.
func (ds *Destinations) Connector(id string) (Connector, Destination, error) {
	d, err := ds.Get(id)
	if err != nil {
		return nil, d, err
	}
	kind, ok := ds.kinds[d.Kind]
	if !ok {
		return nil, d, &InvalidError{"kind", "this program knows none of that name"}
	}
	if d.Secrets, err = ds.secrets(d); err != nil {
		return nil, d, err
	}
	c, err := kind.New(Config{Destination: d, Clients: ds.clients, Now: ds.now})
	d.Secrets = nil
	return c, d, err
}

// Source is where what a destination tells comes from: a provider of messages, or a CRM.
func (ds *Destinations) Source(id string) consent.Source {
	if d, err := ds.Get(id); err == nil && ds.kinds[d.Kind].Provider {
		return consent.Provider
	}
	return consent.CRM
}

// Apply puts a committed definition in force on this node; those of other kinds are ignored.
func (ds *Destinations) Apply(def ledger.Definition) error {
	if def.Kind != kindDestination {
		return nil
	}
	var d Destination
	if err := json.Unmarshal(def.Body, &d); err != nil {
		return fmt.Errorf("destination %q: %w", def.ID, err)
	}
	ds.mu.Lock()
	defer ds.mu.Unlock()
	ds.defined[d.ID], ds.since[d.ID] = d, def.Seq
	close(ds.changed)
	ds.changed = make(chan struct{})
	return nil
}

func (ds *Destinations) seen(id string) uint64 {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	return ds.since[id]
}

// Get returns the destination with an ID, without its secrets, or ErrNotFound.
func (ds *Destinations) Get(id string) (Destination, error) {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	d, ok := ds.defined[id]
	if !ok || d.Removed {
		return Destination{}, ErrNotFound
	}
	return d, nil
}

// All returns all destinations, by ID, without their secrets.
func (ds *Destinations) All() []Destination {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	var out []Destination
	for _, id := range slices.Sorted(maps.Keys(ds.defined)) {
		if d := ds.defined[id]; !d.Removed {
			out = append(out, d)
		}
	}
	return out
}

// all returns the definitions in force, each with the entry that put it in force, and what is closed when one changes.
func (ds *Destinations) all() (map[string]uint64, <-chan struct{}) {
	ds.mu.RLock()
	defer ds.mu.RUnlock()
	return maps.Clone(ds.since), ds.changed
}
