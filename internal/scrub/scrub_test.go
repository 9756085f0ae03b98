package scrub_test

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/phone"
	"github.com/consentline/consentline/internal/scrub"
	"github.com/consentline/consentline/internal/transfer"
)

var now = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// index holds a yes at the even ones of a hundred numbers, +12025550100 and on, and a no at every fifth.
func index(t testing.TB) *check.Index {
	t.Helper()
	x := check.New(check.Config{Clock: func() time.Time { return now }})
	b := check.Batch{
		Seq: 1, Brands: []check.BrandChange{{Brand: "default"}},
		Purposes: []check.PurposeChange{{Purpose: "marketing", Class: consent.Marketing}},
	}
	for i := range 100 {
		s := check.State{Status: consent.StatusGranted, GrantedAt: 1, Seq: 1}
		if i%5 == 0 {
			s.Status = consent.StatusWithdrawn
		} else if i%2 != 0 {
			continue
		}
		b.Records = append(b.Records, check.RecordChange{Number: number(i), Scope: consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}, State: s})
	}
	if err := x.Apply(b); err != nil {
		t.Fatal(err)
	}
	return x
}

func number(i int) phone.Number { return phone.Number(12025550100 + i) }

func want(i int) string {
	switch {
	case i%5 == 0:
		return "deny,withdrawn,"
	case i%2 == 0:
		return "allow,granted,"
	}
	return "deny,no_record,"
}

var asked = scrub.Options{Brand: "default", Purpose: "marketing", Channel: consent.SMS}

func scrubbed(t *testing.T, file string, o scrub.Options) string {
	t.Helper()
	var out strings.Builder
	if _, err := scrub.CSV(context.Background(), index(t), strings.NewReader(file), &out, o); err != nil {
		t.Fatalf("%q: %v", file, err)
	}
	return out.String()
}

func TestRowsComeBackAsTheyWere(t *testing.T) {
	const h, added = "id,phone,note", ",verdict,reason,next_allowed_at"
	for name, c := range map[string]struct{ file, want string }{
		"plain":           {h + "\n1,+12025550102,x\n", h + added + "\n1,+12025550102,x,allow,granted,\n"},
		"CRLF":            {h + "\r\n1,+12025550105,x\r\n", h + added + "\r\n1,+12025550105,x,deny,withdrawn,\r\n"},
		"no last newline": {h + "\n1,+12025550102,x", h + added + "\n1,+12025550102,x,allow,granted,"},
		"quoted":          {h + "\n\"1\",\"+12025550102\",\"a,\"\"b\"\"\n c\"\n", h + added + "\n\"1\",\"+12025550102\",\"a,\"\"b\"\"\n c\",allow,granted,\n"},
		"blank lines":     {h + "\n\n1,+12025550103,x\n\n", h + added + "\n\n1,+12025550103,x,deny,no_record,\n\n"},
		"byte order mark": {"\ufeff" + h + "\n1,+12025550102,x\n", "\ufeff" + h + added + "\n1,+12025550102,x,allow,granted,\n"},
		"separator line":  {"sep=;\nid;phone\n1;+12025550102\n", "sep=;\nid;phone;verdict;reason;next_allowed_at\n1;+12025550102;allow;granted;\n"},
		"leading blanks":  {"\n\n" + h + "\n", "\n\n" + h + added + "\n"},
		"tabs":            {"id\tphone\n1\t+12025550102\n", "id\tphone\tverdict\treason\tnext_allowed_at\n1\t+12025550102\tallow\tgranted\t\n"},
		"header alone":    {h, h + added},
		"pasted number":   {h + "\n1,(202) 555-0102,x\n", h + added + "\n1,(202) 555-0102,x,allow,granted,\n"},
		"guarded number":  {h + "\n1,'+12025550102,x\n", h + added + "\n1,'+12025550102,x,allow,granted,\n"},
		"tel":             {h + "\n1,tel:+12025550102,x\n", h + added + "\n1,tel:+12025550102,x,allow,granted,\n"},
		"no number":       {h + "\n1,,x\n", h + added + "\n1,,x,invalid,empty,\n"},
		"bad number":      {h + "\n1,+1202,x\n", h + added + "\n1,+1202,x,invalid,too_short,\n"},
		"rounded number":  {h + "\n1,1.20255E+10,x\n", h + added + "\n1,1.20255E+10,x,invalid,scientific_notation,\n"},
		"ragged":          {h + "\n1,+12025550102\n", h + added + "\n1,+12025550102,invalid,ragged_row,\n"},
		"broken UTF-8":    {h + "\n\xff,+12025550102,x\n", h + added + "\n\xff,+12025550102,x,invalid,invalid_utf8,\n"},
		"unclosed quote":  {h + "\n1,+12025550102,\"x\ny", h + added + "\n1,+12025550102,\"x\ny\",invalid,unclosed_quote,"},
		"bad quote":       {h + "\n1,+12025550102,\"x\"y\n", h + added + "\n1,+12025550102,\"x\"y,invalid,bad_quote,\n"},
	} {
		o := asked
		o.Region = "US"
		if got := scrubbed(t, c.file, o); got != c.want {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, c.want)
		}
	}
}

