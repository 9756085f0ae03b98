package check

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/consentline/consentline/internal/consent"
)

// wireQuestion says with encoding/json what DecodeQuestion must read.
type wireQuestion struct {
	Number      *string          `json:"number"`
	Brand       *string          `json:"brand"`
	Purpose     *string          `json:"purpose"`
	Channel     *consent.Channel `json:"channel"`
	At          *wireTime        `json:"at"`
	KnownAt     *wireTime        `json:"known_at"`
	MinRevision uint64           `json:"min_revision"`
	Receipt     bool             `json:"receipt"`
}

// wireTime is a time that may be escaped like every other string, which time.Time does not undo.
type wireTime struct{ time.Time }

func (t *wireTime) UnmarshalJSON(data []byte) error {
	var s string
	if err := json.Unmarshal(data, &s); err != nil {
		return err
	}
	return t.UnmarshalText([]byte(s))
}

var (
	wholePair = regexp.MustCompile(`(?i)\\ud[89ab]..\\ud[c-f]..`)
	halfPair  = regexp.MustCompile(`(?i)\\ud[89a-f]`)
	fieldName = regexp.MustCompile(`^(number|brand|purpose|channel|at|known_at|min_revision|receipt)$`)
)

// oracle decodes with encoding/json what it reads as DecodeQuestion must, and adds by hand what it lets through.
func oracle(data []byte) (*wireQuestion, error) {
	if !utf8.Valid(data) {
		return nil, errors.New("broken UTF-8")
	}
	tokens := json.NewDecoder(bytes.NewReader(data))
	if first, err := tokens.Token(); err != nil || first != json.Delim('{') {
		return nil, errors.New("no object")
	}
	seen := map[string]bool{}
	for tokens.More() {
		name, err := tokens.Token()
		if err != nil {
			return nil, err
		}
		s, _ := name.(string)
		if !fieldName.MatchString(s) || seen[s] {
			return nil, errors.New("unknown or twice")
		}
		seen[s] = true
		var value json.RawMessage
		if err := tokens.Decode(&value); err != nil {
			return nil, err
		}
	}
	q := &wireQuestion{}
	decoder := json.NewDecoder(bytes.NewReader(data))
	if err := decoder.Decode(q); err != nil {
		return nil, err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return nil, errors.New("trailing data")
	}
	return q, q.complete()
}

func (q *wireQuestion) complete() error {
	for _, s := range []*string{q.Number, q.Purpose} {
		if s == nil || *s == "" {
			return errors.New("missing or empty")
		}
	}
	if q.Brand == nil {
		brand := DefaultBrand
		q.Brand = &brand
	}
	if *q.Brand == "" || q.Channel == nil || *q.Channel == consent.AnyChannel {
		return errors.New("empty brand, or no channel")
	}
	for _, t := range []*wireTime{q.At, q.KnownAt} {
		if t != nil && t.IsZero() {
			return errors.New("the zero time is no time")
		}
	}
	return nil
}

func same(t *wireTime, got time.Time) bool {
	if t == nil {
		return got.IsZero()
	}
	return t.Equal(got) && got.Location() == time.UTC
}

// agree reports how DecodeQuestion and the oracle differ about data; empty if they do not.
func agree(data []byte) string {
	var r Request
	err := DecodeQuestion(data, &r)
	var flaw *DecodeError
	if err != nil && (!errors.As(err, &flaw) || flaw.Reason == "" || flaw.Offset < 0 || flaw.Offset > len(data)) {
		return fmt.Sprintf("flaw %#v", err)
	}
	want, wantErr := oracle(data)
	switch {
	case err != nil && halfPair.Match(wholePair.ReplaceAll(data, nil)):
		return "" // encoding/json replaces half a surrogate pair
	case (err == nil) != (wantErr == nil):
		return fmt.Sprintf("got error %v, want %v", err, wantErr)
	case err != nil:
		return ""
	case string(r.Number) != *want.Number || string(r.Brand) != *want.Brand || string(r.Purpose) != *want.Purpose ||
		r.Channel != *want.Channel || r.MinRevision != want.MinRevision || r.Receipt != want.Receipt ||
		!same(want.At, r.At) || !same(want.KnownAt, r.KnownAt):
		return fmt.Sprintf("got %+v, want %+v", r, want)
	}
	return ""
}

const plainQuestion = `{"number":"+12025550123","brand":"acme","purpose":"offers","channel":"sms","at":"2026-03-01T12:00:00Z","min_revision":17,"receipt":true}`

