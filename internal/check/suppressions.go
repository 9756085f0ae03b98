package check

import (
	"slices"
	"strings"
	"sync/atomic"

	"github.com/consentline/consentline/internal/phone"
)

// Suppressions returns the lists of whatever brand on which a number stands, by ID; with an extension, also those on
// which the bare number does. It is for showing what is held: a verdict names the lists that speak against it.
func (x *Index) Suppressions(n phone.Number) []List {
	var found []*List
	for {
		view := x.lists.current.Load()
		found = found[:0]
		if len(view.lists) > 0 {
			found = x.lists.standing(n, view, found)
			if bare := n.WithoutExtension(); bare != n {
				found = x.lists.standing(bare, view, found)
			}
		}
		// As in find: what was seen is whole if the view still stands.
		if x.lists.current.Load() == view {
			break
		}
	}
	out := make([]List, len(found))
	for i, l := range found {
		out[i] = *l
	}
	slices.SortFunc(out, func(a, b List) int { return strings.Compare(a.ID, b.ID) })
	return out
}

// standing adds the lists of a view on which exactly n stands, each once.
func (l *Lists) standing(n phone.Number, view *listing, found []*List) []*List {
	key := l.members.key(n)
	sh := l.members.shard(key)
	before := len(found)
	for {
		found = found[:before]
		v := sh.begin()
		a := sh.array.Load()
		for i := a.seek(listStride, key, 0); i < len(a.words) && a.holds(i, key); i += listStride {
			generation := atomic.LoadUint32(&a.words[i+2])
			if int(generation) >= len(view.generations) {
				continue
			}
			if list := view.generations[generation]; list != nil && !slices.Contains(found, list) {
				found = append(found, list)
			}
		}
		if sh.settled(v) {
			return found
		}
	}
}
