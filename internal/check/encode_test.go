package check

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

// The wire types say with encoding/json what AppendJSON must write.
type wireVerdict struct {
	Verdict     string       `json:"verdict"`
	Reasons     []wireReason `json:"reasons"`
	Omitted     int          `json:"reasons_omitted,omitempty"`
	Obligations []wireRule   `json:"obligations,omitempty"`
	Record      *wireRecord  `json:"record"`
	Next        *time.Time   `json:"next_allowed_at"`
	Changes     *time.Time   `json:"changes_at"`
	UseWithin   int64        `json:"use_within_ms"`
	Revision    uint64       `json:"revision"`
	CheckedAt   *time.Time   `json:"checked_at"`
}

type wireReason struct {
	Code string `json:"code"`
	Text string `json:"text"`
	wireRule
	List  string `json:"list,omitempty"`
	Entry uint64 `json:"entry,omitempty"`
}

type wireRule struct {
	Rule     string `json:"rule,omitempty"`
	Citation string `json:"citation,omitempty"`
}

type wireRecord struct {
	Status     consent.Status `json:"status"`
	Level      consent.Level  `json:"level"`
	Confirmed  bool           `json:"confirmed"`
	GrantedAt  *time.Time     `json:"granted_at"`
	ValidUntil *time.Time     `json:"valid_until"`
	Entry      uint64         `json:"entry"`
}

type rulebook []wireRule

func (b rulebook) Rule(i RuleIndex) (id, citation string) {
	return b[i].Rule, b[i].Citation
}

func moment(t time.Time) *time.Time {
	if t = t.UTC(); t.IsZero() || t.Year() < 0 || t.Year() > 9999 {
		return nil
	}
	return &t
}