func TestDecodeQuestion(t *testing.T) {
	var r Request
	if err := DecodeQuestion([]byte(plainQuestion), &r); err != nil {
		t.Fatal(err)
	}
	if string(r.Number) != "+12025550123" || string(r.Brand) != "acme" || string(r.Purpose) != "offers" || r.Channel != consent.SMS ||
		!r.At.Equal(start) || !r.KnownAt.IsZero() || r.MinRevision != 17 || !r.Receipt {
		t.Errorf("got %+v", r)
	}
	if err := DecodeQuestion([]byte(` { "channel" : "voice_auto" , "purpose":"\u006fffers\n\uD83d\ude00!","number":"\u002b1\/2","brand":null } `), &r); err != nil {
		t.Fatal(err)
	}
	if string(r.Number) != "+1/2" || string(r.Brand) != DefaultBrand || string(r.Purpose) != "offers\n😀!" || r.Channel != consent.VoiceAuto ||
		!r.At.IsZero() || r.MinRevision != 0 || r.Receipt {
		t.Errorf("got %+v: something of the last question was kept", r)
	}
}

func TestDecodeQuestionNamesTheFlaw(t *testing.T) {
	rest := `"number":"+12025550123","purpose":"offers","channel":"sms"`
	for _, c := range []struct{ data, field, reason string }{
		{``, "", "want a JSON object"},
		{`[]`, "", "want a JSON object"},
		{`{} x`, "", "want nothing behind the object"},
		{`{` + rest + `}}`, "", "want nothing behind the object"},
		{`{` + rest, "", "want a comma or the end of the object"},
		{`{` + rest + `,}`, "", "want a string"},
		{`{` + rest + ` "at":null}`, "", "want a comma or the end of the object"},
		{`{"number" "x"}`, "number", "want a colon"},
		{`{}`, "number", "it is required"},
		{`{"number":null,"purpose":"offers","channel":"sms"}`, "number", "it is required"},
		{`{"number":"1","channel":"sms"}`, "purpose", "it is required"},
		{`{"number":"1","purpose":"offers"}`, "channel", "it is required"},
		{`{"number":""}`, "number", "it is empty"},
		{`{"number":12025550123}`, "number", "want a string"},
		{`{"number":"1","number":"1"}`, "number", "it is there twice"},
		{`{"number":null,"number":"1"}`, "number", "it is there twice"},
		{`{"brand":""}`, "brand", "it is empty"},
		{`{"Number":"1"}`, "Number", "there is no such field"},
		{`{"12025550123":"1"}`, "###########", "there is no such field"},
		{`{"` + strings.Repeat("x", 60) + `":1}`, strings.Repeat("x", 40), "there is no such field"},
		{`{"purpose":"a` + "\n" + `"}`, "purpose", "a control character in a string must be escaped"},
		{`{"purpose":"\n` + "\x1f" + `"}`, "purpose", "a control character in a string must be escaped"},
		{`{"purpose":"a` + "\xff" + `"}`, "purpose", "the string is not valid UTF-8"},
		{`{"purpose":"\n` + "\xff" + `"}`, "purpose", "the string is not valid UTF-8"},
		{`{"purpose":"\ud800"}`, "purpose", "half of a surrogate pair is no character"},
		{`{"purpose":"\ud800\u0041"}`, "purpose", "half of a surrogate pair is no character"},
		{`{"purpose":"\udc00\ud800"}`, "purpose", "half of a surrogate pair is no character"},
		{`{"purpose":"\u00g0"}`, "purpose", `want four hexadecimal digits behind \u`},
		{`{"purpose":"\x"}`, "purpose", "there is no such escape"},
		{`{"purpose":"abc`, "purpose", "the string has no end"},
		{`{"purpose":"a\nc`, "purpose", "the string has no end"},
		{`{"purpose":"a\`, "purpose", "the string has no end"},
		{`{"channel":"fax"}`, "channel", "want sms, whatsapp, voice_live or voice_auto"},
		{`{"channel":"*"}`, "channel", "want sms, whatsapp, voice_live or voice_auto"},
		{`{"at":"yesterday"}`, "at", "want a time in RFC 3339, such as 2026-01-31T12:00:00Z"},
		{`{"at":"0001-01-01T00:00:00Z"}`, "at", "want a time in RFC 3339, such as 2026-01-31T12:00:00Z"},
		{`{"known_at":"2026-02-30T12:00:00Z"}`, "known_at", "want a time in RFC 3339, such as 2026-01-31T12:00:00Z"},
		{`{"min_revision":-1}`, "min_revision", "want a whole number, zero or more"},
		{`{"min_revision":01}`, "min_revision", "want a whole number, zero or more"},
		{`{"min_revision":1.0}`, "min_revision", "want a whole number, zero or more"},
		{`{"min_revision":1e3}`, "min_revision", "want a whole number, zero or more"},
		{`{"min_revision":1E3}`, "min_revision", "want a whole number, zero or more"},
		{`{"min_revision":"1"}`, "min_revision", "want a whole number, zero or more"},
		{`{"min_revision":18446744073709551616}`, "min_revision", "it is too large"},
		{`{"receipt":1}`, "receipt", "want true or false"},
	} {
		var flaw *DecodeError
		err := DecodeQuestion([]byte(c.data), &Request{})
		if !errors.As(err, &flaw) || flaw.Field != c.field || flaw.Reason != c.reason || flaw.Error() == "" {
			t.Errorf("%s: got %v, want field %q: %s", c.data, err, c.field, c.reason)
		}
		if err != nil && strings.Contains(err.Error(), "2025550123") {
			t.Errorf("%s: the error repeats the number: %v", c.data, err)
		}
		if problem := agree([]byte(c.data)); problem != "" {
			t.Errorf("%s: %s", c.data, problem)
		}
	}
}

func TestDecodeQuestionReadsHighestRevision(t *testing.T) {
	var r Request
	data := `{"number":"1","purpose":"p","channel":"sms","min_revision":18446744073709551615}`
	if err := DecodeQuestion([]byte(data), &r); err != nil || r.MinRevision != 1<<64-1 {
		t.Errorf("got %d, %v", r.MinRevision, err)
	}
}

// drawQuestion writes a question field by field, each a little broken now and then.
func drawQuestion(t *rapid.T) []byte {
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n\t\r "})
	value := func(name string) string {
		switch rapid.IntRange(0, 9).Draw(t, "how") {
		case 0:
			return "null"
		case 1:
			return rapid.SampledFrom([]string{"0", "7", "-1", "00", "1e2", "true", "false", `""`, "[]", "{}", "nul", `"\ud83d\ude00"`}).Draw(t, "value")
		}
		text := map[string]string{
			"channel": "sms", "at": "2026-03-01T12:00:00.25+02:00", "known_at": "2026-03-01T12:00:00Z",
		}[name]
		switch name {
		case "min_revision":
			return fmt.Sprint(rapid.Uint64().Draw(t, "revision"))
		case "receipt":
			return fmt.Sprint(rapid.Bool().Draw(t, "receipt"))
		case "number", "brand", "purpose":
			text = rapid.String().Draw(t, "text")
		}
		b, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	names := []string{"number", "purpose", "channel", "brand", "at", "known_at", "min_revision", "receipt"}
	names = names[:rapid.IntRange(2, len(names)).Draw(t, "fields")]
	if rapid.IntRange(0, 9).Draw(t, "odd") == 0 {
		names = append(names, rapid.SampledFrom([]string{"number", "at", "extra", "AT", ""}).Draw(t, "odd field"))
	}
	var members []string
	for _, name := range rapid.Permutation(names).Draw(t, "order") {
		key, _ := json.Marshal(name)
		members = append(members, space.Draw(t, "")+string(key)+space.Draw(t, "")+":"+space.Draw(t, "")+value(name)+space.Draw(t, ""))
	}
	data := []byte(space.Draw(t, "") + "{" + strings.Join(members, ",") + "}" + space.Draw(t, ""))
	if rapid.IntRange(0, 4).Draw(t, "damage") == 0 {
		data[rapid.IntRange(0, len(data)-1).Draw(t, "where")] = rapid.Byte().Draw(t, "what")
	}
	return data
}

func TestDecodeQuestionEqualsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		data := drawQuestion(t)
		if problem := agree(data); problem != "" {
			t.Fatalf("%q: %s", data, problem)
		}
	})
}

func FuzzDecodeQuestion(f *testing.F) {
	for _, s := range []string{
		plainQuestion, `{}`, ` {"number" : "\u00e9\ud83d\ude00\\\"" , "purpose":"p","channel":"whatsapp","known_at":null}`,
		`{"number":"1","purpose":"p","channel":"sms","at":"2026-03-01T12:00:00+14:00"}`, `{"number":"\udc00"}`, "{\"brand\":\"\xff\"}",
		`{"number":"1","purpose":"p","channel":"sms","receipt":false,"min_revision":18446744073709551616}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if problem := agree(data); problem != "" {
			t.Errorf("%q: %s", data, problem)
		}
	})
}

func TestDecodeQuestionDoesNotAllocate(t *testing.T) {
	data := []byte(plainQuestion)
	var r Request
	if got := testing.AllocsPerRun(100, func() {
		if err := DecodeQuestion(data, &r); err != nil {
			t.Fatal(err)
		}
	}); got != 0 {
		t.Errorf("%v allocations", got)
	}
}
