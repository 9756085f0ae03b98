package store_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/consentline/consentline/internal/store"
	"github.com/consentline/consentline/internal/testkit/dbtest"
)

func TestMain(m *testing.M) { os.Exit(dbtest.Run(m)) }

// catalogue asks the database itself for its tables: "name: column column / key column".
func catalogue(t *testing.T, db store.DB) (out []string) {
	t.Helper()
	query := `
		SELECT m.name, (SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info(m.name) ORDER BY cid)),
			coalesce((SELECT group_concat(name, ' ') FROM (SELECT name FROM pragma_table_info(m.name) WHERE pk > 0 ORDER BY pk)), '')
		FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	if db.Dialect().Name() == "postgres" {
		query = `
		SELECT c.relname::text,
			(SELECT string_agg(a.attname::text, ' ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
			coalesce((SELECT string_agg(a.attname::text, ' ' ORDER BY array_position(i.indkey::int[], a.attnum::int))
				FROM pg_index i JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey) WHERE i.indrelid = c.oid AND i.indisprimary), '')
		FROM pg_class c
		WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition`
	}
	err := db.Read(context.Background(), func(tx store.Tx) error {
		return store.Each(tx.Query(context.Background(), query), func(r store.Row) error {
			if r.Text(0) != "schema_version" { // which is made before any schema file is read
				out = append(out, fmt.Sprintf("%s: %s / %s", r.Text(0), r.Text(1), r.Text(2)))
			}
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func TestTheTablesAreThoseOfTheDatabase(t *testing.T) {
	tables, err := store.Tables()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, table := range tables {
		got = append(got, fmt.Sprintf("%s: %s / %s", table.Name, strings.Join(table.Names(), " "), strings.Join(table.Key, " ")))
	}
	slices.Sort(got)
	if want := catalogue(t, dbtest.Open(t)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
