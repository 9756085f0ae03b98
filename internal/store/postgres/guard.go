package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/consentline/consentline/internal/store"
)

// minVersion is the first PostgreSQL that is supported.
const minVersion = 150000

// UnsafeError says why a server is not trusted with the ledger, and what to do.
type UnsafeError struct{ Reason, Remedy string }

func (e *UnsafeError) Error() string { return "the database server " + e.Reason + ": " + e.Remedy }

// ForeignSchemaError says that the schema holds tables of another program.
type ForeignSchemaError struct{ Schema, Table string }

func (e *ForeignSchemaError) Error() string {
	return fmt.Sprintf("schema %q holds a table %q that is not of Consentline: make a schema of its own (CREATE SCHEMA consentline) and name it in the address, …?search_path=consentline", e.Schema, e.Table)
}

// settings are what decides whether a server keeps what it acknowledges.
type settings struct {
	version                                            int
	recovering                                         bool
	fsync, fullPageWrites, synchronousCommit, standbys string
}

// assertDurable looks at every new connection, since after a failover it may lead to another server.
func assertDurable(ctx context.Context, pg *pgconn.PgConn) error {
	results, err := pg.Exec(ctx, `
		SELECT current_setting('server_version_num'), pg_is_in_recovery(), current_setting('fsync'),
			current_setting('full_page_writes'), current_setting('synchronous_commit'),
			current_setting('synchronous_standby_names'),
			CASE current_setting('application_name') WHEN '`+unnamed+`' THEN set_config('application_name', `+ownName+`, false) END`).ReadAll()
	if err != nil {
		return fmt.Errorf("look at the server's settings: %w", err)
	}
	if len(results) != 1 || len(results[0].Rows) != 1 {
		return errors.New("look at the server's settings: no answer")
	}
	v := results[0].Rows[0]
	version, err := strconv.Atoi(string(v[0]))
	if err != nil {
		return fmt.Errorf("server version %q: %w", v[0], err)
	}
	s := settings{version, string(v[1]) == "t", string(v[2]), string(v[3]), string(v[4]), string(v[5])}
	if unsafe := s.unsafe(); unsafe != nil {
		return unsafe
	}
	return nil
}

func (s *settings) unsafe() *UnsafeError {
	switch {
	case s.version < minVersion:
		return &UnsafeError{fmt.Sprintf("is PostgreSQL %d", s.version/10000), "15 or later is needed"}
	case s.recovering:
		return &UnsafeError{"is a standby", "connect to the primary, such as with several hosts and target_session_attrs=primary in the address"}
	case s.fsync != "on":
		return &UnsafeError{"runs with fsync=" + s.fsync + " and loses acknowledged acts in a power cut", "set fsync = on in postgresql.conf"}
	case s.fullPageWrites != "on":
		return &UnsafeError{"runs with full_page_writes=" + s.fullPageWrites + " and may tear pages in a power cut", "set full_page_writes = on in postgresql.conf"}
	case s.synchronousCommit == "off":
		return &UnsafeError{"runs with synchronous_commit=off and acknowledges before the disk has it", "set synchronous_commit = on, also for this role and database (ALTER ROLE … RESET synchronous_commit)"}
	case s.synchronousCommit == "local" && s.standbys != "":
		return &UnsafeError{"runs with synchronous_commit=local and does not wait for its synchronous standby", "set synchronous_commit = on"}
	}
	return nil
}

// assertOurs refuses a schema that holds tables and is not of this program. What extensions brought along is nobody's.
func assertOurs(ctx context.Context, t store.Tx) error {
	var schema string
	err := store.One(t.Query(ctx, "SELECT coalesce(current_schema()::text, '')"), func(r store.Row) { schema = r.Text(0) })
	if err != nil {
		return err
	}
	if schema == "" {
		return errors.New("no schema of the search path exists: make it (CREATE SCHEMA …) and let the role use it")
	}
	first, tables := "", map[string]string{}
	err = store.Each(t.Query(ctx, `
		SELECT c.relname::text, coalesce(string_agg(a.attname::text, ' ' ORDER BY a.attnum), '')
		FROM pg_class c
		JOIN pg_namespace n ON n.oid = c.relnamespace
		LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
		WHERE n.nspname::text = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
			AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
		GROUP BY c.relname
		ORDER BY c.relname`, schema), func(r store.Row) error {
		if first == "" {
			first = r.Text(0)
		}
		tables[r.Text(0)] = r.Text(1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("look at schema %q: %w", schema, err)
	}
	columns, versioned := tables["schema_version"]
	switch {
	case versioned && (columns != "version" || !strings.HasPrefix(tables["head"], "id deployment")):
		return &ForeignSchemaError{schema, "schema_version"}
	case first != "" && !versioned:
		return &ForeignSchemaError{schema, first}
	}
	return nil
}

// redacted hides what may be a password in an error's text.
type redacted struct{ err error }

var (
	passwordInURL   = regexp.MustCompile(`(://[^:/@\s]*:)[^\s]*@`)
	passwordInWords = regexp.MustCompile(`(?i)(password\s*=\s*)('[^']*'|[^\s&]+)`)
)

func (r redacted) Error() string {
	text := r.err.Error()
	var bad *url.Error
	if errors.As(r.err, &bad) { // it repeats the whole address
		text = strings.ReplaceAll(text, bad.URL, "…")
	}
	return passwordInWords.ReplaceAllString(passwordInURL.ReplaceAllString(text, "${1}…@"), "${1}…")
}

func (r redacted) Unwrap() error { return r.err }
