package check

import (
	"unicode/utf16"
	"unicode/utf8"
)

// decoder reads JSON values (RFC 8259) from the front of what is left of the data.
type decoder struct {
	data      []byte
	at        int
	field     string // to blame for a flaw
	unescaped []byte
}

func (d *decoder) flaw(reason string) *DecodeError {
	return &DecodeError{Field: d.field, Offset: d.at, Reason: reason}
}

func (d *decoder) space() {
	for d.at < len(d.data) {
		switch d.data[d.at] {
		case ' ', '\t', '\n', '\r':
			d.at++
		default:
			return
		}
	}
}

func (d *decoder) next(c byte) bool { return d.at < len(d.data) && d.data[d.at] == c }

func (d *decoder) take(c byte) bool {
	if !d.next(c) {
		return false
	}
	d.at++
	return true
}

func (d *decoder) literal(word string) bool {
	if len(d.data)-d.at < len(word) || string(d.data[d.at:d.at+len(word)]) != word {
		return false
	}
	d.at += len(word)
	return true
}

// str reads a string. Without escapes, what it returns points into the data.
func (d *decoder) str() ([]byte, *DecodeError) {
	if !d.take('"') {
		return nil, d.flaw("want a string")
	}
	start := d.at
	ascii := true
	for ; d.at < len(d.data); d.at++ {
		switch c := d.data[d.at]; {
		case c == '"':
			s := d.data[start:d.at]
			if !ascii && !utf8.Valid(s) {
				return nil, d.flaw("the string is not valid UTF-8")
			}
			d.at++
			return s, nil
		case c == '\\':
			return d.escaped(start)
		case c < ' ':
			return nil, d.flaw("a control character in a string must be escaped")
		case c >= utf8.RuneSelf:
			ascii = false
		}
	}
	return nil, d.flaw("the string has no end")
}

// escaped reads the rest of a string from its first escape on. It copies all of it behind what is unescaped already:
// should that move, the strings that were returned before stay in the memory that they point into.
func (d *decoder) escaped(start int) ([]byte, *DecodeError) {
	from := len(d.unescaped)
	d.unescaped = append(d.unescaped, d.data[start:d.at]...)
	for d.at < len(d.data) {
		c := d.data[d.at]
		switch {
		case c == '"':
			s := d.unescaped[from:len(d.unescaped):len(d.unescaped)]
			if !utf8.Valid(s) {
				return nil, d.flaw("the string is not valid UTF-8")
			}
			d.at++
			return s, nil
		case c == '\\':
			if err := d.escape(); err != nil {
				return nil, err
			}
			continue
		case c < ' ':
			return nil, d.flaw("a control character in a string must be escaped")
		}
		d.unescaped = append(d.unescaped, c)
		d.at++
	}
	return nil, d.flaw("the string has no end")
}

// escape reads one escape and appends what it stands for.
func (d *decoder) escape() *DecodeError {
	if d.at+1 >= len(d.data) {
		return d.flaw("the string has no end")
	}
	var c byte
	switch d.data[d.at+1] {
	case '"', '\\', '/':
		c = d.data[d.at+1]
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return d.unicode()
	default:
		return d.flaw("there is no such escape")
	}
	d.unescaped = append(d.unescaped, c)
	d.at += 2
	return nil
}

// unicode reads \uXXXX, or two of them that make one character. Half of such a pair is refused, not replaced: two
// different names must not become the same.
func (d *decoder) unicode() *DecodeError {
	r, ok := d.hex(d.at)
	if !ok {
		return d.flaw("want four hexadecimal digits behind \\u")
	}
	size := 6
	if utf16.IsSurrogate(r) {
		low, ok := d.hex(d.at + size)
		if r = utf16.DecodeRune(r, low); !ok || r == utf8.RuneError {
			return d.flaw("half of a surrogate pair is no character")
		}
		size = 12
	}
	d.unescaped = utf8.AppendRune(d.unescaped, r)
	d.at += size
	return nil
}

// hex reads \uXXXX at an offset.
func (d *decoder) hex(at int) (rune, bool) {
	if len(d.data)-at < 6 || d.data[at] != '\\' || d.data[at+1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range d.data[at+2 : at+6] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return r, true
}
