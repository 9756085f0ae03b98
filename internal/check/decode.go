package check

import (
	"bytes"
	"fmt"
	"math"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/consentline/consentline/internal/consent"
)

// DefaultBrand is the brand of a question that names none.
const DefaultBrand = "default"

// Request is a question as the API receives it. Its slices may point into the input, or into the request itself: they
// hold until the next DecodeQuestion into the same request.
type Request struct {
	Number      []byte // as the caller wrote it
	Brand       []byte
	Purpose     []byte
	Channel     consent.Channel
	At          time.Time // zero: now
	KnownAt     time.Time // zero: as known now
	MinRevision uint64
	Receipt     bool
	Reserve     bool   // count the contact, if it is allowed
	Explain     bool   // tell every gate, also those that were passed
	About       []byte // a JSON object with what is known of the contact; empty: nothing is

	unescaped []byte // what the slices point into when the input has escapes; kept for its capacity
}

// DecodeError says which field of a question is wrong and what would be right. It never repeats a value.
type DecodeError struct {
	Field  string // empty when no field is to blame
	Offset int    // in bytes from the start of the input
	Reason string
}

// Reasons by which a caller tells flaws apart; all others say that a value is not valid.
const (
	FlawUnknown = "there is no such field"
	FlawTwice   = "it is there twice"
	FlawMissing = "it is required"
)

func (e *DecodeError) Error() string {
	if e.Field == "" {
		return fmt.Sprintf("question, at byte %d: %s", e.Offset, e.Reason)
	}
	return fmt.Sprintf("question, field %q, at byte %d: %s", e.Field, e.Offset, e.Reason)
}

// field is a bit for each field that a question can have.
type field uint16

const (
	fieldNumber field = 1 << iota
	fieldBrand
	fieldPurpose
	fieldChannel
	fieldAt
	fieldKnownAt
	fieldMinRevision
	fieldReceipt
	fieldReserve
	fieldExplain
	fieldAbout
)

func fieldOf(name []byte) (field, string) {
	switch string(name) {
	case "number":
		return fieldNumber, "number"
	case "brand":
		return fieldBrand, "brand"
	case "purpose":
		return fieldPurpose, "purpose"
	case "channel":
		return fieldChannel, "channel"
	case "at":
		return fieldAt, "at"
	case "known_at":
		return fieldKnownAt, "known_at"
	case "min_revision":
		return fieldMinRevision, "min_revision"
	case "receipt":
		return fieldReceipt, "receipt"
	case "reserve":
		return fieldReserve, "reserve"
	case "explain":
		return fieldExplain, "explain"
	case "about":
		return fieldAbout, "about"
	}
	return 0, ""
}

// DecodeQuestion reads a JSON object into r, whose earlier content it forgets. Number, purpose and channel must be
// there; null is the same as not there. Every flaw is a *DecodeError.
func DecodeQuestion(data []byte, r *Request) error {
	*r = Request{Brand: defaultBrand, unescaped: r.unescaped[:0]}
	d := decoder{data: data, unescaped: r.unescaped}
	err := d.question(r)
	r.unescaped = d.unescaped
	if err != nil {
		return err
	}
	return nil
}

var defaultBrand = []byte(DefaultBrand)

func (d *decoder) question(r *Request) *DecodeError {
	d.space()
	if !d.take('{') {
		return d.flaw("want a JSON object")
	}
	var seen, set field
	d.space()
	for more := !d.take('}'); more; {
		f, null, err := d.member(r, seen)
		if err != nil {
			return err
		}
		seen |= f
		if !null {
			set |= f
		}
		if more, err = d.more(); err != nil {
			return err
		}
	}
	if err := d.end(); err != nil {
		return err
	}
	return d.required(set)
}

// more reports whether another member of the object follows.
func (d *decoder) more() (bool, *DecodeError) {
	d.space()
	switch {
	case d.take(','):
		d.space()
		return true, nil
	case d.take('}'):
		return false, nil
	}
	d.field = ""
	return false, d.flaw("want a comma or the end of the object")
}

// end reports what stands behind the object, which is nothing.
func (d *decoder) end() *DecodeError {
	d.field = ""
	d.space()
	if d.at < len(d.data) {
		return d.flaw("want nothing behind the object")
	}
	return nil
}

func (d *decoder) required(set field) *DecodeError {
	for _, f := range [...]struct {
		bit  field
		name string
	}{{fieldNumber, "number"}, {fieldPurpose, "purpose"}, {fieldChannel, "channel"}} {
		if set&f.bit == 0 {
			d.field = f.name
			return d.flaw(FlawMissing)
		}
	}
	return nil
}

