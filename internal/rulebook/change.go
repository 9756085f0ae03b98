package rulebook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/ledger"
	"github.com/consentline/consentline/internal/policy"
)

// Override changes one rule for a time. What loosens it needs a reason and an end. Left-out terms stay as they are.
type Override struct {
	ID     string       `json:"id"`
	Rule   string       `json:"rule"`
	Reason string       `json:"reason,omitempty"`
	Actor  string       `json:"actor"`
	From   *ledger.Time `json:"from,omitempty"`
	Until  *ledger.Time `json:"until,omitempty"`

	Disable   bool              `json:"disable,omitempty"`
	Requires  string            `json:"requires,omitempty"`
	Max       *int              `json:"max,omitempty"`
	Period    string            `json:"period,omitempty"`
	Week      map[string]string `json:"week,omitempty"`
	OnHoliday string            `json:"on_holiday,omitempty"`
	Required  *bool             `json:"required,omitempty"`

	Removed bool `json:"removed,omitempty"`
}

// Ban forbids contact with a region for a time, as a declared emergency does.
type Ban struct {
	ID       string       `json:"id"`
	Region   string       `json:"region"`
	Postal   []string     `json:"postal,omitempty"`
	Prefixes []string     `json:"prefixes,omitempty"`
	Channels []string     `json:"channels,omitempty"`
	Classes  []string     `json:"classes,omitempty"`
	Unless   []Condition  `json:"unless,omitempty"`
	From     *ledger.Time `json:"from,omitempty"`
	Until    *ledger.Time `json:"until,omitempty"`
	Citation string       `json:"citation,omitempty"`
	Source   string       `json:"source,omitempty"`
	Reason   string       `json:"reason"`
	Actor    string       `json:"actor"`

	Removed bool `json:"removed,omitempty"`
}

