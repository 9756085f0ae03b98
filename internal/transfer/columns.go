package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/consentline/consentline/internal/consent"
)

// ColumnMap says which column holds which field, for files of no known dialect.
type ColumnMap map[Field]string

// ParseColumnMap reads "number=Phone,status=SMS Consent"; a name that holds a comma is quoted, "number=\"Phone, mobile\"".
func ParseColumnMap(text string) (ColumnMap, error) {
	m := ColumnMap{}
	for rest := text; strings.TrimSpace(rest) != ""; {
		name, after, ok := strings.Cut(rest, "=")
		if !ok {
			return nil, errors.New("read column map: want field=column, separated by commas")
		}
		column, next, err := columnName(after)
		if err != nil {
			return nil, err
		}
		field := Field(strings.TrimSpace(name))
		switch {
		case !slices.Contains(Fields, field):
			return nil, fmt.Errorf("read column map: there is no field %q; the fields are %s", field, fieldNames())
		case m[field] != "":
			return nil, fmt.Errorf("read column map: field %q stands twice", field)
		case column == "":
			return nil, fmt.Errorf("read column map: field %q has no column", field)
		}
		m[field], rest = column, next
	}
	if m[FieldNumber] == "" || m[FieldStatus] == "" && m[FieldWithdrawnAt] == "" {
		return nil, errors.New("read column map: it must name the columns of number and status")
	}
	return m, nil
}

func columnName(text string) (name, rest string, err error) {
	text = strings.TrimLeft(text, " ")
	if !strings.HasPrefix(text, `"`) {
		name, rest, _ = strings.Cut(text, ",")
		return strings.TrimSpace(name), rest, nil
	}
	prefix, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", errors.New("read column map: a quoted column name is not closed")
	}
	name, err = strconv.Unquote(prefix)
	if err != nil {
		return "", "", fmt.Errorf("read column map: column name: %w", err)
	}
	rest = strings.TrimLeft(text[len(prefix):], " ")
	if rest != "" && rest[0] != ',' {
		return "", "", errors.New("read column map: want a comma after a quoted column name")
	}
	return name, strings.TrimPrefix(rest, ","), nil
}

func fieldNames() string {
	names := make([]string, len(Fields))
	for i, f := range Fields {
		names[i] = string(f)
	}
	return strings.Join(names, ", ")
}

// Generic returns the dialect of a file whose columns the caller named; it knows the usual words for a status.
func Generic(columns ColumnMap) *Dialect {
	st := statement{columns: map[Field][]string{}, status: known.values["subscription"], datesState: columns[FieldStatus] == ""}
	for field, name := range columns {
		st.columns[field] = []string{name}
	}
	return &Dialect{
		Name: "generic", Title: "Columns named by the caller", statements: []statement{st},
		source: map[string]consent.Source{}, sourceFree: true,
	}
}

// column is where a field of one header is found: a cell, or a key of the JSON object in it.
type column struct {
	index int
	name  string // as the dialect or the caller spells it
	key   string
}

// errNotBound means that a header lacks what a statement cannot do without.
var errNotBound = errors.New("not in the header")

// bind finds a statement's columns in a header. The first alias that is there counts.
func (s *statement) bind(header []string) (map[Field]column, error) {
	folded := foldAll(header)
	bound := map[Field]column{}
	for field, aliases := range s.columns {
		c, err := find(folded, aliases)
		if errors.Is(err, errNotBound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		bound[field] = c
	}
	_, number := bound[FieldNumber]
	_, status := bound[FieldStatus]
	_, granted := bound[FieldGrantedAt]
	_, withdrawn := bound[FieldWithdrawnAt]
	if !number || !status && !(s.datesState && (granted || withdrawn)) {
		return nil, errNotBound
	}
	return bound, nil
}

func find(folded, aliases []string) (column, error) {
	for _, alias := range aliases {
		name, key, _ := strings.Cut(alias, "#")
		i := slices.Index(folded, fold(name))
		if i < 0 {
			continue
		}
		if slices.Contains(folded[i+1:], fold(name)) {
			return column{}, fmt.Errorf("there are two columns named %q: rename one", name)
		}
		return column{index: i, name: alias, key: key}, nil
	}
	return column{}, errNotBound
}

// attribute returns one value of the JSON object in a cell, as text.
func attribute(cell, key string) string {
	var object map[string]any
	d := json.NewDecoder(strings.NewReader(cell))
	d.UseNumber()
	if d.Decode(&object) != nil {
		return ""
	}
	switch v := object[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case bool:
		return strconv.FormatBool(v)
	}
	return ""
}
