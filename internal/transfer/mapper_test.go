package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/consentline/consentline/internal/consent"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

var acme = Settings{Brand: "acme", Purpose: "marketing", Channel: consent.SMS, Level: consent.Express}

// mapFile reads a whole file as an importer does: once to learn its dates, once to map it.
func mapFile(t failer, file []byte, d *Dialect, s Settings) []Mapped {
	t.Helper()
	var all []Mapped
	var m *Mapper
	for _, visit := range []func(*Record){
		func(rec *Record) { m.Observe(rec) },
		func(rec *Record) { all = append(all, m.Map(rec)) },
	} {
		r := NewReader(bytes.NewReader(file), Options{})
		header, err := r.Header()
		if err != nil {
			t.Fatalf("%v", err)
		}
		if m == nil {
			if m, err = NewMapper(d, header, s); err != nil {
				t.Fatalf("%v", err)
			}
		}
		for {
			rec, err := r.Read()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%v", err)
			}
			visit(rec)
		}
	}
	return all
}

func TestSampleOfEachDialect(t *testing.T) {
	settings := map[string]Settings{}
	braze := acme
	braze.Purposes = map[string]consent.PurposeID{"6f5c3e2a-0000-4000-8000-000000000001": "promotions"}
	settings["braze"] = braze
	for _, d := range append(Dialects(), Generic(ColumnMap{"number": "Telefon", "status": "einwilligung_sms", "effective_at": "Datum"})) {
		t.Run(d.Name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join("testdata", d.Name+".csv"))
			if err != nil {
				t.Fatal(err)
			}
			header, err := NewReader(bytes.NewReader(file), Options{}).Header()
			if err != nil {
				t.Fatal(err)
			}
			found, err := Detect(header)
			if d.Name == "generic" {
				if unknown := (*UnknownHeaderError)(nil); !errors.As(err, &unknown) {
					t.Fatalf("detected: got %v, %v, want nothing", found, err)
				}
			} else if err != nil || found != d {
				t.Fatalf("detected: got %v, %v, want %s", found, err, d.Name)
			}
			s, ok := settings[d.Name]
			if !ok {
				s = acme
			}
			golden(t, d.Name, mapFile(t, file, d, s))
		})
	}
}

func golden(t *testing.T, name string, mapped []Mapped) {
	t.Helper()
	var got bytes.Buffer
	for _, m := range mapped {
		for _, r := range m.Rows {
			line, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&got, "row %s\n", line)
		}
		for _, s := range m.Skips {
			fmt.Fprintf(&got, "skip %d %s: %s\n", s.Row, s.Code, s.Reason)
		}
		for _, e := range m.Errors {
			fmt.Fprintf(&got, "error %s: %v\n", e.Code, e)
		}
		fmt.Fprintln(&got)
	}
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got.String() != string(want) {
		t.Errorf("%s: got\n%s\nwant\n%s", path, got.String(), want)
	}
}

// mapOne maps one row under the generic dialect.
func mapOne(t failer, s Settings, columns ColumnMap, header string, row string) Mapped {
	t.Helper()
	return mapFile(t, []byte(header+"\n"+row+"\n"), Generic(columns), s)[0]
}

