package store

import (
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
)

// Table is one table of this program's schema, as its schema files define it.
type Table struct {
	Name    string
	Columns []Column
	Key     []string // the primary key's columns, in order; empty if there is none
}

// Column is a column of a table. Kind is BIGINT, TEXT or BYTEA.
type Column struct{ Name, Kind string }

// Names returns the names of the columns, in order.
func (t Table) Names() []string {
	out := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		out[i] = c.Name
	}
	return out
}

// Position returns where a column stands among the table's columns, -1 if it has none of that name.
func (t Table) Position(column string) int {
	return slices.IndexFunc(t.Columns, func(c Column) bool { return c.Name == column })
}

var (
	createTable = regexp.MustCompile(`(?is)^CREATE TABLE (\w+)\s*\((.*)\)[^)]*$`)
	addColumn   = regexp.MustCompile(`(?is)^ALTER TABLE (\w+) ADD (?:COLUMN )?(\w+)\s+(BIGINT|TEXT|BYTEA)\b`)
	dropTable   = regexp.MustCompile(`(?is)^DROP TABLE (\w+)$`)
	keyColumns  = regexp.MustCompile(`(?is)^PRIMARY KEY\s*\(([^)]*)\)$`)
	aColumn     = regexp.MustCompile(`(?is)^(\w+)\s+(BIGINT|TEXT|BYTEA)\b(.*)$`)
)

// Tables returns every table of the schema that LatestSchema names, in the order in which they were made. What carries
// a deployment from one database to another goes by it.
func Tables() ([]Table, error) {
	files, err := fs.Glob(schemaFiles, "schema/*.sql")
	if err != nil {
		return nil, err
	}
	var tables []Table
	for _, file := range files {
		text, err := schemaFiles.ReadFile(file)
		if err != nil {
			return nil, err
		}
		for _, s := range statements(string(text)) {
			if tables, err = defined(tables, s); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
		}
	}
	return tables, nil
}

// defined adds to the tables what a statement makes of them.
func defined(tables []Table, statement string) ([]Table, error) {
	if m := createTable.FindStringSubmatch(statement); m != nil {
		t, err := parseTable(m[1], m[2])
		return append(tables, t), err
	}
	if m := dropTable.FindStringSubmatch(statement); m != nil {
		return slices.DeleteFunc(tables, func(t Table) bool { return t.Name == m[1] }), nil
	}
	if m := addColumn.FindStringSubmatch(statement); m != nil {
		at := slices.IndexFunc(tables, func(t Table) bool { return t.Name == m[1] })
		if at < 0 {
			return nil, fmt.Errorf("table %s gets a column before it is made", m[1])
		}
		tables[at].Columns = append(tables[at].Columns, Column{m[2], strings.ToUpper(m[3])})
		return tables, nil
	}
	if strings.HasPrefix(statement, "CREATE TABLE") || strings.HasPrefix(statement, "ALTER TABLE") {
		return nil, fmt.Errorf("cannot read %.60q", statement)
	}
	return tables, nil
}

func parseTable(name, body string) (Table, error) {
	t := Table{Name: name}
	for _, part := range topLevel(body) {
		if m := keyColumns.FindStringSubmatch(part); m != nil {
			for c := range strings.SplitSeq(m[1], ",") {
				t.Key = append(t.Key, strings.TrimSpace(c))
			}
			continue
		}
		m := aColumn.FindStringSubmatch(part)
		switch {
		case m == nil && strings.HasPrefix(strings.ToUpper(part), "UNIQUE"):
			continue
		case m == nil:
			return t, fmt.Errorf("table %s: cannot read %q", name, part)
		}
		t.Columns = append(t.Columns, Column{m[1], strings.ToUpper(m[2])})
		if strings.Contains(strings.ToUpper(m[3]), "PRIMARY KEY") {
			t.Key = []string{m[1]}
		}
	}
	return t, nil
}

// topLevel splits at the commas that stand in no parentheses.
func topLevel(s string) (parts []string) {
	depth, start := 0, 0
	for i, c := range s {
		switch {
		case c == '(':
			depth++
		case c == ')':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(s[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(s[start:]))
}
