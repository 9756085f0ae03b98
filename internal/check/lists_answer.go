package check

import (
	"strconv"

	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/policy"
)

// answers reports whether the list is the copy of a registry that a rule asks: then it does not suppress by itself,
// since the rule knows what lifts a listing, such as a written consent, and how old a copy may be.
func (l *Lists) answers(list *List) bool {
	return list.Registry != "" && l.asks != nil && l.asks(list.Registry)
}

// Answer implements policy.RegistryAnswers by the lists that are copies of the registry. A number that one of them
// holds is listed; it is clear only as of the oldest of those that cover it.
func (l *Lists) Answer(key policy.RegistryKey) (listed bool, at int64) {
	for {
		view := l.current.Load()
		listed, at = l.answer(view, &key)
		// As in find: what was seen is whole if the view still stands.
		if l.current.Load() == view {
			return listed, at
		}
	}
}

func (l *Lists) answer(view *listing, key *policy.RegistryKey) (listed bool, at int64) {
	unknown := false
	for _, list := range view.registries[key.Registry] {
		if !list.applies(key.Brand) || !list.covers(key.Number) {
			continue
		}
		asOf := list.AsOf.Unix()
		if l.holds(key.Number, view.lists[list.ID].generation) {
			return true, asOf
		}
		// What never came says nothing, nor does what is older than the operator wants it.
		unknown = unknown || !list.Loaded || list.MaxAge > 0 && key.At-asOf > int64(list.MaxAge.Seconds())
		if at == 0 || asOf < at {
			at = asOf
		}
	}
	if unknown {
		return false, 0
	}
	return false, at
}

// holds reports whether a number, or the same without its extension, is a member of a generation.
func (l *Lists) holds(n phone.Number, generation uint32) bool {
	var none [4]uint32
	if l.members.get(n, generation, &none) {
		return true
	}
	bare := n.WithoutExtension()
	return bare != n && l.members.get(bare, generation, &none)
}

// covers reports whether the list tells of the number at all.
func (l *List) covers(n phone.Number) bool {
	if len(l.Covers) == 0 {
		return true
	}
	var buf [24]byte
	digits := strconv.AppendUint(buf[:0], uint64(n.WithoutExtension()), 10)
	for _, prefix := range l.Covers {
		if len(digits) >= len(prefix) && string(digits[:len(prefix)]) == prefix {
			return true
		}
	}
	return false
}