func TestNoWordButAYesIsEverAGrant(t *testing.T) {
	yes := []string{
		"subscribed", "subscribe", "opt-in", "opted in", "opt in completed", "re-opt-in", "granted", "consented", "active subscriber",
		"true", "yes", "y", "1", "on", "checked", "x", "confirmed", "double opt in", "double opted in", "SUBSCRIBED", "Opt_In",
	}
	no := []string{
		"non-subscribed", "nonsubscribed", "cleaned", "never subscribed", "NEVER_SUBSCRIBED", "unsubscribed", "not opted in", "opt-out", "false",
		"pending", "unconfirmed", "archived", "transactional", "unknown", "", "0", "no", "???", "un-subscribed", "not subscribed", "maybe", "2", "truee",
	}
	for _, word := range yes {
		if m := mapOne(t, acme, ColumnMap{"number": "n", "status": "s"}, "n,s", "+12025550101,"+word); len(m.Rows) != 1 || m.Rows[0].Act != consent.Granted {
			t.Errorf("%q: got %+v, want a grant", word, m)
		}
	}
	for _, word := range no {
		m := mapOne(t, acme, ColumnMap{"number": "n", "status": "s"}, "n,s", "+12025550101,"+word)
		if slices.ContainsFunc(m.Rows, func(r Row) bool { return r.Act.Grants() }) {
			t.Errorf("%q became a grant", word)
		}
	}
	// Whatever the table holds: a word that denies must not grant, in any dialect.
	for _, d := range Dialects() {
		for _, st := range d.statements {
			for word, m := range st.status {
				denies := strings.HasPrefix(word, "un") || strings.HasPrefix(word, "non") || strings.HasPrefix(word, "not") ||
					strings.HasPrefix(word, "never") || strings.Contains(word, "out") || word == "cleaned" || word == "pending"
				if denies && m.act.Grants() {
					t.Errorf("%s: %q grants", d.Name, word)
				}
			}
		}
	}
}

