package sync

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/consentline/consentline/internal/consent"
)

// MappingDoc tells operators what the keys of a mapping are; a kind adds what its values are.
const MappingDoc = "brand/purpose/channel, such as default/marketing/sms"

// Mapping says in which field, group or list of a system each scope is held.
type Mapping []Mapped

// Mapped is one scope and where a system holds it.
type Mapped struct {
	Scope consent.Scope
	Value string
}

// mapping reads the destination's mapping, by scope. Each scope is a concrete one, and no two are held in the same place:
// a system cannot keep two answers there.
func (d *Destination) mapping() (Mapping, error) {
	var out Mapping
	held := map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(d.Mapping)) {
		value := d.Mapping[key]
		scope, err := ParseScope(key)
		switch {
		case err != nil || !scope.Concrete() || scope.Brand == "" || scope.Purpose == "":
			return nil, &InvalidError{"mapping", fmt.Sprintf("key %q: want %s", key, MappingDoc)}
		case value == "":
			return nil, &InvalidError{"mapping", fmt.Sprintf("key %q has no value", key)}
		case held[value] != "":
			return nil, &InvalidError{"mapping", fmt.Sprintf("%q and %q are held in the same place, which can keep one answer alone", held[value], key)}
		}
		held[value] = key
		out = append(out, Mapped{scope, value})
	}
	return out, nil
}

// NewMapping reads the mapping of a destination of a kind that needs one.
func NewMapping(d *Destination) (Mapping, error) {
	m, err := d.mapping()
	if err == nil && len(m) == 0 {
		err = &InvalidError{"mapping", "is needed: without one nothing would be told. Its keys are " + MappingDoc}
	}
	return m, err
}

// Only returns an *InvalidError if scopes of other channels than these are mapped.
func (m Mapping) Only(channels ...consent.Channel) error {
	for _, to := range m {
		if !slices.Contains(channels, to.Scope.Channel) {
			return &InvalidError{"mapping", fmt.Sprintf("key %q: want a channel of %v, which is what is held there", to.Scope, channels)}
		}
	}
	return nil
}

// Target is what a system is to hold in one place.
type Target struct {
	Mapped
	Granted bool
}

// Targets returns what a change means for a system at a moment, by scope. A scope that nobody mapped means nothing. A
// request that waits for its confirmation is neither a yes nor a no: told as a no it would block the question itself. A
// restriction with wildcards means a no in every mapped scope that it covers, apart from those in which the person has a
// record: of these there are changes of their own, and a yes given since is in them.
func (m Mapping) Targets(c *Change, at time.Time) (out []Target) {
	for _, to := range m {
		switch {
		case to.Scope.Channel.Texts() && c.Number.Extension() != "": // no extension is texted, and its main number is another's
		case to.Scope == c.Scope && c.Status(at) == consent.Pending && c.Record.Under == consent.None:
		case to.Scope == c.Scope:
			out = append(out, Target{to, c.Granted(at)})
		case !c.Scope.Concrete() && c.Scope.Covers(to.Scope) && !c.onRecord(to.Scope):
			out = append(out, Target{to, false})
		}
	}
	return out
}

// onRecord reports whether the person has a record in a scope.
func (c *Change) onRecord(s consent.Scope) bool {
	return slices.ContainsFunc(c.Records, func(h Held) bool { return h.Scope == s })
}

// ByPlace gathers what a batch means, place by place, for systems that are called for one place at a time: which of the
// changes grant there, and which do not. It returns the places in order.
func (m Mapping) ByPlace(changes []Change, at time.Time) []Place {
	places := map[string]*Place{}
	for i := range changes {
		for _, t := range m.Targets(&changes[i], at) {
			p, there := places[t.Value]
			if !there {
				p = &Place{Mapped: t.Mapped}
				places[t.Value] = p
			}
			if t.Granted {
				p.Granted = append(p.Granted, i)
			} else {
				p.Denied = append(p.Denied, i)
			}
		}
	}
	out := make([]Place, 0, len(places))
	for _, p := range places {
		out = append(out, *p)
	}
	slices.SortFunc(out, func(a, b Place) int { return cmp.Compare(a.Value, b.Value) })
	return out
}

// Place is where a system holds one scope, with the changes of a batch that concern it, by their index.
type Place struct {
	Mapped
	Granted, Denied []int
}
