package transfer

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"
)

// fromBlocks reads a file as blocks and splits each; long rows are told as one row "long" with the bytes there were.
func fromBlocks(t *testing.T, src io.Reader, maxRow int) (rows []string, all []byte) {
	t.Helper()
	r := NewReader(src, Options{MaxRow: maxRow, KeepBlank: true, Delimiter: ','})
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	rows = append(rows, strings.Join(header, "|"))
	b := r.BlockReader()
	for {
		block, part, err := r.ReadBlock()
		if errors.Is(err, io.EOF) {
			return rows, all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, block...)
		switch part {
		case RowPiece:
			continue
		case RowEnd, RowUnended:
			rows = append(rows, "long")
			continue
		}
		b.Reset(bytes.Clone(block))
		for {
			rec, err := b.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, shown(rec))
		}
	}
}

func shown(rec *Record) string {
	if rec.Flaws&TooLong != 0 {
		return "long"
	}
	return string(bytes.Join(rec.Fields, []byte("|"))) + "#" + string(rec.LineEnd) + "#" + string(rec.Flaws.Code())
}

// inOrder reads the same file row by row.
func inOrder(t *testing.T, src io.Reader, maxRow int) (rows []string) {
	t.Helper()
	r := NewReader(src, Options{MaxRow: maxRow, KeepBlank: true, Delimiter: ','})
	header, err := r.Header()
	if err != nil {
		t.Fatal(err)
	}
	rows = append(rows, strings.Join(header, "|"))
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, shown(rec))
	}
}

func TestBlocksHoldTheRowsThatReadingInOrderFinds(t *testing.T) {
	pieces := []string{"a", "bc", ",", ",", "\n", "\n", "\r\n", `"`, `"`, `""`, "é", "\xff", `"x,y"`, "\"two\nlines\"", strings.Repeat("z", 40)}
	random := rand.New(rand.NewPCG(7, 8))
	for range 4000 {
		var file strings.Builder
		file.WriteString("h1,h2\n")
		for range random.IntN(40) {
			file.WriteString(pieces[random.IntN(len(pieces))])
		}
		text := file.String()
		for _, maxRow := range []int{0, 64} {
			want := inOrder(t, strings.NewReader(text), maxRow)
			for name, src := range map[string]io.Reader{"at once": strings.NewReader(text), "byte by byte": iotest.OneByteReader(strings.NewReader(text)), "in halves": iotest.HalfReader(strings.NewReader(text))} {
				got, all := fromBlocks(t, src, maxRow)
				if strings.Join(got, "\x00") != strings.Join(want, "\x00") {
					t.Fatalf("%q, %s, rows of %d:\ngot  %q\nwant %q", text, name, maxRow, got, want)
				}
				if text[len("h1,h2\n"):] != string(all) {
					t.Fatalf("%q, %s: the blocks are %q", text, name, all)
				}
			}
		}
	}
}

func TestALongRowSaysHowItEnded(t *testing.T) {
	long := strings.Repeat("z", 300)
	for text, want := range map[string]Part{
		"h\n" + long + "\nb\n":        RowEnd,
		"h\n" + long:                  RowEnd,
		"h\n\"" + long + "\n" + long:  RowUnended,
		"h\n\"" + long + "\"\n" + "b": RowEnd,
	} {
		r := NewReader(strings.NewReader(text), Options{MaxRow: 64})
		if _, err := r.Header(); err != nil {
			t.Fatal(err)
		}
		for {
			_, part, err := r.ReadBlock()
			if err != nil {
				t.Fatalf("%q: %v before the long row ended", text, err)
			}
			if part == RowPiece {
				continue
			}
			if part != want {
				t.Errorf("%.10q…: ended as %d, want %d", text, part, want)
			}
			break
		}
	}
}

func TestBlocksPassOnTheInputsError(t *testing.T) {
	broken := errors.New("broken")
	for _, text := range []string{"h\na\n", "h\na", "h\n" + strings.Repeat("z", 300)} {
		r := NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Options{MaxRow: 64})
		if _, err := r.Header(); err != nil {
			t.Fatal(err)
		}
		var err error
		for err == nil {
			_, _, err = r.ReadBlock()
		}
		if !errors.Is(err, broken) {
			t.Errorf("%.10q: got %v", text, err)
		}
	}
}

func TestNumberColumn(t *testing.T) {
	for _, c := range []struct {
		header string
		name   string
		want   int
	}{
		{"name,Phone Number,city", "", 1},
		{"MSISDN", "", 0},
		{"id,phone,mobile", "mobile", 2},
		{"id,phone,mobile", "Mobile", 2},
		{"Email,Phone,anything", "anything", 2},
	} {
		got, err := NumberColumn(strings.Split(c.header, ","), c.name)
		if err != nil || got != c.want {
			t.Errorf("%s, %q: got %d, %v; want %d", c.header, c.name, got, err, c.want)
		}
	}
	for _, c := range []struct{ header, name string }{{"id,phone,mobile", ""}, {"id,name", ""}, {"id,name", "phone"}, {"a,a", "a"}} {
		var missing *NoColumnError
		if _, err := NumberColumn(strings.Split(c.header, ","), c.name); !errors.As(err, &missing) || err.Error() == "" {
			t.Errorf("%s, %q: got %v", c.header, c.name, err)
		}
	}
	if _, err := NumberColumn([]string{"+12025550123", "x"}, ""); !errors.Is(err, ErrHeaderIsData) {
		t.Errorf("data for a header: got %v", err)
	}
	if got, whole := CleanNumber(`="+12025550123"`); got != "+12025550123" || !whole {
		t.Errorf("got %q, %v", got, whole)
	}
	if _, whole := CleanNumber("1.20255E+10"); whole {
		t.Error("a rounded number is taken for whole")
	}
}
