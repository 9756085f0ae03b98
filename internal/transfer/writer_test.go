package transfer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func write(t failer, opts WriterOptions, rows ...[]string) string {
	t.Helper()
	var out bytes.Buffer
	w := NewWriter(&out, opts)
	for _, row := range rows {
		if err := w.Write(row...); err != nil {
			t.Fatalf("%v", err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatalf("%v", err)
	}
	return out.String()
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := append([][]string{{"a", "b", "c"}}, rapid.SliceOf(rapid.SliceOfN(anyCell, 3, 3)).Draw(t, "rows")...)
		opts := WriterOptions{
			Delimiter:   rapid.SampledFrom([]byte{0, ';', '\t', '|'}).Draw(t, "delimiter"),
			Spreadsheet: rapid.Bool().Draw(t, "spreadsheet"), LF: rapid.Bool().Draw(t, "LF"),
		}
		var got [][]string
		for _, r := range readAll(t, strings.NewReader(write(t, opts, rows...)), Options{}) {
			if r.flaws&^HasNUL != 0 {
				t.Fatalf("row %d: %s", r.row, r.flaws)
			}
			for i, f := range r.fields {
				if opts.Spreadsheet {
					if risky(f) && !strings.HasPrefix(f, "'") {
						t.Fatalf("%q would be run as a formula", f)
					}
					r.fields[i] = Unguard(f)
				}
			}
			got = append(got, r.fields)
		}
		if !slices.EqualFunc(got, rows, slices.Equal) {
			t.Fatalf("got %q, want %q", got, rows)
		}
	})
}

func TestOthersReadWhatIsWritten(t *testing.T) {
	rows := [][]string{{"a", "b"}, {`say "hi"`, "x,y"}, {"line 1\nline 2", " spaced "}, {"", ""}}
	got, err := csv.NewReader(strings.NewReader(write(t, WriterOptions{}, rows...))).ReadAll()
	if err != nil || !slices.EqualFunc(got, rows, slices.Equal) {
		t.Errorf("got %q, %v, want %q", got, err, rows)
	}
	if got := write(t, WriterOptions{}, []string{""}); got != "\"\"\r\n" {
		t.Errorf("a row of one empty field: got %q, want it quoted", got)
	}
}

func TestSpreadsheetsRunNothing(t *testing.T) {
	for text, want := range map[string]string{
		"=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM": "'@SUM", "\tx": "'\tx", "\rx": "'\rx", "\x00x": "'\x00x", "＝1": "'＝1",
		"'=1": "''=1", "'": "'", "'tis": "'tis", "": "", "a=b": "a=b", "tel:+12025550101": "tel:+12025550101",
	} {
		if got := Guard(text); got != want {
			t.Errorf("guard %q: got %q, want %q", text, got, want)
		}
		if got := Unguard(Guard(text)); got != text {
			t.Errorf("unguard %q: got %q, want %q", Guard(text), got, text)
		}
	}
	for _, foreign := range []string{"'tis", "'", "''", "'a", "plain"} {
		if got := Unguard(foreign); got != foreign {
			t.Errorf("unguard %q, which is no guard: got %q", foreign, got)
		}
	}
	got := write(t, WriterOptions{Spreadsheet: true}, []string{NewWriter(nil, WriterOptions{Spreadsheet: true}).Number("+12025550101"), "=1"})
	if want := utf8BOM + "tel:+12025550101,'=1\r\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := NewWriter(nil, WriterOptions{}).Number("+12025550101"); got != "+12025550101" {
		t.Errorf("for programs: got %q", got)
	}
}

// What is exported here is read back here, guarded or not.
func TestOwnExportsComeBackAsTheyWere(t *testing.T) {
	d, err := DialectByName("consentline")
	if err != nil {
		t.Fatal(err)
	}
	header := []string{"number", "brand", "purpose", "channel", "act", "level", "text", "actor"}
	rapid.Check(t, func(t *rapid.T) {
		opts := WriterOptions{Spreadsheet: rapid.Bool().Draw(t, "spreadsheet")}
		text := strings.TrimSpace(rapid.StringOf(rapid.SampledFrom([]rune("=+-@'a\n\",é "))).Draw(t, "text"))
		number := NewWriter(nil, opts).Number("+12025550101")
		file := write(t, opts, header, []string{number, "acme", "marketing", "sms", "granted", "express", text, "=jane"})
		m := mapFile(t, []byte(file), d, acme)[0]
		if len(m.Rows) != 1 || m.Rows[0].Number != "+12025550101" || m.Rows[0].Text != text || m.Rows[0].Actor != "=jane" {
			t.Fatalf("%q: got %+v, want text %q", file, m, text)
		}
	})
}

func TestEchoLeavesTheCallersBytes(t *testing.T) {
	file := "\"phone\";name\r\n\"+12025550101\";O\"Neil\n=1;\"a\r\nb\"\r\n'+1;x"
	r := NewReader(strings.NewReader(file), Options{})
	var out bytes.Buffer
	w := NewWriter(&out, WriterOptions{Delimiter: r.Delimiter(), Spreadsheet: true})
	for _, verdict := range []string{"verdict", "allow", "deny", "=1"} {
		rec, err := r.Read()
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Echo(rec, verdict); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	want := "\"phone\";name;verdict\r\n\"+12025550101\";O\"Neil;allow\n=1;\"a\r\nb\";deny\r\n'+1;x;'=1\r\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestEchoRefusesWhatCannotBeContinued(t *testing.T) {
	for _, file := range []string{"\"open", strings.Repeat("x", 100)} {
		rec, err := NewReader(strings.NewReader(file), Options{MaxRow: 50}).Read()
		if err != nil {
			t.Fatal(err)
		}
		var flawed *FieldError
		if err := NewWriter(io.Discard, WriterOptions{}).Echo(rec, "allow"); !errors.As(err, &flawed) {
			t.Errorf("%.10q: got %v, want its flaw", file, err)
		}
	}
}

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, io.ErrShortWrite }

func TestAWriteErrorIsReported(t *testing.T) {
	w := NewWriter(fullDisk{}, WriterOptions{})
	if err := w.Write("a"); err != nil {
		t.Fatalf("buffered: %v", err)
	}
	if err := w.Flush(); !errors.Is(err, io.ErrShortWrite) {
		t.Errorf("got %v, want %v", err, io.ErrShortWrite)
	}
}

func TestRejectsNameRowReasonAndOriginal(t *testing.T) {
	var out bytes.Buffer
	r := NewRejects(&out, WriterOptions{LF: true})
	if err := r.Flush(); err != nil || out.Len() != 0 {
		t.Fatalf("nothing rejected: got %q, %v", out.String(), err)
	}
	reason := &FieldError{Row: 7, Column: "status", Code: CodeUnknownStatus, Message: `"maybe" is not known`}
	if err := errors.Join(r.Add(reason, []byte("+12025550101,maybe")), r.Flush()); err != nil {
		t.Fatal(err)
	}
	want := "row,code,column,message,original\n7,unknown_status,status,\"\"\"maybe\"\" is not known\",\"+12025550101,maybe\"\n"
	if out.String() != want || r.Count() != 1 {
		t.Errorf("got %q (%d), want %q", out.String(), r.Count(), want)
	}
}