func TestLongRowsArePassedOnAndMarked(t *testing.T) {
	long := strings.Repeat("z", 10_000)
	o := asked
	o.MaxRow = 256
	file := "phone,note\n+12025550102," + long + "\r\n+12025550102,short\n+12025550104,\"" + long
	wanted := "phone,note,verdict,reason,next_allowed_at\n+12025550102," + long + ",invalid,row_too_long,\r\n+12025550102,short,allow,granted,\n+12025550104,\"" + long + "\",invalid,row_too_long,"
	if got := scrubbed(t, file, o); got != wanted {
		t.Errorf("got %d bytes, want %d: …%q", len(got), len(wanted), got[max(0, len(got)-60):])
	}
}

func TestHeadersThatCannotBeUsedWriteNothing(t *testing.T) {
	for name, c := range map[string]struct {
		file, column string
		want         error
	}{
		"empty":        {"", "", transfer.ErrNoHeader},
		"blank":        {"\n\n", "", transfer.ErrNoHeader},
		"data":         {"+12025550102,x\n", "", transfer.ErrHeaderIsData},
		"no column":    {"id,name\n", "", nil},
		"two columns":  {"phone,mobile\n", "", nil},
		"wrong column": {"id,phone\n", "number", nil},
		"broken":       {"id,\xff,phone\n", "", nil},
	} {
		var out bytes.Buffer
		o := asked
		o.Column = c.column
		_, err := scrub.CSV(context.Background(), index(t), strings.NewReader(c.file), &out, o)
		var header *scrub.HeaderError
		if !errors.As(err, &header) || c.want != nil && !errors.Is(err, c.want) || err.Error() == "" {
			t.Errorf("%s: got %v", name, err)
		}
		if out.Len() > 0 {
			t.Errorf("%s: wrote %q", name, out.String())
		}
	}
}

// bigFile has rows of all kinds, many blocks of them.
func bigFile(rows int) (file, wanted string, counts scrub.Counts) {
	var in, out strings.Builder
	in.WriteString("a,phone\n")
	out.WriteString("a,phone,verdict,reason,next_allowed_at\n")
	for i := range rows {
		row := fmt.Sprintf("%d,%s", i, number(i%100))
		mark := want(i % 100)
		switch {
		case i%17 == 0:
			row = fmt.Sprintf("\"%d\n,\"\"\",%s", i, number(i%100))
		case i%31 == 0:
			row, mark = fmt.Sprintf("%d,%d", i, i), "invalid,"
		}
		in.WriteString(row + "\n")
		if mark == "invalid," {
			counts.Invalid++
			out.WriteString(row + "," + mark)
			out.WriteString("?,\n")
			continue
		}
		out.WriteString(row + "," + mark + "\n")
		switch mark[0] {
		case 'a':
			counts.Allow++
		default:
			counts.Deny++
		}
	}
	counts.Rows = rows
	return in.String(), out.String(), counts
}