// The kinds of definition that the book keeps, as they stand in the table definitions.
const (
	kindOverride = "override"
	kindBan      = "ban"
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

// Override records a change of a rule, in the place of an earlier one with its ID.
func (k *Keeper) Override(ctx context.Context, by string, o Override) error {
	if o.Actor == "" {
		o.Actor = by
	}
	return k.change(ctx, by, kindOverride, o.ID, o, func(c *changes) { c.overrides[o.ID] = o })
}

// Ban records a ban, in the place of an earlier one with its ID.
func (k *Keeper) Ban(ctx context.Context, by string, n Ban) error {
	if n.Actor == "" {
		n.Actor = by
	}
	return k.change(ctx, by, kindBan, n.ID, n, func(c *changes) { c.bans[n.ID] = n })
}

// LiftOverride takes an override back; the rule holds again as its pack states it.
func (k *Keeper) LiftOverride(ctx context.Context, by, id string) error {
	o, known := k.Book.state().overrides[id]
	if !known || o.Removed {
		return fmt.Errorf("override %q: %w", id, ErrNotFound)
	}
	o.Removed = true
	return k.Override(ctx, by, o)
}

// LiftBan takes a ban back.
func (k *Keeper) LiftBan(ctx context.Context, by, id string) error {
	n, known := k.Book.state().bans[id]
	if !known || n.Removed {
		return fmt.Errorf("ban %q: %w", id, ErrNotFound)
	}
	n.Removed = true
	return k.Ban(ctx, by, n)
}

// change tries the rules with a change before it becomes an entry. Another node's change between is found by the guard.
func (k *Keeper) change(ctx context.Context, by, kind, id string, body any, put func(*changes)) error {
	if id == "" || len(id) > 64 {
		return &InvalidError{Field: "id", Reason: "want a name of 1 to 64 bytes"}
	}
	c := k.Book.state()
	put(c)
	if _, err := c.rules(k.Book.Rules()); err != nil {
		return err
	}
	item, err := ledger.Define(ledger.KindOverride, by, kind, id, body)
	if err != nil {
		return err
	}
	_, err = k.Ledger.AppendOne(ctx, item.IfStill(kind, id, c.since[kind+" "+id]))
	return err
}

// Overrides lists the overrides that were not taken back, by ID.
func (b *Book) Overrides() []Override {
	return listed(b.state().overrides, func(o Override) bool { return o.Removed })
}

// Bans lists the bans that were not taken back, by ID.
func (b *Book) Bans() []Ban {
	return listed(b.state().bans, func(n Ban) bool { return n.Removed })
}

func listed[T any](m map[string]T, removed func(T) bool) []T {
	out := []T{}
	for _, id := range slices.Sorted(maps.Keys(m)) {
		if !removed(m[id]) {
			out = append(out, m[id])
		}
	}
	return out
}

// changes is what the operator has changed, each kind by ID; what was taken back stays, and says so.
type changes struct {
	overrides    map[string]Override
	bans         map[string]Ban
	relaxations  map[string]Relaxation
	declarations map[string]Declaration
	since        map[string]uint64 // the entry that put each change in force, by kind and ID
}

func noChanges() changes {
	return changes{map[string]Override{}, map[string]Ban{}, map[string]Relaxation{}, map[string]Declaration{}, map[string]uint64{}}
}

// state is a copy of what the operator has changed.
func (b *Book) state() *changes {
	b.mu.Lock()
	defer b.mu.Unlock()
	c := &b.changed
	return &changes{maps.Clone(c.overrides), maps.Clone(c.bans), maps.Clone(c.relaxations), maps.Clone(c.declarations), maps.Clone(c.since)}
}

// Apply puts committed changes in force on this node, all at once; definitions of other kinds are ignored.
func (b *Book) Apply(definitions ...ledger.Definition) error {
	c, changed := b.state(), false
	for _, d := range definitions {
		mine, err := c.take(d)
		if err != nil {
			return fmt.Errorf("%s %q: %w", d.Kind, d.ID, err)
		}
		changed = changed || mine
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

func (c *changes) take(d ledger.Definition) (mine bool, err error) {
	switch d.Kind {
	case kindOverride:
		c.overrides[d.ID], err = decoded[Override](d)
	case kindBan:
		c.bans[d.ID], err = decoded[Ban](d)
	case kindRelaxation:
		c.relaxations[d.ID], err = decoded[Relaxation](d)
	case kindDeclaration:
		c.declarations[d.ID], err = decoded[Declaration](d)
	default:
		return false, nil
	}
	c.since[d.Kind+" "+d.ID] = d.Seq
	return true, err
}

func decoded[T any](d ledger.Definition) (out T, err error) {
	err = json.Unmarshal(d.Body, &out)
	return out, err
}

// rules compiles the packs of an edition anew, with the changes.
func (c *changes) rules(from *policy.Rules) (*policy.Rules, error) {
	var p policy.Changes
	for _, o := range listed(c.overrides, func(o Override) bool { return o.Removed }) {
		one, err := o.policy()
		if err != nil {
			return nil, err
		}
		p.Overrides = append(p.Overrides, one)
	}
	for _, n := range listed(c.bans, func(n Ban) bool { return n.Removed }) {
		one, err := n.policy()
		if err != nil {
			return nil, err
		}
		p.Bans = append(p.Bans, one)
	}
	for _, r := range listed(c.relaxations, func(r Relaxation) bool { return r.Removed }) {
		p.Relaxations = append(p.Relaxations, r.policy())
	}
	for _, d := range listed(c.declarations, func(d Declaration) bool { return d.Removed }) {
		one, err := d.policy()
		if err != nil {
			return nil, err
		}
		p.Declarations = append(p.Declarations, one)
	}
	rules, err := from.With(p)
	return rules, asInvalid(err)
}

// asInvalid turns what the rules say of a change into an InvalidError; other errors pass.
func asInvalid(err error) error {
	var override *policy.OverrideError
	var ban *policy.BanError
	var change *policy.ChangeError
	switch {
	case errors.As(err, &override):
		return &InvalidError{"rule", err.Error(), err}
	case errors.As(err, &ban), errors.As(err, &change):
		return &InvalidError{"id", err.Error(), err}
	}
	return err
}

func (o *Override) policy() (out policy.Override, err error) {
	out = policy.Override{
		Rule: o.Rule, Reason: o.Reason, Actor: o.Actor, From: instant(o.From), Until: instant(o.Until),
		Disable: o.Disable, Max: o.Max, Required: o.Required,
	}
	if o.Requires != "" {
		if out.Requires, err = read(o.Requires, policy.ParseNeed); err != nil {
			return out, &InvalidError{"requires", err.Error(), err}
		}
	}
	if o.Period != "" {
		if out.Period, err = read(o.Period, policy.ParsePeriod); err != nil {
			return out, &InvalidError{"period", err.Error(), err}
		}
	}
	if o.OnHoliday != "" {
		if out.OnHoliday, err = read(o.OnHoliday, policy.ParseOnHoliday); err != nil {
			return out, &InvalidError{"on_holiday", err.Error(), err}
		}
	}
	if len(o.Week) > 0 {
		week, err := policy.ParseWeek(o.Week)
		if err != nil {
			return out, &InvalidError{"week", err.Error(), err}
		}
		out.Week = &week
	}
	return out, nil
}

func (n *Ban) policy() (policy.Ban, error) {
	out := policy.Ban{
		ID: n.ID, Region: n.Region, Postal: n.Postal, Prefixes: n.Prefixes,
		From: instant(n.From), Until: instant(n.Until), Citation: n.Citation, Source: n.Source, Reason: n.Reason, Actor: n.Actor,
	}
	for _, text := range n.Channels {
		c, err := consent.ParseChannel(text)
		if err != nil {
			return out, &InvalidError{"channels", err.Error(), err}
		}
		out.Channels = append(out.Channels, c)
	}
	for _, text := range n.Classes {
		c, err := consent.ParseClass(text)
		if err != nil {
			return out, &InvalidError{"classes", err.Error(), err}
		}
		out.Classes = append(out.Classes, c)
	}
	for i := range n.Unless {
		c, err := n.Unless[i].policy()
		if err != nil {
			return out, &InvalidError{"unless", err.Error(), err}
		}
		out.Unless = append(out.Unless, c)
	}
	return out, nil
}

func read[T any](text string, parse func(string) (T, error)) (*T, error) {
	v, err := parse(text)
	return &v, err
}

func instant(t *ledger.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return time.Time(*t)
}
