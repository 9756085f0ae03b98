package transfer

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// WriterOptions say for whom a CSV file is written. The zero value writes plain RFC 4180 for programs.
type WriterOptions struct {
	Delimiter byte // 0: comma
	// Spreadsheet guards every field against being run as a formula, writes numbers as tel:+…, and begins the file with
	// a byte order mark, without which some spreadsheets take UTF-8 for something else.
	Spreadsheet bool
	LF          bool // end rows with LF in place of CRLF
}

// Writer writes CSV rows. Errors stick, and Flush returns the first.
type Writer struct {
	opts    WriterOptions
	out     *bufio.Writer
	lineEnd string
	begun   bool
}

// NewWriter returns a writer to out; rows are buffered until Flush.
func NewWriter(out io.Writer, opts WriterOptions) *Writer {
	if opts.Delimiter == 0 {
		opts.Delimiter = ','
	}
	w := &Writer{opts: opts, out: bufio.NewWriterSize(out, 64<<10), lineEnd: "\r\n"}
	if opts.LF {
		w.lineEnd = "\n"
	}
	return w
}

// Number returns an E.164 number in the form that this file takes it: as it is, or as tel:+… for spreadsheets.
func (w *Writer) Number(e164 string) string {
	if w.opts.Spreadsheet && strings.HasPrefix(e164, "+") {
		return telPrefix + e164
	}
	return e164
}

// Write writes one row.
func (w *Writer) Write(fields ...string) error {
	w.begin()
	for i, field := range fields {
		if i > 0 {
			w.out.WriteByte(w.opts.Delimiter)
		}
		// A row of one empty field would be a blank line, which readers pass over.
		w.field(field, len(fields) == 1 && field == "")
	}
	return w.end(w.lineEnd)
}

// Echo writes the row's bytes exactly as they were read, then more fields, then the row's own line end. A row whose
// quote was never closed is refused, since nothing written after it would be read as it was meant, and so is a cut one.
func (w *Writer) Echo(rec *Record, more ...string) error {
	if rec.Flaws&(UnclosedQuote|TooLong) != 0 {
		return fmt.Errorf("echo: %w", rec.Err())
	}
	w.begun = true // an echoed file begins as the caller's did
	w.out.Write(rec.Raw)
	for _, field := range more {
		w.out.WriteByte(w.opts.Delimiter)
		w.field(field, false)
	}
	lineEnd := string(rec.LineEnd)
	if lineEnd == "" && len(more) > 0 {
		lineEnd = w.lineEnd
	}
	return w.end(lineEnd)
}

// Flush writes what is buffered.
func (w *Writer) Flush() error {
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

func (w *Writer) begin() {
	if !w.begun && w.opts.Spreadsheet {
		w.out.WriteString(utf8BOM)
	}
	w.begun = true
}

func (w *Writer) end(lineEnd string) error {
	if _, err := w.out.WriteString(lineEnd); err != nil {
		return fmt.Errorf("write row: %w", err)
	}
	return nil
}

func (w *Writer) field(text string, quote bool) {
	if w.opts.Spreadsheet {
		text = Guard(text)
	}
	if !quote && !w.needsQuotes(text) {
		w.out.WriteString(text)
		return
	}
	w.out.WriteByte('"')
	for {
		before, after, found := strings.Cut(text, `"`)
		w.out.WriteString(before)
		if !found {
			break
		}
		w.out.WriteString(`""`)
		text = after
	}
	w.out.WriteByte('"')
}

func (w *Writer) needsQuotes(text string) bool {
	if text == "" {
		return false
	}
	if text[0] == ' ' || text[len(text)-1] == ' ' {
		return true // some readers trim
	}
	return strings.IndexByte(text, w.opts.Delimiter) >= 0 || strings.ContainsAny(text, "\"\r\n\t;|")
}
