package verify

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxJSONDepth is far beyond any receipt's and keeps hostile input from using up the stack.
const maxJSONDepth = 32

// canonicalJSON rewrites one JSON value as RFC 8785 (JCS) does: no insignificant space, members sorted, one spelling for
// each string. Numbers must be integers that every JSON reader holds exactly; names must not repeat.
func canonicalJSON(in []byte) ([]byte, error) {
	if !utf8.Valid(in) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(in))
	dec.UseNumber()
	out, err := appendCanonical(nil, dec, 0)
	if err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("more follows the JSON value")
	}
	return out, nil
}

func appendCanonical(out []byte, dec *json.Decoder, depth int) ([]byte, error) {
	if depth > maxJSONDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxJSONDepth)
	}
	tok, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := tok.(type) {
	case json.Delim:
		if v == '{' {
			return appendObject(out, dec, depth)
		}
		return appendArray(out, dec, depth)
	case string:
		return appendString(out, v), nil
	case json.Number:
		return appendInteger(out, v)
	case bool:
		return strconv.AppendBool(out, v), nil
	}
	return append(out, "null"...), nil
}

func appendArray(out []byte, dec *json.Decoder, depth int) ([]byte, error) {
	out = append(out, '[')
	var err error
	for i := 0; dec.More(); i++ {
		if i > 0 {
			out = append(out, ',')
		}
		if out, err = appendCanonical(out, dec, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil { // the closing bracket
		return nil, err
	}
	return append(out, ']'), nil
}

func appendObject(out []byte, dec *json.Decoder, depth int) ([]byte, error) {
	members := map[string][]byte{}
	for dec.More() {
		tok, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name := tok.(string) // the decoder lets nothing else stand here
		if _, twice := members[name]; twice {
			return nil, fmt.Errorf("member %q stands twice", name)
		}
		if members[name], err = appendCanonical(nil, dec, depth+1); err != nil {
			return nil, err
		}
	}
	if _, err := dec.Token(); err != nil { // the closing brace
		return nil, err
	}
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return slices.Compare(utf16.Encode([]rune(a)), utf16.Encode([]rune(b)))
	})
	out = append(out, '{')
	for i, name := range names {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(appendString(out, name), ':')
		out = append(out, members[name]...)
	}
	return append(out, '}'), nil
}

// appendInteger writes an integer of at most 53 bits; beyond, JSON readers disagree about the value.
func appendInteger(out []byte, n json.Number) ([]byte, error) {
	const exact = 1<<53 - 1
	v, err := strconv.ParseInt(n.String(), 10, 64)
	if err != nil || v < -exact || v > exact || strconv.FormatInt(v, 10) != n.String() {
		return nil, fmt.Errorf("number %s is no integer between -(2^53-1) and 2^53-1", n)
	}
	return append(out, n...), nil
}

// appendString writes a string as RFC 8785, section 3.2.2.2 asks: only what must be escaped is.
func appendString(out []byte, s string) []byte {
	const (
		escaped = "\"\\\b\f\n\r\t"
		letters = "\"\\bfnrt"
		hex     = "0123456789abcdef"
	)
	out = append(out, '"')
	for i := range len(s) {
		c := s[i]
		if e := strings.IndexByte(escaped, c); e >= 0 {
			out = append(out, '\\', letters[e])
			continue
		}
		if c < 0x20 {
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
			continue
		}
		out = append(out, c)
	}
	return append(out, '"')
}
