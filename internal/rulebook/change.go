package rulebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Change is one decision of the operator about the rules: an [Override], a [Ban], a [Relaxation] or a [Declaration].
type Change interface {
	kind() string // as it stands in the table definitions
	name() string
	removed() bool
	lifted() Change           // the same, taken back
	decided(by string) Change // the same, with who decided it, if nobody is named
	begins() span             // what it says itself
	addTo(p *policy.Changes, name string, in span) error
}

// The kinds of definition that the book keeps, as they stand in the table definitions.
const (
	kindOverride    = "override"
	kindBan         = "ban"
	kindRelaxation  = "relaxation"
	kindDeclaration = "declaration"
)

// ErrNotFound says that no change of the rules has an ID.
var ErrNotFound = errors.New("no such change of the rules")

// InvalidError says why a change of the rules cannot stand. It wraps what the rules said, if they did.
type InvalidError struct {
	Field, Reason string
	Err           error
}

func (e *InvalidError) Error() string { return fmt.Sprintf("field %q: %s", e.Field, e.Reason) }

// Unwrap returns what the rules said.
func (e *InvalidError) Unwrap() error { return e.Err }

// Keeper changes the rules through the ledger.
type Keeper struct {
	Book   *Book
	Ledger Appender
}

// Put records a change, in the place of an earlier one of its kind and name. One that is in force already as it is makes
// no entry.
func (k *Keeper) Put(ctx context.Context, by string, c Change) error {
	_, err := Put(ctx, k, by, c)
	return err
}

// Put is Keeper.Put, and returns the change as it was recorded: with who decided it, in force.
func Put[T Change](ctx context.Context, k *Keeper, by string, c T) (T, error) {
	made := c.decided(by)
	if now, known := k.Book.find(c.kind(), c.name()); known && same(now, made) {
		return now.(T), nil
	}
	return made.(T), k.change(ctx, by, made)
}

// Lift takes back the change of the kind of c and of its name; the rules hold again as their packs state them.
func (k *Keeper) Lift(ctx context.Context, by string, c Change) error {
	now, known := k.Book.find(c.kind(), c.name())
	if !known || now.removed() {
		return fmt.Errorf("%s %q: %w", c.kind(), c.name(), ErrNotFound)
	}
	return k.change(ctx, by, now.lifted())
}

// change tries the rules with a change before it becomes an entry. Another node's change between is found by the guard.
func (k *Keeper) change(ctx context.Context, by string, one Change) error {
	if name := one.name(); name == "" || len(name) > 64 {
		return &InvalidError{Field: "id", Reason: "want a name of 1 to 64 bytes"}
	}
	c := k.Book.state()
	c.put(one)
	if _, err := c.rules(k.Book.Rules()); err != nil {
		return err
	}
	item, err := ledger.Define(ledger.KindOverride, by, one.kind(), one.name(), one)
	if err != nil {
		return err
	}
	_, err = k.Ledger.AppendOne(ctx, item.IfStill(one.kind(), one.name(), c.since[key(one.kind(), one.name())]))
	return err
}

func same(a, b Change) bool {
	was, err := json.Marshal(a)
	is, err2 := json.Marshal(b)
	return err == nil && err2 == nil && string(was) == string(is)
}

// Overrides lists the overrides that were not taken back, by ID.
func (b *Book) Overrides() []Override { return listed[Override](b) }

// Bans lists the bans that were not taken back, by ID.
func (b *Book) Bans() []Ban { return listed[Ban](b) }

// Relaxations lists the contested points that are, were or will be read the relaxed way, by switch.
func (b *Book) Relaxations() []Relaxation { return listed[Relaxation](b) }

// Declarations lists what is declared of contacts, by ID.
func (b *Book) Declarations() []Declaration { return listed[Declaration](b) }

func listed[T Change](b *Book) []T {
	out := []T{}
	for _, one := range b.state().inOrder() {
		if c, mine := one.(T); mine {
			out = append(out, c)
		}
	}
	return out
}

// find returns the latest form of a change, also of one that was taken back.
func (b *Book) find(kind, name string) (Change, bool) {
	c, known := b.state().all[key(kind, name)]
	return c, known
}

func key(kind, name string) string { return kind + " " + name }

// changes is a copy of what the operator has changed.
type changes struct {
	all   map[string]Change // by key
	since map[string]uint64 // the entry that put each in force
}

func noChanges() changes { return changes{map[string]Change{}, map[string]uint64{}} }

func (b *Book) state() *changes {
	b.mu.Lock()
	defer b.mu.Unlock()
	return &changes{maps.Clone(b.changed.all), maps.Clone(b.changed.since)}
}

func (c *changes) put(one Change) { c.all[key(one.kind(), one.name())] = one }

// inOrder lists what was not taken back, by kind and name.
func (c *changes) inOrder() (list []Change) {
	for _, k := range slices.Sorted(maps.Keys(c.all)) {
		if one := c.all[k]; !one.removed() {
			list = append(list, one)
		}
	}
	return list
}

// Apply puts committed changes in force on this node, all at once; definitions of other kinds are ignored.
func (b *Book) Apply(definitions ...ledger.Definition) error {
	c, changed := b.state(), false
	for _, d := range definitions {
		one, mine, err := read(d)
		if err != nil {
			return fmt.Errorf("%s %q: %w", d.Kind, d.ID, err)
		}
		if mine {
			c.put(one)
			c.since[key(d.Kind, d.ID)], changed = d.Seq, true
		}
	}
	if !changed {
		return nil
	}
	rules, err := c.rules(b.Rules())
	if err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.changed = *c
	return b.publish(rules)
}

// read returns the change that a definition is, if it is one.
func read(d ledger.Definition) (c Change, mine bool, err error) {
	switch d.Kind {
	case kindOverride:
		c, err = decoded[Override](d.Body)
	case kindBan:
		c, err = decoded[Ban](d.Body)
	case kindRelaxation:
		c, err = decoded[Relaxation](d.Body)
	case kindDeclaration:
		c, err = decoded[Declaration](d.Body)
	default:
		return nil, false, nil
	}
	return c, true, err
}

func decoded[T Change](body json.RawMessage) (out T, err error) {
	err = json.Unmarshal(body, &out)
	return out, err
}

// rules compiles the packs of an edition anew, with the changes.
func (c *changes) rules(from *policy.Rules) (*policy.Rules, error) {
	var p policy.Changes
	for _, one := range c.inOrder() {
		if err := one.addTo(&p, one.name(), one.begins()); err != nil {
			return nil, err
		}
	}
	rules, err := from.With(p)
	return rules, invalid(err)
}

// invalid turns what the rules say of a change into which field is to blame.
func invalid(err error) error {
	var override *policy.OverrideError
	var ban *policy.BanError
	var other *policy.ChangeError
	switch {
	case errors.As(err, &override):
		return &InvalidError{"rule", err.Error(), err}
	case errors.As(err, &ban), errors.As(err, &other):
		return &InvalidError{"id", err.Error(), err}
	}
	return err
}

// span is a half-open stretch of time; a zero moment leaves that end open.
type span struct{ from, until time.Time }

func spanOf(from, until *ledger.Time) span { return span{instant(from), instant(until)} }

func instant(t *ledger.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Time(*t)
}

// decider is who decided, or whoever entered it where nobody is named.
func decider(named, by string) string {
	if strings.TrimSpace(named) == "" {
		return by
	}
	return named
}