func wire(t *rapid.T, v *Verdict, book rulebook) []byte {
	w := wireVerdict{
		Verdict: v.Outcome.String(), Reasons: []wireReason{}, Omitted: v.Omitted, Next: moment(v.NextAllowedAt),
		Changes: moment(v.ChangesAt), UseWithin: int64(v.UseWithin / time.Millisecond), Revision: v.Revision, CheckedAt: moment(v.CheckedAt),
	}
	for _, r := range v.Reasons() {
		next := wireReason{Code: r.Code.String(), Text: r.Code.Text(), Entry: r.Entry}
		if r.Rule != 0 {
			next.wireRule = book[r.Rule]
		}
		if r.List != nil {
			next.List = r.List.ID
		}
		w.Reasons = append(w.Reasons, next)
	}
	for _, r := range v.Obligations() {
		w.Obligations = append(w.Obligations, book[r])
	}
	if v.Recorded {
		s := v.Record
		w.Record = &wireRecord{v.Status, s.Level, s.Confirmed, moment(s.GrantedAt.Time()), moment(s.ValidUntil.Time()), s.Seq}
	}
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(w); err != nil {
		t.Fatal(err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n"))
}

func drawTime(t *rapid.T, what string) time.Time {
	if rapid.IntRange(0, 3).Draw(t, what+" is never") == 0 {
		return time.Time{}
	}
	zone := time.FixedZone("", rapid.IntRange(-14, 14).Draw(t, what+" zone")*3600)
	seconds := rapid.Int64Range(-63_000_000_000, 254_000_000_000).Draw(t, what)
	return time.Unix(seconds, rapid.Int64Range(0, 999_999_999).Draw(t, what+" nanoseconds")).In(zone)
}

func drawName() *rapid.Generator[string] {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z_.-]{1,12}`), rapid.StringN(1, 20, -1),
		rapid.Map(rapid.SliceOfN(rapid.Byte(), 1, 20), func(b []byte) string { return string(b) }),
	)
}

func drawVerdict(t *rapid.T, book rulebook) Verdict {
	v := Verdict{
		Outcome: Outcome(rapid.IntRange(0, 2).Draw(t, "outcome")), Recorded: rapid.Bool().Draw(t, "recorded"), Record: drawState(t),
		CheckedAt: drawTime(t, "checked at"), NextAllowedAt: drawTime(t, "next"), ChangesAt: drawTime(t, "changes"),
		UseWithin: time.Duration(rapid.Int64Range(0, 1<<50).Draw(t, "use within")), Revision: rapid.Uint64().Draw(t, "revision"),
	}
	v.Status = v.Record.Status
	for range rapid.IntRange(0, MaxReasons+2).Draw(t, "reasons") {
		r := Reason{
			Code:  rapid.SampledFrom(Codes()).Draw(t, "code"),
			Rule:  RuleIndex(rapid.IntRange(0, len(book)-1).Draw(t, "rule")),
			Entry: rapid.Uint64Range(0, 3).Draw(t, "entry"),
		}
		if rapid.Bool().Draw(t, "of a list") {
			r.List = &List{ID: drawName().Draw(t, "list")}
		}
		v.note(r)
	}
	for range rapid.IntRange(0, maxJudged).Draw(t, "obligations") {
		v.obliged[v.obligations] = RuleIndex(rapid.IntRange(1, len(book)-1).Draw(t, "obliged"))
		v.obligations++
	}
	return v
}

func TestAppendJSONEqualsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		book := rulebook{{}}
		for range 3 {
			rule := wireRule{Rule: drawName().Draw(t, "rule id")}
			if rapid.Bool().Draw(t, "cites") {
				rule.Citation = drawName().Draw(t, "citation")
			}
			book = append(book, rule)
		}
		v := drawVerdict(t, book)
		got := AppendJSON([]byte("kept"), &v, book)
		if want := "kept" + string(wire(t, &v, book)); string(got) != want {
			t.Fatalf("got  %s\nwant %s", got, want)
		}
	})
}

func TestAppendJSONWithoutRules(t *testing.T) {
	v := Verdict{Outcome: Deny, Recorded: true, Status: consent.StatusWithdrawn, Revision: 12, CheckedAt: start.Add(5 * time.Millisecond)}
	v.Record = State{Status: consent.StatusWithdrawn, Level: consent.Express, GrantedAt: SecondsOf(start), Seq: 11}
	v.fail(Reason{Code: Withdrawn, Entry: 11, Rule: 4})
	v.obligations = 1
	want := `{"verdict":"deny","reasons":[{"code":"withdrawn","text":"The person withdrew consent.","entry":11}],` +
		`"record":{"status":"withdrawn","level":"express","confirmed":false,"granted_at":"2026-03-01T12:00:00Z","valid_until":null,"entry":11},` +
		`"next_allowed_at":null,"changes_at":null,"use_within_ms":0,"revision":12,"checked_at":"2026-03-01T12:00:00.005Z"}`
	if got := string(AppendJSON(nil, &v, nil)); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestTextsNeedNoEscape(t *testing.T) {
	for _, c := range Codes() {
		for _, s := range []string{c.String(), c.Text()} {
			if string(appendString(nil, s)) != `"`+s+`"` {
				t.Errorf("%v: %q needs escapes", c, s)
			}
		}
	}
}

func TestAppendJSONDoesNotAllocate(t *testing.T) {
	x := grantedIndex(t, Config{Rules: rulesFunc(func(Case) Judgement {
		j := Judgement{NextAllowedAt: start.Add(time.Hour)}
		j.Fail(Failure{OutsideWindow, 1, true})
		j.Oblige(1)
		return j
	})})
	v := x.Check(theQuestion())
	var book Citations = rulebook{{}, {"us-quiet-hours", "47 CFR 64.1200(c)(1)"}}
	buf := make([]byte, 0, 2048)
	if got := testing.AllocsPerRun(100, func() { AppendJSON(buf, &v, book) }); got != 0 {
		t.Errorf("%v allocations", got)
	}
	if s := string(AppendJSON(nil, &v, book)); !strings.Contains(s, `"verdict":"defer"`) || !strings.Contains(s, `"obligations":[{"rule":"us-quiet-hours","citation":"47 CFR 64.1200(c)(1)"}]`) {
		t.Errorf("got %s", s)
	}
}

func FuzzAppendString(f *testing.F) {
	for _, s := range []string{"", "a", "\"\\\x00\x1f\x7f<>&", "\u2028\u2029\ufffd", "\xff\xfe", "é✓😀", "\xed\xa0\x80", "\b\f\n\r\t"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var buf bytes.Buffer
		encoder := json.NewEncoder(&buf)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(s); err != nil {
			t.Fatal(err)
		}
		if got, want := string(appendString(nil, s)), strings.TrimSuffix(buf.String(), "\n"); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	})
}