func TestDatesAreReadOneWayOrNotAtAll(t *testing.T) {
	day := time.Date(2025, 3, 14, 0, 0, 0, 0, time.UTC)
	at := day.Add(9*time.Hour + 26*time.Minute + 53*time.Second)
	minute := day.Add(9*time.Hour + 26*time.Minute)
	for text, want := range map[string]time.Time{
		"2025-03-14T09:26:53Z": at, "2025-03-14T10:26:53+01:00": at, "2025-03-14T10:26:53.000+0100": at, "2025-03-14 09:26:53": at,
		"2025-03-14 09:26:53 UTC": at, "2025-03-14 09:26:53 +0000 UTC": at, "20250314T092653Z": at, "2025-03-14": day, "2025/03/14": day,
		"20250314": day, "14.03.2025": day, "14.3.2025 09:26": minute, "Mar 14, 2025": day, "March 14, 2025 9:26 AM": minute,
		"14 Mar 2025": day, "14-MAR-2025": day, "03/14/2025": day, "14/03/2025": day, "3/14/25": day, "14-3-2025": day,
		"03/14/2025 9:26 am": minute, "03/14/2025, 9:26:53 AM": at, "14/03/2025 09:26:53": at, "Fri, 14 Mar 2025 09:26:53 +0000": at,
	} {
		got, err := (&dates{zone: time.UTC}).parse(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for text, want := range map[string]error{
		"03/04/2025": errAmbiguousDate, "3-4-25": errAmbiguousDate, "yesterday": errBadDate, "2025-02-30": errBadDate, "31/02/2025": errBadDate,
		"13/13/2025": errBadDate, "0/1/2025": errBadDate, "1025-03-14": errBadDate, "12025550123": errBadDate, "2025550123": errBadDate,
		"2025-03-14 09:26:53 EST": errBadDate, "03/14/2025 25:00": errBadDate, strings.Repeat("1", 100): errBadDate,
	} {
		if got, err := (&dates{zone: time.UTC}).parse(text); !errors.Is(err, want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	if got, err := (&dates{zone: time.UTC}).parse("04/04/2025"); err != nil || got.Day() != 4 || got.Month() != 4 {
		t.Errorf("the fourth of the fourth is no riddle: got %v, %v", got, err)
	}
}

func TestOtherRowsDecideTheOrderOfADate(t *testing.T) {
	columns := ColumnMap{"number": "n", "status": "s", "effective_at": "d"}
	ask := func(s Settings, rows string) Mapped {
		return mapFile(t, []byte("n;s;d\n+12025550101;yes;03/04/2025\n"+rows), Generic(columns), s)[0]
	}
	april := time.Date(2025, 4, 3, 0, 0, 0, 0, time.UTC)
	march := time.Date(2025, 3, 4, 0, 0, 0, 0, time.UTC)
	dmy, mdy := acme, acme
	dmy.DateOrder, mdy.DateOrder = DayFirst, MonthFirst
	for name, c := range map[string]struct {
		settings Settings
		rows     string
		want     time.Time
		code     Code
	}{
		"nothing decides":         {acme, "+12025550102;yes;05/06/2025\n", time.Time{}, CodeAmbiguousDate},
		"day first":               {acme, "+12025550102;yes;31/01/2025\n", april, ""},
		"month first":             {acme, "+12025550102;yes;01/31/2025\n", march, ""},
		"the rows contradict":     {acme, "+12025550102;yes;01/31/2025\n+12025550103;yes;31/01/2025\n", time.Time{}, CodeAmbiguousDate},
		"the caller says":         {dmy, "", april, ""},
		"the caller says, second": {mdy, "+12025550102;yes;31/01/2025\n", march, ""},
	} {
		m := ask(c.settings, c.rows)
		if c.code != "" {
			if len(m.Errors) != 1 || m.Errors[0].Code != c.code || len(m.Rows) != 0 {
				t.Errorf("%s: got %+v, want %s", name, m, c.code)
			}
			continue
		}
		if len(m.Rows) != 1 || !m.Rows[0].EffectiveAt.Equal(c.want) {
			t.Errorf("%s: got %+v, want %v", name, m, c.want)
		}
	}
}

func TestADateWithoutATimeOfDaySpansItsDay(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	const moment = 0
	for text, want := range map[string]time.Duration{
		"2025-03-14": 24*time.Hour - time.Microsecond, "20250314": 24*time.Hour - time.Microsecond, "14/03/2025": 24*time.Hour - time.Microsecond,
		"Mar 14, 2025": 24*time.Hour - time.Microsecond, "2025-03-14 UTC": 24*time.Hour - time.Microsecond,
		"2025-03-30":           23*time.Hour - time.Microsecond, // the clocks go forward
		"2025-03-14T00:00:00Z": moment, "2025-03-14 10:00": moment, "14/03/2025 10:00": moment, "20250314T100000": moment, "Mar 14, 2025 3:04 PM": moment,
	} {
		d := dates{zone: berlin}
		for range 2 { // the second time by the layout of the first
			from, to, err := d.span(text)
			if err != nil || to.Sub(from) != want {
				t.Errorf("%s: got %v to %v, %v; want %v", text, from, to, err, want)
			}
		}
	}
}

func TestADateAgainstTheDeclaredOrderIsRefused(t *testing.T) {
	if got, err := (&dates{zone: time.UTC, order: MonthFirst}).parse("31/01/2025"); !errors.Is(err, errBadDate) {
		t.Errorf("got %v, %v, want %v", got, err, errBadDate)
	}
}

func TestUnixTimesAreReadOnlyWhenAskedFor(t *testing.T) {
	want := time.Date(2025, 3, 14, 9, 26, 53, 0, time.UTC)
	for _, text := range []string{"1741944413", "1741944413000"} {
		if got, err := (&dates{zone: time.UTC, unix: true}).parse(text); err != nil || !got.Equal(want) {
			t.Errorf("%s: got %v, %v, want %v", text, got, err, want)
		}
		if _, err := (&dates{zone: time.UTC}).parse(text); !errors.Is(err, errBadDate) {
			t.Errorf("%s, not asked for: got %v, want %v", text, err, errBadDate)
		}
	}
}

func TestWhatIsNotSaidIsNotGuessed(t *testing.T) {
	columns := ColumnMap{"number": "n", "status": "s", "channel": "c", "level": "l", "region": "r", "brand": "b", "purpose": "p", "disclosure": "d"}
	const header = "n,s,c,l,r,b,p,d"
	without := func(change func(*Settings)) Settings {
		s := acme
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		settings Settings
		row      string
		want     Code
	}{
		"no brand":             {without(func(s *Settings) { s.Brand = "" }), "+12025550101,yes,,,,,,", CodeMissingBrand},
		"no purpose":           {without(func(s *Settings) { s.Purpose = "" }), "+12025550101,yes,,,,,,", CodeMissingPurpose},
		"no channel":           {without(func(s *Settings) { s.Channel = 0 }), "+12025550101,yes,,,,,,", CodeMissingChannel},
		"no level":             {without(func(s *Settings) { s.Level = 0 }), "+12025550101,yes,,,,,,", CodeMissingLevel},
		"unmapped brand":       {without(func(s *Settings) { s.Brands = map[string]consent.BrandID{} }), "+12025550101,yes,,,,Acme,,", CodeUnmappedBrand},
		"unmapped purpose":     {without(func(s *Settings) { s.Purposes = map[string]consent.PurposeID{} }), "+12025550101,yes,,,,,News,", CodeUnmappedPurpose},
		"unknown channel":      {acme, "+12025550101,yes,pigeon,,,,,", CodeUnknownChannel},
		"which calls":          {acme, "+12025550101,yes,phone,,,,,", CodeUnknownChannel},
		"all channels granted": {acme, "+12025550101,yes,all,,,,,", CodeWildcardGrant},
		"all purposes granted": {acme, "+12025550101,yes,,,,,*,", CodeWildcardGrant},
		"unknown level":        {acme, "+12025550101,yes,,strong,,,,", CodeUnknownLevel},
		"unknown country":      {acme, "2025550101,yes,,,Atlantis,,,", CodeUnknownRegion},
		"rounded number":       {acme, "1.20256E+10,yes,,,,,,", CodeMangledNumber},
		"broken disclosure":    {acme, "+12025550101,yes,,,,,,spring@0", CodeBadDisclosure},
		"unknown status":       {acme, "+12025550101,perhaps,,,,,,", CodeUnknownStatus},
	} {
		m := mapOne(t, c.settings, columns, header, c.row)
		if len(m.Rows) != 0 || len(m.Errors) != 1 || m.Errors[0].Code != c.want {
			t.Errorf("%s: got %+v %v, want %s", name, m, m.Errors, c.want)
		}
	}
	if m := mapOne(t, acme, columns, header, "+12025550101,stop,*,,,*,*,"); len(m.Rows) != 1 || m.Rows[0].Scope() != consent.Everything {
		t.Errorf("a withdrawal from everything: got %+v", m)
	}
	if m := mapOne(t, acme, columns, header, "+12025550101,stop,calls,,,,,"); len(m.Rows) != 2 {
		t.Errorf("a withdrawal from calls: got %+v, want one for each kind of call", m)
	}
}

func TestAnUntickedBoxMeansWhatTheCallerSays(t *testing.T) {
	columns := ColumnMap{"number": "n", "status": "s"}
	if m := mapOne(t, acme, columns, "n,s", "+12025550101,no"); len(m.Rows) != 0 || len(m.Skips) != 1 || m.Skips[0].Code != SkipUnticked {
		t.Errorf("got %+v, want it skipped", m)
	}
	s := acme
	s.Unticked = consent.Refused
	if m := mapOne(t, s, columns, "n,s", "+12025550101,no"); len(m.Rows) != 1 || m.Rows[0].Act != consent.Refused {
		t.Errorf("got %+v, want a refusal", m)
	}
}

func TestSendersAreAssignedToBrands(t *testing.T) {
	s := acme
	s.Senders = map[string]consent.BrandID{"MG1": "other"}
	columns := ColumnMap{"number": "n", "status": "s", "sender": "from"}
	if m := mapOne(t, s, columns, "n,s,from", "+12025550101,yes,MG1"); len(m.Rows) != 1 || m.Rows[0].Brand != "other" {
		t.Errorf("got %+v, want brand other", m)
	}
	if m := mapOne(t, s, columns, "n,s,from", "+12025550101,yes,MG2"); len(m.Errors) != 1 || m.Errors[0].Code != CodeUnmappedSender {
		t.Errorf("got %+v, want %s", m, CodeUnmappedSender)
	}
}

func TestNumbersAreFreedOfWhatSpreadsheetsPutAroundThem(t *testing.T) {
	for raw, want := range map[string]string{
		"tel:+12025550101": "+12025550101", "'+12025550101": "+12025550101", `="+12025550101"`: "+12025550101", " +12025550101 ": "+12025550101",
		"12025550101.0": "12025550101", "TEL:+12025550101": "+12025550101", "(202) 555-0101": "(202) 555-0101", "'tel:+12025550101": "+12025550101",
	} {
		if got, destroyed := cleanNumber(raw); got != want || destroyed {
			t.Errorf("%q: got %q, want %q", raw, got, want)
		}
	}
	for _, raw := range []string{"1.20256E+10", "1,20256E+10", "1E+11", "1.2e+10"} {
		if _, destroyed := cleanNumber(raw); !destroyed {
			t.Errorf("%q: not recognised as rounded", raw)
		}
	}
}

func TestHeadersThatDoNotDecideAreRefused(t *testing.T) {
	split := func(s string) []string { return strings.Split(s, ",") }
	var near *AmbiguousHeaderError
	if d, err := Detect(split("phone_number,status,source,keyword,subscription_type,join_source,type,opted_in_at")); !errors.As(err, &near) || len(near.Candidates) != 2 {
		t.Errorf("got %v, %v, want two candidates", d, err)
	}
	var unknown *UnknownHeaderError
	if d, err := Detect(split("Email Address,Phone Number,MEMBER_RATING,OPTIN_TIME,LEID,EUID")); !errors.As(err, &unknown) || unknown.NoConsent != "mailchimp" {
		t.Errorf("an export about e-mail only: got %v, %v", d, err)
	}
	if d, err := Detect(split("foo,bar")); !errors.As(err, &unknown) || unknown.NoConsent != "" {
		t.Errorf("got %v, %v, want it unknown", d, err)
	}
	if _, err := Detect(split("+12025550101,yes")); !errors.Is(err, ErrHeaderIsData) {
		t.Errorf("data for a header: got %v, want %v", err, ErrHeaderIsData)
	}
	if _, err := NewMapper(Generic(ColumnMap{"number": "Phone", "status": "SMS"}), split("Phone,phone,SMS"), acme); err == nil || !strings.Contains(err.Error(), "two columns") {
		t.Errorf("a column that stands twice: got %v", err)
	}
	if _, err := NewMapper(Generic(ColumnMap{"number": "Phone", "status": "SMS", "level": "Strength"}), split("Phone,SMS"), acme); err == nil || !strings.Contains(err.Error(), "Strength") {
		t.Errorf("a named column that is missing: got %v", err)
	}
}

func TestColumnMapsAreRead(t *testing.T) {
	got, err := ParseColumnMap(`number=Phone, status=SMS Consent,text="Wording, as shown"`)
	want := ColumnMap{"number": "Phone", "status": "SMS Consent", "text": "Wording, as shown"}
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v, %v, want %v", got, err, want)
	}
	for _, bad := range []string{"", "number", "number=", "number=Phone", "phone=Phone,status=S", "number=a,number=b,status=c", `number="a,status=b`, `number="a"x,status=b`} {
		if m, err := ParseColumnMap(bad); err == nil {
			t.Errorf("%q: got %v, want an error", bad, m)
		}
	}
}

func TestDialectNamesAreFound(t *testing.T) {
	for _, d := range Dialects() {
		if got, err := DialectByName(d.Name); err != nil || got != d || d.Title == "" {
			t.Errorf("%s: got %v, %v", d.Name, got, err)
		}
	}
	if _, err := DialectByName("fax"); err == nil || !strings.Contains(err.Error(), "klaviyo") {
		t.Errorf("got %v, want the known names", err)
	}
}

func TestTheTableRefusesContradictions(t *testing.T) {
	for _, bad := range []string{
		`{"values":{"v":{"granted":["yes"],"withdrawn":["YES"]}}}`, `{"values":{"v":{"agreed":["yes"]}}}`, `{`,
		`{"dialects":[{"name":"d","columns":{"phone":["p"]},"statements":[{}]}]}`, `{"dialects":[{"name":"d","source":{"pigeon":["p"]}}]}`,
	} {
		if _, err := readVocabulary([]byte(bad)); err == nil {
			t.Errorf("%s: taken without complaint", bad)
		}
	}
}

// secret is a number that no error may show, however it got into a cell.
const secret = "+12025550142"

// shows reports whether the secret stands in a text, however it is written there.
func shows(text string) bool {
	only := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
	return strings.Contains(only, secret[2:])
}

func TestNoErrorShowsANumber(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := rapid.SampledFrom(append(Dialects(), Generic(ColumnMap{"number": "n", "status": "s", "channel": "c", "effective_at": "d"}))).Draw(t, "dialect")
		header := headerOf(d)
		var row []string
		for range header {
			row = append(row, rapid.SampledFrom([]string{secret, secret[1:], "(202) 555-0142", "1 202 555 0142", "yes", "SUBSCRIBED", "", "Phone", "2025-03-14"}).Draw(t, "cell"))
		}
		var file bytes.Buffer
		w := NewWriter(&file, WriterOptions{LF: true})
		if err := errors.Join(w.Write(header...), w.Write(row...), w.Flush()); err != nil {
			t.Fatal(err)
		}
		for _, m := range mapFile(t, file.Bytes(), d, acme) {
			for _, e := range m.Errors {
				if shows(e.Error()) {
					t.Fatalf("%s: an error shows a number: %v", d.Name, e)
				}
			}
			for _, s := range m.Skips {
				if shows(s.Reason) {
					t.Fatalf("%s: a skip shows a number: %v", d.Name, s)
				}
			}
		}
	})
}

// headerOf returns one header for each field of a dialect.
func headerOf(d *Dialect) []string {
	var header []string
	add := func(names []string) {
		name, _, _ := strings.Cut(names[0], "#")
		if !slices.ContainsFunc(header, func(h string) bool { return fold(h) == fold(name) }) {
			header = append(header, name)
		}
	}
	for _, st := range d.statements {
		for _, f := range Fields {
			if names := st.columns[f]; len(names) > 0 {
				add(names)
			}
		}
		if st.only != nil {
			add(st.only.columns)
		}
	}
	return header
}

func FuzzMapper(f *testing.F) {
	samples, err := filepath.Glob("testdata/*.csv")
	if err != nil || len(samples) == 0 {
		f.Fatal("no samples", err)
	}
	for _, path := range samples {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(file)
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		header, err := NewReader(bytes.NewReader(file), Options{}).Header()
		if err != nil {
			return
		}
		for _, d := range append(Dialects(), Generic(ColumnMap{"number": header[0], "status": header[len(header)-1]})) {
			m, err := NewMapper(d, header, acme)
			if err != nil {
				continue
			}
			r := NewReader(bytes.NewReader(file), Options{})
			for rec, err := r.Read(); err == nil; rec, err = r.Read() {
				m.Observe(rec)
				for _, row := range m.Map(rec).Rows {
					if row.Number == "" || row.Act == consent.NoKind || row.Source == consent.NoSource || row.Brand == "" || row.Purpose == "" {
						t.Fatalf("%s: an incomplete row was taken: %+v", d.Name, row)
					}
					if row.Act.Grants() && (row.Level == consent.NoLevel || !row.Scope().Concrete()) {
						t.Fatalf("%s: a grant without level or with a wildcard: %+v", d.Name, row)
					}
				}
			}
		}
	})
}

func BenchmarkMapper(b *testing.B) {
	file := []byte(benchHeader + strings.Repeat(benchRow, 1000))
	d, err := DialectByName("consentline")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		mapFile(b, file, d, acme)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1000, "ns/row")
}
