package store

import (
	"context"
	"errors"
	"io/fs"
)

// LatestSchema is the schema that this program brings databases to.
func LatestSchema() int {
	files, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		panic(err) // the pattern is well formed
	}
	return len(files)
}

// SchemaOf returns the schema that a database has, zero for one that was never migrated. It writes nothing.
func SchemaOf(ctx context.Context, db DB) (version int, err error) {
	err = db.Read(ctx, func(tx Tx) error {
		return One(tx.Query(ctx, "SELECT version FROM schema_version"), func(r Row) { version = int(r.Int64(0)) })
	})
	if errors.Is(err, ErrNotFound) || db.Dialect().NoTable(err) {
		return 0, nil
	}
	return version, err
}
