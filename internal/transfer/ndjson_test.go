package transfer

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

type question struct {
	Number string `json:"number"`
	Count  int    `json:"count"`
}

func TestLinesKeepTheirNumbersAndFaults(t *testing.T) {
	file := "\ufeff{\"number\":\"+12025550101\"}\r\n\n{\"number\":\"" + strings.Repeat("1", 200) + "\"}\n{\"number\":\"\xff\"}\n{\"number\":\"\x00\"}\n{}"
	want := []struct {
		row   int64
		flaws Flaw
	}{{1, 0}, {3, TooLong}, {4, BadUTF8}, {5, HasNUL}, {6, 0}}
	for _, src := range []io.Reader{strings.NewReader(file), iotest.OneByteReader(strings.NewReader(file))} {
		r := NewLineReader(src, 60)
		for _, w := range want {
			l, err := r.Read()
			if err != nil || l.Row != w.row || l.Flaws != w.flaws {
				t.Fatalf("got row %d, %v, %v, want row %d, %v", l.Row, l.Flaws, err, w.row, w.flaws)
			}
			if (l.Err() == nil) != (w.flaws == 0) {
				t.Errorf("row %d: error %v", l.Row, l.Err())
			}
		}
		if _, err := r.Read(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want the end", err)
		}
	}
}

func TestLinesResumeWhereTheyStopped(t *testing.T) {
	const file = "{\"count\":1}\n{\"count\":2}\n{\"count\":3}\n"
	r := NewLineReader(strings.NewReader(file), 0)
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	row, offset := r.Position()
	again := NewLineReader(strings.NewReader(file), 0)
	if err := again.Resume(row, offset); err != nil {
		t.Fatal(err)
	}
	l, err := again.Read()
	if err != nil || l.Row != 2 || string(l.Raw) != `{"count":2}` {
		t.Errorf("got row %d %s, %v", l.Row, l.Raw, err)
	}
	if err := NewLineReader(strings.NewReader(file), 0).Resume(1, 5); !errors.Is(err, ErrNotAtRow) {
		t.Errorf("inside a line: got %v, want %v", err, ErrNotAtRow)
	}
}

func TestALineIsDecodedOrItsFaultTold(t *testing.T) {
	read := func(line string) *Line {
		l, err := NewLineReader(strings.NewReader(line), 0).Read()
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	var q question
	if err := read(`{"number":"+12025550101","count":3}`).Decode(&q); err != nil || q.Number != "+12025550101" || q.Count != 3 {
		t.Errorf("got %+v, %v", q, err)
	}
	for _, bad := range []string{
		`{"number":"+12025550142"`, `{"number":+12025550142}`, `{"number":12025550142}`, `{"count":120255501421202555014212025550142}`,
		`{"12025550142":1}`, `{} {}`, `{"number":"+12025550142"}x`, `"+12025550142"`,
	} {
		err := read(bad).Decode(&question{})
		var fault *FieldError
		if !errors.As(err, &fault) || fault.Code != CodeBadJSON || fault.Row != 1 {
			t.Errorf("%s: got %v, want %s", bad, err, CodeBadJSON)
			continue
		}
		if shows(err.Error()) {
			t.Errorf("an error shows a number: %v", err)
		}
	}
	if err := read(`{"colour":1}`).Decode(&q); err == nil || !strings.Contains(err.Error(), "colour") {
		t.Errorf("an unknown field: got %v, want it named", err)
	}
	if err := read("\xff").Decode(&q); err == nil {
		t.Error("a flawed line was decoded")
	}
}

func TestALineInputErrorIsNoEndOfFile(t *testing.T) {
	broken := errors.New("connection lost")
	r := NewLineReader(io.MultiReader(strings.NewReader("{}\n{"), iotest.ErrReader(broken)), 0)
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(); !errors.Is(err, broken) {
		t.Errorf("got %v, want %v", err, broken)
	}
}

func TestTheLastLineIsWholeThoughItFillsTheBuffer(t *testing.T) {
	const maxRow = 64
	first := strings.Repeat("a", 19) + "\n"
	last := strings.Repeat("b", 23) + strings.Repeat("c", maxRow+2-20-23) // the buffer has two bytes of grace
	r := NewLineReader(strings.NewReader(first+last), maxRow)
	if _, err := r.Read(); err != nil {
		t.Fatal(err)
	}
	l, err := r.Read()
	if err != nil || string(l.Raw) != last {
		t.Errorf("got %q, %v; want %q", l.Raw, err, last)
	}
}
