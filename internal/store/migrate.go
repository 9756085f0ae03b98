package store

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed schema/*.sql
var schemaFiles embed.FS

// NewerSchemaError says that the database was written by a later release than this program.
type NewerSchemaError struct{ Database, Program int }

func (e *NewerSchemaError) Error() string {
	return fmt.Sprintf("the database has schema %d, this program knows up to %d: run the newer release of consentline that wrote it", e.Database, e.Program)
}

// Migrate brings the database to this program's schema, one file in one transaction each. Every migration only adds,
// so a release before and a release after it can run on the same database at once.
func Migrate(ctx context.Context, db DB) error { return MigrateTo(ctx, db, LatestSchema()) }

// MigrateTo is Migrate as an earlier release, which knew the schemas up to latest, would run it.
func MigrateTo(ctx context.Context, db DB, latest int) error {
	files, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return err
	}
	files = files[:latest]
	// A role that may not create anything can still run on a schema that is up to date, and nothing is written to one
	// that is newer.
	version, err := SchemaOf(ctx, db)
	switch {
	case err != nil:
		return fmt.Errorf("read the schema's version: %w", err)
	case version > len(files):
		return &NewerSchemaError{Database: version, Program: len(files)}
	case version == len(files):
		return nil
	}
	for {
		done, err := migrateOne(ctx, db, files)
		if errors.Is(err, ErrForbidden) {
			return fmt.Errorf("this role may not change the schema, run consentline migrate as the one that owns it: %w", err)
		}
		if err != nil || done {
			return err
		}
	}
}

func migrateOne(ctx context.Context, db DB, files []string) (done bool, err error) {
	err = db.InTx(ctx, func(tx Tx) error {
		version, err := schemaVersion(ctx, tx, db.Dialect().ForUpdate())
		if err != nil {
			return err
		}
		if version > len(files) {
			return &NewerSchemaError{Database: version, Program: len(files)}
		}
		if done = version == len(files); done {
			return nil
		}
		text, err := schemaFiles.ReadFile(files[version])
		if err != nil {
			return err
		}
		for _, statement := range statements(db.Dialect().DDL(string(text))) {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("migration %s: %w", files[version], err)
			}
		}
		_, err = tx.Exec(ctx, "UPDATE schema_version SET version = $1", version+1)
		return err
	})
	return done, err
}

func schemaVersion(ctx context.Context, tx Tx, lock string) (int, error) {
	if _, err := tx.Exec(ctx, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)"); err != nil {
		return 0, err
	}
	version := 0
	// The row is the lock of those who migrate: who waited for it finds what the first has done.
	err := One(tx.Query(ctx, "SELECT version FROM schema_version"+lock), func(r Row) { version = int(r.Int64(0)) })
	if errors.Is(err, ErrNotFound) {
		_, err = tx.Exec(ctx, "INSERT INTO schema_version (version) VALUES (0)")
	}
	return version, err
}

// statements splits a schema file at its semicolons. Schema files hold no semicolon elsewhere, comments aside.
func statements(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		before, _, _ := strings.Cut(line, "--")
		lines = append(lines, strings.TrimRight(before, " \t\n"))
	}
	var out []string
	for s := range strings.SplitSeq(strings.Join(lines, "\n"), ";") {
		if s = strings.TrimSpace(s); s != "" {
			out = append(out, s)
		}
	}
	return out
}
