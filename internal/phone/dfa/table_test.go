package dfa

import (
	"encoding/binary"
	"errors"
	"slices"
	"testing"
)

// small accepts "1" and "12" in region XX, as mobile and as fixed line.
func small(t *testing.T) []byte {
	t.Helper()
	labels := []Label{{}, {"XX", Mobile}, {"001", FixedLine}}
	states := []State{{}, {}, {Label: 1}, {Label: 2}}
	states[1].Next[1] = 2
	states[2].Next[2] = 3
	file, err := Encode(labels, states)
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func TestWalk(t *testing.T) {
	table, err := Open(string(small(t)))
	if err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		digits string
		value  uint64
		label  Label
	}{
		{"1", 1, Label{"XX", Mobile}},
		{"12", 12, Label{"001", FixedLine}},
		{"", 0, Label{}},
		{"2", 0, Label{}},
		{"121", 0, Label{}},
		{"1a", 0, Label{}},
		{"1/", 0, Label{}},
	}
	for _, c := range cases {
		value, label := table.Walk([]byte(c.digits))
		if value != c.value || table.Label(label) != c.label {
			t.Errorf("%q: got %d %v, want %d %v", c.digits, value, table.Label(label), c.value, c.label)
		}
	}
}

func TestOpenRefusesDamage(t *testing.T) {
	good := small(t)
	rows := headerSize + 3*labelSize
	damage := map[string]func(file []byte) []byte{
		"empty":             func([]byte) []byte { return nil },
		"other magic":       func(file []byte) []byte { file[0] = 'X'; return file },
		"cut":               func(file []byte) []byte { return file[:len(file)-1] },
		"longer":            func(file []byte) []byte { return append(file, 0) },
		"jump out of table": func(file []byte) []byte { binary.LittleEndian.PutUint16(file[rows:], 4); return file },
		"unknown label": func(file []byte) []byte {
			binary.LittleEndian.PutUint16(file[rows+rowSize-2:], 3)
			return file
		},
	}
	for name, change := range damage {
		if _, err := Open(string(change(slices.Clone(good)))); !errors.Is(err, errFormat) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestEncodeRefusesWhatSixteenBitsCannotNumber(t *testing.T) {
	if _, err := Encode(nil, make([]State, 1<<16)); err == nil {
		t.Error("65,536 states were accepted")
	}
}

func TestLineTypeNames(t *testing.T) {
	for lineType := Unknown; lineType <= Voicemail; lineType++ {
		text, err := lineType.MarshalText()
		var back LineType
		if err != nil || back.UnmarshalText(text) != nil || back != lineType || string(text) != lineType.String() {
			t.Errorf("%d: text %q, read back as %d, %v", lineType, text, back, err)
		}
	}
	if _, err := LineType(99).MarshalText(); err == nil {
		t.Error("a line type without a name was written")
	}
	var lineType LineType
	if err := lineType.UnmarshalText([]byte("landline")); err == nil {
		t.Error("an unknown name was read")
	}
}
