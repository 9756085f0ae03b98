package transfer

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"unicode/utf8"
)

const (
	lowSeven = 0x7f7f7f7f7f7f7f7f
	highBits = 0x8080808080808080
)

func everyByte(b byte) uint64 { return uint64(b) * 0x0101010101010101 }

// split cuts a row without quotes at its delimiters, eight bytes at a time, and looks at its encoding on the way.
func (r *Reader) split() {
	line, fields, pattern := r.rec.Raw, r.rec.Fields[:0], r.pattern
	var seen uint64
	start, i := 0, 0
	for ; i+8 <= len(line); i += 8 {
		word := binary.LittleEndian.Uint64(line[i:])
		seen |= word
		diff := word ^ pattern
		// The high bit of each byte that is zero in diff; exact, since the addition never carries between bytes.
		match := ^((diff&lowSeven + lowSeven) | diff | lowSeven)
		for match != 0 {
			at := i + bits.TrailingZeros64(match)>>3
			fields = append(fields, line[start:at])
			start = at + 1
			match &= match - 1
		}
	}
	for ; i < len(line); i++ {
		seen |= uint64(line[i])
		if line[i] == byte(pattern) {
			fields = append(fields, line[start:i])
			start = i + 1
		}
	}
	r.rec.Fields = append(fields, line[start:])
	if seen&highBits != 0 && !utf8.Valid(line) {
		r.rec.Flaws |= BadUTF8
	}
}

// cursor is how far a quoted row has been split.
type cursor uint8

const (
	nextField cursor = iota
	rowDone
	needMore
)

// splitQuoted splits a row that holds a quote and may therefore go on after its first line.
func (r *Reader) splitQuoted() error {
	if !r.splitFields() {
		whole, err := r.readOn()
		if err != nil {
			return err
		}
		if !whole || !r.splitFields() {
			return r.skipLong()
		}
	}
	raw := r.rec.Raw
	r.rec.Lines = 1 + bytes.Count(raw, []byte{r.lineEnd})
	if !utf8.Valid(raw) {
		r.rec.Flaws |= BadUTF8
	}
	r.finish()
	return nil
}

// readOn reads until the row ends or is too long; it looks at every byte once, however slowly they come.
func (r *Reader) readOn() (whole bool, err error) {
	s := longRow{delimiter: r.opts.Delimiter, lineEnd: r.lineEnd}
	for seen := 0; ; {
		n, done := s.pass(r.win.rest()[seen:])
		if done {
			return true, nil
		}
		seen += n
		if !r.win.more() {
			return r.win.ended(), r.win.failure()
		}
	}
}

// splitFields reports whether the row ends in memory; if so, the record is complete.
func (r *Reader) splitFields() bool {
	rec := &r.rec
	rest, i := r.win.rest(), 0
	rec.Fields, rec.Flaws, r.unquoted = rec.Fields[:0], 0, r.unquoted[:0]
	for {
		var state cursor
		if i < len(rest) && rest[i] == '"' {
			i, state = r.quotedField(rest, i)
		} else {
			i, state = r.plainField(rest, i)
		}
		if state != nextField {
			return state == rowDone
		}
	}
}

func (r *Reader) plainField(rest []byte, from int) (int, cursor) {
	for i := from; i < len(rest); i++ {
		switch rest[i] {
		case r.opts.Delimiter:
			r.rec.Fields = append(r.rec.Fields, rest[from:i])
			return i + 1, nextField
		case r.lineEnd:
			r.endPlain(rest, from, i, 1)
			return i, rowDone
		}
	}
	if !r.win.ended() {
		return 0, needMore
	}
	r.endPlain(rest, from, len(rest), 0)
	return len(rest), rowDone
}

func (r *Reader) endPlain(rest []byte, from, to, lineEnd int) {
	r.take(rest, to, lineEnd)
	r.rec.Fields = append(r.rec.Fields, rest[from:max(from, len(r.rec.Raw))])
}

