package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

type dialect struct{}

func (dialect) Name() string      { return "postgres" }
func (dialect) ForUpdate() string { return " FOR UPDATE" }

// NoTable differs because only SQLSTATE tells it apart (undefined_table).
func (dialect) NoTable(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "42P01"
}

// DDL differs because only here tables have parts: one table of a billion rows has indexes that no memory holds, and
// is vacuumed as a whole or not at all.
func (dialect) DDL(schema string) string {
	return strings.NewReplacer(
		"/* clustered */", "",
		"/* in parts by range of seq */", ledgerParts(),
		"/* in parts by hash of subject */", recordParts(),
	).Replace(schema)
}

// recordShards is how many parts the records have. A power of two can be split later without moving every row.
const recordShards = 16

func recordParts() string {
	var b strings.Builder
	b.WriteString("PARTITION BY HASH (subject)")
	for i := range recordShards {
		fmt.Fprintf(&b, ";\nCREATE TABLE records_%02d PARTITION OF records FOR VALUES WITH (MODULUS %d, REMAINDER %d)", i, recordShards, i)
	}
	return b.String()
}

// ledgerParts begins with the first part, and one for entries that come before a next part was made for them.
func ledgerParts() string {
	return "PARTITION BY RANGE (seq);\nCREATE TABLE ledger_rest PARTITION OF ledger DEFAULT;\n" + ledgerPart(0)
}

// partEntries is how many entries a part of the ledger holds.
const partEntries = 50_000_000

func ledgerPart(n int64) string {
	return fmt.Sprintf("CREATE TABLE IF NOT EXISTS ledger_%05d PARTITION OF ledger FOR VALUES FROM (%d) TO (%d)", n, n*partEntries, (n+1)*partEntries)
}
