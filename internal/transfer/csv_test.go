package transfer

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf16"

	"pgregory.net/rapid"
)

// read is one record, copied.
type read struct {
	row, offset int64
	lines       int
	raw         string
	fields      []string
	flaws       Flaw
}

// failer is what a test and a property have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func readAll(t failer, src io.Reader, opts Options) []read {
	t.Helper()
	r := NewReader(src, opts)
	var all []read
	for {
		rec, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("read row %d: %v", len(all)+1, err)
		}
		one := read{row: rec.Row, offset: rec.Offset, lines: rec.Lines, raw: string(rec.Raw) + string(rec.LineEnd), flaws: rec.Flaws}
		for _, f := range rec.Fields {
			one.fields = append(one.fields, string(f))
		}
		all = append(all, one)
	}
}

func fieldsOf(rows []read) [][]string {
	var all [][]string
	for _, r := range rows {
		all = append(all, r.fields)
	}
	return all
}

func TestReaderUnderstandsTheShapesFilesComeIn(t *testing.T) {
	want := [][]string{{"phone", "name", "note"}, {"+12025550123", "Ann", "a"}, {"+12025550124", "Bob", "b"}}
	utf16File := func(bom string, low, high int) string {
		text := []byte(bom)
		for _, u := range utf16.Encode([]rune("phone,name,note\n+12025550123,Ann,a\n+12025550124,Bob,b\n")) {
			pair := [2]byte{}
			pair[low], pair[high] = byte(u), byte(u>>8)
			text = append(text, pair[:]...)
		}
		return string(text)
	}
	for name, file := range map[string]string{
		"LF":                     "phone,name,note\n+12025550123,Ann,a\n+12025550124,Bob,b\n",
		"CRLF":                   "phone,name,note\r\n+12025550123,Ann,a\r\n+12025550124,Bob,b\r\n",
		"CR":                     "phone,name,note\r+12025550123,Ann,a\r+12025550124,Bob,b\r",
		"no last line end":       "phone,name,note\n+12025550123,Ann,a\n+12025550124,Bob,b",
		"last line ends in CR":   "phone,name,note\n+12025550123,Ann,a\n+12025550124,Bob,b\r",
		"byte order mark":        "\ufeffphone,name,note\n+12025550123,Ann,a\n+12025550124,Bob,b\n",
		"mark before a quote":    "\ufeff\"phone\",name,note\n+12025550123,Ann,a\n+12025550124,Bob,b\n",
		"semicolons":             "phone;name;note\n+12025550123;Ann;a\n+12025550124;Bob;b\n",
		"tabs":                   "phone\tname\tnote\n+12025550123\tAnn\ta\n+12025550124\tBob\tb\n",
		"pipes":                  "phone|name|note\n+12025550123|Ann|a\n+12025550124|Bob|b\n",
		"separator line":         "sep=;\nphone;name;note\n+12025550123;Ann;a\n+12025550124;Bob;b\n",
		"all quoted":             "\"phone\",\"name\",\"note\"\r\n\"+12025550123\",\"Ann\",\"a\"\r\n\"+12025550124\",\"Bob\",\"b\"\r\n",
		"blank lines":            "\nphone,name,note\n\n+12025550123,Ann,a\n\r\n+12025550124,Bob,b\n\n",
		"UTF-16, little-endian":  utf16File("\xff\xfe", 0, 1),
		"UTF-16, big-endian":     utf16File("\xfe\xff", 1, 0),
		"quoted, CR line ends":   "\"phone\",name,note\r\"+12025550123\",Ann,a\r\"+12025550124\",Bob,b\r",
		"quoted last field, end": "phone,name,\"note\"\n+12025550123,Ann,a\n+12025550124,Bob,\"b\"",
	} {
		t.Run(name, func(t *testing.T) {
			for _, src := range []io.Reader{strings.NewReader(file), iotest.OneByteReader(strings.NewReader(file))} {
				rows := readAll(t, src, Options{})
				if got := fieldsOf(rows); !slices.EqualFunc(got, want, slices.Equal) {
					t.Fatalf("got %q, want %q, of %q", got, want, file)
				}
				for _, r := range rows {
					if r.flaws != 0 {
						t.Errorf("row %d: unexpected flaws: %s", r.row, r.flaws)
					}
				}
			}
		})
	}
}

