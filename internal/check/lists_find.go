package check

import (
	"sync/atomic"

	"github.com/consentline/consentline/internal/phone"
)

// maxSuppressions is how many suppressions one verdict can name; more are counted.
const maxSuppressions = 4

// suppressions are the lists that speak against a number.
type suppressions struct {
	lists [maxSuppressions]*List
	count int // of all, also of those that found no room in lists
	view  *listing
	of    *Lists
}

// add notes a list once, though both a number and the same without its extension may stand on it.
func (s *suppressions) add(l *List) {
	for _, known := range s.lists[:min(s.count, len(s.lists))] {
		if known == l {
			return
		}
	}
	if s.count < len(s.lists) {
		s.lists[s.count] = l
	}
	s.count++
}

// find looks for the lists of a brand on which a number stands, or, if it has an extension, the bare number does.
func (l *Lists) find(n phone.Number, brand []byte, found *suppressions) {
	for {
		found.count, found.view, found.of = 0, l.current.Load(), l
		if len(found.view.lists) == 0 {
			return
		}
		l.scan(n, brand, found)
		if bare := n.WithoutExtension(); bare != n {
			l.scan(bare, brand, found)
		}
		// The members of a view are swept only once the next view stands. So if it is still the same, all were seen.
		if l.current.Load() == found.view {
			return
		}
	}
}

// scan adds the lists of the view on which exactly n stands.
func (l *Lists) scan(n phone.Number, brand []byte, found *suppressions) {
	key := l.members.key(n)
	sh := l.members.shard(key)
	before := found.count
	for {
		found.count = before
		v := sh.begin()
		a := sh.array.Load()
		for i := a.seek(listStride, key, 0); i < len(a.words) && a.holds(i, key); i += listStride {
			if list := found.view.at(atomic.LoadUint32(&a.words[i+2])); list != nil && list.applies(brand) && !l.answers(list) {
				found.add(list)
			}
		}
		if sh.settled(v) {
			return
		}
	}
}