// quotedField reads a field that begins with the quote at from.
func (r *Reader) quotedField(rest []byte, from int) (int, cursor) {
	i, doubled, ended := from+1, false, r.win.ended()
	for {
		q := bytes.IndexByte(rest[i:], '"')
		if q < 0 && !ended {
			return 0, needMore
		}
		if q < 0 {
			r.rec.Flaws |= UnclosedQuote
			r.rec.Fields = append(r.rec.Fields, rest[from+1:])
			r.take(rest, len(rest), 0)
			return len(rest), rowDone
		}
		i += q + 1
		if i == len(rest) && !ended {
			return 0, needMore
		}
		if i < len(rest) && rest[i] == '"' {
			i, doubled = i+1, true
			continue
		}
		break
	}
	field := rest[from+1 : i-1]
	if doubled {
		field = r.undouble(field)
	}
	r.rec.Fields = append(r.rec.Fields, field)
	return r.afterQuote(rest, i)
}

// afterQuote decides by the byte after a closing quote.
func (r *Reader) afterQuote(rest []byte, i int) (int, cursor) {
	switch {
	case i == len(rest): // and the input has ended
		r.take(rest, i, 0)
		return i, rowDone
	case rest[i] == r.opts.Delimiter:
		return i + 1, nextField
	case rest[i] == r.lineEnd:
		r.take(rest, i, 1)
		return i, rowDone
	case rest[i] == '\r' && i+1 < len(rest) && rest[i+1] == r.lineEnd:
		r.take(rest, i+1, 1)
		return i, rowDone
	case rest[i] == '\r' && i+1 == len(rest) && r.win.ended():
		r.take(rest, i+1, 0)
		return i, rowDone
	case rest[i] == '\r' && i+1 == len(rest):
		return 0, needMore
	}
	// What follows cannot be told apart into fields; the row ends with this line, so that the next one is read afresh.
	end := bytes.IndexByte(rest[i:], r.lineEnd)
	if end < 0 && !r.win.ended() {
		return 0, needMore
	}
	r.rec.Flaws |= BadQuote
	if end < 0 {
		r.take(rest, len(rest), 0)
	} else {
		r.take(rest, i+end, 1)
	}
	return i, rowDone
}

func (r *Reader) undouble(field []byte) []byte {
	start := len(r.unquoted)
	for {
		q := bytes.IndexByte(field, '"')
		if q < 0 {
			break
		}
		r.unquoted = append(r.unquoted, field[:q+1]...)
		field = field[q+2:]
	}
	r.unquoted = append(r.unquoted, field...)
	return r.unquoted[start:len(r.unquoted):len(r.unquoted)]
}

// skipLong passes over a row that is longer than the limit, following its quotes so that the text of a field is never
// taken for rows, and keeps only its beginning.
func (r *Reader) skipLong() error {
	rec := &r.rec
	r.cut = append(r.cut[:0], r.win.rest()[:min(cutRow, len(r.win.rest()))]...)
	s := longRow{delimiter: r.opts.Delimiter, lineEnd: r.lineEnd}
	for {
		rest := r.win.rest()
		if n, done := s.pass(rest); done {
			r.win.at += n
			break
		}
		r.win.drop()
		if !r.win.more() {
			if err := r.win.failure(); err != nil {
				return err
			}
			break
		}
	}
	rec.Raw, rec.LineEnd, rec.Fields = r.cut, nil, rec.Fields[:0]
	rec.Lines, rec.Flaws = s.lines+1, TooLong
	if s.state == inQuotes {
		rec.Flaws |= UnclosedQuote
	}
	return nil
}

type longState uint8

const (
	fieldStart longState = iota
	inPlain
	inQuotes
	quoteSeen
	broken // text followed a closing quote: the row ends with its line
)

// longRow finds the end of a row without keeping it.
type longRow struct {
	delimiter, lineEnd byte
	state              longState
	lines              int // line ends inside quotes
}

// pass returns how many bytes belong to the row, and whether it ends with them.
func (s *longRow) pass(text []byte) (int, bool) {
	for i, b := range text {
		switch {
		case b == s.lineEnd && s.state == inQuotes:
			s.lines++
		case b == s.lineEnd:
			return i + 1, true
		case b == '"' && s.state == quoteSeen:
			s.state = inQuotes
		case b == '"' && s.state == inQuotes:
			s.state = quoteSeen
		case b == '"' && s.state == fieldStart:
			s.state = inQuotes
		case s.state == inQuotes || s.state == broken:
		case b == s.delimiter:
			s.state = fieldStart
		case s.state == quoteSeen:
			s.state = broken
		default:
			s.state = inPlain
		}
	}
	return len(text), false
}
