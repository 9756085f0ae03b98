package scrub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/consentline/consentline/internal/check"
	"github.com/consentline/consentline/internal/transfer"
)

// added are the names of the columns that every row gets, after the prefix.
var added = [...]string{"verdict", "reason", "next_allowed_at"}

// names returns what the added columns are called.
func (o *Options) names() (out [len(added)]string) {
	for i, name := range added {
		out[i] = o.Prefix + name
	}
	return out
}

// TakenError says that a file has columns already that would be added: an answer of before would pass for one of now.
type TakenError struct{ Columns []string }

func (e *TakenError) Error() string {
	return fmt.Sprintf("the file has the columns %s already: take them out, or give a prefix for the names of those that are added", strings.Join(e.Columns, ", "))
}

// HeaderError says that a file's first row cannot be used as its header: nothing was written.
type HeaderError struct{ Err error }

func (e *HeaderError) Error() string { return "header: " + e.Err.Error() }

// Unwrap returns what is wrong with the header.
func (e *HeaderError) Unwrap() error { return e.Err }

// CSV answers for every row of a CSV file. Rows come back byte for byte, in UTF-8, with three columns added. Before the
// first byte is written, what is wrong with the header is a *HeaderError; after it, errors are those of r and w.
func CSV(ctx context.Context, x *check.Index, r io.Reader, w io.Writer, o Options) (Counts, error) {
	lead := &leader{src: r}
	file := transfer.NewReader(lead, transfer.Options{MaxRow: o.MaxRow, KeepBlank: true})
	header, err := readHeader(file)
	if err != nil {
		return Counts{}, err
	}
	names := make([]string, len(header.Fields))
	for i, f := range header.Fields {
		names[i] = string(f)
	}
	column, err := transfer.NumberColumn(names, o.Column)
	if err != nil {
		return Counts{}, &HeaderError{err}
	}
	out := lead.before(header.Offset, file.Encoding())
	out = append(out, header.Raw...)
	var taken []string
	for _, name := range o.names() {
		if slices.ContainsFunc(names, func(h string) bool { return strings.EqualFold(strings.TrimSpace(h), name) }) {
			taken = append(taken, name)
		}
	}
	if len(taken) > 0 {
		return Counts{}, &HeaderError{&TakenError{taken}}
	}
	for _, name := range o.names() {
		out = append(append(out, file.Delimiter()), name...)
	}
	if _, err := w.Write(append(out, header.LineEnd...)); err != nil {
		return Counts{}, fmt.Errorf("write the header: %w", err)
	}
	return run(ctx, w, &o, file.ReadBlock, func() worker {
		return &csvWorker{asker: newAsker(x, &o), rows: file.BlockReader(), column: column, delimiter: file.Delimiter()}
	})
}

// readHeader returns the first row that is not blank.
func readHeader(file *transfer.Reader) (*transfer.Record, error) {
	for {
		rec, err := file.Read()
		switch {
		case errors.Is(err, io.EOF):
			return nil, &HeaderError{transfer.ErrNoHeader}
		case err != nil:
			return nil, fmt.Errorf("read the file: %w", err)
		case len(rec.Raw) == 0:
			continue
		}
		if err := rec.Err(); err != nil {
			return nil, &HeaderError{err}
		}
		return rec, nil
	}
}

// leader remembers the beginning of a file, where a byte order mark, blank lines or a line "sep=;" may stand.
type leader struct {
	src  io.Reader
	kept []byte
}

const mostLead = 1 << 10

// Read implements io.Reader.
func (l *leader) Read(p []byte) (int, error) {
	n, err := l.src.Read(p)
	if room := mostLead - len(l.kept); room > 0 {
		l.kept = append(l.kept, p[:min(n, room)]...)
	}
	return n, err
}

// before returns what stood before the header. Of a file in another encoding, which comes back as UTF-8, nothing does.
func (l *leader) before(offset int64, e transfer.Encoding) []byte {
	if e != transfer.UTF8 || offset > int64(len(l.kept)) {
		return nil
	}
	return bytes.Clone(l.kept[:offset])
}

type csvWorker struct {
	asker
	rows      *transfer.BlockReader
	column    int
	delimiter byte
}

func (c *csvWorker) work(b *block) {
	c.counts = Counts{}
	b.out = b.out[:0]
	if b.part == transfer.WholeRows {
		c.wholeRows(b)
	} else {
		c.piece(b)
	}
	b.counts = c.counts
}

func (c *csvWorker) wholeRows(b *block) {
	c.rows.Reset(b.in)
	for {
		rec, err := c.rows.Read()
		if err != nil {
			return // io.EOF: the block is in memory
		}
		b.out = append(b.out, rec.Raw...)
		if len(rec.Raw) > 0 {
			b.out = c.appendAnswer(b.out, rec)
		}
		b.out = append(b.out, rec.LineEnd...)
	}
}

func (c *csvWorker) appendAnswer(out []byte, rec *transfer.Record) []byte {
	if rec.Flaws != 0 {
		if rec.Flaws&transfer.UnclosedQuote != 0 {
			out = append(out, '"') // what is added would else be part of the field
		}
		verdict, reason, next := c.refuse(string(rec.Flaws.Code()))
		return c.appendColumns(out, verdict, reason, next)
	}
	verdict, reason, next := c.ask(rec.Field(c.column))
	return c.appendColumns(out, verdict, reason, next)
}

// piece passes on a row that is longer than the limit, and marks it at its end.
func (c *csvWorker) piece(b *block) {
	body := b.in
	var lineEnd []byte
	if b.part == transfer.RowEnd {
		body = bytes.TrimRight(b.in, "\r\n")
		lineEnd = b.in[len(body):]
	}
	b.out = append(b.out, body...)
	if b.part == transfer.RowPiece {
		return
	}
	if b.part == transfer.RowUnended {
		b.out = append(b.out, '"')
	}
	verdict, reason, next := c.refuse(string(transfer.CodeTooLong))
	b.out = append(c.appendColumns(b.out, verdict, reason, next), lineEnd...)
}

func (c *csvWorker) appendColumns(out []byte, verdict, reason string, next time.Time) []byte {
	out = append(append(out, c.delimiter), verdict...)
	out = append(append(out, c.delimiter), reason...)
	out = append(out, c.delimiter)
	if next.IsZero() {
		return out
	}
	return next.UTC().AppendFormat(out, time.RFC3339)
}
