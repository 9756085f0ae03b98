package transfer

import (
	"fmt"
	"strings"
)

// Code names a reason for which a row or a field was rejected; it is stable, and appears in reject files.
type Code string

// The codes of rows that cannot be read, whatever they hold.
const (
	CodeRagged        Code = "ragged_row"
	CodeTooLong       Code = "row_too_long"
	CodeTooManyFields Code = "too_many_fields"
	CodeNUL           Code = "nul_byte"
	CodeBadUTF8       Code = "invalid_utf8"
	CodeBadQuote      Code = "bad_quote"
	CodeUnclosedQuote Code = "unclosed_quote"
	CodeBadJSON       Code = "invalid_json"
)

// FieldError says why a row, or one column of it, was rejected. It never holds the row's number or an unvetted value.
type FieldError struct {
	Row     int64  // as a spreadsheet counts: the header is row 1
	Column  string // the header as this package knows it; empty when the whole row is at fault
	Code    Code
	Message string
}

func (e *FieldError) Error() string {
	if e.Column == "" {
		return fmt.Sprintf("row %d: %s", e.Row, e.Message)
	}
	return fmt.Sprintf("row %d, column %q: %s", e.Row, e.Column, e.Message)
}

// Flaw is a set of faults that were found in one row's bytes.
type Flaw uint8

// The faults of a row. The row is still handed out, so that it can be echoed or reported.
const (
	Ragged Flaw = 1 << iota
	TooLong
	TooManyFields
	HasNUL
	BadUTF8
	BadQuote
	UnclosedQuote
)

var flawTexts = []struct {
	flaw Flaw
	code Code
	text string
}{
	{TooLong, CodeTooLong, "the row is longer than the limit and was cut"},
	{UnclosedQuote, CodeUnclosedQuote, "a quoted field is not closed before the end of the file"},
	{BadQuote, CodeBadQuote, "text follows a closing quote; a quote inside a quoted field must be doubled"},
	{HasNUL, CodeNUL, "the row holds a NUL byte"},
	{BadUTF8, CodeBadUTF8, "the row is not valid UTF-8 text"},
	{TooManyFields, CodeTooManyFields, "the row has more fields than the limit"},
	{Ragged, CodeRagged, "the row does not have as many fields as the header"},
}

// Code returns the code of the gravest fault, or an empty one when there is none.
func (f Flaw) Code() Code {
	for _, t := range flawTexts {
		if f&t.flaw != 0 {
			return t.code
		}
	}
	return ""
}

// String lists the faults in words, gravest first.
func (f Flaw) String() string {
	var texts []string
	for _, t := range flawTexts {
		if f&t.flaw != 0 {
			texts = append(texts, t.text)
		}
	}
	return strings.Join(texts, "; ")
}

// Err returns the faults as an error of the given row, or nil when there are none.
func (f Flaw) Err(row int64) *FieldError {
	if f == 0 {
		return nil
	}
	return &FieldError{Row: row, Code: f.Code(), Message: f.String()}
}
