package transfer

import (
	"io"
	"strconv"
)

// Rejects writes the rows that an import did not take, with reasons, so that people can mend them: a CSV file of row,
// code, column, message and the original row. It holds numbers, as the file it comes from does.
type Rejects struct {
	w     *Writer
	begun bool
	count int64
}

// NewRejects returns a writer of rejects to out; nothing is written before the first reject.
func NewRejects(out io.Writer, opts WriterOptions) *Rejects {
	return &Rejects{w: NewWriter(out, opts)}
}

// Add writes one reason for which the original row was rejected.
func (r *Rejects) Add(reason *FieldError, original []byte) error {
	if !r.begun {
		r.begun = true
		if err := r.w.Write("row", "code", "column", "message", "original"); err != nil {
			return err
		}
	}
	r.count++
	return r.w.Write(strconv.FormatInt(reason.Row, 10), string(reason.Code), reason.Column, reason.Message, string(original))
}

// Count returns how many reasons were written.
func (r *Rejects) Count() int64 { return r.count }

// Flush writes what is buffered.
func (r *Rejects) Flush() error { return r.w.Flush() }
