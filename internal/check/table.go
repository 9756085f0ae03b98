package check

import (
	"fmt"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
)

// stateStride is a slot of the table in words: three of key, four of state.
const stateStride = keyWords + 4

// Table maps (number, scope) to a state, in 28 bytes a slot without a pointer. Reads take no lock and allocate nothing;
// writes may come from any goroutine.
type Table struct{ slots slots }

// NewTable returns an empty table. The seed decides which slots numbers share; records is how many to make room for.
func NewTable(seed uint64, records int) *Table {
	t := &Table{}
	t.slots.init(stateStride, seed, records)
	return t
}

// Get returns the state of a number in a scope and whether there is one.
func (t *Table) Get(n phone.Number, id ScopeID) (State, bool) {
	var words, beside [4]uint32
	if n == 0 || !t.slots.get(n, uint32(id), &words) {
		return State{}, false
	}
	if words[3]&noBeside != 0 {
		t.slots.get(n, uint32(id|latestNo), &beside)
	}
	return unpack(words, Seconds(beside[0])), true
}

// latestNo marks the slot beside a scope's, which tells when the no was said that a yes has followed.
const latestNo ScopeID = 1 << 31

// hasBeside reports whether a slot stands beside that of a number in a scope.
func (t *Table) hasBeside(n phone.Number, id ScopeID) bool {
	var words [4]uint32
	return t.slots.get(n, uint32(id), &words) && words[3]&noBeside != 0
}

// Put stores the state of a number in a scope. It refuses number zero and values that would not fit their bits.
func (t *Table) Put(n phone.Number, id ScopeID, s State) error {
	switch {
	case n == 0:
		return fmt.Errorf("put state: no number")
	case id >= latestNo:
		return fmt.Errorf("put state: scope %d is beyond %d", id, latestNo-1)
	case s.Seq > MaxSeq:
		return fmt.Errorf("put state: seq %d is beyond %d", s.Seq, uint64(MaxSeq))
	case s.Status > consent.StatusExpired:
		return fmt.Errorf("put state: %v is unknown", s.Status)
	case s.Level > consent.ExpressWritten:
		return fmt.Errorf("put state: %v is unknown", s.Level)
	}
	words, beside := s.pack()
	if beside != 0 { // first, so that whoever sees the slot that tells of it finds it
		t.slots.put(n, uint32(id|latestNo), []uint32{uint32(beside), 0, 0, 0})
	}
	if last := t.slots.put(n, uint32(id), words[:]); last&noBeside != 0 && beside == 0 {
		t.slots.remove(n, uint32(id|latestNo))
	}
	return nil
}

// Delete removes the state of a number in a scope and reports whether there was one.
func (t *Table) Delete(n phone.Number, id ScopeID) bool {
	if n == 0 {
		return false
	}
	had := t.hasBeside(n, id)
	removed := t.slots.remove(n, uint32(id))
	if had {
		t.slots.remove(n, uint32(id|latestNo))
	}
	return removed
}

// Scopes appends the scopes in which a number has states, in ascending order.
func (t *Table) Scopes(n phone.Number, dst []ScopeID) []ScopeID {
	var buf [16]uint32
	for _, sub := range t.slots.subs(n, buf[:0]) {
		if ScopeID(sub) < latestNo {
			dst = append(dst, ScopeID(sub))
		}
	}
	return dst
}

// Len returns the number of slots taken: of states, and of those beside them.
func (t *Table) Len() int { return t.slots.len() }

// Bytes returns the memory that the slots take, empty ones included.
func (t *Table) Bytes() int { return t.slots.bytes() }
