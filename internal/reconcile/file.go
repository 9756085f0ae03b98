package reconcile

import (
	"context"
	"errors"
	"io"

	"github.com/consentline/consentline/internal/consent"
	"github.com/consentline/consentline/internal/transfer"
)

// File says how a system's export is read.
type File struct {
	Dialect string // empty: by Columns, or else found by the header
	Columns transfer.ColumnMap

	transfer.Settings
}

// Read returns the rows of a CSV file as a source. What its rows state as an act that ends or refuses consent is a no,
// and what states none is left out. It may be read once.
func (f File) Read(in io.Reader) Source {
	return func(ctx context.Context, fn func(*Row) error) error {
		reader := transfer.NewReader(in, transfer.Options{})
		mapper, err := f.mapper(reader)
		if err != nil {
			return err
		}
		var row Row
		for {
			record, err := reader.Read()
			switch {
			case errors.Is(err, io.EOF):
				return nil
			case err != nil:
				return err
			}
			mapped := mapper.Map(record)
			for _, flaw := range mapped.Errors {
				row = Row{Place: flaw.Row, Flaw: flaw.Code}
				if err := fn(&row); err != nil {
					return err
				}
			}
			for i := range mapped.Rows {
				of(&row, &mapped.Rows[i], record.Row)
				if err := fn(&row); err != nil {
					return err
				}
			}
		}
	}
}

func of(row *Row, m *transfer.Row, place int64) {
	*row = Row{Number: m.Number, Region: m.Region, Scope: m.Scope(), Granted: m.Act.Grants(), Place: place}
	if m.Act == consent.Requested {
		row.Granted = false // asked for, and not given yet
	}
}

// FileError says why a file as a whole cannot be read: its header fits no dialect, or not the columns that were named.
type FileError struct{ Err error }

func (e *FileError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *FileError) Unwrap() error { return e.Err }

func (f File) mapper(reader *transfer.Reader) (*transfer.Mapper, error) {
	header, err := reader.Header()
	if err != nil {
		return nil, &FileError{err}
	}
	dialect, err := f.dialect(header)
	if err != nil {
		return nil, &FileError{err}
	}
	mapper, err := transfer.NewMapper(dialect, header, f.settings())
	if err != nil {
		return nil, &FileError{err}
	}
	return mapper, nil
}

// settings are the file's, with what a comparison has no use for: a level, which only an import must know.
func (f File) settings() transfer.Settings {
	s := f.Settings
	if s.Level == consent.NoLevel {
		s.Level = consent.Express
	}
	if s.Unticked == consent.NoKind {
		s.Unticked = consent.Revoked
	}
	return s
}

func (f File) dialect(header []string) (*transfer.Dialect, error) {
	switch {
	case len(f.Columns) > 0:
		return transfer.Generic(f.Columns), nil
	case f.Dialect != "":
		return transfer.DialectByName(f.Dialect)
	}
	return transfer.Detect(header)
}
