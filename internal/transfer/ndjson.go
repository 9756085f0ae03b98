package transfer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Line is one line of an NDJSON file. It is valid until the next Read.
type Line struct {
	Row    int64 // from 1, blank lines counted
	Offset int64 // of the line's first byte in the text
	Raw    []byte
	Flaws  Flaw
}

// Err returns the line's flaws as a *FieldError, or nil.
func (l *Line) Err() error {
	if e := l.Flaws.Err(l.Row); e != nil {
		return e
	}
	return nil
}

// Decode parses the line into v and refuses fields that v does not have. Its *FieldError never quotes the line.
func (l *Line) Decode(v any) error {
	if l.Flaws != 0 {
		return l.Err()
	}
	d := json.NewDecoder(bytes.NewReader(l.Raw))
	d.DisallowUnknownFields()
	err := d.Decode(v)
	if err == nil {
		if _, err = d.Token(); errors.Is(err, io.EOF) {
			return nil
		}
		return &FieldError{Row: l.Row, Code: CodeBadJSON, Message: "more follows the JSON value; write one value a line"}
	}
	return &FieldError{Row: l.Row, Code: CodeBadJSON, Message: jsonFault(err)}
}

// jsonFault puts a decoding error in words that hold nothing of the value: the library's own text may quote it.
func jsonFault(err error) string {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Sprintf("the line is not valid JSON (byte %d)", syntax.Offset)
	case errors.As(err, &kind):
		what, _, _ := strings.Cut(kind.Value, " ")
		return fmt.Sprintf("field %q cannot be a %s", kind.Field, what)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return "the JSON value is cut off"
	}
	if _, field, ok := strings.Cut(err.Error(), "json: unknown field "); ok && digits(field) < 5 {
		return "there is no field " + field
	}
	return "the line does not fit what is expected here"
}

// LineReader reads NDJSON: one JSON value a line, in UTF-8 or in UTF-16 with a byte order mark.
type LineReader struct {
	win     window
	started bool
	row     int64
	line    Line
	cut     []byte
}

// NewLineReader returns a reader of src whose lines hold up to maxRow bytes; 0 means 1 MiB.
func NewLineReader(src io.Reader, maxRow int) *LineReader {
	return &LineReader{win: newWindow(src, maxRow)}
}

// Position returns the number of the last line read and the offset of the next, which Resume takes.
func (r *LineReader) Position() (row, offset int64) { return r.row, r.win.position() }

// Resume continues after the given line at the given offset, both from Position; ErrNotAtRow when none begins there.
func (r *LineReader) Resume(row, offset int64) error {
	r.start()
	if err := r.win.seek(offset, '\n'); err != nil {
		return err
	}
	r.row = row
	return nil
}

// Read returns the next line that is not blank, or io.EOF, or the input's own error.
func (r *LineReader) Read() (*Line, error) {
	r.start()
	for {
		if r.win.at == r.win.end && !r.win.more() {
			if err := r.win.failure(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		if err := r.next(); err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(r.line.Raw)) > 0 {
			return &r.line, nil
		}
	}
}

func (r *LineReader) start() {
	if r.started {
		return
	}
	r.started = true
	r.win.src, _ = decoded(r.win.src)
	r.win.skipBOM()
}

func (r *LineReader) next() error {
	r.line = Line{Row: r.row + 1, Offset: r.win.position()}
	scanned := 0
	for {
		rest := r.win.rest()
		if i := bytes.IndexByte(rest[scanned:], '\n'); i >= 0 {
			r.take(rest[:scanned+i], 1)
			return nil
		}
		scanned = len(rest)
		if r.win.more() {
			continue
		}
		if err := r.win.failure(); err != nil {
			return err
		}
		if !r.win.ended() {
			return r.skipLong()
		}
		rest = r.win.rest() // looking for more may have moved it
		r.take(rest, 0)
		return nil
	}
}

func (r *LineReader) take(raw []byte, lineEnd int) {
	r.row++
	r.win.at += len(raw) + lineEnd
	raw = bytes.TrimSuffix(raw, []byte("\r"))
	r.line.Raw = raw
	if len(raw) > r.win.maxRow {
		r.line.Flaws |= TooLong
	}
	if bytes.IndexByte(raw, 0) >= 0 {
		r.line.Flaws |= HasNUL
	}
	if !utf8.Valid(raw) {
		r.line.Flaws |= BadUTF8
	}
}

func (r *LineReader) skipLong() error {
	r.row++
	r.cut = append(r.cut[:0], r.win.rest()[:min(cutRow, len(r.win.rest()))]...)
	r.line.Raw, r.line.Flaws = r.cut, TooLong
	for {
		if i := bytes.IndexByte(r.win.rest(), '\n'); i >= 0 {
			r.win.at += i + 1
			return nil
		}
		r.win.drop()
		if !r.win.more() {
			return r.win.failure()
		}
	}
}
