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
	var words [4]uint32
	if n == 0 || !t.slots.get(n, uint32(id), &words) {
		return State{}, false
	}
	return unpack(words), true
}

// Put stores the state of a number in a scope. It refuses number zero and values that would not fit their bits.
func (t *Table) Put(n phone.Number, id ScopeID, s State) error {
	switch {
	case n == 0:
		return fmt.Errorf("put state: no number")
	case s.Seq > MaxSeq:
		return fmt.Errorf("put state: seq %d is beyond %d", s.Seq, uint64(MaxSeq))
	case s.Status > consent.StatusExpired:
		return fmt.Errorf("put state: %v is unknown", s.Status)
	case s.Level > consent.ExpressWritten:
		return fmt.Errorf("put state: %v is unknown", s.Level)
	}
	words := s.pack()
	t.slots.put(n, uint32(id), words[:])
	return nil
}

// Delete removes the state of a number in a scope and reports whether there was one.
func (t *Table) Delete(n phone.Number, id ScopeID) bool {
	return n != 0 && t.slots.remove(n, uint32(id))
}

// Scopes appends the scopes in which a number has states, in ascending order.
func (t *Table) Scopes(n phone.Number, dst []ScopeID) []ScopeID {
	var buf [16]uint32
	for _, sub := range t.slots.subs(n, buf[:0]) {
		dst = append(dst, ScopeID(sub))
	}
	return dst
}

// Len returns the number of states.
func (t *Table) Len() int { return t.slots.len() }

// Bytes returns the memory that the slots take, empty ones included.
func (t *Table) Bytes() int { return t.slots.bytes() }