func TestOrderAndCountsHoldOverManyBlocks(t *testing.T) {
	file, wanted, counts := bigFile(60_000)
	for name, src := range map[string]io.Reader{"at once": strings.NewReader(file), "in small reads": iotest.HalfReader(strings.NewReader(file))} {
		var out strings.Builder
		flushes := 0
		o := asked
		o.Workers, o.Flush = 4, func() error { flushes++; return nil }
		got, err := scrub.CSV(context.Background(), index(t), src, &out, o)
		if err != nil || got != counts {
			t.Fatalf("%s: got %+v, %v; want %+v", name, got, err, counts)
		}
		if flushes == 0 {
			t.Errorf("%s: nothing was sent on", name)
		}
		gotRows, err := csv.NewReader(strings.NewReader(out.String())).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		wantRows, err := csv.NewReader(strings.NewReader(wanted)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for i, row := range wantRows {
			if row[3] == "?" {
				row[3] = gotRows[i][3]
			}
			if strings.Join(row, "|") != strings.Join(gotRows[i], "|") {
				t.Fatalf("%s: row %d: got %q, want %q", name, i, gotRows[i], row)
			}
		}
		if len(gotRows) != len(wantRows) {
			t.Errorf("%s: %d rows, want %d", name, len(gotRows), len(wantRows))
		}
	}
}

func TestAStaleNodeAllowsNoRow(t *testing.T) {
	x := check.New(check.Config{Lease: check.NewLease(func() check.Instant { return 1 })})
	var out strings.Builder
	counts, err := scrub.CSV(context.Background(), x, strings.NewReader("phone\n+12025550102\n"), &out, asked)
	if err != nil || counts.Deny != 1 || !strings.Contains(out.String(), "+12025550102,deny,stale,") {
		t.Errorf("got %q, %+v, %v", out.String(), counts, err)
	}
}

type failing struct{ after int }

func (f *failing) Write(p []byte) (int, error) {
	if f.after -= len(p); f.after < 0 {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

func TestBrokenReadersAndWritersEndTheWork(t *testing.T) {
	file, _, _ := bigFile(60_000)
	if _, err := scrub.CSV(context.Background(), index(t), strings.NewReader(file), &failing{300_000}, asked); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("broken writer: got %v", err)
	}
	broken := errors.New("broken")
	for _, part := range []string{"", file[:4], file[:500_000]} {
		_, err := scrub.CSV(context.Background(), index(t), io.MultiReader(strings.NewReader(part), iotest.ErrReader(broken)), io.Discard, asked)
		if !errors.Is(err, broken) {
			t.Errorf("broken after %d bytes: got %v", len(part), err)
		}
		_, err = scrub.NDJSON(context.Background(), index(t), io.MultiReader(strings.NewReader(part), iotest.ErrReader(broken)), io.Discard, asked)
		if !errors.Is(err, broken) {
			t.Errorf("NDJSON broken after %d bytes: got %v", len(part), err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := scrub.CSV(ctx, index(t), io.MultiReader(strings.NewReader("phone\n"), endless{}), io.Discard, asked); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: got %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return copy(p, "+12025550102\n"), nil }

func TestLinesComeBackWithMembersAdded(t *testing.T) {
	const yes, no = `"verdict":"allow","reason":"granted","next_allowed_at":null}`, `"verdict":"invalid","reason":"`
	for line, wanted := range map[string]string{
		`{"id":1,"number":"+12025550102"}`:                 `{"id":1,"number":"+12025550102",` + yes,
		` { "number" : "+12025550102" } `:                  `{ "number" : "+12025550102" ,` + yes,
		`{"number":"\u002b12025550102"}`:                   `{"number":"\u002b12025550102",` + yes,
		`{"number":12025550102}`:                           `{"number":12025550102,` + no + `no_region","next_allowed_at":null}`,
		`{}`:                                               `{` + no + `missing_number","next_allowed_at":null}`,
		`{"id":1,"Phone":"+12025550102"}`:                  `{"id":1,"Phone":"+12025550102",` + yes,
		`{"phone":"+12025550102","mobile":"+12025550104"}`: `{"phone":"+12025550102","mobile":"+12025550104",` + no + `missing_number","next_allowed_at":null}`,
		`{"number":null}`:                                  `{"number":null,` + no + `missing_number","next_allowed_at":null}`,
		`{"number":"+1202"}`:                               `{"number":"+1202",` + no + `too_short","next_allowed_at":null}`,
		`[1]`:                                              `{"input":"[1]",` + no + `invalid_json","next_allowed_at":null}`,
		`null`:                                             `{"input":"null",` + no + `invalid_json","next_allowed_at":null}`,
		`{"number":"+12025550102"`:                         `{"input":"{\"number\":\"+12025550102\"",` + no + `invalid_json","next_allowed_at":null}`,
		"{\"number\":\"\xff\"}":                            `{"input":"{\"number\":\"\ufffd\"}",` + no + `invalid_utf8","next_allowed_at":null}`,
		``:                                                 ``,
		`{"a":"` + strings.Repeat("z", 3000) + `"}`: `{` + no + `row_too_long","next_allowed_at":null}`,
	} {
		var out strings.Builder
		o := asked
		o.MaxRow = 1000
		_, err := scrub.NDJSON(context.Background(), index(t), iotest.HalfReader(strings.NewReader(line+"\n"+`{"number":"+12025550105"}`)), &out, o)
		wanted += "\n" + `{"number":"+12025550105","verdict":"deny","reason":"withdrawn","next_allowed_at":null}`
		if err != nil || out.String() != wanted {
			t.Errorf("%.60s:\ngot  %q, %v\nwant %q", line, out.String(), err, wanted)
		}
		for l := range strings.Lines(out.String()) {
			if l != "\n" && !json.Valid([]byte(l)) {
				t.Errorf("%.60s: answered with %q", line, l)
			}
		}
	}
}

func TestADeferSaysUntilWhen(t *testing.T) {
	until := now.Add(8 * time.Hour)
	x := check.New(check.Config{Clock: func() time.Time { return now }, Rules: atNight{until}})
	err := x.Apply(check.Batch{
		Seq: 1, Brands: []check.BrandChange{{Brand: "default"}}, Purposes: []check.PurposeChange{{Purpose: "marketing", Class: consent.Marketing}},
		Records: []check.RecordChange{{Number: number(2), Scope: consent.Scope{Brand: "default", Purpose: "marketing", Channel: consent.SMS}, State: check.State{Status: consent.StatusGranted, GrantedAt: 1, Seq: 1}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	counts, err := scrub.CSV(context.Background(), x, strings.NewReader("phone\n+12025550102\n"), &out, asked)
	if err != nil || counts.Defer != 1 || !strings.HasSuffix(out.String(), "+12025550102,defer,outside_window,2026-03-01T20:00:00Z\n") {
		t.Errorf("got %q, %+v, %v", out.String(), counts, err)
	}
}

type atNight struct{ until time.Time }

func (n atNight) Judge(check.Case) check.Judgement {
	j := check.Judgement{NextAllowedAt: n.until}
	j.Fail(check.Failure{Code: check.OutsideWindow, Rule: 1, Defers: true})
	return j
}
