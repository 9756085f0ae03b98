package relocation

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/store"
)

// aRow draws values of the kinds that columns have, NULL among them.
func aRow(t *rapid.T, table store.Table) []any {
	row := make([]any, len(table.Columns))
	for i, c := range table.Columns {
		switch c.Kind {
		case "BIGINT":
			row[i] = rapid.Int64().Draw(t, c.Name)
		case "TEXT":
			row[i] = rapid.String().Draw(t, c.Name)
		default:
			row[i] = rapid.SliceOf(rapid.Byte()).Draw(t, c.Name)
		}
	}
	return row
}

var mixed = store.Table{
	Name:    "mixed",
	Columns: []store.Column{{Name: "a", Kind: "BIGINT"}, {Name: "b", Kind: "TEXT"}, {Name: "c", Kind: "BYTEA"}},
	Key:     []string{"c", "a", "b"},
}

func TestAKeyIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		row := aRow(t, mixed)
		key := []any{row[2], row[0], row[1]}
		got, err := decodeKey(mixed, encodeKey(key))
		if err != nil || !reflect.DeepEqual(got, key) {
			t.Fatalf("got %v, %v; want %v", got, err, key)
		}
	})
}

func TestADamagedKeyIsAnError(t *testing.T) {
	for _, text := range []string{"", "x", `["zz","1","b"]`, `["00","one","b"]`} {
		if key, err := decodeKey(mixed, text); err == nil {
			t.Errorf("%q: got %v, want an error", text, key)
		}
	}
}

func TestTheDigestKnowsEveryValueAndNoOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) []any { return aRow(t, mixed) }), 2, 8).Draw(t, "rows")
		of := func(rows [][]any) (d digest) {
			for _, r := range rows {
				d.add(r)
			}
			return d
		}
		whole := of(rows)
		turned := slices.Clone(rows)
		slices.Reverse(turned)
		parts := of(rows[:1])
		parts.join(digestOf((&digest{}).bytes()))
		parts.join(of(rows[1:]))
		if of(turned) != whole || parts != whole || digestOf(whole.bytes()) != whole {
			t.Fatal("it depends on the order, or on where it was interrupted")
		}
		changed := slices.Clone(rows)
		changed[0] = slices.Clone(rows[0])
		changed[0][rapid.IntRange(0, 2).Draw(t, "column")] = nil
		if of(changed) == whole || of(rows[1:]) == whole {
			t.Fatal("it does not tell that a value or a row is missing")
		}
	})
}

func TestValuesDoNotRunIntoEachOther(t *testing.T) {
	var a, b, c digest
	a.add([]any{"ab", "c"})
	b.add([]any{"a", "bc"})
	c.add([]any{[]byte("ab"), "c"})
	if a == b || a == c {
		t.Error("different rows have one digest")
	}
}

func TestWhatBelongsToADatabaseStaysThere(t *testing.T) {
	all, err := store.Tables()
	if err != nil {
		t.Fatal(err)
	}
	tables, err := carried()
	if err != nil {
		t.Fatal(err)
	}
	if len(tables) != len(all)-len(stay) {
		t.Errorf("%d of %d tables are carried, want all but %v", len(tables), len(all), stay)
	}
	for _, name := range []string{"ledger", "subjects", "records", "seen", "definitions", "list_members", "checkpoints", "log_tiles", "cursors"} {
		if !slices.ContainsFunc(tables, func(t store.Table) bool { return t.Name == name }) {
			t.Errorf("%s is not carried", name)
		}
	}
}
