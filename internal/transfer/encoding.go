package transfer

import (
	"encoding/binary"
	"errors"
	"io"
	"unicode/utf16"
	"unicode/utf8"
)

const utf8BOM = "\xef\xbb\xbf"

// Encoding is how the input's text was encoded, as its byte order mark told.
type Encoding uint8

// The encodings. Text without a mark is taken for UTF-8; rows that are not are flagged.
const (
	UTF8 Encoding = iota
	UTF16LE
	UTF16BE
)

// String returns the IANA name.
func (e Encoding) String() string { return [...]string{"utf-8", "utf-16le", "utf-16be"}[e] }

// decoded returns the input as UTF-8, converted where a UTF-16 byte order mark stands at its beginning.
func decoded(src io.Reader) (io.Reader, Encoding) {
	head := make([]byte, 2)
	n, err := io.ReadFull(src, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return &joined{head: head[:n], rest: failing{err}}, UTF8
	}
	switch {
	case n == 2 && head[0] == 0xff && head[1] == 0xfe:
		return &utf16Reader{src: src, order: binary.LittleEndian}, UTF16LE
	case n == 2 && head[0] == 0xfe && head[1] == 0xff:
		return &utf16Reader{src: src, order: binary.BigEndian}, UTF16BE
	}
	return &joined{head: head[:n], rest: src}, UTF8
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// joined reads head, then rest.
type joined struct {
	head []byte
	rest io.Reader
}

func (j *joined) Read(p []byte) (int, error) {
	if len(j.head) == 0 {
		return j.rest.Read(p)
	}
	n := copy(p, j.head)
	j.head = j.head[n:]
	return n, nil
}

// utf16Reader converts UTF-16 to UTF-8. A lone surrogate becomes three bytes that are not valid UTF-8, and an odd last
// byte becomes 0xff, so that the row they stand in is flagged rather than silently changed.
type utf16Reader struct {
	src   io.Reader
	order binary.ByteOrder
	in    [8192]byte
	held  int    // bytes of in that are not yet a whole unit
	high  uint16 // a high surrogate that waits for its partner
	out   []byte
	err   error
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		if u.err != nil {
			return 0, u.err
		}
		u.fill()
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) fill() {
	n, err := u.src.Read(u.in[u.held:])
	n += u.held
	out := u.out[:0]
	i := 0
	for ; i+1 < n; i += 2 {
		out = u.appendUnit(out, u.order.Uint16(u.in[i:]))
	}
	u.held = copy(u.in[:], u.in[i:n])
	if err != nil {
		u.err = err
		if u.high != 0 {
			out = appendLone(out, u.high)
			u.high = 0
		}
		if u.held > 0 {
			out = append(out, 0xff)
			u.held = 0
		}
	}
	u.out = out
}

func (u *utf16Reader) appendUnit(out []byte, unit uint16) []byte {
	if u.high != 0 {
		high := u.high
		u.high = 0
		if r := utf16.DecodeRune(rune(high), rune(unit)); r != utf8.RuneError {
			return utf8.AppendRune(out, r)
		}
		out = appendLone(out, high)
	}
	switch {
	case unit >= 0xd800 && unit < 0xdc00:
		u.high = unit
		return out
	case unit >= 0xdc00 && unit < 0xe000:
		return appendLone(out, unit)
	}
	return utf8.AppendRune(out, rune(unit))
}

// appendLone writes a surrogate as UTF-8 would, had it not forbidden it (RFC 3629, section 3).
func appendLone(out []byte, unit uint16) []byte {
	return append(out, 0xe0|byte(unit>>12), 0x80|byte(unit>>6)&0x3f, 0x80|byte(unit)&0x3f)
}