// member reads one name and its value.
func (d *decoder) member(r *Request, seen field) (f field, null bool, err *DecodeError) {
	d.field = ""
	start := d.at
	name, err := d.str()
	if err != nil {
		return 0, false, err
	}
	f, d.field = fieldOf(name)
	switch {
	case f == 0:
		d.at, d.field = start, printable(name)
		return 0, false, d.flaw(FlawUnknown)
	case seen&f != 0:
		d.at = start
		return 0, false, d.flaw(FlawTwice)
	}
	d.space()
	if !d.take(':') {
		return 0, false, d.flaw("want a colon")
	}
	d.space()
	if d.literal("null") {
		return f, true, nil
	}
	return f, false, d.value(r, f)
}

func (d *decoder) value(r *Request, f field) (err *DecodeError) {
	switch f {
	case fieldNumber:
		r.Number, err = d.name()
	case fieldBrand:
		r.Brand, err = d.name()
	case fieldPurpose:
		r.Purpose, err = d.name()
	case fieldChannel:
		r.Channel, err = d.channel()
	case fieldAt:
		r.At, err = d.moment()
	case fieldKnownAt:
		r.KnownAt, err = d.moment()
	case fieldMinRevision:
		r.MinRevision, err = d.revision()
	case fieldReceipt:
		r.Receipt, err = d.truth()
	case fieldReserve:
		r.Reserve, err = d.truth()
	case fieldExplain:
		r.Explain, err = d.truth()
	case fieldAbout:
		r.About, err = d.object()
	}
	return err
}

// name reads a string that must not be empty.
func (d *decoder) name() ([]byte, *DecodeError) {
	start := d.at
	s, err := d.str()
	if err == nil && len(s) == 0 {
		d.at = start
		return nil, d.flaw("it is empty")
	}
	return s, err
}

func (d *decoder) channel() (consent.Channel, *DecodeError) {
	start := d.at
	s, err := d.str()
	if err != nil {
		return 0, err
	}
	for _, c := range consent.Channels {
		if c.String() == string(s) {
			return c, nil
		}
	}
	d.at = start
	return 0, d.flaw("want sms, whatsapp, voice_live or voice_auto")
}

func (d *decoder) moment() (time.Time, *DecodeError) {
	start := d.at
	s, err := d.str()
	if err != nil {
		return time.Time{}, err
	}
	var t time.Time
	if t.UnmarshalText(s) != nil || t.IsZero() {
		d.at = start
		return time.Time{}, d.flaw("want a time in RFC 3339, such as 2026-01-31T12:00:00Z")
	}
	return t.UTC(), nil
}

func (d *decoder) revision() (uint64, *DecodeError) {
	start := d.at
	var n uint64
	for d.at < len(d.data) && d.data[d.at]-'0' <= 9 {
		digit := uint64(d.data[d.at] - '0')
		if n > (math.MaxUint64-digit)/10 {
			d.at = start
			return 0, d.flaw("it is too large")
		}
		n = n*10 + digit
		d.at++
	}
	leadingZero := d.at-start > 1 && d.data[start] == '0'
	if d.at == start || leadingZero || d.next('.') || d.next('e') || d.next('E') {
		d.at = start
		return 0, d.flaw("want a whole number, zero or more")
	}
	return n, nil
}

func (d *decoder) truth() (bool, *DecodeError) {
	switch {
	case d.literal("true"):
		return true, nil
	case d.literal("false"):
		return false, nil
	}
	return false, d.flaw("want true or false")
}

// object passes over a JSON object, whose members somebody else reads. It is rare, and may allocate.
func (d *decoder) object() ([]byte, *DecodeError) {
	if !d.next('{') {
		return nil, d.flaw("want a JSON object")
	}
	r := jsontext.NewDecoder(bytes.NewReader(d.data[d.at:]), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
	value, err := r.ReadValue()
	if err != nil {
		return nil, d.flaw("want a JSON object")
	}
	start := d.at
	d.at += len(value)
	return d.data[start:d.at], nil
}

// printable is an unknown field's name as an error may show it: short, and without digits, which might be a number's.
func printable(name []byte) string {
	const most = 40
	if len(name) > most {
		name = name[:most]
	}
	return string(bytes.Map(func(r rune) rune {
		if r < ' ' || r == utf8.RuneError || !plainName(r) {
			return '#'
		}
		return r
	}, name))
}

func plainName(r rune) bool {
	return r == '_' || r == '-' || r == '.' || (r|0x20 >= 'a' && r|0x20 <= 'z')
}