func TestQuotedFieldsKeepWhatTheyHold(t *testing.T) {
	file := "a,b\n\"one, \"\"two\"\"\",\"line 1\r\nline 2\n\"\nx,5\" pipe\n\"\",\"\"\"\"\n"
	rows := readAll(t, strings.NewReader(file), Options{})
	want := [][]string{{"a", "b"}, {`one, "two"`, "line 1\r\nline 2\n"}, {"x", `5" pipe`}, {"", `"`}}
	if got := fieldsOf(rows); !slices.EqualFunc(got, want, slices.Equal) {
		t.Fatalf("got %q, want %q", got, want)
	}
	if rows[1].lines != 3 {
		t.Errorf("lines of the row: got %d, want 3", rows[1].lines)
	}
}

func TestAFaultStaysInItsRow(t *testing.T) {
	long := strings.Repeat("x", 200)
	for name, c := range map[string]struct {
		row  string
		want Flaw
		code Code
	}{
		"too few fields":            {"1", Ragged, CodeRagged},
		"too many fields":           {"1,2,3", Ragged, CodeRagged},
		"far too many fields":       {"1,2,3,4,5,6,7,8,9", Ragged | TooManyFields, CodeTooManyFields},
		"NUL":                       {"1,\x00", HasNUL, CodeNUL},
		"not UTF-8":                 {"1,caf\xe9", BadUTF8, CodeBadUTF8},
		"not UTF-8, quoted":         {"\"1\",caf\xe9", BadUTF8, CodeBadUTF8},
		"long":                      {"1," + long, TooLong, CodeTooLong},
		"long, quoted":              {"1,\"" + long + "\"", TooLong, CodeTooLong},
		"long, with rows in a text": {"1,\"" + strings.Repeat("\n+12025550123,yes", 20) + "\"", TooLong, CodeTooLong},
		"text after a quote":        {"\"1\"x,2", BadQuote | Ragged, CodeBadQuote},
	} {
		t.Run(name, func(t *testing.T) {
			file := "a,b\n" + c.row + "\nlast,row\n"
			for _, src := range []io.Reader{strings.NewReader(file), iotest.OneByteReader(strings.NewReader(file))} {
				rows := readAll(t, src, Options{MaxRow: 100, MaxFields: 8})
				if len(rows) != 3 {
					t.Fatalf("got %d rows, want 3: %+v", len(rows), rows)
				}
				if rows[1].flaws != c.want || rows[1].flaws.Code() != c.code {
					t.Errorf("got %s (%s), want %s", rows[1].flaws, rows[1].flaws.Code(), c.want)
				}
				if last := rows[2]; last.flaws != 0 || !slices.Equal(last.fields, []string{"last", "row"}) || last.row != 3 {
					t.Errorf("the row after it: got %+v", last)
				}
			}
		})
	}
}

func TestALoneSurrogateIsFlagged(t *testing.T) {
	file := "\xff\xfea\x00,\x00b\x00\n\x00" + "1\x00,\x00\x3d\xd8\n\x00" + "1\x00,\x00\x3d\xd8\x00\xde\n\x00" + "2\x00,\x00x"
	rows := readAll(t, strings.NewReader(file), Options{})
	if len(rows) != 4 || rows[1].flaws != BadUTF8 || rows[2].flaws != 0 || rows[2].fields[1] != "😀" || rows[3].flaws != BadUTF8 {
		t.Errorf("got %+v", rows)
	}
}

func TestAnUnclosedQuoteIsAnErrorOfItsRow(t *testing.T) {
	rows := readAll(t, strings.NewReader("a,b\n1,2\n\"3,4\n5,6\n"), Options{})
	if len(rows) != 3 || rows[2].flaws&UnclosedQuote == 0 || rows[2].lines != 3 {
		t.Errorf("got %+v", rows)
	}
	rows = readAll(t, strings.NewReader("a,b\n\""+strings.Repeat("3,4\n", 100)), Options{MaxRow: 64})
	if len(rows) != 2 || rows[1].flaws != TooLong|UnclosedQuote {
		t.Errorf("longer than the limit: got %+v", rows)
	}
}

