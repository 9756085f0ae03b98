package store

import (
	"context"
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

// SchemaOf returns the schema that a migrated database has.
func SchemaOf(ctx context.Context, db DB) (version int, err error) {
	err = db.Read(ctx, func(tx Tx) error {
		return One(tx.Query(ctx, "SELECT version FROM schema_version"), func(r Row) { version = int(r.Int64(0)) })
	})
	return version, err
}
