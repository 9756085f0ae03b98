package check

import (
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// View reads the records of one scope, for those who compare them with what others hold. It decides nothing: whether
// somebody may be contacted is a matter of Check.
type View struct {
	index *Index
	scope consent.Scope
	found Found
}

// View returns a view of a concrete scope's records, as they are whenever it is read.
func (x *Index) View(s consent.Scope) *View {
	return &View{x, s, x.scopes.Lookup([]byte(s.Brand), []byte(s.Purpose), s.Channel)}
}

// Record returns what stands for a number in the scope: its record, or else the latest restriction that covers the scope.
func (v *View) Record(n phone.Number) (State, bool) {
	if v.found.brand == nil || v.found.purpose == nil {
		return State{}, false
	}
	return v.index.record(n, &v.found)
}

// Each calls fn with every number that has a record of its own in the scope, in no order, until fn returns false. What
// changes meanwhile may be told as it was or as it is. Writers wait while a two-hundred-and-fifty-sixth is copied.
func (v *View) Each(fn func(phone.Number, State) bool) {
	id := v.found.ID()
	if id == 0 {
		return
	}
	v.index.table.slots.walk(uint32(id), func(n phone.Number, words [4]uint32) bool { return fn(n, unpack(words, 0)) })
}

// walk calls fn with the words behind every number that has them under a sub-key, until fn returns false.
func (s *slots) walk(sub uint32, fn func(phone.Number, [4]uint32) bool) {
	type slot struct {
		key   uint64
		words [4]uint32
	}
	var copied []slot
	for i := range s.shards {
		sh := &s.shards[i]
		copied = copied[:0]
		sh.mu.Lock()
		words := sh.array.Load().words
		for at := 0; at+s.stride <= len(words); at += s.stride {
			key := uint64(words[at])<<32 | uint64(words[at+1])
			if key != 0 && words[at+2] == sub {
				one := slot{key: key}
				copy(one.words[:], words[at+keyWords:at+s.stride])
				copied = append(copied, one)
			}
		}
		sh.mu.Unlock()
		for j := range copied {
			if !fn(s.number(copied[j].key), copied[j].words) {
				return
			}
		}
	}
}

// number undoes key, step by step from its end.
func (s *slots) number(k uint64) phone.Number {
	k ^= k >> 32
	k *= inverse(0xbf58476d1ce4e5b9)
	k ^= k>>29 ^ k>>58
	k *= inverse(0x9e3779b97f4a7c15)
	k ^= k >> 32
	return phone.Number(k * inverse(s.spread))
}

// inverse returns what an odd factor must be multiplied by to give one, modulo 2^64. Each step of Newton's method
// doubles the bits that are right, of which an odd number is its own inverse to three.
func inverse(odd uint64) uint64 {
	x := odd
	for range 5 { // 3, 6, 12, 24, 48, 96 bits
		x *= 2 - odd*x
	}
	return x
}
