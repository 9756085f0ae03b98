package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrNoHeader means that the input has no first row from which the columns could be learnt.
var ErrNoHeader = errors.New("the file has no header row")

const (
	defaultMaxFields = 4096
	cutRow           = 1 << 10
)

// Options say how a CSV file is read. The zero value reads what people usually have.
type Options struct {
	Delimiter byte // 0: detected from the header, among comma, semicolon, tab and pipe
	MaxRow    int  // bytes in one row, line end not counted; 0: 1 MiB
	MaxFields int  // 0: 4096
	Fields    int  // that every row must have; 0: as many as the first row; negative: any number
	KeepBlank bool // hand out blank lines, as rows without fields, for who must echo the file exactly
}

// Record is one row. It and all its bytes are valid until the next Read.
type Record struct {
	Row     int64 // from 1, the header and blank lines counted, as a spreadsheet does
	Offset  int64 // of the row's first byte in the text (in UTF-8, byte order mark included)
	Lines   int   // lines that the row covers; more than 1 when a quoted field spans lines
	Raw     []byte
	LineEnd []byte // what followed Raw; empty at the end of the file
	Fields  [][]byte
	Flaws   Flaw
}

// Field returns the field at the index, or nil where the row is too short to have it.
func (r *Record) Field(i int) []byte {
	if i < 0 || i >= len(r.Fields) {
		return nil
	}
	return r.Fields[i]
}

// Err returns the row's flaws as a *FieldError, or nil.
func (r *Record) Err() error {
	if e := r.Flaws.Err(r.Row); e != nil {
		return e
	}
	return nil
}

// Reader splits CSV into rows and fields (RFC 4180), without allocating per row. A quote inside a field that does not
// begin with one is taken literally, since such files are common and mean nothing else.
type Reader struct {
	opts     Options
	win      window
	encoding Encoding
	started  bool
	lineEnd  byte
	pattern  uint64 // the delimiter in each of eight bytes
	row      int64
	rec      Record
	unquoted []byte // where doubled quotes are undone
	cut      []byte // the beginning of a row that was too long
	scan     rowScan
}

// NewReader returns a reader of src; nothing is read before the first call of Header, Read or Resume.
func NewReader(src io.Reader, opts Options) *Reader {
	if opts.MaxFields <= 0 {
		opts.MaxFields = defaultMaxFields
	}
	return &Reader{opts: opts, win: newWindow(src, opts.MaxRow)}
}

// Encoding returns the input's encoding; Raw is always UTF-8, so only UTF-8 input can be echoed byte for byte.
func (r *Reader) Encoding() Encoding {
	r.start()
	return r.encoding
}

// Delimiter returns the field delimiter in use, as given or detected.
func (r *Reader) Delimiter() byte {
	r.start()
	return r.opts.Delimiter
}

// Header reads the first row and returns a copy of its fields; ErrNoHeader when the file is empty.
func (r *Reader) Header() ([]string, error) {
	rec, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, ErrNoHeader
	}
	if err != nil {
		return nil, err
	}
	if rec.Flaws != 0 {
		return nil, fmt.Errorf("read header: %w", rec.Err())
	}
	names := make([]string, len(rec.Fields))
	for i, f := range rec.Fields {
		names[i] = string(f)
	}
	return names, nil
}

// Position returns the number of the last row read and the offset of the next, which Resume takes.
func (r *Reader) Position() (row, offset int64) { return r.row, r.win.position() }

// Resume continues after the given row at the given offset, both from Position; ErrNotAtRow when no row begins there.
func (r *Reader) Resume(row, offset int64) error {
	r.start()
	if row < r.row {
		return fmt.Errorf("%w: row %d lies before the first row", ErrNotAtRow, row)
	}
	if err := r.win.seek(offset, r.lineEnd); err != nil {
		return err
	}
	r.row = row
	return nil
}

// Read returns the next row, or io.EOF, or the input's own error. Faults of the row are in its Flaws.
func (r *Reader) Read() (*Record, error) {
	r.start()
	for {
		if r.win.at == r.win.end && !r.win.more() {
			if err := r.win.failure(); err != nil {
				return nil, err
			}
			return nil, io.EOF
		}
		r.row++
		if err := r.next(); err != nil {
			r.row--
			return nil, err
		}
		if len(r.rec.Raw) > 0 || r.opts.KeepBlank {
			return &r.rec, nil
		}
	}
}

func (r *Reader) start() {
	if r.started {
		return
	}
	r.started = true
	r.win.src, r.encoding = decoded(r.win.src)
	r.sniff()
	r.pattern = everyByte(r.opts.Delimiter)
}

// next finds the end of the row at hand and splits it.
func (r *Reader) next() error {
	rec := &r.rec
	rec.Row, rec.Offset, rec.Lines, rec.Flaws = r.row, r.win.position(), 1, 0
	scanned := 0
	for {
		rest := r.win.rest()
		if i := bytes.IndexByte(rest[scanned:], r.lineEnd); i >= 0 {
			r.take(rest, scanned+i, 1)
			break
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
		r.take(rest, len(rest), 0)
		break
	}
	if bytes.IndexByte(rec.Raw, '"') >= 0 {
		return r.splitQuoted()
	}
	r.split()
	r.finish()
	return nil
}

// take makes Raw and LineEnd of the first n bytes and the line end after them; a CR before the LF belongs to the latter.
func (r *Reader) take(rest []byte, n, lineEnd int) {
	end := n + lineEnd
	if n > 0 && r.lineEnd == '\n' && rest[n-1] == '\r' {
		n--
	}
	r.rec.Raw, r.rec.LineEnd = rest[:n], rest[n:end]
}

// finish checks the row as a whole and moves past it.
func (r *Reader) finish() {
	rec := &r.rec
	r.win.at += len(rec.Raw) + len(rec.LineEnd)
	if len(rec.Raw) == 0 {
		rec.Fields = rec.Fields[:0]
		return
	}
	if bytes.IndexByte(rec.Raw, 0) >= 0 {
		rec.Flaws |= HasNUL
	}
	if len(rec.Raw) > r.win.maxRow {
		rec.Flaws |= TooLong
		rec.Fields = rec.Fields[:0]
		return
	}
	if r.opts.Fields == 0 {
		r.opts.Fields = len(rec.Fields)
	}
	if r.opts.Fields > 0 && len(rec.Fields) != r.opts.Fields {
		rec.Flaws |= Ragged
	}
	if len(rec.Fields) > r.opts.MaxFields {
		rec.Flaws |= TooManyFields
		rec.Fields = rec.Fields[:r.opts.MaxFields]
	}
}