func TestRowLimitIsExact(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", ""} {
		for _, quote := range []string{"", `"`} {
			for over := range 2 {
				row := quote + strings.Repeat("x", 50-2*len(quote)+over) + quote
				rows := readAll(t, strings.NewReader(row+end), Options{MaxRow: 50})
				if got, want := rows[0].flaws&TooLong != 0, over == 1; got != want {
					t.Errorf("%d bytes, end %q, quote %q: too long %v, want %v", len(row), end, quote, got, want)
				}
			}
		}
	}
}

func TestAnInputErrorIsNoEndOfFile(t *testing.T) {
	broken := errors.New("connection lost")
	for _, text := range []string{"a,b\n1,2\n3,", "a,b\n1,2\n\"3", ""} {
		r := NewReader(io.MultiReader(strings.NewReader(text), iotest.ErrReader(broken)), Options{})
		var err error
		for err == nil {
			_, err = r.Read()
		}
		if !errors.Is(err, broken) {
			t.Errorf("after %q: got %v, want %v", text, err, broken)
		}
	}
}

func TestHeaderOfAnEmptyFile(t *testing.T) {
	for _, file := range []string{"", "\n\r\n", "\xef\xbb\xbf"} {
		if _, err := NewReader(strings.NewReader(file), Options{}).Header(); !errors.Is(err, ErrNoHeader) {
			t.Errorf("%q: got %v, want %v", file, err, ErrNoHeader)
		}
	}
}

func TestReadingAsksForNoMoreThanTheRow(t *testing.T) {
	in, out := io.Pipe()
	defer out.Close()
	r := NewReader(in, Options{})
	for i, row := range []string{"phone,name\n", "+12025550123,Ann\n", "\"+12025550124\",\"Bob\"\n"} {
		go out.Write([]byte(row))
		if rec, err := r.Read(); err != nil || rec.Row != int64(i+1) {
			t.Fatalf("row %d: %v", i+1, err)
		}
	}
}

var anyCell = rapid.OneOf(
	rapid.StringOf(rapid.SampledFrom([]rune("ab,;|\t\"\r\n '+=é😀"))),
	rapid.StringN(0, 20, -1),
)

func TestRowsResumeWhereTheyStopped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		cells := rapid.SliceOfN(rapid.SliceOfN(anyCell, 3, 3), 2, 20).Draw(t, "rows")
		var file bytes.Buffer
		w := csv.NewWriter(&file)
		cells = append([][]string{{"a", "b", "c"}}, cells...)
		w.UseCRLF = rapid.Bool().Draw(t, "CRLF")
		if err := w.WriteAll(cells); err != nil {
			t.Fatal(err)
		}
		opts := Options{Delimiter: ',', Fields: -1}
		r := NewReader(bytes.NewReader(file.Bytes()), opts)
		stop := rapid.IntRange(1, len(cells)-1).Draw(t, "stop")
		for range stop {
			if _, err := r.Read(); err != nil {
				t.Fatal(err)
			}
		}
		row, offset := r.Position()
		again := NewReader(bytes.NewReader(file.Bytes()), opts)
		if _, err := again.Header(); err != nil {
			t.Fatal(err)
		}
		if err := again.Resume(row, offset); err != nil {
			t.Fatal(err)
		}
		for {
			want, wantErr := r.Read()
			got, gotErr := again.Read()
			if gotErr != wantErr {
				t.Fatalf("got %v, want %v", gotErr, wantErr)
			}
			if wantErr != nil {
				return
			}
			if got.Row != want.Row || got.Offset != want.Offset || !bytes.Equal(got.Raw, want.Raw) {
				t.Fatalf("got row %d at %d, want row %d at %d", got.Row, got.Offset, want.Row, want.Offset)
			}
		}
	})
}

