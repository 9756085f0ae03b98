// Package dfa is the compact digit automaton by which E.164 numbers are recognised without the phone library:
// its file format, its reader and the walk. It is written by the generator in internal/phone/gen.
//
// A file is the magic, the number of labels and of states, the labels (region in three bytes, line type), then one
// row per state: the next state for each digit and the label if a number may end here, all 16-bit little-endian.
// State 0 is the dead state, state 1 the start; label 0 is no number.
package dfa

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// Label is what is known about a number that ends in a state: its region and what kind of line it is.
type Label struct {
	Region string // ISO 3166-1 alpha-2, or "001" for codes that belong to no country
	Type   LineType
}

// State is one row: the next state for each digit, and the index of a label or 0.
type State struct {
	Next  [10]uint16
	Label uint16
}

// Table is an automaton that is ready to walk; it is immutable and safe for concurrent use.
type Table struct {
	rows   string
	labels []Label
}

const (
	magic      = "E164DFA1"
	headerSize = len(magic) + 4
	labelSize  = 4
	rowSize    = 11 * 2
	start      = 1
)

// errFormat is what every malformed file wraps.
var errFormat = errors.New("malformed number automaton")

// Encode writes labels and states as a file; labels[0] and states[0] stand for nothing and must be zero.
func Encode(labels []Label, states []State) ([]byte, error) {
	if len(labels) > 1<<16-1 || len(states) > 1<<16-1 {
		return nil, fmt.Errorf("%d labels and %d states: more than 16 bits can number", len(labels), len(states))
	}
	out := append([]byte(nil), magic...)
	out = binary.LittleEndian.AppendUint16(out, uint16(len(labels)))
	out = binary.LittleEndian.AppendUint16(out, uint16(len(states)))
	for _, label := range labels {
		out = append(out, fmt.Sprintf("%-3s", label.Region)...)
		out = append(out, byte(label.Type))
	}
	for _, state := range states {
		for _, next := range state.Next {
			out = binary.LittleEndian.AppendUint16(out, next)
		}
		out = binary.LittleEndian.AppendUint16(out, state.Label)
	}
	return out, nil
}

// Open reads a file and checks every jump and label in it, so that a walk can never leave the table.
func Open(file string) (*Table, error) {
	if len(file) < headerSize || file[:len(magic)] != magic {
		return nil, fmt.Errorf("%w: no header", errFormat)
	}
	labels, states := int(load(file, len(magic))), int(load(file, len(magic)+2))
	if len(file) != headerSize+labels*labelSize+states*rowSize || states <= start || labels == 0 {
		return nil, fmt.Errorf("%w: %d bytes do not hold %d labels and %d states", errFormat, len(file), labels, states)
	}
	t := &Table{rows: file[headerSize+labels*labelSize:]}
	for i := range labels {
		entry := file[headerSize+i*labelSize:][:labelSize]
		t.labels = append(t.labels, Label{strings.TrimRight(entry[:3], " "), LineType(entry[3])})
	}
	for at := 0; at < len(t.rows); at += 2 {
		limit := states
		if at%rowSize == rowSize-2 {
			limit = labels
		}
		if int(load(t.rows, at)) >= limit {
			return nil, fmt.Errorf("%w: entry %d leads nowhere", errFormat, at/2)
		}
	}
	return t, nil
}

// Walk follows ASCII digits, calling code first, and returns their value and label; label 0 when it is no number.
func (t *Table) Walk(digits []byte) (value uint64, label uint16) {
	rows, state := t.rows, start
	for _, char := range digits {
		digit := char - '0'
		if digit > 9 {
			return 0, 0
		}
		state = int(load(rows, state*rowSize+int(digit)*2))
		if state == 0 {
			return 0, 0
		}
		value = value*10 + uint64(digit)
	}
	return value, load(rows, state*rowSize+rowSize-2)
}

// Label returns what a label index that Walk returned stands for; the zero Label for 0.
func (t *Table) Label(index uint16) Label { return t.labels[index] }

func load(s string, at int) uint16 {
	_ = s[at+1]
	return uint16(s[at]) | uint16(s[at+1])<<8
}
