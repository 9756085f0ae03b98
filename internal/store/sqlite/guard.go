package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"

	"zombiezen.com/go/sqlite"

	"github.com/consentline/consentline/internal/store"
)

// ForeignFileError says that a file is no database, or the database of another program.
type ForeignFileError struct{ Why string }

func (e *ForeignFileError) Error() string {
	return "the file is not Consentline's: " + e.Why + "; move it away, or name another data directory"
}

// assertOurs looks at a file that is there, without writing to it, before anything else opens it.
func assertOurs(path string) (err error) {
	if info, err := os.Stat(path); errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil // to be made
	} else if err != nil {
		return err
	}
	raw, err := sqlite.OpenConn(path, sqlite.OpenReadOnly)
	if err != nil {
		return foreign(err)
	}
	defer func() { err = errors.Join(err, raw.Close()) }()
	ours, first := false, ""
	rows := newConn(raw).Query(context.Background(), "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name")
	err = store.Each(rows, func(r store.Row) error {
		ours = ours || r.Text(0) == "schema_version"
		if first == "" {
			first = r.Text(0)
		}
		return nil
	})
	switch {
	case err != nil:
		return foreign(err)
	case first != "" && !ours:
		return &ForeignFileError{fmt.Sprintf("it holds a table %q and no version of our schema", first)}
	}
	return nil
}

func foreign(err error) error {
	if sqlite.ErrCode(err).ToPrimary() == sqlite.ResultNotADB {
		return &ForeignFileError{"it is no SQLite database"}
	}
	return err
}