func TestResumingInsideARowIsRefused(t *testing.T) {
	for _, offset := range []int64{0, 6, 100} {
		r := NewReader(strings.NewReader("a,b\n1,2\n3,4\n"), Options{})
		if _, err := r.Header(); err != nil {
			t.Fatal(err)
		}
		if err := r.Resume(2, offset); !errors.Is(err, ErrNotAtRow) {
			t.Errorf("offset %d: got %v, want %v", offset, err, ErrNotAtRow)
		}
	}
}

func TestRawRowsAreTheFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		file := rapid.StringOf(rapid.SampledFrom([]rune("ab,;\"\r\n\xffé"))).Draw(t, "file")
		var raw strings.Builder
		for _, r := range readAll(t, iotest.HalfReader(strings.NewReader(file)), Options{KeepBlank: true}) {
			raw.WriteString(r.raw)
		}
		if got, want := raw.String(), file; got != want && !strings.HasPrefix(file, "sep=") {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

// oracle parses with encoding/csv, line ends inside fields as they are there.
func oracle(file []byte, delimiter rune, lazy bool) ([][]string, error) {
	r := csv.NewReader(bytes.NewReader(file))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = delimiter, -1, lazy
	return r.ReadAll()
}

func compareWithOracle(t failer, file []byte) {
	t.Helper()
	r := NewReader(bytes.NewReader(file), Options{Fields: -1})
	delimiter := r.Delimiter()
	if r.lineEnd == '\r' || bytes.HasPrefix(file, []byte(utf8BOM)) || r.row > 0 || r.Encoding() != UTF8 {
		return // what encoding/csv does not know
	}
	rows := readAll(t, bytes.NewReader(file), Options{Fields: -1, Delimiter: delimiter})
	var flaws Flaw
	var got [][]string
	for _, row := range rows {
		flaws |= row.flaws
		for i, f := range row.fields {
			row.fields[i] = strings.ReplaceAll(f, "\r\n", "\n") // encoding/csv normalises these
		}
		got = append(got, row.fields)
	}
	want, err := oracle(file, rune(delimiter), false)
	if err == nil && flaws&(BadQuote|UnclosedQuote|TooLong) != 0 {
		t.Fatalf("encoding/csv reads %q, this reader flags %s", file, flaws)
	}
	if err != nil {
		// A bare quote is the only thing that is taken more kindly here.
		if flaws&(BadQuote|UnclosedQuote) != 0 || !errors.Is(err, csv.ErrBareQuote) {
			if flaws == 0 {
				t.Fatalf("encoding/csv refuses %q (%v), this reader sees nothing wrong", file, err)
			}
			return
		}
		if want, err = oracle(file, rune(delimiter), true); err != nil {
			t.Fatalf("encoding/csv, lazily: %v", err)
		}
	}
	if flaws&(TooManyFields|TooLong) == 0 && !slices.EqualFunc(got, want, slices.Equal) {
		t.Fatalf("%q:\ngot  %q\nwant %q", file, got, want)
	}
}

func TestReaderAgreesWithEncodingCSV(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		compareWithOracle(t, []byte(rapid.StringOf(rapid.SampledFrom([]rune("ab,;|\t\"\r\n "))).Draw(t, "file")))
	})
}

func FuzzReader(f *testing.F) {
	for _, seed := range []string{
		"a,b\n1,2\n", "a;b\r\n\"x;\"\"y\";2\r\n", "\"a\nb\",c\n", "a\"b,c\n", "\"a\"b,c\n", "\xff\xfea\x00", "sep=;\na;b\n", "a\rb\rc", "\"a\r",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		compareWithOracle(t, file)
		whole := fmt.Sprint(readAll(t, bytes.NewReader(file), Options{}))
		pieces := fmt.Sprint(readAll(t, iotest.OneByteReader(bytes.NewReader(file)), Options{}))
		if whole != pieces {
			t.Fatalf("%q: read whole %s, in pieces %s", file, whole, pieces)
		}
		for _, r := range readAll(t, bytes.NewReader(file), Options{MaxRow: 16}) {
			if len(r.raw) > cutRow && r.flaws&TooLong == 0 {
				t.Fatalf("a row of %d bytes passes a limit of 16", len(r.raw))
			}
		}
	})
}
